"""What upper apps add to the customers app: one registry, filled in their `AppConfig.ready()`, read when URLs load.

Nothing here names an upper app. A part that needs a condition of an upper app brings it along as a callable.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
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
    from .gates import Decision
    from .models import ApiKey, Customer, Inquiry, Job, Product, User
    from .models.customer import CustomerQuerySet
    from .services.customer_jobs import CustomersKind
    from .services.jobs import JobKind
    from .services.sheets import Cell


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
    # Where it leads, if the name that it stands beside is no link itself.
    url: Callable[[Customer], str] | None = None
    # The same in a line of its own, with a link, for pages about him, an order, a message or a review of his.
    tell: Callable[[Customer], SafeString | str] | None = None
    # What marks what he wrote, such as a review.
    mark: Callable[[Customer], SafeString | str] | None = None


@dataclass(frozen=True)
class ListColumn:
    """A column of the customer list. The one that is last stands at the right of every row, and on his own page.

    Beside a conversation with him `show_in_talk(customer, request, inquiry)` stands there instead, where there is one.
    """

    name: str
    label: StrOrPromise
    annotate: Annotate
    show: Callable[[Customer, HttpRequest], SafeString | str]
    is_last: bool = False
    show_in_talk: Callable[[Customer, HttpRequest, Inquiry], SafeString | str] | None = None


@dataclass(frozen=True)
class ExportColumn:
    """A column of the customers' export. `annotate(customers, at)` adds what `value` needs, for a stretch of rows.

    A text is made safe and a moment is told in the shop's zone by the file that it is written into.
    """

    name: str
    label: StrOrPromise
    value: Callable[[Any], Cell]
    annotate: Callable[[CustomerQuerySet, datetime], CustomerQuerySet] | None = None


@dataclass(frozen=True)
class BulkAction:
    """An entry of the action menu of the customer list: its page asks by the form, then starts a job of the kind.

    Whoever lacks one of the permissions does not see it. `template` shows the fields where plain ones do not suffice.
    `instead` is what its page offers for the same customers where some would be refused.
    """

    kind: type[CustomersKind]
    form: type[BulkForm]
    permissions: tuple[str, ...]
    template: str = "admin/customers/bulk/fields.html"
    is_danger: bool = False
    instead: type[CustomersKind] | None = None


@dataclass(frozen=True)
class Box:
    """A box of the customer page, or of the card beside a chat window: a template and what it is filled with."""

    name: str
    template: str
    context: Callable[[Customer, HttpRequest, datetime], dict[str, Any]]


@dataclass(frozen=True)
class JobBox:
    """A box of a job's page; `context(job, request, at)` is None where it does not apply."""

    name: str
    template: str
    context: Callable[[Job, HttpRequest, datetime], dict[str, Any] | None]


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
class Viewer:
    """Who looks at a customer: a staff user, a key, or a key that acts as one. What one may not see is left out.

    A key sees what its scopes allow, and of orders, reviews and attempts those of its own source.
    """

    user: User | None
    key: ApiKey | None = None

    def may_see(self, permission: str, scope: str) -> bool:
        if self.key is not None and scope not in self.key.scopes:
            return False
        return self.user is None or self.user.has_perm(permission)

    def own_source(self) -> dict[str, int]:
        """The condition on rows that belong to a source."""
        return {} if self.key is None else {"source": self.key.source_id}


@dataclass(frozen=True)
class TimelineSource:
    """One sort of entries of a customer's timeline. One filters by `kind`, which several sources may share.

    Whoever lacks the permission, or his key the scope, does not see it. `rows(customer, viewer, at)` is a queryset of
    one app's rows with the annotation `timeline_at` (when it happened: no such time, no entry); what is in it the
    viewer may see. `show(ids)` makes the entries of those rows that stand on one page, in one query.
    """

    name: str
    kind: str
    label: StrOrPromise
    icon: str
    permission: str
    scope: str
    rows: Callable[[Customer, Viewer, datetime], QuerySet[Any]]
    show: Callable[[Collection[int]], Mapping[int, TimelineEntry]]


