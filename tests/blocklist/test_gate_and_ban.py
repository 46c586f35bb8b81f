"""The race between an order and a ban: after a ban has committed, no order of that buyer is accepted."""

import threading
from decimal import Decimal

import pytest

from blocklist.models import Attempt
from blocklist.services.bans import ban_purchase
from customers.gates import ALLOWED, PurchaseGate
from customers.identity import Identity
from customers.models import Order
from customers.services.orders import OrderFacts, take_order
from tests.factories import NOON, CustomerFactory, SourceFactory
from tests.parallel import Parallel

looked = threading.Event()
banned = threading.Event()


class PausingGate(PurchaseGate):
    """Stands behind the real gate and holds an allowed order up, until the ban is through or cannot get through."""

    def decide(self, question):
        looked.set()
        banned.wait(timeout=1)
        return ALLOWED


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("buyer", [{"nick": "xiaoming"}, {"phone": "13800138000"}])
def test_order_that_looked_before_the_ban_is_recorded_before_the_ban_commits(settings, agent, buyer):
    settings.PURCHASE_GATES = ["blocklist.gates.BanGate", "tests.blocklist.test_gate_and_ban.PausingGate"]
    source = SourceFactory()
    customer = CustomerFactory(agent=agent, nick="xiaoming", phone="13800138000")
    looked.clear()
    banned.clear()
    happened = []

    def order(number):
        facts = OrderFacts(number=number, amount=Decimal(10), ordered_at=NOON)
        intake = take_order(facts, source=source, buyer=Identity(source_id=source.pk, **buyer), at=NOON)
        happened.append("accepted" if intake.order else "refused")

    def ban():
        looked.wait(timeout=10)
        ban_purchase(customer, type="other", by=agent.user, at=NOON)
        happened.append("banned")
        banned.set()

    with Parallel() as side:
        side.start(order, "1")
        side.start(ban)
    order("2")

    assert happened == ["accepted", "banned", "refused"]
    assert list(Order.objects.values_list("number", flat=True)) == ["1"]
    assert list(Attempt.objects.values_list("order_number", flat=True)) == ["2"]


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
