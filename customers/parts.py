"""What upper apps add to the customers app: one registry, filled in their `AppConfig.ready()`, read when URLs load.

Nothing here names an upper app. A part that needs a condition of an upper app brings it along as a callable.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.http import HttpRequest, HttpResponseBase
from django.utils.safestring import SafeString

if TYPE_CHECKING:
    from django_filters import Filter

    from .models import Customer
    from .models.customer import CustomerQuerySet


@dataclass(frozen=True)
class ListColumn:
    """A column of the customer list.

    `annotate(customers, request, at)` adds what `show(customer, request)` needs, in the list's own query.
    """

    name: str
    label: str
    annotate: Callable[[CustomerQuerySet, HttpRequest, datetime], CustomerQuerySet]
    show: Callable[[Customer, HttpRequest], SafeString | str]
    is_last: bool = False


@dataclass(frozen=True)
class BulkAction:
    """An entry of the action menu of the customer list; `run` answers with a page of its own, or nothing."""

    name: str
    label: str
    permissions: tuple[str, ...]
    run: Callable[[HttpRequest, CustomerQuerySet], HttpResponseBase | None]


@dataclass(frozen=True)
class Box:
    """A box of the customer page: a template and what it is filled with."""

    name: str
    template: str
    context: Callable[[Customer, HttpRequest, datetime], dict[str, Any]]


@dataclass
class Parts:
    filters: dict[str, Callable[[], Filter]] = field(default_factory=dict)
    list_columns: list[ListColumn] = field(default_factory=list)
    bulk_actions: list[BulkAction] = field(default_factory=list)
    boxes: list[Box] = field(default_factory=list)


parts = Parts()
