"""Orders that wait for a person's review: held, released, closed, and left to themselves."""

import threading
from datetime import timedelta
from decimal import Decimal

import pytest
from django.core.exceptions import ValidationError

from customers.gates import Decision, Outcome, PurchaseGate
from customers.identity import Identity
from customers.models import Customer, Deputyship, Event, EventRow, Notification, Order, OrderHold, Refund
from customers.services import notifications, order_holds
from customers.services.orders import OrderFacts, take_order, update_order, update_orders, would_change
from tests.factories import (
    NOON,
    CustomerFactory,
    HeldOrderFactory,
    InquiryFactory,
    OrderFactory,
    SourceFactory,
)
from tests.parallel import Parallel

pytestmark = pytest.mark.django_db
LATER = NOON + timedelta(hours=1)


class ReviewGate(PurchaseGate):
    """Wants a person to look at every order."""

    def decide(self, question):
        return Decision(outcome=Outcome.REVIEW, code="address")


@pytest.fixture
def reviewing(settings):
    settings.PURCHASE_GATES = [f"{__name__}.ReviewGate"]


@pytest.fixture
def customer(agent):
    return CustomerFactory(agent=agent)


@pytest.fixture
def held(customer):
    return HeldOrderFactory(customer=customer, number="A1")


def hold_of(order):
    return OrderHold.objects.values_list("code", "status_before", "outcome", "decided_by", "reason").get(order=order)


def news():
    return [(row.user.username, notifications.sentence(row)) for row in Notification.objects.order_by("pk")]


def verbs():
    rows = EventRow.objects.filter(model="customers.order").order_by("pk")
    return list(rows.values_list("event__verb", "row_id", "event__by"))


# Held ---------------------------------------------------------------------------------------------------------------


def test_unpaid_and_paid_orders_are_held_and_others_left_alone(customer, manager):
    orders = [OrderFactory(customer=customer, status=status) for status in ("unpaid", "paid", "sent", "done", "closed")]

    count = order_holds.hold_orders(Order.objects.all(), code="banned", by=manager, at=NOON)

    assert count == 2
    statuses = list(Order.objects.order_by("pk").values_list("status", flat=True))
    assert statuses == ["held", "held", "sent", "done", "closed"]
    holds = OrderHold.objects.order_by("pk").values_list("order", "code", "status_before", "held_by", "held_at")
    assert list(holds) == [
        (orders[0].pk, "banned", "unpaid", manager.pk, NOON),
        (orders[1].pk, "banned", "paid", manager.pk, NOON),
    ]
    assert set(verbs()) == {("order.held", orders[0].pk, manager.pk), ("order.held", orders[1].pk, manager.pk)}


def test_holding_twice_changes_nothing(customer, manager):
    OrderFactory(customer=customer)
    order_holds.hold_orders(Order.objects.all(), code="banned", by=manager, at=NOON)

    assert order_holds.hold_orders(Order.objects.all(), code="other", by=manager, at=LATER) == 0
    assert (OrderHold.objects.get().code, Event.objects.count()) == ("banned", 1)


def test_holding_costs_as_many_statements_for_many_as_for_one(customer, manager, count_queries):
    def hold(count):
        OrderFactory.create_batch(count, customer=customer)
        return count_queries(lambda: order_holds.hold_orders(Order.objects.all(), code="banned", by=manager, at=NOON))

    assert hold(2) == hold(4)


def test_reviewed_order_is_recorded_as_held_with_what_was_told_of_it(reviewing, agent):
    CustomerFactory(agent=agent, nick="xiaohong")
    source = SourceFactory()
    facts = OrderFacts(number="A1", amount=Decimal("10.00"), ordered_at=NOON, status="paid")

    intake = take_order(facts, source=source, buyer=Identity(source_id=source.pk, nick="xiaohong"), at=NOON)
    again = take_order(facts, source=source, buyer=Identity(source_id=source.pk, nick="xiaohong"), at=LATER)

    assert (intake.created, intake.order.status) == (True, "held")
    assert (again.created, again.order.status) == (False, "held")
    assert hold_of(intake.order) == ("address", "paid", "", None, "")
    assert OrderHold.objects.get().held_by is None


def test_placed_order_is_never_held(reviewing):
    source = SourceFactory()
    facts = OrderFacts(number="A1", amount=Decimal("10.00"), ordered_at=NOON)

    intake = take_order(facts, source=source, buyer=Identity(source_id=source.pk, nick="x"), at=NOON, placed=True)

    assert (intake.order.status, OrderHold.objects.count()) == ("unpaid", 0)


