"""News of the blocklist, sent inside the transaction."""

from django.dispatch import Signal

# Bans that were set, lifted, or found to have run out just now: `bans` (a queryset), `at`, and but for the last `by`.
ban_set = Signal()
ban_lifted = Signal()
ban_expired = Signal()

# A decision on an appeal: `appeal`, `at`.
appeal_decided = Signal()

# Lines of the changes feed that were written just now: `lines` (a queryset), `at`.
changes_noted = Signal()
