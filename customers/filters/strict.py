"""Filters that are read strictly. A plain FilterSet drops a condition that it does not understand, and what follows
hits the whole shop.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django import forms
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db.models import QuerySet
from django.http import QueryDict
from django.utils import timezone
from django.utils.dateparse import parse_date
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django_filters import FilterSet, IsoDateTimeFilter
from django_filters.fields import IsoDateTimeField

# The moments, and the days, that every time zone and database can hold.
YEARS = [
    MinValueValidator(datetime(1970, 1, 1, tzinfo=UTC)),
    MaxValueValidator(datetime(2199, 12, 31, tzinfo=UTC)),
]
DAYS = [MinValueValidator(date(1970, 1, 1)), MaxValueValidator(date(2199, 12, 30))]


class InvalidFilter(Exception):
    """The values do not say which rows are meant. `errors`: sentences by the name of the filter."""

    def __init__(self, errors: dict[str, list[str]]) -> None:
        super().__init__(errors)
        self.errors = errors


@dataclass(frozen=True)
class Condition:
    """One condition as a person reads it."""

    name: str
    label: str
    value: str


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

    def conditions(self) -> list[Condition]:
        """What was asked for, condition by condition; also what was not understood, as it stands."""
        values = stored(self.data) if isinstance(self.data, QueryDict) else dict(_lists(self.data))
        fields = self.form.fields
        invalid = self.errors
        return [
            Condition(
                name=name,
                label=str(fields[name].label) if name in fields else name,
                value=", ".join(map(str, several)) if name in invalid else _said(self.form, name),
            )
            for name, several in values.items()
        ]


def _lists(data: Mapping[str, Any]) -> Iterator[tuple[str, list[Any]]]:
    """The values by name, as a QueryDict has them; stored filter values are a plain dict."""
    for name, value in data.items():
        yield name, value if isinstance(value, list) else [value]


def _said(form: forms.Form, name: str) -> str:
    """A value that was understood, in words: the label of a choice, the name of a row, a day."""
    value = form.cleaned_data[name]
    if isinstance(value, datetime):
        local = timezone.localtime(value)
        is_day = local.time() in (time.min, time.max)
        return date_format(local, "DATE_FORMAT" if is_day else "DATETIME_FORMAT")
    labels = {str(key): str(label) for key, label in getattr(form.fields[name].widget, "choices", ())}
    several = value if isinstance(value, (list, QuerySet)) else [value]
    # a yes-or-no field has True where its choice is "true"
    return ", ".join(labels.get(str(one), labels.get(str(one).lower(), str(one))) for one in several)


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


class MomentInput(forms.TextInput):
    """Picks a day; a moment that came with the address stays as it is."""

    def get_context(self, name: str, value: Any, attrs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context(name, value, attrs)
        if not value or _day(str(value)):
            context["widget"]["type"] = "date"
        return context


class MomentFilter(IsoDateTimeFilter):  # type: ignore[misc]
    """A date and time within the years that every time zone and database can hold. A day alone means its beginning."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, validators=YEARS, widget=MomentInput, **kwargs)


class EndField(IsoDateTimeField):  # type: ignore[misc]
    def to_python(self, value: Any) -> datetime | None:
        moment: datetime | None = super().to_python(value)
        if moment and isinstance(value, str) and _day(value.strip()):
            moment += timedelta(days=1) - timedelta(microseconds=1)
        return moment


class EndFilter(MomentFilter):
    """The same as an end: a day alone means all of it."""

    field_class = EndField


def _day(value: str) -> date | None:
    try:
        return parse_date(value)
    except ValueError:
        return None
