from . import appeals, attempts, ban_requests, bans, exemptions, marketplace_tasks, watches, wordings

__all__ = ["appeals", "attempts", "ban_requests", "bans", "exemptions", "marketplace_tasks", "watches", "wordings"]
