"""What is to be done by hand in the marketplaces: the list, the tick, the boxes on a ban's and a customer's page."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import PermissionDenied
from django.db.models import Prefetch, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext, pgettext_lazy
from django.views.decorators.http import require_POST

from blocklist.models import Ban, MarketplaceTask
from blocklist.services import marketplace_tasks
from blocklist.services.marketplace_steps import steps
from customers.admin.base import Chip, Doors, PanelChangeList, ReadOnlyAdmin
from customers.admin.cells import NOTHING, badge, moment, staff_name
from customers.admin.customer_rows import customer_name, with_names
from customers.admin.staff import came_from, signed_in
from customers.models import Customer

Action = MarketplaceTask.Action
# On the customer's page; the list shows all.
SHOWN_TASKS = 5


@dataclass(frozen=True)
class ShownTask:
    """A task with what to do, and the buttons that this staff user has."""

    task: MarketplaceTask
    steps: list[str]
    may_tick: bool
    may_untick: bool

    @property
    def nick(self) -> str:
        return self.task.account.nick or self.task.account.external_id


def shown_tasks(tasks: Iterable[Any], request: HttpRequest, at: datetime) -> list[ShownTask]:
    """The tasks, `with_later`, of a customer whom the user sees. No query."""
    user = signed_in(request)
    may_tick = user.has_perm(marketplace_tasks.TICK)
    return [
        ShownTask(
            task=task,
            steps=steps(task.action, task.account.source),
            may_tick=may_tick and task.done_at is None,
            may_untick=may_tick
            and not marketplace_tasks.why_may_not_untick(task, user, at=at, has_later=task.has_later),
        )
        for task in tasks
    ]


def tasks_of_ban(ban: Ban, request: HttpRequest, at: datetime) -> dict[str, Any]:
    """What the ban's page shows: all that was and is to do because of it."""
    tasks = (
        MarketplaceTask.objects.filter(ban=ban).with_later().select_related("account__source", "done_by").order_by("pk")
    )
    return {"tasks": shown_tasks(tasks, request, at), "next": request.get_full_path()}


def tasks_of_customer(customer: Customer, request: HttpRequest, at: datetime) -> dict[str, Any]:
    """What the customer's page shows: what is still to do."""
    if not request.user.has_perm("blocklist.view_marketplacetask"):
        return {"tasks": []}
    of_him = MarketplaceTask.objects.open().filter(ban__customer=customer)
    tasks = of_him.with_later().select_related("account__source", "done_by").order_by("created_at", "pk")[:SHOWN_TASKS]
    return {"tasks": shown_tasks(tasks, request, at), "next": request.get_full_path()}


