from . import appeals, attempts, ban_requests, bans, exemptions, wordings

__all__ = ["appeals", "attempts", "ban_requests", "bans", "exemptions", "wordings"]
