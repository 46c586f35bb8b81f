from . import attempts, ban_requests, bans, exemptions, wordings

__all__ = ["attempts", "ban_requests", "bans", "exemptions", "wordings"]
