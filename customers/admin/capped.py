"""Pages of a list that may be as long as it likes: nobody counts all of it to show the first page."""

from __future__ import annotations

from typing import Any

from django.core.paginator import Page, Paginator
from django.db.models import QuerySet
from django.utils.functional import cached_property

# So many rows are counted; of more than that the list says "more than".
LIMIT = 10_000
# So many rows are known by their ids once they are counted; of more, telling the ids would take longer than looking.
KNOWN = 1_000


class CappedPaginator(Paginator[Any]):
    """Counts up to LIMIT rows, or a little past the page that is asked for, so that deep pages can be gone to.

    The count also says how to fetch a page. Few rows are found by their condition and then put in order; of many, one
    soon finds a page by going through the index of the order. SQLite does not know how many they are, and would go
    through the whole shop to find the few.
    """

    template_name = "admin/customers/customer/pagination.html"
    object_list: QuerySet[Any]

    def __init__(self, rows: QuerySet[Any], per_page: int, *, page: int = 1) -> None:
        super().__init__(rows, per_page)
        self.counted_to = max(LIMIT, (page + 1) * per_page)

    @cached_property
    def _found(self) -> list[int]:
        """The first ids, in any order: finding few among many takes long, and is done once."""
        return list(self._some(LIMIT + 1).values_list("pk", flat=True))

    @cached_property
    def _counted(self) -> int:
        is_deep = len(self._found) > LIMIT and self.counted_to > LIMIT
        return self._some(self.counted_to + 1).count() if is_deep else len(self._found)

    @property
    def has_more(self) -> bool:
        """Whether there are more rows than were counted."""
        return self._counted > self.counted_to

    @cached_property
    def count(self) -> int:
        return min(self._counted, self.counted_to)

    @cached_property
    def ordered(self) -> QuerySet[Any]:
        """The rows in order, by the way that suits their number."""
        if self._counted > LIMIT:
            return self.object_list
        known = self._found if self._counted <= KNOWN else self._some(LIMIT)
        rows: QuerySet[Any] = self.object_list.model._default_manager.filter(pk__in=known)
        return rows.order_by(*self.object_list.query.order_by)

    def page(self, number: int | str) -> Page[Any]:
        number = self.validate_number(number)
        bottom = (number - 1) * self.per_page
        return Page(self.ordered[bottom : bottom + self.per_page], number, self)

    def _some(self, count: int) -> QuerySet[Any]:
        return self.object_list.order_by().values("pk")[:count]