def test_exclusive_agent_hears_of_a_held_order_and_so_does_his_deputy(customer, agent, other_agent, lead, manager):
    deputyship(agent, other_agent, manager)
    OrderFactory(customer=customer, number="A1")

    order_holds.hold_orders(Order.objects.all(), code="no_such_code", by=None, at=NOON)

    told = "Order A1 waits for review: no_such_code."
    assert news() == [("ming", told), ("lan", told)]


def test_leads_hear_of_the_held_order_of_a_customer_without_agent(lead, agent):
    OrderFactory(customer=CustomerFactory(), number="A1")

    order_holds.hold_orders(Order.objects.all(), code="address", by=None, at=NOON)

    assert [name for name, _told in news()] == ["lead"]


def test_agent_hears_once_of_many_and_not_of_what_he_held_himself(customer, agent, manager):
    OrderFactory(customer=customer, number="A1")
    OrderFactory.create_batch(2, customer=customer)
    order_holds.hold_orders(Order.objects.filter(number="A1"), code="banned", by=agent.user, at=NOON)
    order_holds.hold_orders(Order.objects.all(), code="banned", by=manager, at=NOON)

    assert [name for name, _told in news()] == ["ming"]
    assert news()[0][1].startswith("2 orders of your customers wait for review: ")


# Released -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("before", ["unpaid", "paid"])
def test_released_order_is_what_it_was(held, agent, before):
    OrderHold.objects.update(status_before=before)

    hold = order_holds.release(held, by=agent.user, at=LATER, reason="I know him.")

    assert (held.status, Order.objects.get().status) == (before, before)
    assert hold_of(held) == ("address", before, "released", agent.user.pk, "I know him.")
    assert hold.decided_at == LATER
    assert verbs() == [("order.released", held.pk, agent.user.pk)]


def test_order_is_released_once(held, agent):
    order_holds.release(held, by=agent.user, at=LATER)

    with pytest.raises(order_holds.NothingHeld):
        order_holds.release(held, by=agent.user, at=LATER)
    with pytest.raises(order_holds.NothingHeld):
        order_holds.close_order(held, by=agent.user, at=LATER, reason="late")
    assert Order.objects.get().status == "unpaid"


def test_order_can_be_held_again_after_its_release(held, agent, manager):
    order_holds.release(held, by=agent.user, at=LATER)

    order_holds.hold_orders(Order.objects.all(), code="banned", by=manager, at=LATER)

    assert (Order.objects.get().status, OrderHold.objects.count()) == ("held", 2)


def test_agent_decides_about_his_own_customers_only(held, other_agent):
    with pytest.raises(order_holds.MayNotReview, match="exclusive agent \\(Ming\\)"):
        order_holds.release(held, by=other_agent.user, at=LATER)
    with pytest.raises(order_holds.MayNotReview):
        order_holds.close_order(held, by=other_agent.user, at=LATER, reason="x")
    assert (Order.objects.get().status, hold_of(held)[2]) == ("held", "")


def test_agent_who_has_the_running_inquiry_may_decide(held, customer, other_agent):
    InquiryFactory(customer=customer, agent=other_agent)

    assert order_holds.release(held, by=other_agent.user, at=LATER).outcome == "released"


def deputyship(agent, deputy, manager):
    return Deputyship.objects.create(
        agent=agent,
        deputy=deputy,
        starts_at=NOON - timedelta(days=1),
        ends_at=NOON + timedelta(days=1),
        proposed_by=manager,
        proposed_at=NOON,
        approved_by=manager,
        approved_at=NOON,
    )


def test_deputy_decides_within_his_dates_only(held, agent, other_agent, manager):
    deputyship(agent, other_agent, manager)

    with pytest.raises(order_holds.MayNotReview):
        order_holds.release(held, by=other_agent.user, at=NOON + timedelta(days=2))
    assert order_holds.release(held, by=other_agent.user, at=LATER).outcome == "released"


@pytest.mark.parametrize("who", ["lead", "manager"])
def test_lead_and_manager_decide_about_any_order(held, request, who):
    assert order_holds.release(held, by=request.getfixturevalue(who), at=LATER).outcome == "released"


def test_order_of_nobody_known_is_for_leads_and_managers(agent, lead):
    order = HeldOrderFactory()

    with pytest.raises(order_holds.MayNotReview, match="no exclusive agent"):
        order_holds.release(order, by=agent.user, at=LATER)
    assert order_holds.release(order, by=lead, at=LATER).outcome == "released"


