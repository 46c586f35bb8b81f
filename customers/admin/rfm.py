"""The map of recency and frequency: how many customers are in each cell, and what they are worth."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import F, Model
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.formats import date_format, number_format
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from customers.models import RfmScale, RfmScore
from customers.models.rfm import CELLS, SCORES, SEGMENTS
from customers.parts import ListColumn
from customers.services import rfm

from .base import ReadOnlyAdmin
from .cells import NOTHING, badge, money
from .staff import signed_in

if TYPE_CHECKING:
    from customers.models.customer import CustomerQuerySet

# How dark a cell is: the shares of all customers from which on it is one step darker.
STEPS = (0, 0.01, 0.03, 0.06, 0.1)
TONES = {
    RfmScore.Segment.CHAMPIONS: "success",
    RfmScore.Segment.LOYAL: "success",
    RfmScore.Segment.CANNOT_LOSE: "danger",
    RfmScore.Segment.AT_RISK: "warning",
    RfmScore.Segment.SLEEPY: "warning",
}


@dataclass(frozen=True)
class Cell:
    """One cell of the map, or one segment below it, as it is shown."""

    segment: str
    count: int
    shown_count: str
    share: str
    average: str
    url: str
    step: int = 0


@dataclass(frozen=True)
class Row:
    recency: int
    since: str
    cells: list[Cell]


@admin.register(RfmScale)
class RfmAdmin(ReadOnlyAdmin):
    """No list: the latest map stands on one page."""

    def get_urls(self) -> list[URLPattern]:
        refresh = self.admin_site.admin_view(refresh_view)
        return [path("refresh/", refresh, name="customers_rfmscale_refresh"), *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        scale = RfmScale.objects.order_by("-pk").first()
        shown = {
            **admin.site.each_context(request),
            "title": _("RFM"),
            "scale": scale,
            "may_refresh": request.user.has_perm("customers.add_rfmscale"),
            **(_map(scale) if scale and scale.cells else {}),
        }
        return TemplateResponse(request, "admin/customers/rfm.html", shown)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        return redirect("admin:customers_rfmscale_changelist")

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return request.user.has_perm("customers.view_rfmscale")


@require_POST
def refresh_view(request: HttpRequest) -> HttpResponse:
    """Have the scores computed in the background."""
    return redirect(rfm.ask_for_refresh(by=signed_in(request), at=timezone.now()))


def _map(scale: RfmScale) -> dict[str, Any]:
    """The rows of the map, the most recent first, and the segments with what is in them."""
    found = {(recency, frequency): (count, Decimal(average)) for recency, frequency, count, average in scale.cells}
    rows = [
        Row(recency, _since(scale, recency), [_cell(scale, found, recency, frequency) for frequency in SCORES])
        for recency in reversed(SCORES)
    ]
    return {
        "rows": rows,
        "columns": [(score, _least(scale.frequency_cuts, score)) for score in SCORES],
        "amounts": [(score, _amount(scale, score)) for score in SCORES],
        "segments": [_segment(scale, found, segment) for segment in CELLS],
        "traded": number_format(scale.customer_count, 0, force_grouping=True),
    }


def _cell(scale: RfmScale, found: dict[tuple[int, int], tuple[int, Decimal]], recency: int, frequency: int) -> Cell:
    count, average = found.get((recency, frequency), (0, None))
    label = str(SEGMENTS[recency, frequency].label)
    return _shown(scale, label, count, average, {"rfm_recency": recency, "rfm_frequency": frequency})


def _segment(scale: RfmScale, found: dict[tuple[int, int], tuple[int, Decimal]], segment: RfmScore.Segment) -> Cell:
    inside = [found[cell] for cell, name in SEGMENTS.items() if name == segment and cell in found]
    count = sum(count for count, _average in inside)
    average = sum((count * average for count, average in inside), Decimal()) / count if count else None
    return _shown(scale, str(segment.label), count, average, {"rfm_segment": segment.value})


def _shown(scale: RfmScale, label: str, count: int, average: Decimal | None, values: dict[str, Any]) -> Cell:
    share = count / scale.customer_count if scale.customer_count else 0
    return Cell(
        segment=label,
        count=count,
        shown_count=number_format(count, 0, force_grouping=True),
        share=f"{share:.1%}",
        average=money(average),
        url=f"{reverse('admin:customers_customer_changelist')}?{urlencode(values)}",
        step=sum(share > least for least in STEPS),
    )


def _cut(cuts: list[Any], score: int) -> Any:
    """The least value of a score; None for the lowest, which has none, and for a score that nobody has."""
    least = [None, *cuts, None]
    return None if least[score - 1] == least[score] else least[score - 1]


def _since(scale: RfmScale, recency: int) -> str:
    cut = _cut(scale.recency_cuts, recency)
    if cut is None:
        return ""
    return _("since %(day)s") % {"day": date_format(timezone.localtime(datetime.fromisoformat(cut)), "DATE_FORMAT")}


def _least(cuts: list[Any], score: int) -> str:
    cut = _cut(cuts, score)
    return "" if cut is None else _("from %(count)s trades") % {"count": cut}


def _amount(scale: RfmScale, score: int) -> str:
    cut = _cut(scale.monetary_cuts, score)
    return NOTHING if cut is None else money(Decimal(cut))


def with_segment(customers: CustomerQuerySet, request: HttpRequest, at: datetime) -> CustomerQuerySet:
    return customers.annotate(rfm_segment=F("rfm__segment"))


def segment_badge(customer: Any, request: HttpRequest) -> SafeString | str:
    if customer.rfm_segment is None:
        return NOTHING
    segment = RfmScore.Segment(customer.rfm_segment)
    return badge(str(segment.label), kind=TONES.get(segment, "plain"))


SEGMENT_COLUMN = ListColumn(
    name="rfm_segment", label=gettext_lazy("segment"), annotate=with_segment, show=segment_badge
)
