"""A made-up shop to try the product with. Everything in it is invented, and the same each time."""

from .shop import (
    ALLOWED_NICK,
    BANNED_NICK,
    DEMO_API_KEY,
    DEMO_PASSWORD,
    LOGINS,
    NotEmpty,
    is_demo_shop,
    seed,
    share,
)

__all__ = [
    "ALLOWED_NICK",
    "BANNED_NICK",
    "DEMO_API_KEY",
    "DEMO_PASSWORD",
    "LOGINS",
    "NotEmpty",
    "is_demo_shop",
    "seed",
    "share",
]
