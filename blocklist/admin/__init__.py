from . import appeals, attempts, ban_requests, bans, exemptions, watches, wordings

__all__ = ["appeals", "attempts", "ban_requests", "bans", "exemptions", "watches", "wordings"]
