from . import attempts, bans, wordings

__all__ = ["attempts", "bans", "wordings"]
