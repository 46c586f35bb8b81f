"""What becomes of bans and refused attempts when one customer is merged into another."""

from __future__ import annotations

from datetime import datetime

from django.db.models import F
from django.utils.translation import gettext_lazy as _

from blocklist.models import Attempt, Ban
from customers.models import Customer, User
from customers.parts import MergePart


def fold_bans(kept: Customer, merged: Customer, by: User, at: datetime) -> None:
    """Of two bans that stand the stricter one stays: the one that ends later, then the one that a manager set.

    The other one is lifted by whoever merges, and says why. The merged customer's ban binds the kept one from now on.
    """
    both = Ban.objects.filter(customer__in=[kept, merged])
    both.run_out(at).update(ended_at=F("until"))
    standing = list(both.standing(at))
    if len(standing) < 2:
        return
    weaker = min(standing, key=_strictness)
    weaker.ended_at, weaker.lifted_by = at, by
    weaker.lift_reason = str(_("merged with a customer whose ban is stricter"))
    weaker.save(update_fields=["ended_at", "lifted_by", "lift_reason"])


def _strictness(ban: Ban) -> tuple[bool, datetime, bool]:
    return ban.until is None, ban.until or ban.started_at, ban.by_manager


MERGE_PARTS = [
    MergePart("bans", _("bans"), lambda customer: Ban.objects.filter(customer=customer), fold=fold_bans),
    MergePart("attempts", _("refused attempts"), lambda customer: Attempt.objects.filter(customer=customer)),
]
