"""The race between an order and what the gate answers: after a ban has committed, no order of that buyer is accepted.

The same for a confirmed link, a watch, the end of an exemption, and the other way round for a lift.
"""

import threading
from decimal import Decimal

import pytest

from blocklist.models import Attempt, Exemption
from blocklist.services.bans import ban_purchase, lift_ban
from blocklist.services.exemptions import end_exemption
from blocklist.services.links import link_customers
from blocklist.services.watches import watch
from customers.gates import ALLOWED, PurchaseGate
from customers.identity import Identity
from customers.models import Order
from customers.services.orders import OrderFacts, take_order
from tests.factories import NOON, BanFactory, CustomerFactory, ExemptionFactory, SourceFactory, WatchFactory
from tests.parallel import Parallel

looked = threading.Event()
banned = threading.Event()


class PausingGate(PurchaseGate):
    """Stands behind the real gate and holds an allowed order up, until the ban is through or cannot get through."""

    def decide(self, question):
        looked.set()
        banned.wait(timeout=1)
        return ALLOWED


def ban(customer, agent, manager):
    ban_purchase(customer, type="other", by=agent.user, at=NOON)


def confirm(customer, agent, manager):
    banned_one = CustomerFactory()
    BanFactory(customer=banned_one)
    link_customers(customer, banned_one, by=manager, at=NOON, note="the same address and name")


def put_on_watch(customer, agent, manager):
    watch(customer, type="other", by=manager, at=NOON)


def end_the_exemption(customer, agent, manager):
    end_exemption(Exemption.objects.get(customer=customer), by=manager, at=NOON)


def lift(customer, agent, manager):
    lift_ban(customer, reason="paid", by=manager, at=NOON)


def exempted(customer):
    WatchFactory(customer=customer)
    ExemptionFactory(customer=customer)


def banned_before(customer):
    BanFactory(customer=customer)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("buyer", [{"nick": "xiaoming"}, {"phone": "13800138000"}])
@pytest.mark.parametrize(
    ("before", "change", "first", "second"),
    [
        (None, ban, "unpaid", "refused"),
        (None, confirm, "unpaid", "refused"),
        (None, put_on_watch, "unpaid", "held"),
        (exempted, end_the_exemption, "unpaid", "held"),
        (banned_before, lift, "refused", "unpaid"),
    ],
)
def test_order_under_way_is_decided_before_the_change_commits_and_the_next_one_by_it(
    settings, agent, manager, before, change, first, second, buyer
):
    settings.PURCHASE_GATES = ["blocklist.gates.BanGate", "tests.blocklist.test_gate_and_ban.PausingGate"]
    source = SourceFactory()
    customer = CustomerFactory(agent=agent, nick="xiaoming", phone="13800138000")
    if before:
        before(customer)
    looked.clear()
    banned.clear()
    happened = []

    def order(number):
        facts = OrderFacts(number=number, amount=Decimal(10), ordered_at=NOON)
        intake = take_order(facts, source=source, buyer=Identity(source_id=source.pk, **buyer), at=NOON)
        happened.append(intake.order.status if intake.order else "refused")

    def alter():
        looked.wait(timeout=10)
        change(customer, agent, manager)
        happened.append("changed")
        banned.set()

    with Parallel() as side:
        side.start(order, "1")
        side.start(alter)
    order("2")

    assert happened == [first, "changed", second]


@pytest.mark.django_db(transaction=True)
def test_orders_in_a_crowd_are_never_accepted_after_the_ban_committed(agent):
    source = SourceFactory()
    customer = CustomerFactory(agent=agent, phone="13800138000")
    committed = threading.Event()
    started_after_ban, accepted_after_ban = [], []

    def buy(worker):
        for count in range(15):
            late = committed.is_set()
            facts = OrderFacts(number=f"{worker}-{count}", amount=Decimal(10), ordered_at=NOON)
            intake = take_order(
                facts, source=source, buyer=Identity(source_id=source.pk, phone="+86 138 0013 8000"), at=NOON
            )
            if late:
                started_after_ban.append(facts.number)
                if intake.order:
                    accepted_after_ban.append(facts.number)

    def ban():
        ban_purchase(customer, type="other", by=agent.user, at=NOON)
        committed.set()

    with Parallel() as side:
        for worker in range(4):
            side.start(buy, worker)
        side.start(ban)

    assert accepted_after_ban == []
    assert Order.objects.count() + Attempt.objects.count() == 60


@pytest.mark.django_db(transaction=True)
def test_same_number_posted_in_parallel_is_recorded_once():
    source = SourceFactory()
    outcomes = []

    def order():
        facts = OrderFacts(number="7", amount=Decimal(10), ordered_at=NOON)
        intake = take_order(facts, source=source, buyer=Identity(source_id=source.pk, nick="xiaohong"), at=NOON)
        outcomes.append((intake.order.number, intake.created))

    with Parallel() as side:
        for _ in range(6):
            side.start(order)

    assert sorted(outcomes) == [("7", False)] * 5 + [("7", True)]
    assert Order.objects.count() == 1
