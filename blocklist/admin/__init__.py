from . import attempts, bans, exemptions, wordings

__all__ = ["attempts", "bans", "exemptions", "wordings"]
