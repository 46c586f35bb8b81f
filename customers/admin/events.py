"""The audit: the list of events, searched by row, person or words, and what one of them touched."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from customers.models import Event, EventRow
from customers.row_ids import row_id

from .base import ReadOnlyAdmin
from .cells import NOTHING, moment, staff_name
from .event_words import event_label, kind_label, verbs_called

SHOWN_ROWS = 20
KIND = "rows_of"


class VerbFilter(admin.SimpleListFilter):
    title = _("what")
    parameter_name = "verb"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return sorted(((verb, event_label(verb)) for verb in _verbs()), key=lambda pair: pair[1])

    def queryset(self, request: HttpRequest, queryset: QuerySet[Event]) -> QuerySet[Event]:
        return queryset.filter(verb=self.value()) if self.value() else queryset


class KindFilter(admin.SimpleListFilter):
    """Events that touched rows of a kind; with a number in the search box, that row of this kind."""

    title = _("kind")
    parameter_name = KIND

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        shown = [model._meta.label_lower for model in admin.site._registry]
        return sorted(((model, kind_label(model)) for model in shown), key=lambda pair: pair[1])

    def queryset(self, request: HttpRequest, queryset: QuerySet[Event]) -> QuerySet[Event]:
        if not self.value():
            return queryset
        return queryset.filter(Exists(EventRow.objects.filter(event=OuterRef("pk"), model=self.value())))


@admin.register(Event)
class EventAdmin(ReadOnlyAdmin):
    list_display = ("moment_shown", "what", "actor", "fields_shown", "reason")
    list_filter = (VerbFilter, KindFilter, "by", ("at", admin.DateFieldListFilter))
    list_select_related = ("by",)
    search_fields = ("verb",)  # shows the box; what it finds is below
    search_help_text = _("Number of a customer, order or ban; who; what was done; why")
    ordering = ("-at", "-pk")
    fields = ("moment_shown", "what", "verb", "actor", "fields_shown", "reason", "job", "rows_shown")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Event], search_term: str
    ) -> tuple[QuerySet[Event], bool]:
        """A number is that of a touched row; each other word names who did it, what was done, or stands in the why."""
        for word in search_term.replace("\0", "").split():
            queryset = queryset.filter(self._of_row(word, request) if word.isdecimal() else _said(word))
        return queryset, False

    def _of_row(self, number: str, request: HttpRequest) -> Q:
        kind = {"model": request.GET[KIND]} if request.GET.get(KIND) else {}
        rows = EventRow.objects.filter(row_id=row_id(number) or 0, **kind)
        return Q(pk__in=rows.values("event"))

    @admin.display(description=_("at"), ordering="at")
    def moment_shown(self, event: Event) -> str:
        return moment(event.at)

    @admin.display(description=_("what"), ordering="verb")
    def what(self, event: Event) -> str:
        return event_label(event.verb)

    @admin.display(description=_("by"))
    def actor(self, event: Event) -> str:
        return staff_name(event.by)

    @admin.display(description=_("fields"))
    def fields_shown(self, event: Event) -> str:
        return ", ".join(event.fields) or NOTHING

    @admin.display(description=_("touched rows"))
    def rows_shown(self, event: Event) -> str:
        """How many rows, and the first of them: a bulk action touches a great many."""
        rows = event.rows.order_by("pk")[:SHOWN_ROWS]
        first = ", ".join(f"{kind_label(row.model)} #{row.row_id}" for row in rows)
        count = event.rows.count()
        return f"{count}: {first}" + (" …" if count > SHOWN_ROWS else "")


def _verbs() -> list[str]:
    return list(Event.objects.order_by("verb").values_list("verb", flat=True).distinct())


def _said(word: str) -> Q:
    person = Q(by__username__iexact=word) | Q(by__first_name__icontains=word) | Q(by__last_name__icontains=word)
    return person | Q(verb__in=verbs_called(word, among=_verbs())) | Q(reason__icontains=word)
