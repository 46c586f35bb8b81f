from .appeal import Appeal
from .attempt import Attempt
from .ban import Ban, MaliciousType, bannable_by, banned
from .ban_request import BanRequest
from .change import BanChange, DueChange
from .evidence import Evidence
from .exemption import Exemption
from .link import AccountLink, LinkMember, ban_then, banned_by_link
from .marketplace_task import MarketplaceTask
from .order_choice import OrderChoice
from .standing import awaiting_ban, candidates
from .watch import Watch
from .wording import Wording

__all__ = [
    "AccountLink",
    "Appeal",
    "Attempt",
    "Ban",
    "BanChange",
    "BanRequest",
    "DueChange",
    "Evidence",
    "Exemption",
    "LinkMember",
    "MaliciousType",
    "MarketplaceTask",
    "OrderChoice",
    "Watch",
    "Wording",
    "awaiting_ban",
    "ban_then",
    "bannable_by",
    "banned",
    "banned_by_link",
    "candidates",
]
