"""News of the blocklist, sent inside the transaction: `bans` (a queryset), `by`, `at`."""

from django.dispatch import Signal

ban_set = Signal()
ban_lifted = Signal()