@dataclass(frozen=True)
class TimelineEntry:
    """What a timeline shows of one thing that happened: one line, perhaps a second one, who did it, where it leads.

    `tone` is success, warning or danger, and only repeats in colour what the text says.
    """

    title: StrOrPromise
    text: StrOrPromise = ""
    by: str = ""
    url: str = ""
    tone: str = ""


@dataclass(frozen=True)
class Reason:
    """One reason why a customer cannot be messaged, or cannot buy. `code` is stable, for REST clients.

    `url` is the page of the panel that tells more.
    """

    code: str
    sentence: StrOrPromise
    by: str = ""
    at: datetime | None = None
    url: str = ""


@dataclass(frozen=True)
class Answer:
    """Whether a customer can be messaged on a channel, or buy, at that moment: yes where no reason is against it.

    `is_review`: neither yes nor no, since a person decides first.
    """

    question: str
    label: StrOrPromise
    reasons: list[Reason]
    is_review: bool = False

    @property
    def is_yes(self) -> bool:
        return not self.reasons


@dataclass(frozen=True)
class Contactability:
    """What an app answers in the box "can this customer be messaged, can he buy now?", in a fixed number of queries.

    `answers(customer, seen, at)`: of others than those seen by whoever asks, nothing but the rule is told.
    """

    name: str
    answers: Callable[[Customer, CustomerQuerySet, datetime], list[Answer]]


@dataclass(frozen=True)
class DecisionPart:
    """What an app tells the staff about a decision of the purchase gate: the entries behind it that the user sees."""

    name: str
    reasons: Callable[[Decision, User], list[Reason]]


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


@dataclass(frozen=True)
class HoldEntry:
    """What made an order wait for review, such as the ban that hit, in words, with the page of it."""

    text: StrOrPromise
    url: str


@dataclass(frozen=True)
class CustomerCount:
    """A number to know of customers before something is done to all of them, such as how many are banned."""

    name: str
    label: StrOrPromise
    count: Callable[[CustomerQuerySet, datetime], int]


@dataclass
class Parts:
    filters: dict[str, Callable[[], Filter]] = field(default_factory=dict)
    badges: list[Badge] = field(default_factory=list)
    list_columns: list[ListColumn] = field(default_factory=list)
    bulk_actions: list[BulkAction] = field(default_factory=list)
    export_columns: list[ExportColumn] = field(default_factory=list)
    boxes: list[Box] = field(default_factory=list)
    card_boxes: list[Box] = field(default_factory=list)
    job_boxes: list[JobBox] = field(default_factory=list)
    product_actions: list[ProductAction] = field(default_factory=list)
    job_kinds: dict[str, type[JobKind]] = field(default_factory=dict)
    notification_kinds: dict[str, NotificationKind] = field(default_factory=dict)
    timeline: list[TimelineSource] = field(default_factory=list)
    # What the verbs of audit events are called in a timeline; a verb that is not here is told as it stands.
    event_labels: dict[str, StrOrPromise] = field(default_factory=dict)
    contactability: list[Contactability] = field(default_factory=list)
    decisions: list[DecisionPart] = field(default_factory=list)
    merge_parts: list[MergePart] = field(default_factory=list)
    level_holds: list[LevelHold] = field(default_factory=list)
    # Why orders are held: the rest of a sentence about one, by the code of its hold.
    hold_reasons: dict[str, StrOrPromise] = field(default_factory=dict)
    # Finds the entries that hit, by id of the hold, for those holds that it knows, in one query.
    hold_entries: list[Callable[[Collection[int]], Mapping[int, HoldEntry]]] = field(default_factory=list)
    customer_counts: list[CustomerCount] = field(default_factory=list)


parts = Parts()
