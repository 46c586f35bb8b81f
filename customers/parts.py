"""What upper apps add to the customers app: one registry, filled in their `AppConfig.ready()`, read when URLs load.

Nothing here names an upper app. A part that needs a condition of an upper app brings it along as a callable.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeAlias

from django.http import HttpRequest, HttpResponseBase
from django.utils.safestring import SafeString

if TYPE_CHECKING:
    from django_filters import Filter
    from django_stubs_ext import StrOrPromise

    from .models import Customer, Product
    from .models.customer import CustomerQuerySet


Annotate: TypeAlias = "Callable[[CustomerQuerySet, HttpRequest, datetime], CustomerQuerySet]"


@dataclass(frozen=True)
class Badge:
    """What stands beside a customer's name on every page that shows it; `show(customer)` is empty where nothing does.

    `annotate(customers, request, at)` adds what `show` needs, in the query that fetches the rows of one page. Badges
    and columns that share it are annotated once.
    """

    name: str
    annotate: Annotate
    show: Callable[[Customer], SafeString | str]


@dataclass(frozen=True)
class ListColumn:
    """A column of the customer list. The one that is last stands at the right of every row, and on his own page."""

    name: str
    label: StrOrPromise
    annotate: Annotate
    show: Callable[[Customer, HttpRequest], SafeString | str]
    is_last: bool = False


@dataclass(frozen=True)
class BulkAction:
    """An entry of the action menu of the customer list; `run` answers with a page of its own, or nothing.

    Whoever lacks one of the permissions does not see it. `run` is called again when its page is posted.
    """

    name: str
    label: StrOrPromise
    permissions: tuple[str, ...]
    run: Callable[[HttpRequest, CustomerQuerySet], HttpResponseBase | None]


@dataclass(frozen=True)
class Box:
    """A box of the customer page, or of the card beside a chat window: a template and what it is filled with."""

    name: str
    template: str
    context: Callable[[Customer, HttpRequest, datetime], dict[str, Any]]


@dataclass(frozen=True)
class ProductAction:
    """A link in the last column of the product list; `url(product, request)` is empty where it does not apply."""

    name: str
    label: StrOrPromise
    url: Callable[[Product, HttpRequest], str]


@dataclass
class Parts:
    filters: dict[str, Callable[[], Filter]] = field(default_factory=dict)
    badges: list[Badge] = field(default_factory=list)
    list_columns: list[ListColumn] = field(default_factory=list)
    bulk_actions: list[BulkAction] = field(default_factory=list)
    boxes: list[Box] = field(default_factory=list)
    card_boxes: list[Box] = field(default_factory=list)
    product_actions: list[ProductAction] = field(default_factory=list)


parts = Parts()
