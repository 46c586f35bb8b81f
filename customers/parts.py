"""What upper apps add to the customers app: one registry, filled in their `AppConfig.ready()`, read when URLs load.

Nothing here names an upper app. A part that needs a condition of an upper app brings it along as a callable.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeAlias

from django.http import HttpRequest
from django.utils.safestring import SafeString

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django_filters import Filter
    from django_stubs_ext import StrOrPromise

    from .admin.bulk_forms import BulkForm
    from .models import Customer, Product, User
    from .models.customer import CustomerQuerySet
    from .services.jobs import CustomersKind, JobKind


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
    """An entry of the action menu of the customer list: its page asks by the form, then starts a job of the kind.

    Whoever lacks one of the permissions does not see it. `template` shows the fields where plain ones do not suffice.
    """

    kind: type[CustomersKind]
    form: type[BulkForm]
    permissions: tuple[str, ...]
    template: str = "admin/customers/bulk/fields.html"
    is_danger: bool = False


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


@dataclass(frozen=True)
class NotificationKind:
    """A kind of news at the bell: what it is called in the preferences, and how its parameters are told.

    `tell(parameters)` is called when somebody looks, so it speaks his language. What is `is_personal` concerns nobody
    but him, so no group is told of it.
    """

    name: str
    label: StrOrPromise
    tell: Callable[[Mapping[str, Any]], str]
    is_personal: bool = False


@dataclass(frozen=True)
class TimelineSource:
    """One kind of entries of a customer's timeline.

    `rows(customers, user)` is a queryset of one app's rows with the annotations `timeline_at` (when) and
    `timeline_id` (its key), already narrowed to what the user may see; `show(ids, request)` makes the entries of one
    page of them, by their keys.
    """

    name: str
    label: StrOrPromise
    rows: Callable[[CustomerQuerySet, User], QuerySet[Any]]
    show: Callable[[list[int], HttpRequest], dict[int, TimelineEntry]]


@dataclass(frozen=True)
class TimelineEntry:
    """What a timeline shows of one thing that happened: one line, perhaps a second one, and where it leads."""

    title: StrOrPromise
    text: StrOrPromise = ""
    by: str = ""
    url: str = ""
    tone: str = ""


@dataclass(frozen=True)
class Reason:
    """One reason why a customer cannot, or can, be messaged or buy now. `code` is stable, for REST clients."""

    code: str
    sentence: StrOrPromise
    by: str = ""
    at: datetime | None = None


@dataclass(frozen=True)
class Contactability:
    """One question of the box "can this customer be messaged, can he buy now?": the reasons against, empty for yes."""

    name: str
    label: StrOrPromise
    reasons: Callable[[Customer, datetime], list[Reason]]


@dataclass(frozen=True)
class MergePart:
    """Rows of one kind that become those of the kept customer when another one is merged into him.

    `rows(customer)` is a queryset of his rows, and `column` their foreign key to him. `fold(kept, merged, by, at)`
    comes first, in the same transaction: of two rows that cannot both be the kept customer's it ends or deletes the
    weaker.
    """

    name: str
    label: StrOrPromise
    rows: Callable[[Customer], QuerySet[Any]]
    column: str = "customer"
    fold: Callable[[Customer, Customer, User, datetime], None] | None = None


@dataclass(frozen=True)
class LevelHold:
    """Customers whose level no trade figures raise, and why: `of(customers, at)` are those of the customers."""

    name: str
    label: StrOrPromise
    of: Callable[[CustomerQuerySet, datetime], CustomerQuerySet]


@dataclass
class Parts:
    filters: dict[str, Callable[[], Filter]] = field(default_factory=dict)
    badges: list[Badge] = field(default_factory=list)
    list_columns: list[ListColumn] = field(default_factory=list)
    bulk_actions: list[BulkAction] = field(default_factory=list)
    boxes: list[Box] = field(default_factory=list)
    card_boxes: list[Box] = field(default_factory=list)
    product_actions: list[ProductAction] = field(default_factory=list)
    job_kinds: dict[str, type[JobKind]] = field(default_factory=dict)
    notification_kinds: dict[str, NotificationKind] = field(default_factory=dict)
    timeline: list[TimelineSource] = field(default_factory=list)
    contactability: list[Contactability] = field(default_factory=list)
    merge_parts: list[MergePart] = field(default_factory=list)
    level_holds: list[LevelHold] = field(default_factory=list)


parts = Parts()
