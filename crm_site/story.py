"""The main job played on the Olist shop: bind everybody, ban 50 bad reviewers, announce a product, read the ledger."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.contrib.auth.models import Group as Role
from django.db.models import Count, Max
from django.utils import timezone

from blocklist.models import Ban, banned
from blocklist.services.bans import BulkReport, ban_purchases
from customers.bulk import in_batches
from customers.models import Agent, Customer, Product, User
from customers.services.bindings import bind
from messaging.models import Broadcast, InboxMessage
from messaging.services.broadcasts import Ledger, Preview, ledger, preview, save_draft, send
from messaging.services.work import work
from messaging.signals import WorkKind

from .demo import share
from .roles import AGENT, MANAGER

if TYPE_CHECKING:
    from customers.models.customer import CustomerQuerySet

AGENTS = ("story-ana", "story-bruno", "story-clara")
BANS = 50


def cast() -> tuple[User, list[Agent]]:
    """The manager and the three agents of the story; they cannot sign in. Repeating is safe."""
    manager = _player("story-manager", MANAGER)
    agents = [
        Agent.objects.get_or_create(user=_player(login, AGENT), defaults={"display_name": login})[0] for login in AGENTS
    ]
    return manager, agents


def _player(login: str, role: str) -> User:
    user, created = User.objects.get_or_create(username=login, defaults={"is_staff": True})
    if created:
        user.set_unusable_password()
        user.save(update_fields=["password"])
        user.groups.add(Role.objects.get(name=role))
    return user


def bind_everybody(agents: list[Agent], *, by: User, at: datetime) -> int:
    """Share all customers without an agent evenly among the agents; return how many."""
    bound = 0
    for stretch in in_batches(Customer.objects.unbound()):
        for part, agent in enumerate(agents):
            bound += bind(share(stretch, part, len(agents)), agent=agent, by=by, at=at, reason="story")
    return bound


def worst_reviewers() -> CustomerQuerySet:
    """Fifty of the buyers who only ever gave one star, those with the most reviews first."""
    only_one_star = Customer.objects.annotate(best=Max("reviews__score"), reviews_given=Count("reviews")).filter(best=1)
    chosen = only_one_star.order_by("-reviews_given", "pk").values_list("pk", flat=True)[:BANS]
    return Customer.objects.filter(pk__in=list(chosen))


def ban_them(customers: CustomerQuerySet, agents: list[Agent], *, at: datetime) -> list[BulkReport]:
    """Each agent chooses "ban purchase" for all fifty; the rule lets him ban his own."""
    return [
        ban_purchases(customers, type=Ban.Type.BAD_REVIEWER, by=agent.user, at=at, note="story") for agent in agents
    ]


def announce(*, by: User, at: datetime) -> tuple[Broadcast, Preview]:
    """Mark a product as new and start its broadcast to all bound customers."""
    product = Product.objects.order_by("pk")[0]
    product.is_new = True
    product.save(update_fields=["is_new"])
    broadcast = Broadcast(product=product, channel="inbox", subject="New: {product}", body="{nick}, it has arrived.")
    save_draft(broadcast, by=by, at=at)
    foretold = preview(broadcast, at=at)
    send(broadcast, by=by, at=at)
    return broadcast, foretold


@dataclass(frozen=True)
class Ending:
    """What the ledger says at the end."""

    audience: int
    ledger: Ledger
    planning: timedelta
    sending: timedelta
    messages_to_banned: int

    @property
    def holds(self) -> bool:
        return self.ledger.total == self.audience and self.messages_to_banned == 0


def deliver(broadcast: Broadcast, customers: CustomerQuerySet, *, tick: Callable[[], None]) -> Ending:
    """Plan and send as the workers do, calling `tick` every half second of work."""
    started = timezone.now()
    for kind in (WorkKind.PLAN, WorkKind.SEND):
        while work(kind, clock=timezone.now, stretch=timedelta(seconds=0.5)):
            tick()
        if kind == WorkKind.PLAN:
            planned = timezone.now()
    return Ending(
        audience=broadcast.customers().count(),
        ledger=ledger(broadcast),
        planning=planned - started,
        sending=timezone.now() - planned,
        messages_to_banned=InboxMessage.objects.filter(
            broadcast=broadcast, customer__in=banned(customers, at=timezone.now())
        ).count(),
    )
