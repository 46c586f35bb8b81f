from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import models
from django.db.models import Case, CharField, Expression, IntegerField, Q, QuerySet, Value, When
from django.utils.translation import gettext_lazy as _

from .customer import Customer

SCORES = range(1, 6)


class RfmScore(models.Model):
    """How recently, how often and for how much a customer bought, each from 1 to 5. Who never traded has none.

    Written by services.rfm, which defines the scores. A table of its own: scoring everybody each night writes few
    narrow rows, and none of the customers themselves.
    """

    class Segment(models.TextChoices):
        CHAMPIONS = "champions", _("champions")
        LOYAL = "loyal", _("loyal")
        POTENTIAL = "potential_loyalists", _("potential loyalists")
        NEW = "new", _("new buyers")
        PROMISING = "promising", _("promising")
        ATTENTION = "need_attention", _("need attention")
        SLEEPY = "about_to_sleep", _("about to sleep")
        CANNOT_LOSE = "cannot_lose", _("not to be lost")
        AT_RISK = "at_risk", _("at risk")
        HIBERNATING = "hibernating", _("hibernating")
        LOST = "lost", _("lost")

    customer = models.OneToOneField(
        Customer, on_delete=models.CASCADE, primary_key=True, related_name="rfm", verbose_name=_("customer")
    )
    recency = models.PositiveSmallIntegerField(_("recency"))
    frequency = models.PositiveSmallIntegerField(_("frequency"))
    monetary = models.PositiveSmallIntegerField(_("monetary value"))
    segment = models.CharField(_("segment"), max_length=20, choices=Segment.choices)

    class Meta:
        verbose_name = _("RFM score")
        verbose_name_plural = _("RFM scores")
        indexes = [
            # the customers of a segment, or of a cell of the heat map
            models.Index(fields=["segment", "customer"], name="rfm_segment"),
            models.Index(fields=["recency", "frequency", "customer"], name="rfm_cell"),
        ]

    def __str__(self) -> str:
        return f"{self._meta.verbose_name} #{self.pk}"


Segment = RfmScore.Segment

# The usual map of recency and frequency: which recencies and which frequencies make a segment.
CELLS: dict[Segment, tuple[Sequence[int], Sequence[int]]] = {
    Segment.CHAMPIONS: ([5], [4, 5]),
    Segment.LOYAL: ([3, 4], [4, 5]),
    Segment.POTENTIAL: ([4, 5], [2, 3]),
    Segment.NEW: ([5], [1]),
    Segment.PROMISING: ([4], [1]),
    Segment.ATTENTION: ([3], [3]),
    Segment.SLEEPY: ([3], [1, 2]),
    Segment.CANNOT_LOSE: ([1, 2], [5]),
    Segment.AT_RISK: ([1, 2], [3, 4]),
    Segment.HIBERNATING: ([2], [1, 2]),
    Segment.LOST: ([1], [1, 2]),
}
SEGMENTS: dict[tuple[int, int], Segment] = {
    (recency, frequency): segment
    for segment, (recencies, frequencies) in CELLS.items()
    for recency in recencies
    for frequency in frequencies
}


class RfmScale(models.Model):
    """What the scores meant at one time: the least value of each score, and what was in each cell of the map."""

    computed_at = models.DateTimeField(_("computed"))
    customer_count = models.PositiveIntegerField(_("customers who traded"))
    # The least value of the scores 2, 3, 4 and 5; null where so many customers are alike that nobody has the score.
    recency_cuts = models.JSONField(_("last trade from"), default=list)
    frequency_cuts = models.JSONField(_("trade count from"), default=list)
    monetary_cuts = models.JSONField(_("trade amount from"), default=list)
    # [recency, frequency, customers, average trade amount]
    cells = models.JSONField(_("cells"), default=list)

    class Meta:
        verbose_name = _("RFM map")
        verbose_name_plural = _("RFM")

    def __str__(self) -> str:
        return f"{self._meta.verbose_name} #{self.pk}"

    def scored(self, customers: QuerySet[Customer]) -> QuerySet[Customer]:
        """Those of the customers who traded, with `recency`, `frequency`, `monetary` and `segment`."""
        cuts = {
            "recency": _score("last_trade_at", self.recency_cuts),
            "frequency": _score("trade_count", self.frequency_cuts),
            "monetary": _score("trade_amount", self.monetary_cuts),
        }
        segment = Case(
            *(When(Q(recency__in=cell[0], frequency__in=cell[1]), then=Value(name)) for name, cell in CELLS.items()),
            output_field=CharField(),
        )
        return traded(customers).annotate(**cuts).annotate(segment=segment)


def traded(customers: QuerySet[Customer]) -> QuerySet[Customer]:
    return customers.filter(trade_count__gt=0, last_trade_at__isnull=False)


def _score(field: str, cuts: Sequence[Any]) -> Expression:
    highest_first = [(score, cut) for score, cut in zip(SCORES[1:], cuts, strict=True) if cut is not None][::-1]
    return Case(
        *(When(**{f"{field}__gte": cut}, then=Value(score)) for score, cut in highest_first),
        default=Value(1),
        output_field=IntegerField(),
    )
