"""Filters that are read strictly: one set serves the panel, the API, rule-driven groups and audiences.

A plain FilterSet drops a condition that it does not understand, and what follows hits the whole shop.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db.models import QuerySet
from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django_filters import CharFilter, ChoiceFilter, FilterSet, IsoDateTimeFilter, ModelChoiceFilter, NumberFilter

from .models import Account, Agent, Customer, Group, Inquiry, Order, Source
from .parts import parts

if TYPE_CHECKING:
    from .models import User
    from .models.customer import CustomerQuerySet


class InvalidFilter(Exception):
    """The values do not say which rows are meant. `errors`: sentences by the name of the filter."""

    def __init__(self, errors: dict[str, list[str]]) -> None:
        super().__init__(errors)
        self.errors = errors


class StrictFilterSet(FilterSet):  # type: ignore[misc]
    """Knows every key and understands every value that is not empty, or `is_valid()` is false and `qs` raises.

    An empty value is no condition: a form sends its empty fields along.
    """

    def is_valid(self) -> bool:
        return self.is_bound and not self.errors

    @property
    def errors(self) -> dict[str, list[str]]:
        """Sentences by the name of the filter; empty where all is understood."""
        form = self.form
        errors = {name: [str(sentence) for sentence in found] for name, found in form.errors.items()}
        for name, values in self.data.lists() if isinstance(self.data, QueryDict) else _lists(self.data):
            if name not in form.fields:
                errors[name] = [_("There is no filter %(name)s.") % {"name": name}]
            elif len(values) > 1 and not getattr(form.fields[name].widget, "allow_multiple_selected", False):
                errors[name] = [_("This filter takes one value.")]
            elif name not in errors and any(values) and form.cleaned_data.get(name) in ("", None):
                # a yes-or-no field reads what it does not understand as "unknown"
                errors[name] = [_("This value is not valid.")]
        return errors

    def filter_queryset(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if errors := self.errors:
            raise InvalidFilter(errors)
        filtered: QuerySet[Any] = super().filter_queryset(queryset)
        return filtered


def _lists(data: Mapping[str, Any]) -> Iterator[tuple[str, list[Any]]]:
    """The values by name, as a QueryDict has them; stored filter values are a plain dict."""
    for name, value in data.items():
        yield name, value if isinstance(value, list) else [value]


def stored(data: QueryDict) -> dict[str, list[str]]:
    """Filter values as a row keeps them (JSON): by name, without the empty ones."""
    lists = {name: [str(value) for value in values if value] for name, values in data.lists()}
    return {name: values for name, values in lists.items() if values}


def restored(values: Mapping[str, list[str]]) -> QueryDict:
    """What `stored` made of filter values, as a filter set reads them."""
    data = QueryDict(mutable=True)
    for name, several in values.items():
        data.setlist(name, several)
    return data


class MomentFilter(IsoDateTimeFilter):  # type: ignore[misc]
    """A date and time within the years that every time zone and database can hold."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        years = [
            MinValueValidator(datetime(1970, 1, 1, tzinfo=UTC)),
            MaxValueValidator(datetime(2199, 12, 31, tzinfo=UTC)),
        ]
        super().__init__(*args, validators=years, **kwargs)


class CustomerFilter(StrictFilterSet):
    """The filters of customers, those that upper apps have added included."""

    q = CharFilter(method="filter_search", max_length=200, label=gettext_lazy("nick, phone, e-mail or order number"))
    nick = CharFilter(method="filter_nick", max_length=100, label=gettext_lazy("nick begins with"))
    level = ChoiceFilter(choices=Customer.Level.choices, label=gettext_lazy("level"))
    group = ModelChoiceFilter(field_name="groups", queryset=Group.objects.all(), label=gettext_lazy("group"))
    customer_source = ChoiceFilter(choices=Customer.CustomerSource.choices, label=gettext_lazy("customer source"))
    agent = ModelChoiceFilter(
        queryset=Agent.objects.all(), null_label=gettext_lazy("nobody"), label=gettext_lazy("exclusive agent")
    )
    trade_count_min = NumberFilter(
        field_name="trade_count",
        lookup_expr="gte",
        max_digits=9,
        decimal_places=0,
        label=gettext_lazy("trade count from"),
    )
    trade_count_max = NumberFilter(
        field_name="trade_count",
        lookup_expr="lte",
        max_digits=9,
        decimal_places=0,
        label=gettext_lazy("trade count to"),
    )
    trade_amount_min = NumberFilter(
        field_name="trade_amount",
        lookup_expr="gte",
        max_digits=14,
        decimal_places=2,
        label=gettext_lazy("trade amount from"),
    )
    trade_amount_max = NumberFilter(
        field_name="trade_amount",
        lookup_expr="lte",
        max_digits=14,
        decimal_places=2,
        label=gettext_lazy("trade amount to"),
    )
    registered_from = MomentFilter(field_name="registered_at", lookup_expr="gte", label=gettext_lazy("known since"))
    bound_from = MomentFilter(method="filter_bound_from", label=gettext_lazy("with the exclusive agent since"))

    class Meta:
        model = Customer
        fields: list[str] = []

    def __init__(self, *args: Any, user: User | None = None, **kwargs: Any) -> None:
        """`user`: whose "mine" is meant, where no request tells it."""
        super().__init__(*args, **kwargs)
        self.user = user or getattr(self.request, "user", None)
        for name, make in parts.filters.items():
            added = make()
            added.field_name = added.field_name or name
            added.model, added.parent = self.queryset.model, self
            self.filters[name] = added

    def filter_search(self, customers: CustomerQuerySet, name: str, value: str) -> CustomerQuerySet:
        return customers.search(value)

    def filter_nick(self, customers: CustomerQuerySet, name: str, value: str) -> CustomerQuerySet:
        return customers.filter(pk__in=Account.objects.filter(nick__startswith=value).values("customer"))

    def filter_bound_from(self, customers: CustomerQuerySet, name: str, value: datetime) -> CustomerQuerySet:
        return customers.bound_since(value)


class InquiryFilter(StrictFilterSet):
    state = ChoiceFilter(choices=Inquiry.State.choices, label=gettext_lazy("state"))
    agent = ModelChoiceFilter(
        queryset=Agent.objects.all(), null_label=gettext_lazy("nobody"), label=gettext_lazy("agent")
    )
    source = ModelChoiceFilter(queryset=Source.objects.all(), to_field_name="code", label=gettext_lazy("source"))
    customer = NumberFilter(field_name="customer_id", max_digits=18, decimal_places=0, label=gettext_lazy("customer"))

    class Meta:
        model = Inquiry
        fields: list[str] = []


class OrderFilter(StrictFilterSet):
    number = CharFilter(max_length=64, label=gettext_lazy("order number"))
    status = ChoiceFilter(choices=Order.Status.choices, label=gettext_lazy("status"))
    source = ModelChoiceFilter(queryset=Source.objects.all(), to_field_name="code", label=gettext_lazy("source"))
    customer = NumberFilter(field_name="customer_id", max_digits=18, decimal_places=0, label=gettext_lazy("customer"))
    ordered_from = MomentFilter(field_name="ordered_at", lookup_expr="gte", label=gettext_lazy("ordered from"))
    ordered_to = MomentFilter(field_name="ordered_at", lookup_expr="lte", label=gettext_lazy("ordered to"))

    class Meta:
        model = Order
        fields: list[str] = []
