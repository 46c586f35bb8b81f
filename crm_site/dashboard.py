"""The home page: today's numbers for the signed-in member of the staff, each a link to its rows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from django.db.models import Count, Q, Sum
from django.db.models.functions import Round
from django.http import HttpRequest
from django.urls import reverse
from django.utils import formats, timezone
from django.utils.translation import gettext as _

from blocklist.models import Attempt, Ban, banned
from customers.admin.cells import money, staff_name
from customers.admin.staff import signed_in
from customers.models import Agent, Customer, Inquiry, Order, Product, User
from messaging.models import Broadcast, unannounced
from messaging.rendering import title
from messaging.services.broadcasts import may_announce

if TYPE_CHECKING:
    from customers.models.customer import CustomerQuerySet

SHOWN = 5
AGENTS, BANS, ATTEMPTS, BROADCASTS = "customers_agent", "blocklist_ban", "blocklist_attempt", "messaging_broadcast"
CUSTOMERS, INQUIRIES, ORDERS = "customers_customer", "customers_inquiry", "customers_order"


@dataclass(frozen=True)
class Card:
    """A number and the rows that it counts. `tone` is a colour of the skin."""

    label: str
    count: int
    url: str
    tone: str = "plain"
    note: str = ""

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


@dataclass(frozen=True)
class AgentLine:
    """An agent, and how many inquiries run with him."""

    name: str
    status: str
    label: str
    running: int
    url: str


def dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Fill the home page; the skin calls it."""
    user, at = signed_in(request), timezone.now()
    agent = getattr(user, "agent", None)
    agents = _agents(user)
    own = _own_cards(user, agent, at=at) if agent else []
    shop = _shop_cards(user, at=at)
    totals = {card.label: card.count for card in [*own, *shop]}
    return {
        **context,
        "title": _("Home"),
        "greeting": _greeting(user, agent, at=at),
        "cards": [*own, *_lead_cards(user, agents, at=at), *shop],
        "has_no_customers": (totals.get(_("customers")) if shop else totals.get(_("my customers"))) == 0,
        "is_agent": agent is not None and not shop,
        "agents": agents,
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


def _own_cards(user: User, agent: Agent, *, at: datetime) -> list[Card]:
    """What an agent has before him."""
    here, midnight = {"agent__id__exact": agent.pk}, _midnight(at)
    cards = []
    if user.has_perm("customers.view_inquiry"):
        state = Inquiry.State
        new, running = Count("pk", filter=Q(state=state.NEW)), Count("pk", filter=Q(state=state.OPEN))
        mine = Inquiry.objects.filter(agent=agent).aggregate(new=new, open=running)
        cards += [
            Card(_("my new inquiries"), mine["new"], _list(INQUIRIES, state__exact="new", **here), "warning"),
            Card(_("my open inquiries"), mine["open"], _list(INQUIRIES, state__exact="open", **here)),
        ]
    if user.has_perm("customers.view_customer"):
        own = _counts(Customer.objects.served_by(user), new=Customer.objects.bound_since(midnight), at=at)
        cards += [
            Card(_("my customers"), own["all"], _list(CUSTOMERS, agent=agent.pk)),
            Card(_("of them banned now"), own["banned"], _list(CUSTOMERS, agent=agent.pk, banned="true"), "danger"),
            Card(
                _("my new customers today"),
                own["new"],
                _list(CUSTOMERS, agent=agent.pk, bound_from=midnight.isoformat()),
                "success",
            ),
        ]
    if user.has_perm("messaging.view_broadcast"):
        count = Broadcast.objects.filter(by=user).count()
        cards.append(Card(_("my broadcasts"), count, _list(BROADCASTS, by__id__exact=user.pk)))
    return cards


def _lead_cards(user: User, agents: list[AgentLine], *, at: datetime) -> list[Card]:
    """What must not be left lying: who waits, and who could serve them."""
    if not user.has_perm("customers.answer_any_inquiry"):
        return []
    waiting = Inquiry.objects.waiting().count()
    online = sum(line.status == Agent.Status.ONLINE for line in agents)
    return [
        Card(_("waiting inquiries"), waiting, _list(INQUIRIES, state__exact="waiting"), "danger"),
        Card(_("agents online"), online, _list(AGENTS, status__exact="online", is_active__exact=1), "success"),
        *([] if user.has_perm("customers.view_shop_figures") else _refused_cards(user, at=at)),
    ]


def _shop_cards(user: User, *, at: datetime) -> list[Card]:
    """The whole shop, since midnight in its zone."""
    if not user.has_perm("customers.view_shop_figures"):
        return []
    midnight = _midnight(at)
    today = midnight.isoformat()
    shop = _counts(Customer.objects.all(), new=Customer.objects.filter(registered_at__gte=midnight), at=at)
    orders = Order.objects.filter(ordered_at__gte=midnight).count()
    bans = Ban.objects.filter(started_at__gte=midnight).count()
    moving = Broadcast.objects.moving().count()
    return [
        Card(_("orders today"), orders, _list(ORDERS, ordered_at__gte=today)),
        Card(_("customers"), shop["all"], _list(CUSTOMERS)),
        Card(_("new customers today"), shop["new"], _list(CUSTOMERS, registered_from=today), "success"),
        Card(_("banned now"), shop["banned"], _list(CUSTOMERS, banned="true"), "danger"),
        Card(_("bans today"), bans, _list(BANS, started_at__gte=today), "danger"),
        *_refused_cards(user, at=at),
        Card(_("broadcasts under way"), moving, _list(BROADCASTS, state__in="planning,sending")),
    ]


def _refused_cards(user: User, *, at: datetime) -> list[Card]:
    if not user.has_perm("blocklist.view_attempt"):
        return []
    midnight, outcome = _midnight(at), Attempt.Outcome.REFUSED
    refused = Attempt.objects.filter(at__gte=midnight, outcome=outcome).aggregate(
        count=Count("pk"), value=Round(Sum("amount"), 2)
    )
    url = _list(ATTEMPTS, at__gte=midnight.isoformat(), outcome__exact=outcome.value)
    worth = _("worth %(amount)s") % {"amount": money(refused["value"])} if refused["value"] else ""
    return [Card(_("refused attempts today"), refused["count"], url, "warning", worth)]


def _counts(customers: CustomerQuerySet, *, new: CustomerQuerySet, at: datetime) -> dict[str, int]:
    """How many there are, how many of them are banned, and how many are among the new; in one query."""
    standing = Q(pk__in=banned(Customer.objects.all(), at=at).values("pk"))
    among_new = Q(pk__in=new.values("pk"))
    return customers.aggregate(all=Count("pk"), banned=Count("pk", filter=standing), new=Count("pk", filter=among_new))


def _midnight(at: datetime) -> datetime:
    """When today began in the shop's zone."""
    return timezone.localtime(at).replace(hour=0, minute=0, second=0, microsecond=0)


def _agents(user: User) -> list[AgentLine]:
    """Who takes customers, those online first, with what runs with each."""
    if not user.has_perm("customers.answer_any_inquiry"):
        return []
    order = {status: place for place, status in enumerate(Agent.Status.values)}
    agents: Any = Agent.objects.filter(is_active=True).with_running_inquiries().order_by("display_name", "pk")
    lines = [
        AgentLine(
            name=str(agent),
            status=agent.status,
            label=agent.get_status_display(),
            running=agent.running_count,
            url=_list(INQUIRIES, agent__id__exact=agent.pk, state__in="new,open"),
        )
        for agent in agents
    ]
    return sorted(lines, key=lambda line: order[line.status])


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
