"""The list of customers, narrowed by the one strict filter set."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, cast

from django.contrib.admin.filters import ListFilter
from django.contrib.admin.views.main import ORDER_VAR
from django.forms import BoundField
from django.http import HttpRequest
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.translation import gettext as _

from customers.filters import RANGES, CustomerFilter, stored
from customers.models import Agent, Customer, SavedFilter
from customers.parts import parts
from customers.row_ids import row_id
from customers.services.saved_filters import ORDERS

from .base import Chip, PanelChangeList
from .capped import CappedPaginator
from .customer_rows import with_columns
from .list_address import ALL, FROM, VIEW, ListAddress, list_address
from .saved_views import ViewForm
from .staff import signed_in

if TYPE_CHECKING:
    from customers.admin.customers import CustomerAdmin
    from customers.models.customer import CustomerQuerySet

USUAL_ORDER = "-last_trade_at"
# The filters that stand above the list, after the first of upper apps; and those that the search box covers.
SHOWN_FILTERS = ("level", "group", "agent", "customer_source")
SEARCHED = ("q", "name", "phone", "email")


class CustomerChangeList(PanelChangeList):
    filters: CustomerFilter
    address: ListAddress

    def get_filters(self, request: HttpRequest) -> tuple[list[ListFilter], bool, dict[str, bool | str], bool, bool]:
        # Django's own reading of the address would drop or guess at what it does not understand.
        return [], False, {}, False, False

    def get_queryset(
        self, request: HttpRequest, exclude_parameters: list[str | None] | None = None
    ) -> CustomerQuerySet:
        """The customers whom the address describes; nobody where it is not understood."""
        self.user = signed_in(request)
        self.address = list_address(request)
        self.agent = Agent.objects.filter(user=self.user).first()
        customers = super().get_queryset(request, exclude_parameters)
        self.filters = CustomerFilter(self.address.values, queryset=customers, request=request)
        self.errors = {**self.address.errors, **self.filters.errors}
        return cast("CustomerQuerySet", customers.none() if self.errors else self.filters.qs)

    @property
    def order(self) -> str:
        """What the rows are ordered by: a clicked column, else as the view has it, else the last trade."""
        clicked = str(self.params.get(ORDER_VAR, "")).partition(".")[0]
        number = row_id(clicked.removeprefix("-"))
        if number is not None and number < len(self.list_display):
            name = self.get_ordering_field(self.list_display[number])
            if name in ORDERS:
                return f"-{name}" if clicked.startswith("-") else str(name)
        return self.address.order or USUAL_ORDER

    def get_ordering(self, request: HttpRequest, queryset: Any) -> list[Any]:
        return list(Customer.objects.in_order(self.order).query.order_by)

    def get_ordering_field_columns(self) -> dict[int, Literal["desc", "asc"]]:
        """Which column shows an arrow; the usual order needs none."""
        if self.order == USUAL_ORDER:
            return {}
        name = self.order.removeprefix("-")
        direction: Literal["desc", "asc"] = "desc" if self.order.startswith("-") else "asc"
        columns = enumerate(self.list_display)
        return {number: direction for number, column in columns if self.get_ordering_field(column) == name}

    def get_results(self, request: HttpRequest) -> None:
        """Fetch the ids of the page first, so that what the columns need is asked for these rows only."""
        super().get_results(request)
        if not self.multi_page:
            self.result_list = cast(CappedPaginator, self.paginator).ordered  # Django asks for the only page apart
        page = list(self.result_list.values_list("pk", flat=True))
        rows = with_columns(Customer.objects.all(), request, timezone.now()).in_bulk(page)
        self.result_list = [rows[pk] for pk in page if pk in rows]

    @property
    def complaints(self) -> list[tuple[str, str]]:
        """What of the address is not understood: what the filter is called, and what is wrong with its value."""
        fields = self.filters.form.fields
        return [
            (str(fields[name].label) if name in fields else name, " ".join(sentences))
            for name, sentences in self.errors.items()
        ]

    @property
    def is_narrowed(self) -> bool:
        return bool(self.query or self.filter_values)

    @property
    def filter_values(self) -> dict[str, list[str]]:
        """The filter values that describe the rows, a view's included, as a job keeps them; without the search."""
        return stored(self.address.values)

    @property
    def chips(self) -> list[Chip]:
        """The ready choices and the saved views, and which of them is shown."""
        everybody = f"?{VIEW}={ALL}" if self.address.default else "?"
        ready = [(_("All customers"), everybody, {}), (_("Without an agent"), "?agent=null", {"agent": ["null"]})]
        if self.agent:
            ready.insert(1, (_("My customers"), "?agent=mine", {"agent": ["mine"]}))
        shown = None if self.query or self.address.base else self.filter_values
        return [
            *(Chip(label, query, is_on=values == shown) for label, query, values in ready),
            *(Chip(view.name, f"?{VIEW}={view.pk}", is_on=view == self.address.base) for view in self.address.views),
        ]

    @property
    def conditions(self) -> list[tuple[str, str, str]]:
        """What narrows the list: the label, the value in words, and the address of the list without it."""
        told = [(row.label, row.value, self._without(row.name)) for row in self.filters.conditions()]
        if self.query:
            told.insert(0, (_("search"), self.query, self.get_query_string({"q": None})))
        return told

    def _without(self, name: str) -> str:
        data = self.address.values.copy()
        data.pop(name, None)
        for key, value in self.carried:
            data[key] = value
        return f"?{data.urlencode()}"

    @property
    def carried(self) -> list[tuple[str, str]]:
        """What every change of the conditions takes along: the search, the order, and whose view it began with."""
        own = [("q", self.query), (ORDER_VAR, str(self.params.get(ORDER_VAR, "")))]
        base = self.address.base
        return [
            *((name, value) for name, value in own if value),
            *((name, value) for name in SEARCHED for value in self.address.values.getlist(name)),
            (VIEW, ALL),
            *([(FROM, str(base.pk))] if base else []),
        ]

    @property
    def bar(self) -> list[BoundField]:
        """The fields of the filter bar."""
        return [self.filters.form[name] for name in (*list(parts.filters)[:1], *SHOWN_FILTERS)]

    @property
    def ranges(self) -> list[tuple[str, BoundField, BoundField]]:
        form = self.filters.form
        return [
            (getattr(Customer, field).field.verbose_name, form[least], form[most])
            for field, (least, most) in RANGES.items()
        ]

    @property
    def further(self) -> list[BoundField]:
        """All other fields, those of upper apps included."""
        placed = {*SEARCHED, *(field.name for field in self.bar), *(name for pair in RANGES.values() for name in pair)}
        return [field for field in self.filters.form if field.name not in placed]

    @property
    def folded_count(self) -> int:
        """How many conditions stand among the fields that are folded away."""
        return len(set(self.filter_values) - {field.name for field in self.bar} - set(SEARCHED))

    @property
    def is_changed(self) -> bool:
        """Whether the shown values, or the order, are no longer those of the view that they began with."""
        base = self.address.base
        if base is None:
            return False
        return (self.filter_values, self.order) != (base.values, base.order or USUAL_ORDER)

    @property
    def may_change_view(self) -> bool:
        base = self.address.base
        return base is not None and SavedFilter.objects.editable_by(self.user).filter(pk=base.pk).exists()

    @property
    def new_view_form(self) -> ViewForm:
        return ViewForm(initial={"order": self.order})

    @cached_property
    def view_form(self) -> ViewForm | None:
        """The form that changes the shown view, for whoever may."""
        base = self.address.base
        if base is None or not self.may_change_view:
            return None
        return ViewForm(initial={"order": self.order, "name": base.name, "is_shared": base.is_shared})

    @property
    def columns(self) -> list[tuple[str, str, bool]]:
        """Each column that may be chosen: its name, what it is called, and whether it is shown."""
        labels = cast("CustomerAdmin", self.model_admin).column_labels()
        return [(name, label, name in self.address.columns) for name, label in labels.items()]