class StateFilter(admin.SimpleListFilter):
    """Without a choice it is what is still to do."""

    title = gettext_lazy("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("done", pgettext("marketplace", "done")), ("needless", _("needless")), ("all", _("all"))]

    def choices(self, changelist: ChangeList) -> Any:
        first, *others = super().choices(changelist)
        return [{**first, "display": _("to do")}, *others]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        match self.value():
            case "all":
                return queryset
            case "done":
                return queryset.filter(pk__in=MarketplaceTask.objects.done().values("pk"))
            case "needless":
                return queryset.filter(pk__in=MarketplaceTask.objects.needless().values("pk"))
        return queryset.filter(pk__in=MarketplaceTask.objects.open().values("pk"))


class MineFilter(admin.SimpleListFilter):
    title = gettext_lazy("mine")
    parameter_name = "mine"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", _("of my customers"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        own = Customer.objects.served_by(signed_in(request)).values("pk")
        return queryset.filter(ban__customer__in=own) if self.value() == "yes" else queryset


class TaskChangeList(PanelChangeList):
    """The list with its quick choices."""

    chips: list[Chip]

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        choices: list[tuple[str, dict[str, str]]] = [
            (_("To do"), {}),
            (_("To block"), {"action__exact": Action.BLOCK.value}),
            (_("To unblock"), {"action__exact": Action.UNBLOCK.value}),
            (_("Of my customers"), {"mine": "yes"}),
            (_("Done"), {"state": "done"}),
            (_("All tasks"), {"state": "all"}),
        ]
        shown = {name: values[-1] for name, values in self.get_filters_params().items()}
        self.chips = [Chip(label, f"?{urlencode(query)}", is_on=shown == query) for label, query in choices]


@admin.register(MarketplaceTask)
class MarketplaceTaskAdmin(ReadOnlyAdmin):
    """What is not ticked yet, the oldest first. A task is done in the marketplace, and ticked here."""

    list_display = ("person", "action_shown", "source", "nick_shown", "agent", "created", "done_shown")
    list_filter = (StateFilter, "action", "account__source", MineFilter, "ban__customer__agent")
    list_select_related = ("account__source", "ban", "done_by")
    search_fields = ("customer",)  # shows the box; what it finds is the customers' own search
    search_help_text = gettext_lazy("Nick, phone, e-mail or order number")
    change_list_template = "admin/blocklist/marketplace/change_list.html"
    empty_list_text = gettext_lazy(
        "Nothing to do. When a buyer of a marketplace is banned, what to do in its seller tool stands here."
    )

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[TaskChangeList]:
        return TaskChangeList

    def get_queryset(self, request: HttpRequest) -> QuerySet[MarketplaceTask]:
        customers = with_names(Customer.objects.select_related("agent"), request, timezone.now())
        rows = MarketplaceTask.objects.visible_to(signed_in(request))
        return rows.prefetch_related(Prefetch("ban__customer", customers))

    def get_ordering(self, request: HttpRequest) -> tuple[str, ...]:
        """What is to do is shown with the oldest first, what is done with the newest first."""
        return ("-done_at", "-pk") if request.GET.get("state") == "done" else ("created_at", "pk")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        if not search_term.strip():
            return queryset, False
        return queryset.filter(ban__customer__in=Customer.objects.search(search_term).order_by().values("pk")), False

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        """The last column has the button that ticks, for whoever may."""
        if not request.user.has_perm(marketplace_tasks.TICK):
            return list(self.list_display)

        def tick_shown(task: MarketplaceTask) -> SafeString | str:
            return _tick_button(task, request)

        return [*self.list_display, admin.display(description=gettext_lazy("tick"))(tick_shown)]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """It stands on the page of its ban, with the steps."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        task = self.get_object(request, object_id)
        if task is None:
            raise Http404
        return redirect(f"{task.ban.get_absolute_url()}#marketplaces")

    def doors(self) -> Doors:
        return {"tick": tick_view, "untick": untick_view}

    @admin.display(description=gettext_lazy("customer"))
    def person(self, task: MarketplaceTask) -> SafeString:
        """In the list the name leads to the ban, where the steps stand."""
        return customer_name(task.ban.customer)

    @admin.display(description=gettext_lazy("what to do"), ordering="action")
    def action_shown(self, task: MarketplaceTask) -> SafeString:
        return action_badge(task)

    @admin.display(description=gettext_lazy("marketplace"))
    def source(self, task: MarketplaceTask) -> str:
        return str(task.account.source)

    @admin.display(description=gettext_lazy("nick"))
    def nick_shown(self, task: MarketplaceTask) -> str:
        return render_to_string(
            "admin/blocklist/marketplace/nick.html", {"nick": task.account.nick or task.account.external_id}
        )

    @admin.display(description=gettext_lazy("agent"))
    def agent(self, task: MarketplaceTask) -> str:
        return str(task.ban.customer.agent or NOTHING)

    @admin.display(description=gettext_lazy("since"), ordering="created_at")
    def created(self, task: MarketplaceTask) -> str:
        return moment(task.created_at)

    @admin.display(description=pgettext_lazy("marketplace", "done"), ordering="done_at")
    def done_shown(self, task: MarketplaceTask) -> str:
        if task.needless_at is not None:
            return badge(_("needless"), kind="plain", title=moment(task.needless_at))
        return f"{staff_name(task.done_by)}, {moment(task.done_at)}" if task.done_at else NOTHING


def action_badge(task: MarketplaceTask) -> SafeString:
    return badge(task.get_action_display(), kind="danger" if task.action == Action.BLOCK else "success")


def _tick_button(task: MarketplaceTask, request: HttpRequest) -> SafeString | str:
    if not task.is_open():
        return NOTHING
    shown = {"task": task, "next": request.get_full_path()}
    return render_to_string("admin/blocklist/marketplace/tick.html", shown)


@require_POST
def tick_view(request: HttpRequest, pk: int) -> HttpResponse:
    task = _seen(request, pk)
    marketplace_tasks.tick(task, by=signed_in(request), at=timezone.now())
    messages.success(request, _("Ticked: it is done in the marketplace."))
    return _back(request, task)


@require_POST
def untick_view(request: HttpRequest, pk: int) -> HttpResponse:
    task = _seen(request, pk)
    marketplace_tasks.untick(task, by=signed_in(request), at=timezone.now())
    messages.success(request, _("The tick is taken back."))
    return _back(request, task)


def _seen(request: HttpRequest, pk: int) -> MarketplaceTask:
    if not request.user.has_perm("blocklist.view_marketplacetask"):
        raise PermissionDenied
    return get_object_or_404(MarketplaceTask.objects.visible_to(signed_in(request)), pk=pk)


def _back(request: HttpRequest, task: MarketplaceTask) -> HttpResponse:
    return redirect(came_from(request, default=reverse("admin:blocklist_ban_change", args=[task.ban_id])))