def test_undecided_order_is_released_by_itself_after_its_time(held, settings):
    other = HeldOrderFactory(hold__held_at=LATER, hold__status_before="paid")
    due = NOON + settings.ORDERS_HELD_FOR

    assert order_holds.release_overdue(at=due - timedelta(seconds=1)) == 0
    assert order_holds.release_overdue(at=due) == 1
    assert order_holds.release_overdue(at=due) == 0
    assert hold_of(held) == ("address", "unpaid", "overdue", None, "")
    assert dict(Order.objects.values_list("pk", "status")) == {held.pk: "unpaid", other.pk: "held"}


def test_undecided_order_waits_for_as_long_as_it_takes_where_the_shop_wants_it(held, settings):
    settings.ORDERS_HELD_FOR = timedelta(0)

    assert order_holds.release_overdue(at=NOON + timedelta(days=400)) == 0
    assert OrderHold.objects.get().released_at() is None


# Closed -------------------------------------------------------------------------------------------------------------


def test_unpaid_order_is_closed_with_a_reason(held, agent, customer):
    order_holds.close_order(held, by=agent.user, at=LATER, reason=" He never pays. ")

    order = Order.objects.get()
    assert (order.status, order.close_reason, order.closed_at) == ("closed", "He never pays.", LATER)
    assert hold_of(held) == ("address", "unpaid", "closed", agent.user.pk, "He never pays.")
    assert verbs() == [("order.closed", held.pk, agent.user.pk)]
    figures = Customer.objects.values_list("close_trade_count", "close_trade_amount").get(pk=customer.pk)
    assert figures == (1, Decimal("10.00"))
    assert not Refund.objects.exists()


def test_closing_needs_a_reason(held, agent):
    with pytest.raises(ValidationError, match="Say why"):
        order_holds.close_order(held, by=agent.user, at=LATER, reason=" ")
    assert Order.objects.get().status == "held"


@pytest.fixture
def paid(customer):
    return HeldOrderFactory(customer=customer, number="P1", paid_amount=Decimal("9.00"), hold__status_before="paid")


def test_paid_order_is_closed_by_a_manager_with_a_refund(paid, manager):
    order_holds.close_order(paid, by=manager, at=LATER, reason="malicious", refund=True)

    assert Order.objects.get().status == "closed"
    refunds = Refund.objects.values_list("order", "amount", "status", "reason", "asked_at", "settled_at")
    assert list(refunds) == [(paid.pk, Decimal("9.00"), "asked", "malicious", LATER, None)]


@pytest.mark.parametrize("who", ["agent", "lead"])
@pytest.mark.parametrize("refund", [True, False])
def test_nobody_but_a_manager_closes_a_paid_order(paid, request, who, refund):
    user = request.getfixturevalue(who)
    with pytest.raises(order_holds.MayNotRefund, match="P1"):
        order_holds.close_order(paid, by=getattr(user, "user", user), at=LATER, reason="x", refund=refund)
    assert (Order.objects.get().status, hold_of(paid)[2], Refund.objects.count()) == ("held", "", 0)


def test_refund_must_fit_what_was_paid(paid, held, manager):
    with pytest.raises(ValidationError, match="Order P1 is paid"):
        order_holds.close_order(paid, by=manager, at=LATER, reason="x")
    with pytest.raises(ValidationError, match="Order A1 is not paid"):
        order_holds.close_order(held, by=manager, at=LATER, reason="x", refund=True)
    assert set(Order.objects.values_list("status", flat=True)) == {"held"}


def test_unpaid_order_with_a_deposit_is_closed_with_a_refund_only(held, agent, manager):
    Order.objects.update(paid_amount=Decimal("2.00"))

    with pytest.raises(order_holds.MayNotRefund):
        order_holds.close_order(held, by=agent.user, at=LATER, reason="x")
    order_holds.close_order(held, by=manager, at=LATER, reason="x", refund=True)
    assert Refund.objects.get().amount == Decimal("2.00")


def test_what_went_back_already_is_not_asked_back_again(paid, manager):
    Refund.objects.create(order=paid, amount=Decimal("3.00"), status="paid", asked_at=NOON)
    Refund.objects.create(order=paid, amount=Decimal("1.00"), status="refused", number="r", asked_at=NOON)

    order_holds.close_order(paid, by=manager, at=LATER, reason="x", refund=True)

    rows = Refund.objects.order_by("pk").values_list("amount", "status")
    assert list(rows) == [(Decimal("3.00"), "paid"), (Decimal("1.00"), "refused"), (Decimal("6.00"), "asked")]


