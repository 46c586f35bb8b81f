"""Ban requests in the panel: the list, and the page of one on which it is decided."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.contrib import admin
from django.db.models import Case, Exists, F, OuterRef, Prefetch, Q, QuerySet, Value, When
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.utils.timesince import timesince
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from blocklist.models import BanRequest, bannable_by
from customers.admin.base import Chip, Doors, PageAdmin, PanelChangeList
from customers.admin.cells import NOTHING, badge, moment, staff_name
from customers.admin.customer_rows import customer_name, with_names
from customers.admin.staff import signed_in
from customers.models import Customer

from .request_pages import approve_view, decline_view, request_page, request_state, withdraw_view


class MineFilter(admin.SimpleListFilter):
    title = gettext_lazy("mine")
    parameter_name = "mine"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("decide", _("that I may decide")), ("asked", _("that I asked for"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[BanRequest]) -> QuerySet[BanRequest]:
        user, own = signed_in(request), BanRequest.objects.asked_by(signed_in(request)).values("pk")
        if self.value() == "asked":
            return queryset.filter(pk__in=own)
        if self.value() == "decide":
            mine = BanRequest.objects.open().about_bannable_by(user, at=timezone.now())
            return queryset.filter(pk__in=mine.values("pk")).exclude(by=user)
        return queryset


class RequestChangeList(PanelChangeList):
    """The list with its quick choices: waiting for me, waiting, mine, all."""

    chips: list[Chip]

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        choices = [
            (_("All requests"), {}),
            (_("Waiting for a decision"), {"state__exact": BanRequest.State.OPEN.value}),
            (_("Waiting, and I may decide"), {"mine": "decide"}),
            (_("Asked by me"), {"mine": "asked"}),
        ]
        shown = {name: values[-1] for name, values in self.get_filters_params().items()}
        self.chips = [Chip(label, f"?{urlencode(query)}", is_on=shown == query) for label, query in choices]


@admin.register(BanRequest)
class BanRequestAdmin(PageAdmin):
    """Whoever sees the customer sees the requests; who may ban him decides them, on the page of each."""

    list_display = ("person", "state_badge", "for_me", "type", "asker", "asked", "shown", "decider")
    list_filter = ("state", MineFilter, "type")
    list_select_related = ("by", "shown_to", "decided_by")
    change_list_template = "admin/customers/inquiry/change_list.html"
    empty_list_text = gettext_lazy(
        "No requests yet. Who may not ban a customer asks for it at the right of every row of the customer list."
    )

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[RequestChangeList]:
        return RequestChangeList

    def get_ordering(self, request: HttpRequest) -> list[Any]:
        """The open ones first, of these who waits longest; then the decided ones, the newest first."""
        is_open = Q(state=BanRequest.State.OPEN)
        return [Case(When(is_open, then=F("created_at"))).asc(nulls_last=True), "-created_at", "-pk"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[BanRequest]:
        user, at = signed_in(request), timezone.now()
        customers = with_names(Customer.objects.all(), request, at)
        may_ban = Exists(bannable_by(user, at=at).filter(pk=OuterRef("customer")))
        rows = BanRequest.objects.visible_to(user).annotate(
            may_decide=Case(When(state=BanRequest.State.OPEN, then=may_ban), default=Value(False))
        )
        return rows.prefetch_related(Prefetch("customer", customers))

    def doors(self) -> Doors:
        return {"approve": approve_view, "decline": decline_view, "withdraw": withdraw_view}

    def page(self, request: HttpRequest, row: BanRequest) -> HttpResponse:
        return request_page(request, row, at=timezone.now())

    @admin.display(description=gettext_lazy("customer"))
    def person(self, row: BanRequest) -> SafeString:
        """The name leads to the request, as the first column does everywhere."""
        return customer_name(row.customer)

    @admin.display(description=gettext_lazy("state"), ordering="state")
    def state_badge(self, row: BanRequest) -> SafeString:
        return request_state(row, timezone.now())

    @admin.display(description=gettext_lazy("for me"))
    def for_me(self, row: Any) -> SafeString | str:
        return badge(_("I may decide"), kind="info") if row.may_decide else ""

    @admin.display(description=pgettext_lazy("ban request", "asked by"))
    def asker(self, row: BanRequest) -> str:
        return row.rule or staff_name(row.by)

    @admin.display(description=pgettext_lazy("ban request", "asked"), ordering="created_at")
    def asked(self, row: BanRequest) -> str:
        return moment(row.created_at)

    @admin.display(description=gettext_lazy("shown to"))
    def shown(self, row: BanRequest) -> str:
        if not row.is_open() or row.shown_to is None:
            return NOTHING
        return _("%(user)s, for %(age)s") % {"user": staff_name(row.shown_to), "age": _age(row.shown_at)}

    @admin.display(description=gettext_lazy("decided by"))
    def decider(self, row: BanRequest) -> str:
        return staff_name(row.decided_by)


def _age(since: datetime) -> str:
    return timesince(since, timezone.now(), depth=1)
