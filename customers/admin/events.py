from __future__ import annotations

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from customers.models import Event, EventRow
from customers.row_ids import row_id

from .base import ReadOnlyAdmin
from .cells import NOTHING, moment, staff_name

SHOWN_ROWS = 20


@admin.register(Event)
class EventAdmin(ReadOnlyAdmin):
    list_display = ("moment_shown", "verb", "actor", "fields_shown", "reason")
    list_filter = ("verb",)
    list_select_related = ("by",)
    search_fields = ("rows__row_id__exact",)
    search_help_text = _("Number of a customer, order or ban")
    ordering = ("-at", "-pk")
    fields = ("moment_shown", "verb", "actor", "fields_shown", "reason", "job", "rows_shown")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Event], search_term: str
    ) -> tuple[QuerySet[Event], bool]:
        number = search_term.strip()
        if not number:
            return queryset, False
        rows = EventRow.objects.filter(row_id=row_id(number) or 0)
        return queryset.filter(pk__in=rows.values("event")), False

    @admin.display(description=_("at"), ordering="at")
    def moment_shown(self, event: Event) -> str:
        return moment(event.at)

    @admin.display(description=_("by"))
    def actor(self, event: Event) -> str:
        return staff_name(event.by)

    @admin.display(description=_("fields"))
    def fields_shown(self, event: Event) -> str:
        return ", ".join(event.fields) or NOTHING

    @admin.display(description=_("touched rows"))
    def rows_shown(self, event: Event) -> str:
        """How many rows, and the first of them: a bulk action touches a great many."""
        first = ", ".join(str(row) for row in event.rows.order_by("pk")[:SHOWN_ROWS])
        count = event.rows.count()
        return f"{count}: {first}" + (" …" if count > SHOWN_ROWS else "")
