"""What becomes of deliveries, messages and opt-outs when one customer is merged into another."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import Case, Exists, IntegerField, OuterRef, QuerySet, Value, When
from django.utils.translation import gettext_lazy as _

from customers.models import Customer, User
from customers.parts import MergePart
from messaging.models import Delivery, InboxMessage, OptOut

State = Delivery.State
# What he got cannot be taken back, and must not come again; then what is on its way; then what was kept from him.
STRICTEST_FIRST = (State.SENT, State.CLAIMED, State.EXCLUDED, State.FAILED, State.WAITING)


def fold_deliveries(kept: Customer, merged: Customer, by: User, at: datetime) -> None:
    """Of two deliveries of one broadcast the stricter one stays, so that he gets nothing twice and no ban is lost."""
    of_kept, of_merged = _ranked(kept), _ranked(merged)
    other = {"broadcast": OuterRef("broadcast")}
    weaker_of_kept = of_kept.filter(Exists(of_merged.filter(rank__lt=OuterRef("rank"), **other)))
    Delivery.objects.filter(pk__in=list(weaker_of_kept.values_list("pk", flat=True))).delete()
    Delivery.objects.filter(Exists(Delivery.objects.filter(customer=kept, **other)), customer=merged).delete()


def _ranked(customer: Customer) -> QuerySet[Any]:
    ranks = [When(state=state, then=Value(rank)) for rank, state in enumerate(STRICTEST_FIRST)]
    return Delivery.objects.filter(customer=customer).annotate(rank=Case(*ranks, output_field=IntegerField()))


def fold_messages(kept: Customer, merged: Customer, by: User, at: datetime) -> None:
    has = InboxMessage.objects.filter(customer=kept, broadcast=OuterRef("broadcast"))
    InboxMessage.objects.filter(Exists(has), customer=merged).delete()


def fold_opt_outs(kept: Customer, merged: Customer, by: User, at: datetime) -> None:
    """Of two that stand for one channel the customer's own word stays, else the kept customer's; the other one ends."""
    own = OptOut.objects.standing().exclude(source=OptOut.Source.STAFF)
    noted = OptOut.objects.standing().filter(customer=kept, source=OptOut.Source.STAFF)
    same = {"channel": OuterRef("channel")}
    noted.filter(Exists(own.filter(customer=merged, **same))).update(ended_at=at)
    kept_ones = OptOut.objects.standing().filter(customer=kept, **same)
    OptOut.objects.standing().filter(Exists(kept_ones), customer=merged).update(ended_at=at)


MERGE_PARTS = [
    MergePart(
        "deliveries",
        _("deliveries"),
        lambda customer: Delivery.objects.filter(customer=customer),
        fold=fold_deliveries,
    ),
    MergePart(
        "inbox_messages",
        _("inbox messages"),
        lambda customer: InboxMessage.objects.filter(customer=customer),
        fold=fold_messages,
    ),
    MergePart("opt_outs", _("opt-outs"), lambda customer: OptOut.objects.filter(customer=customer), fold=fold_opt_outs),
]
