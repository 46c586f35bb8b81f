"""The home page: today's numbers for the signed-in member of the staff, each a link to its rows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from django.db.models import Count, Q
from django.http import HttpRequest
from django.urls import reverse
from django.utils import formats, timezone
from django.utils.translation import gettext as _

from blocklist.models import Attempt, banned
from customers.admin.cells import staff_name
from customers.admin.staff import signed_in
from customers.models import Agent, Customer, Order, Product, User
from messaging.models import Broadcast, unannounced
from messaging.rendering import title
from messaging.services.broadcasts import may_announce

if TYPE_CHECKING:
    from customers.models.customer import CustomerQuerySet

SHOWN = 5


@dataclass(frozen=True)
class Card:
    """A number and the rows that it counts. `tone` is a colour of the skin."""

    label: str
    count: int
    url: str
    tone: str = "plain"

    @property
    def text(self) -> str:
        return formats.number_format(self.count, force_grouping=True)


@dataclass(frozen=True)
class Running:
    """A broadcast under way: `done` of the `total` customers planned so far have their result."""

    title: str
    url: str
    state: str
    done: int
    total: int


def dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Fill the home page; the skin calls it."""
    user, at = signed_in(request), timezone.now()
    agent = Agent.objects.filter(user=user).first()
    customers = _customer_cards(user, agent, at=at)
    return {
        **context,
        "title": _("Home"),
        "greeting": _greeting(user, agent, at=at),
        "cards": [*customers, *_today_cards(user, at=at)],
        "has_no_customers": bool(customers) and customers[0].count == 0,
        "is_agent": agent is not None,
        "new_products": _new_products(user),
        "running": _running(user),
    }


def _greeting(user: User, agent: Agent | None, *, at: datetime) -> str:
    hour = timezone.localtime(at).hour
    name = {"name": agent.display_name if agent else staff_name(user)}
    if hour < 12:
        return _("Good morning, %(name)s") % name
    if hour < 18:
        return _("Good afternoon, %(name)s") % name
    return _("Good evening, %(name)s") % name


def _list(model: str, **lookups: str | int) -> str:
    address = reverse(f"admin:{model}_changelist")
    return f"{address}?{urlencode(lookups)}" if lookups else address


def _customer_cards(user: User, agent: Agent | None, *, at: datetime) -> list[Card]:
    """An agent's own customers, everybody else's whole shop; in one query."""
    if not user.has_perm("customers.view_customer"):
        return []
    standing = Q(pk__in=banned(Customer.objects.all(), at=at).values("pk"))
    if agent is not None:
        own = _counts(Customer.objects.served_by(user), standing)
        here = {"agent": agent.pk}
        return [
            Card(_("my customers"), own["all"], _list("customers_customer", **here)),
            Card(_("of them banned now"), own["banned"], _list("customers_customer", banned="true", **here), "danger"),
        ]
    shop = _counts(Customer.objects.all(), standing)
    return [
        Card(_("customers"), shop["all"], _list("customers_customer")),
        Card(_("of them banned now"), shop["banned"], _list("customers_customer", banned="true"), "danger"),
    ]


def _counts(customers: CustomerQuerySet, standing: Q) -> dict[str, int]:
    return customers.aggregate(all=Count("pk"), banned=Count("pk", filter=standing))


def _today_cards(user: User, *, at: datetime) -> list[Card]:
    """What came in since midnight in the shop's zone."""
    midnight = timezone.localtime(at).replace(hour=0, minute=0, second=0, microsecond=0)
    cards = []
    if user.has_perm("customers.view_order"):
        count = Order.objects.filter(ordered_at__gte=midnight).count()
        cards.append(Card(_("orders today"), count, _list("customers_order", ordered_at__gte=midnight.isoformat())))
    if user.has_perm("blocklist.view_attempt"):
        refused = Attempt.objects.filter(at__gte=midnight, outcome=Attempt.Outcome.REFUSED).count()
        rows = {"at__gte": midnight.isoformat(), "outcome__exact": Attempt.Outcome.REFUSED.value}
        cards.append(Card(_("refused attempts today"), refused, _list("blocklist_attempt", **rows), "warning"))
    return cards


def _new_products(user: User) -> list[tuple[Product, str]]:
    """New products that nobody has announced yet, the newest first, each with the address that announces it."""
    if not (user.has_perm("customers.view_product") and may_announce(user)):
        return []
    products = unannounced(Product.objects.new()).order_by("-pk")[:SHOWN]
    announce = reverse("admin:messaging_broadcast_add")
    return [(product, f"{announce}?{urlencode({'product': product.pk})}") for product in products]


def _running(user: User) -> list[Running]:
    if not user.has_perm("messaging.view_broadcast"):
        return []
    broadcasts: Any = Broadcast.objects.moving().with_counts().select_related("product").order_by("-pk")[:SHOWN]
    return [_progress_of(broadcast) for broadcast in broadcasts]


def _progress_of(broadcast: Any) -> Running:
    done = broadcast.sent_count + broadcast.excluded_count + broadcast.failed_count
    return Running(
        title=title(broadcast),
        url=broadcast.get_absolute_url(),
        state=broadcast.get_state_display(),
        done=done,
        total=done + broadcast.waiting_count,
    )