# What the source tells ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("facts", [{"status": "paid", "paid_amount": Decimal("10.00")}, {"paid_at": NOON}])
def test_payment_is_recorded_and_does_not_release(held, agent, facts):
    update_order(held, at=LATER, **facts)

    order = Order.objects.get()
    assert (order.status, hold_of(order)) == ("held", ("address", "paid", "", None, ""))
    assert order.paid_at == facts.get("paid_at", LATER)
    order_holds.release(order, by=agent.user, at=LATER)
    assert Order.objects.get().status == "paid"


@pytest.mark.parametrize("status", ["sent", "done", "closed"])
def test_order_that_its_source_has_sent_or_ended_waits_no_more(held, status):
    update_order(held, at=LATER, status=status)

    order = Order.objects.get()
    assert (order.status, getattr(order, f"{status}_at")) == (status, LATER)
    assert hold_of(order) == ("address", "unpaid", "told", None, "")
    assert OrderHold.objects.get().decided_at == LATER


def test_order_held_meanwhile_stays_held_when_its_payment_is_told(customer, manager):
    stale = OrderFactory(customer=customer)
    order_holds.hold_orders(Order.objects.all(), code="banned", by=manager, at=NOON)

    update_order(stale, at=LATER, status="paid")

    assert (stale.status, Order.objects.get().status, hold_of(stale)[1]) == ("held", "held", "paid")


def test_memo_of_a_held_order_does_not_touch_its_hold(held):
    update_order(held, at=LATER, memo="look", flag=1)

    assert (Order.objects.get().memo, hold_of(held)) == ("look", ("address", "unpaid", "", None, ""))


def test_exports_tell_of_held_orders_by_the_same_rule():
    orders = [HeldOrderFactory(hold__status_before=before) for before in ("unpaid", "paid", "unpaid")]
    told = dict(zip([order.pk for order in orders], [{"status": s} for s in ("paid", "unpaid", "sent")], strict=True))

    forecast = would_change(told, at=LATER)
    untouched = list(OrderHold.objects.order_by("pk").values_list("status_before", "outcome"))
    changed = update_orders(told, at=LATER)

    assert untouched == [("unpaid", ""), ("paid", ""), ("unpaid", "")]
    assert forecast == changed == [orders[0].pk, orders[2].pk]
    assert list(Order.objects.order_by("pk").values_list("status", flat=True)) == ["held", "held", "sent"]
    holds = OrderHold.objects.order_by("pk").values_list("status_before", "outcome")
    assert list(holds) == [("paid", ""), ("paid", ""), ("unpaid", "told")]
    assert update_orders(told, at=LATER) == []


# Several at once ----------------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_two_who_decide_at_the_same_moment_decide_once(agent, manager):
    orders = [HeldOrderFactory(customer=CustomerFactory(agent=agent)) for _number in range(12)]
    at_once, won, lost = threading.Barrier(2), [], []

    def decide(decision):
        for order in orders:
            at_once.wait(timeout=20)
            try:
                decision(Order.objects.get(pk=order.pk))
            except order_holds.NothingHeld:
                lost.append(order.pk)
            else:
                won.append(order.pk)

    with Parallel() as side:
        side.start(decide, lambda order: order_holds.release(order, by=agent.user, at=LATER))
        side.start(decide, lambda order: order_holds.close_order(order, by=manager, at=LATER, reason="no"))

    assert sorted(won) == sorted(lost) == [order.pk for order in orders]
    status_of = {"released": "unpaid", "closed": "closed"}
    holds = OrderHold.objects.values_list("outcome", "order__status")
    assert all(status == status_of[outcome] for outcome, status in holds)


@pytest.mark.django_db(transaction=True)
def test_payment_told_while_somebody_releases_is_not_lost(agent):
    orders = [HeldOrderFactory(customer=CustomerFactory(agent=agent)) for _number in range(12)]
    at_once = threading.Barrier(2)

    def each(act):
        for order in orders:
            mine = Order.objects.get(pk=order.pk)
            at_once.wait(timeout=20)
            act(mine)

    with Parallel() as side:
        side.start(each, lambda order: update_order(order, at=LATER, status="paid"))
        side.start(each, lambda order: order_holds.release(order, by=agent.user, at=LATER))

    assert set(Order.objects.values_list("status", flat=True)) == {"paid"}
    assert not OrderHold.objects.open().exists()
