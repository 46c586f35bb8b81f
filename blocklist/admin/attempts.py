"""What the purchase gate did not simply allow, in the panel: the list, an attempt's page, and its tick."""

from __future__ import annotations

from typing import Any, cast

from django.contrib import admin, messages
from django.db.models import Exists, OuterRef, Prefetch, QuerySet
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from blocklist.models import Attempt, Ban
from blocklist.services import attempts
from customers.admin.base import ReadOnlyAdmin
from customers.admin.buyer_form import BuyerForm
from customers.admin.cells import NOTHING, badge, moment, money, staff_name
from customers.admin.customer_rows import linked_name, with_names
from customers.admin.staff import came_from, of_seen_customers, signed_in
from customers.models import Customer

from .why import why, why_sentence

KINDS = {Attempt.Outcome.REFUSED: "danger", Attempt.Outcome.REVIEW: "warning", Attempt.Outcome.DESPITE: "warning"}
HANDLED = "handled"


class TaskFilter(admin.SimpleListFilter):
    """Orders bought despite a ban are tasks."""

    title = gettext_lazy("task")
    parameter_name = "task"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(attempts.TO_DO, _("to do")), (HANDLED, _("dealt with"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Attempt]) -> QuerySet[Attempt]:
        if self.value() == attempts.TO_DO:
            return queryset.filter(pk__in=Attempt.objects.to_do().values("pk"))
        return queryset.filter(handled_at__isnull=False) if self.value() == HANDLED else queryset


@admin.register(Attempt)
class AttemptAdmin(ReadOnlyAdmin):
    change_form_template = "admin/blocklist/attempt/change_form.html"
    list_display = (
        "moment_shown",
        "buyer",
        "outcome_badge",
        "rule_and_entry",
        "asked",
        "order_shown",
        "amount_shown",
        "task",
    )
    list_select_related = ("source", "by", "key", "ban__by", "ban__lifted_by", "watch__by", "handled_by")
    list_filter = ("outcome", TaskFilter, "code", "door", "source")
    search_fields = ("order_number__exact",)
    search_help_text = gettext_lazy("A whole order number")
    ordering = ("-at", "-pk")
    fields = (
        "moment_shown",
        "buyer",
        "outcome_badge",
        "rule",
        "entry_told",
        "asked",
        "named_by",
        "order_number",
        "amount_shown",
        "source",
        "task",
    )
    empty_list_text = gettext_lazy("No banned or watched buyer has tried to buy.")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Attempt]:
        customers = with_names(Customer.objects.all(), request, timezone.now())
        rows = of_seen_customers(super().get_queryset(request), request)
        banned = Coalesce(OuterRef("ban__customer"), OuterRef("watch__customer"))
        seen = Customer.objects.visible_to(signed_in(request)).filter(pk=banned)
        shown: QuerySet[Attempt] = rows.prefetch_related(Prefetch("customer", customers))
        return cast("QuerySet[Attempt]", shown.annotate(is_entry_seen=Exists(seen)))

    def get_urls(self) -> list[URLPattern]:
        own = [
            path("<int:pk>/handle/", self.admin_site.admin_view(handle_view), name="blocklist_attempt_handle"),
        ]
        return own + super().get_urls()

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        to_do = Attempt.objects.to_do().handleable_by(signed_in(request))
        task = to_do.filter(pk=object_id).first() if object_id.isdecimal() and len(object_id) < 19 else None
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), "task": task})

    @admin.display(description=gettext_lazy("at"), ordering="at")
    def moment_shown(self, attempt: Attempt) -> str:
        return moment(attempt.at)

    @admin.display(description=gettext_lazy("customer"))
    def buyer(self, attempt: Attempt) -> SafeString | str:
        return linked_name(attempt.customer)

    @admin.display(description=gettext_lazy("outcome"), ordering="outcome")
    def outcome_badge(self, attempt: Attempt) -> SafeString:
        return badge(attempt.get_outcome_display(), kind=KINDS[Attempt.Outcome(attempt.outcome)])

    @admin.display(description=gettext_lazy("rule"), ordering="code")
    def rule(self, attempt: Attempt) -> str:
        return attempt.get_code_display()

    @admin.display(description=gettext_lazy("entry"))
    def entry(self, attempt: Attempt) -> SafeString | str:
        """The ban or watch that hit, with who set it."""
        found = attempt.ban or attempt.watch
        if found is None:
            return NOTHING
        if not attempt.is_entry_seen:  # type: ignore[attr-defined]
            return _("of another agent's customer")
        what = _("ban") if isinstance(found, Ban) else _("watch")
        by = staff_name(found.by) if found.by else found.rule  # type: ignore[union-attr]
        text = f"{what}: {found.get_type_display()}, {by}"
        url = found.get_absolute_url() if hasattr(found, "get_absolute_url") else ""
        title = why_sentence(found) if isinstance(found, Ban) else ""
        return format_html('<a class="crm-link" href="{}" title="{}">{}</a>', url, title, text) if url else text

    @admin.display(description=gettext_lazy("rule"), ordering="code")
    def rule_and_entry(self, attempt: Attempt) -> SafeString:
        entry = self.entry(attempt)
        rule = self.rule(attempt)
        return format_html("<span>{}<br>{}</span>", rule, entry) if entry != NOTHING else format_html("{}", rule)

    @admin.display(description=gettext_lazy("entry"))
    def entry_told(self, attempt: Attempt) -> SafeString | str:
        """The same on the attempt's page; of a ban in full: by whom, when, until when."""
        if attempt.ban and attempt.is_entry_seen:  # type: ignore[attr-defined]
            return why(attempt.ban)
        return self.entry(attempt)

    @admin.display(description=gettext_lazy("asked through"))
    def asked(self, attempt: Attempt) -> str:
        """The door, and who asked."""
        who = [str(attempt.key) if attempt.key else "", staff_name(attempt.by) if attempt.by else ""]
        named = ", ".join(name for name in who if name)
        return f"{attempt.get_door_display()} ({named})" if named else attempt.get_door_display()

    @admin.display(description=gettext_lazy("named by"))
    def named_by(self, attempt: Attempt) -> str:
        fields = BuyerForm.base_fields
        return ", ".join(str(fields[name].label) if name in fields else name for name in attempt.identifiers)

    @admin.display(description=gettext_lazy("order"), ordering="order_number")
    def order_shown(self, attempt: Attempt) -> SafeString | str:
        if not attempt.order_number:
            return str(attempt.source)
        told = '<span>{}<br><span class="crm-hint">{}</span></span>'
        return format_html(told, attempt.order_number, attempt.source)

    @admin.display(description=gettext_lazy("amount"), ordering="amount")
    def amount_shown(self, attempt: Attempt) -> str:
        return money(attempt.amount)

    @admin.display(description=gettext_lazy("task"))
    def task(self, attempt: Attempt) -> SafeString | str:
        if attempt.handled_at:
            return f"{staff_name(attempt.handled_by)}, {moment(attempt.handled_at)}"
        if attempt.outcome != Attempt.Outcome.DESPITE:
            return NOTHING
        return format_html('<a class="crm-link" href="{}">{}</a>', attempt.get_absolute_url(), _("to do"))


@require_POST
def handle_view(request: HttpRequest, pk: int) -> HttpResponse:
    attempt = get_object_or_404(of_seen_customers(Attempt.objects.all(), request), pk=pk)
    attempts.handle(attempt, by=signed_in(request), at=timezone.now())
    messages.success(request, _("Dealt with."))
    return redirect(came_from(request, default=reverse("admin:blocklist_attempt_changelist")))
