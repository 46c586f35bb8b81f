"""Keeping filter values under a name: saved views, and what groups and audiences refer to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, transaction
from django.db.models import ProtectedError
from django.utils.translation import gettext as _

from customers.filters import PERSONAL, CustomerFilter, InvalidFilter, restored
from customers.models import Customer, ListPreference, SavedFilter, User
from customers.parts import parts

from . import audit

if TYPE_CHECKING:
    from customers.models.customer import CustomerQuerySet

Values = Mapping[str, Sequence[str]]

# What the customer list may be ordered by, and which columns it has beside the name and those of upper apps.
FIGURES = (
    "trade_count",
    "trade_amount",
    "avg_price",
    "item_count",
    "close_trade_count",
    "close_trade_amount",
    "last_trade_at",
)
ORDERS = ("level", "agent", "registered_at", *FIGURES)
COLUMNS = ("level", "groups", "agent", "customer_source", "region", "registered_at", *FIGURES)


class MayNotChange(PermissionDenied):
    """The saved filter belongs to somebody else."""


class NameTaken(Exception):
    """Its owner has another one of this name."""


class StillUsed(Exception):
    """Something refers to the saved filter, so it cannot be deleted."""


def check(values: Values, *, user: User) -> dict[str, list[str]]:
    """The values as a row keeps them. Raises InvalidFilter where one is unknown, not valid, or names a person."""
    kept = {name: [str(value) for value in several] for name, several in values.items() if several}
    personal = _("This names a person. A saved view keeps no such value: search for it.")
    errors = {name: [personal] for name in kept if name in PERSONAL}
    errors |= CustomerFilter(restored(kept), queryset=Customer.objects.none(), user=user).errors
    if errors:
        raise InvalidFilter(errors)
    return kept


def column_names() -> list[str]:
    """The columns that may be chosen, in the order of the list; the last one and the name always stand there."""
    return [*COLUMNS, *(column.name for column in parts.list_columns if not column.is_last)]


def check_look(columns: Sequence[str], order: str) -> None:
    """Raises InvalidFilter where the list has no such column or order."""
    errors = {}
    if unknown := sorted(set(columns) - set(column_names())):
        errors["columns"] = [_("There is no column %(name)s.") % {"name": ", ".join(unknown)}]
    if order and order.removeprefix("-") not in ORDERS:
        errors["order"] = [_("The list cannot be ordered by %(name)s.") % {"name": order}]
    if errors:
        raise InvalidFilter(errors)


def customers_in(saved: SavedFilter, *, user: User) -> CustomerQuerySet:
    """The customers who match now, of those whom `user` sees; "mine" means his. Raises InvalidFilter."""
    matching: CustomerQuerySet = CustomerFilter(
        restored(saved.values), queryset=Customer.objects.visible_to(user), user=user
    ).qs
    return matching


def create(
    name: str,
    *,
    by: User,
    at: datetime,
    values: Values,
    is_shared: bool = False,
    columns: Sequence[str] = (),
    order: str = "",
) -> SavedFilter:
    """Keep filter values under a name. Raises InvalidFilter, NameTaken."""
    check_look(columns, order)
    saved = SavedFilter(
        name=name,
        owner=by,
        is_shared=is_shared,
        values=check(values, user=by),
        columns=list(columns),
        order=order,
        created_at=at,
        updated_at=at,
    )
    _write(saved, verb="savedfilter.added", by=by, at=at, fields=["name", "is_shared", "values", "columns", "order"])
    return saved


def change(
    saved: SavedFilter,
    *,
    by: User,
    at: datetime,
    name: str | None = None,
    values: Values | None = None,
    is_shared: bool | None = None,
    columns: Sequence[str] | None = None,
    order: str | None = None,
) -> None:
    """Change what is given. Raises MayNotChange, InvalidFilter, NameTaken."""
    _require_right(saved, by=by)
    check_look(columns or (), order or "")
    asked = {
        "name": name,
        "values": None if values is None else check(values, user=by),
        "is_shared": is_shared,
        "columns": None if columns is None else list(columns),
        "order": order,
    }
    changed = [field for field, value in asked.items() if value is not None and value != getattr(saved, field)]
    if changed:
        for field in changed:
            setattr(saved, field, asked[field])
        saved.updated_at = at
        _write(saved, verb="savedfilter.changed", by=by, at=at, fields=changed)


def delete(saved: SavedFilter, *, by: User, at: datetime) -> None:
    """Delete it; the lists that open with it open with all customers. Raises MayNotChange, StillUsed."""
    _require_right(saved, by=by)
    try:
        with transaction.atomic():
            audit.record("savedfilter.deleted", SavedFilter.objects.filter(pk=saved.pk), by=by, at=at)
            saved.delete()
    except ProtectedError as error:
        raise StillUsed(_("This view is still used, by a group or an audience. Change that first.")) from error


def open_with(saved: SavedFilter | None, *, by: User) -> None:
    """Let the customer list open with this view for `by`, or with all customers. Repeating is safe."""
    ListPreference.objects.update_or_create(user=by, defaults={"default_view": saved})


def choose_columns(columns: Sequence[str], *, by: User) -> None:
    """Let the customer list show these columns to `by`; none means the usual ones. Raises InvalidFilter."""
    check_look(columns, "")
    ListPreference.objects.update_or_create(user=by, defaults={"columns": list(columns)})


def _require_right(saved: SavedFilter, *, by: User) -> None:
    if not SavedFilter.objects.editable_by(by).filter(pk=saved.pk).exists():
        raise MayNotChange(_("Only its owner changes this view, and a lead where it is shared."))


def _write(saved: SavedFilter, *, verb: str, by: User, at: datetime, fields: list[str]) -> None:
    try:
        with transaction.atomic():
            saved.save()
            audit.record(verb, SavedFilter.objects.filter(pk=saved.pk), by=by, at=at, fields=fields)
    except IntegrityError as error:
        raise NameTaken(_("You already have a view of this name.")) from error
