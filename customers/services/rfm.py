"""RFM: how recently, how often and for how much each customer bought, and the segment that follows from it.

Each of the three values is cut into five classes of the same number of customers, 5 the best (Arthur M. Hughes,
"Strategic Database Marketing", 1994). Customers with the same value always share a class, which is that of the first of
them: score = 1 + floor(5 * customers with less / customers). So whoever bought once has frequency 1, even where most
have bought once, and the classes are then of different size.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Avg, Count, Exists, F, Min, OuterRef, Q, QuerySet, Window
from django.db.models.functions import Rank
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from customers.bulk import in_batches, insert_from
from customers.models import Customer, Job, RfmScale, RfmScore, User
from customers.models.rfm import SCORES, traded

from .jobs import JobKind, renew, start
from .set_aside import set_aside

if TYPE_CHECKING:
    from customers.models.customer import CustomerQuerySet

VALUES = {"recency": "last_trade_at", "frequency": "trade_count", "monetary": "trade_amount"}
SCORED = (*VALUES, "segment")


class MayNotRefresh(PermissionDenied):
    """The staff user may not have the scores computed. The message says so."""


def measure(*, at: datetime) -> RfmScale:
    """The cut points of all three values, in one statement; nothing is written."""
    customers: QuerySet[Any] = traded(Customer.objects.all())
    everybody = Window(Count("*"))
    for name, field in VALUES.items():
        less = Window(Rank(), order_by=field) - 1
        customers = customers.annotate(**{f"{name}_score": 1 + less * len(SCORES) / everybody})
    cuts = {
        f"{name}_{score}": Min(field, filter=Q(**{f"{name}_score__gte": score}))
        for name, field in VALUES.items()
        for score in SCORES[1:]
    }
    found = customers.aggregate(customer_count=Count("pk"), **cuts)
    lists = {f"{name}_cuts": [_plain(found[f"{name}_{score}"]) for score in SCORES[1:]] for name in VALUES}
    return RfmScale(computed_at=at, customer_count=found["customer_count"], **lists)


def refresh(*, at: datetime, progress: Callable[[int, int], None] = lambda done, total: None) -> RfmScale:
    """Score everybody anew and return what the scores mean.

    Whose score changes is found first, then written in short transactions; `progress(written, to write)` is called in
    each. May be stopped and repeated at any time.
    """
    scale, done = measure(at=at), 0
    changing = set_aside(*_changing(scale))
    total = changing.count()
    for stretch in in_batches(changing):
        customers = Customer.objects.filter(pk__in=stretch.values("customer"))
        with transaction.atomic():
            RfmScore.objects.filter(customer__in=customers).delete()
            columns = {name: F(name) for name in SCORED}
            insert_from(RfmScore, scale.scored(customers), customer=F("pk"), **columns, ignore_conflicts=True)
            done += customers.count()
            progress(done, total)
    scale.cells = _cells()
    scale.save()
    return scale


def _changing(scale: RfmScale) -> tuple[CustomerQuerySet, CustomerQuerySet]:
    """Whose score is missing or another one by now, and who has one and trades no more."""
    written = RfmScore.objects.filter(customer=OuterRef("pk"))
    right = written.filter(**{name: OuterRef(name) for name in SCORED})
    wrong = cast("CustomerQuerySet", scale.scored(Customer.objects.all()).filter(~Exists(right)))
    gone = Customer.objects.filter(Exists(written)).filter(Q(trade_count=0) | Q(last_trade_at__isnull=True))
    return wrong, gone


def _cells() -> list[list[Any]]:
    cells = RfmScore.objects.values("recency", "frequency").annotate(
        count=Count("pk"), average=Avg("customer__trade_amount")
    )
    rows = cells.order_by("recency", "frequency").values_list("recency", "frequency", "count", "average")
    return [[recency, frequency, count, f"{average:.2f}"] for recency, frequency, count, average in rows]


def _plain(value: Any) -> Any:
    """As JSON keeps it."""
    return value if value is None or isinstance(value, int) else str(value)


class RefreshRfm(JobKind):
    name = "refresh_rfm"
    label = gettext_lazy("Compute the RFM scores")
    is_long = True

    def run(self, job: Job, *, clock: Callable[[], datetime]) -> None:
        def progress(done: int, total: int) -> None:
            job.done_count, job.total = done, total
            renew(job, at=clock())

        scale = refresh(at=clock(), progress=progress)
        job.total = job.done_count
        job.message = _("%(count)d customers are scored.") % {"count": scale.customer_count}


def ask_for_refresh(*, by: User, at: datetime) -> Job:
    """Have the scores computed in the background; return the job, the one under way if there is one.

    Raises MayNotRefresh without the right.
    """
    if not by.has_perm("customers.add_rfmscale"):
        raise MayNotRefresh(_("You may not have the RFM scores computed."))
    return _under_way() or start(RefreshRfm.name, by=by, at=at)


def refresh_nightly(*, at: datetime) -> Job | None:
    """Ask for the job in nobody's name where the scores are older than the last night. Repeating is safe."""
    night = timezone.localtime(at).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(
        hours=settings.NIGHT_HOUR
    )
    if night > at:
        night -= timedelta(days=1)
    if RfmScale.objects.filter(computed_at__gte=night).exists() or _under_way():
        return None
    return start(RefreshRfm.name, by=None, at=at)


def _under_way() -> Job | None:
    return Job.objects.under_way().filter(kind=RefreshRfm.name).order_by("pk").first()
