from __future__ import annotations

from django.contrib import admin
from django.db.models import Prefetch, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from blocklist.models import Attempt
from customers.admin.base import ReadOnlyAdmin
from customers.admin.cells import badge, moment, money
from customers.admin.customer_rows import linked_name, with_names
from customers.admin.staff import of_seen_customers
from customers.models import Customer

KINDS = {Attempt.Outcome.REFUSED: "danger", Attempt.Outcome.DESPITE: "warning"}


@admin.register(Attempt)
class AttemptAdmin(ReadOnlyAdmin):
    list_display = (
        "moment_shown",
        "buyer",
        "outcome_badge",
        "door",
        "named_by",
        "order_number",
        "amount_shown",
        "source",
    )
    list_select_related = ("source",)
    list_filter = ("outcome", "door", "source")
    search_fields = ("order_number__exact",)
    search_help_text = _("A whole order number")
    ordering = ("-at", "-pk")
    fields = (
        "moment_shown",
        "buyer",
        "outcome_badge",
        "door",
        "named_by",
        "order_number",
        "amount_shown",
        "source",
        "ban",
    )
    empty_list_text = _("No banned buyer has tried to buy.")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Attempt]:
        customers = with_names(Customer.objects.all(), request, timezone.now())
        rows = of_seen_customers(super().get_queryset(request), request)
        return rows.prefetch_related(Prefetch("customer", customers))

    @admin.display(description=_("at"), ordering="at")
    def moment_shown(self, attempt: Attempt) -> str:
        return moment(attempt.at)

    @admin.display(description=_("customer"))
    def buyer(self, attempt: Attempt) -> SafeString | str:
        return linked_name(attempt.customer)

    @admin.display(description=_("outcome"), ordering="outcome")
    def outcome_badge(self, attempt: Attempt) -> SafeString:
        return badge(attempt.get_outcome_display(), kind=KINDS[Attempt.Outcome(attempt.outcome)])

    @admin.display(description=_("named by"))
    def named_by(self, attempt: Attempt) -> str:
        return ", ".join(attempt.identifiers)

    @admin.display(description=_("amount"), ordering="amount")
    def amount_shown(self, attempt: Attempt) -> str:
        return money(attempt.amount)
