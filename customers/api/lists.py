"""How the API lists: by cursor, filtered strictly."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _
from django_filters.rest_framework import DjangoFilterBackend
from rest_framework.exceptions import NotFound
from rest_framework.pagination import CursorPagination
from rest_framework.request import Request
from rest_framework.views import APIView

from customers.filters import StrictFilterSet

from .problems import InvalidQuery


class NewestFirst(CursorPagination):
    """Pages by descending id: rows that come in meanwhile shift nothing, and any page costs the same."""

    ordering = "-pk"
    page_size = 50
    max_page_size = 100
    page_size_query_param = "page_size"

    def get_page_size(self, request: Request) -> int:
        asked = request.query_params.get("page_size", str(self.page_size))
        if not (asked.isascii() and asked.isdigit() and asked.strip("0")):
            raise InvalidQuery({"page_size": _("A page holds 1 to %(most)d rows.") % {"most": self.max_page_size}})
        return min(int(asked[:9]), self.max_page_size)

    def decode_cursor(self, request: Request) -> Any:
        try:
            cursor = super().decode_cursor(request)
        except NotFound:
            cursor = None
            valid = False
        else:
            # the position goes into the query as it is, and must be an id there
            position = str(cursor.position) if cursor and cursor.position is not None else "0"
            valid = position.isascii() and position.isdigit() and len(position) < 19
        if not valid:
            raise InvalidQuery({"cursor": _("This cursor is not valid. Begin without one.")})
        return cursor


class StrictFilterBackend(DjangoFilterBackend):  # type: ignore[misc]
    """Answers 400 that names the parameter for each one that is unknown, invalid or empty; it drops no condition."""

    def get_filterset_kwargs(self, request: Request, queryset: Any, view: APIView) -> dict[str, Any]:
        data = request.query_params.copy()
        for name in (NewestFirst.cursor_query_param, NewestFirst.page_size_query_param):
            data.pop(name, None)
        return {"data": data, "queryset": queryset, "request": request}

    def filter_queryset(self, request: Request, queryset: Any, view: APIView) -> Any:
        filters = self.get_filterset(request, queryset, view)
        if not isinstance(filters, StrictFilterSet):
            return queryset
        # the panel's form sends its empty fields along; a client that sends an empty value meant to send one
        empty = {name: _("This value is empty.") for name in filters.data if not filters.data.get(name)}
        if errors := {**empty, **filters.errors}:
            raise InvalidQuery(errors)
        return filters.qs
