"""Exemptions (白名单): customers whom account links, matches and the watch list do not stop at the purchase gate."""

from __future__ import annotations

from datetime import datetime

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.db.models import F
from django.utils.translation import gettext as _

from blocklist.models import Exemption
from customers import locks
from customers.models import Customer, User
from customers.services import audit


class MayNotExempt(PermissionDenied):
    """The staff user may not set or end exemptions. The message says who may."""


def why_may_not_exempt(user: User) -> str:
    """Why this staff user may neither set nor end exemptions; empty where he may."""
    return "" if user.has_perm("blocklist.add_exemption") else _("Only a manager exempts customers.")


def set_exemption(
    customer: Customer, *, reason: str, by: User, at: datetime, until: datetime | None = None
) -> Exemption:
    """Exempt the customer at once; who is exempt already keeps the standing exemption, which is returned.

    A ban on himself stops him all the same. Raises MayNotExempt without the right, ValidationError without a reason or
    for an end that is not in the future.
    """
    reason = reason.strip()
    if why_not := why_may_not_exempt(by):
        raise MayNotExempt(why_not)
    if not reason:
        raise ValidationError({"reason": _("Say why the customer is exempt.")})
    if until is not None and until <= at:
        raise ValidationError({"until": _("An exemption must end in the future.")})
    with transaction.atomic():
        locks.close_intake()
        of_him = Exemption.objects.filter(customer=customer)
        if standing := of_him.standing(at).first():
            return standing
        of_him.run_out(at).update(ended_at=F("until"))
        exemption = Exemption.objects.create(customer=customer, reason=reason[:200], started_at=at, until=until, by=by)
        audit.record(
            "exemption.set", of_him.filter(pk=exemption.pk), by=by, at=at, fields=["until", "reason"], reason=reason
        )
        return exemption


def end_exemption(exemption: Exemption, *, by: User, at: datetime) -> Exemption:
    """End the exemption at once; one that is over stays as it is, so repeating is safe. Raises MayNotExempt."""
    if why_not := why_may_not_exempt(by):
        raise MayNotExempt(why_not)
    with transaction.atomic():
        locks.close_intake()
        this = Exemption.objects.filter(pk=exemption.pk)
        if this.standing(at).update(ended_at=at, ended_by=by):
            audit.record("exemption.ended", this, by=by, at=at, fields=["ended_at"])
    exemption.refresh_from_db()
    return exemption
