"""The filters of customers: what DESIGN section 1 knows of them, and what upper apps add."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django import forms
from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone
from django.utils.text import format_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django_filters import (
    CharFilter,
    ChoiceFilter,
    Filter,
    ModelChoiceFilter,
    ModelMultipleChoiceFilter,
    MultipleChoiceFilter,
    NumberFilter,
)
from django_filters.fields import ModelChoiceField, ModelChoiceIterator, ModelMultipleChoiceField

from customers import identity
from customers.models import Account, Agent, ContactValue, Customer, Group, Order, RfmScore, Source, User
from customers.models.rfm import SCORES
from customers.parts import parts
from customers.row_ids import row_id

from .strict import EndFilter, MomentFilter, StrictFilterSet

if TYPE_CHECKING:
    from customers.models.customer import CustomerQuerySet

# What names a person, or may: it is searched for, and no row but the contact value keeps it.
PERSONAL = ("q", "nick", "name", "phone", "email")
MINE = "mine"
COUNTS = ("trade_count", "item_count", "close_trade_count")
AMOUNTS = ("trade_amount", "avg_price", "close_trade_amount")
RANGES = {
    **{name: (f"{name}_min", f"{name}_max") for name in (*COUNTS, *AMOUNTS)},
    "last_trade_at": ("last_trade_from", "last_trade_to"),
    "registered_at": ("registered_from", "registered_to"),
}


def _ranges() -> dict[str, Filter]:
    """A filter for the least and one for the most of each figure, and for the first and the last of each moment."""
    filters: dict[str, Filter] = {}
    for field, names in RANGES.items():
        if field in (*COUNTS, *AMOUNTS):
            digits = {"max_digits": 9, "decimal_places": 0} if field in COUNTS else _AMOUNT
            makes: tuple[Callable[..., Filter], ...] = (NumberFilter, NumberFilter)
        else:
            digits, makes = {}, (MomentFilter, EndFilter)
        label = getattr(Customer, field).field.verbose_name
        least = makes[0](
            field_name=field, lookup_expr="gte", label=format_lazy(gettext_lazy("{what} from"), what=label), **digits
        )
        most = makes[1](
            field_name=field, lookup_expr="lte", label=format_lazy(gettext_lazy("{what} to"), what=label), **digits
        )
        filters |= dict(zip(names, (least, most), strict=True))
    return filters


_AMOUNT = {"max_digits": 14, "decimal_places": 2}


class GroupsField(ModelMultipleChoiceField):  # type: ignore[misc]
    default_error_messages = {"invalid_choice": gettext_lazy("There is no group %(value)s, or it was deleted.")}

    def _check_values(self, value: Any) -> Any:
        for pk in value:
            if row_id(pk) is None:
                raise forms.ValidationError(self.error_messages["invalid_choice"], "invalid_choice", {"value": pk})
        return super()._check_values(value)


class GroupsFilter(ModelMultipleChoiceFilter):  # type: ignore[misc]
    field_class = GroupsField

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            field_name="groups",
            queryset=Group.objects.order_by("name", "pk"),
            widget=forms.CheckboxSelectMultiple,
            **kwargs,
        )


class AgentChoices(ModelChoiceIterator):  # type: ignore[misc]
    def __iter__(self) -> Iterator[Any]:
        choices = super().__iter__()
        yield next(choices)
        yield (MINE, _("mine"))
        yield from choices


class AgentField(ModelChoiceField):  # type: ignore[misc]
    """An agent, nobody, or the agent who asks."""

    iterator = AgentChoices

    def to_python(self, value: Any) -> Any:
        return MINE if value == MINE else super().to_python(value)


class AgentFilter(ModelChoiceFilter):  # type: ignore[misc]
    field_class = AgentField


class ScoreFilter(MultipleChoiceFilter):  # type: ignore[misc]
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(method="filter_rfm", choices=[(score, str(score)) for score in SCORES], **kwargs)


class ContactFilter(CharFilter):  # type: ignore[misc]
    """Who has exactly this contact value, in whatever format it is typed; found by its keyed hash."""

    def __init__(self, kind: ContactValue.Kind, **kwargs: Any) -> None:
        self.kind = kind

        def validate(value: str) -> None:
            if not identity.contact_key(kind, value):
                raise forms.ValidationError(_("This is no whole value, so it names nobody."))

        super().__init__(label=kind.label, max_length=400, validators=[validate], **kwargs)

    def filter(self, qs: QuerySet[Any], value: str) -> QuerySet[Any]:
        if not value:
            return qs
        key = identity.contact_key(self.kind, value)
        return qs.filter(pk__in=ContactValue.objects.filter(kind=self.kind, key=key).values("customer"))


class CustomerFilter(StrictFilterSet):
    """The filters of customers, those that upper apps have added included."""

    q = CharFilter(method="filter_search", max_length=200, label=gettext_lazy("nick, phone, e-mail or order number"))
    nick = CharFilter(method="filter_nick", max_length=100, label=gettext_lazy("nick begins with"))
    name = ContactFilter(ContactValue.Kind.NAME)
    phone = ContactFilter(ContactValue.Kind.PHONE)
    email = ContactFilter(ContactValue.Kind.EMAIL)
    level = ChoiceFilter(choices=Customer.Level.choices, label=gettext_lazy("level"))
    group = GroupsFilter(method="filter_group", label=gettext_lazy("any of these groups"))
    group_all = GroupsFilter(method="filter_group_all", label=gettext_lazy("all these groups"))
    group_none = GroupsFilter(method="filter_group_none", label=gettext_lazy("none of these groups"))
    customer_source = ChoiceFilter(choices=Customer.CustomerSource.choices, label=gettext_lazy("customer source"))
    source = ModelChoiceFilter(
        field_name="accounts__source",
        method="filter_source",
        queryset=Source.objects.order_by("name", "pk"),
        to_field_name="code",
        label=gettext_lazy("account in"),
    )
    agent = AgentFilter(
        method="filter_agent",
        queryset=Agent.objects.order_by("display_name", "pk"),
        null_label=gettext_lazy("nobody"),
        label=gettext_lazy("exclusive agent"),
    )
    province = CharFilter(max_length=60, label=gettext_lazy("province"))
    city = CharFilter(max_length=80, label=gettext_lazy("city"))
    flag = MultipleChoiceFilter(
        method="filter_flag",
        choices=Order.Flag.choices,
        widget=forms.CheckboxSelectMultiple,
        label=gettext_lazy("has an order with the flag"),
    )
    traded_within = NumberFilter(
        method="filter_traded_within",
        min_value=1,
        max_value=3650,
        decimal_places=0,
        label=gettext_lazy("last trade within days"),
    )
    not_traded_within = NumberFilter(
        method="filter_not_traded_within",
        min_value=1,
        max_value=3650,
        decimal_places=0,
        label=gettext_lazy("no trade for days"),
    )
    rfm_segment = MultipleChoiceFilter(
        method="filter_rfm", choices=RfmScore.Segment.choices, label=gettext_lazy("RFM segment")
    )
    rfm_recency = ScoreFilter(label=gettext_lazy("RFM recency"))
    rfm_frequency = ScoreFilter(label=gettext_lazy("RFM frequency"))
    rfm_monetary = ScoreFilter(label=gettext_lazy("RFM monetary value"))
    bound_from = MomentFilter(method="filter_bound_from", label=gettext_lazy("with the exclusive agent since"))

    class Meta:
        model = Customer
        fields: list[str] = []

    def __init__(self, *args: Any, user: User | None = None, **kwargs: Any) -> None:
        """`user`: whose "mine" is meant, where no request tells it."""
        super().__init__(*args, **kwargs)
        asking = user or getattr(self.request, "user", None)
        self.user = asking if isinstance(asking, User) else None
        for name, make in parts.filters.items():
            added = make()
            added.field_name = added.field_name or name
            added.model, added.parent = self.queryset.model, self
            self.filters[name] = added

    @classmethod
    def get_filters(cls) -> dict[str, Filter]:
        filters: dict[str, Filter] = super().get_filters()
        return {**filters, **_ranges()}

    @property
    def errors(self) -> dict[str, list[str]]:
        errors = super().errors
        if self.user is None and self.form.cleaned_data.get("agent") == MINE:
            errors["agent"] = [_("Nobody is named whose customers are meant.")]
        return errors

    def filter_search(self, customers: CustomerQuerySet, name: str, value: str) -> CustomerQuerySet:
        return customers.search(value)

    def filter_nick(self, customers: CustomerQuerySet, name: str, value: str) -> CustomerQuerySet:
        return customers.having(Account.objects.filter(nick__begins=value))

    def filter_group(self, customers: CustomerQuerySet, name: str, value: QuerySet[Group]) -> CustomerQuerySet:
        return customers.having(_memberships(value)) if value else customers

    def filter_group_all(self, customers: CustomerQuerySet, name: str, value: QuerySet[Group]) -> CustomerQuerySet:
        for group in value:
            customers = customers.having(_memberships([group]))
        return customers

    def filter_group_none(self, customers: CustomerQuerySet, name: str, value: QuerySet[Group]) -> CustomerQuerySet:
        if not value:
            return customers
        return customers.filter(~Exists(_memberships(value).filter(customer=OuterRef("pk"))))

    def filter_source(self, customers: CustomerQuerySet, name: str, value: Source) -> CustomerQuerySet:
        return customers.having(Account.objects.filter(source=value))

    def filter_agent(self, customers: CustomerQuerySet, name: str, value: Agent | str) -> CustomerQuerySet:
        if value == MINE and self.user:
            return customers.served_by(self.user)
        return customers.filter(agent=value) if isinstance(value, Agent) else customers.unbound()

    def filter_flag(self, customers: CustomerQuerySet, name: str, value: list[str]) -> CustomerQuerySet:
        return customers.having(Order.objects.flagged([int(flag) for flag in value])) if value else customers

    def filter_traded_within(self, customers: CustomerQuerySet, name: str, value: int) -> CustomerQuerySet:
        return customers.filter(last_trade_at__gte=timezone.now() - timedelta(days=int(value)))

    def filter_not_traded_within(self, customers: CustomerQuerySet, name: str, value: int) -> CustomerQuerySet:
        """Who traded once, and not since; whoever never traded has no trade count."""
        return customers.filter(last_trade_at__lt=timezone.now() - timedelta(days=int(value)))

    def filter_rfm(self, customers: CustomerQuerySet, name: str, value: list[str]) -> CustomerQuerySet:
        """Name and values of one score; whoever never traded has none."""
        if not value:
            return customers
        return customers.having(RfmScore.objects.filter(**{f"{name.removeprefix('rfm_')}__in": value}))

    def filter_bound_from(self, customers: CustomerQuerySet, name: str, value: datetime) -> CustomerQuerySet:
        return customers.bound_since(value)


def named_groups(values: Mapping[str, Any]) -> set[int]:
    """The ids of the groups that stored filter values refer to."""
    names = [name for name, filter in CustomerFilter.base_filters.items() if isinstance(filter, GroupsFilter)]
    return {pk for name in names for value in values.get(name, []) if (pk := row_id(value)) is not None}


def _memberships(groups: Any) -> QuerySet[Any]:
    return Customer.groups.through.objects.filter(group__in=groups)
