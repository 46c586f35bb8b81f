"""The list of customers, narrowed by the one strict filter set."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from django.contrib.admin.filters import ListFilter
from django.contrib.admin.views.main import ERROR_FLAG, IGNORED_PARAMS, PAGE_VAR
from django.forms import BoundField
from django.http import HttpRequest
from django.utils import timezone

from customers.filters import CustomerFilter
from customers.models import Agent, Customer
from customers.parts import parts

from .base import PanelChangeList
from .customer_rows import with_columns
from .staff import signed_in

if TYPE_CHECKING:
    from django.utils.functional import _StrOrPromise

    from customers.models.customer import CustomerQuerySet

# The keys of the address that the list itself understands: they are no conditions.
OWN_KEYS = (*IGNORED_PARAMS, PAGE_VAR, ERROR_FLAG, "_changelist_filters")
SHOWN_FILTERS = ("level", "group", "customer_source", "agent")


@dataclass(frozen=True)
class Condition:
    """A condition that narrows the list without a field in the bar, and the address of the list without it."""

    label: _StrOrPromise
    value: str
    without: str


class CustomerChangeList(PanelChangeList):
    filters: CustomerFilter

    def get_filters(self, request: HttpRequest) -> tuple[list[ListFilter], bool, dict[str, bool | str], bool, bool]:
        # Django's own reading of the address would drop or guess at what it does not understand.
        return [], False, {}, False, False

    def get_queryset(
        self, request: HttpRequest, exclude_parameters: list[str | None] | None = None
    ) -> CustomerQuerySet:
        """The customers whom the address describes; nobody where it is not understood."""
        customers = super().get_queryset(request, exclude_parameters)
        data = request.GET.copy()
        for key in OWN_KEYS:
            data.pop(key, None)
        self.agent = Agent.objects.filter(user=signed_in(request)).first()
        self.filters = CustomerFilter(data, queryset=customers, request=request)
        return cast("CustomerQuerySet", self.filters.qs if self.filters.is_valid() else customers.none())

    def get_results(self, request: HttpRequest) -> None:
        """Fetch the ids of the page first, so that what the columns need is asked for these rows only."""
        super().get_results(request)
        page = list(self.result_list.values_list("pk", flat=True))
        rows = with_columns(Customer.objects.all(), request, timezone.now()).in_bulk(page)
        self.result_list = [rows[pk] for pk in page if pk in rows]

    @property
    def shows_own(self) -> bool:
        return self.agent is not None and self.get_filters_params() == {"agent": [str(self.agent.pk)]}

    @property
    def shows_unbound(self) -> bool:
        return self.get_filters_params() == {"agent": ["null"]}

    @property
    def bar(self) -> list[BoundField]:
        """The fields of the filter bar."""
        return [self.filters.form[name] for name in (*parts.filters, *SHOWN_FILTERS)]

    @property
    def conditions(self) -> list[Condition]:
        """What narrows the list and has no field in the bar: the search, and filters that came with the address."""
        shown = {field.name for field in self.bar}
        given = {name: value for name, value in self.filters.data.items() if value and name not in shown}
        if self.query:
            given = {"q": self.query, **given}
        return [
            Condition(
                label=self.filters.filters[name].label if name in self.filters.filters else name,
                value=value,
                without=self.get_query_string({name: None}),
            )
            for name, value in given.items()
        ]

    @property
    def carried(self) -> list[tuple[str, str]]:
        """What the form of the bar sends along."""
        shown = {field.name for field in self.bar}
        return [(name, value) for name, values in self.filter_params.items() for value in values if name not in shown]
