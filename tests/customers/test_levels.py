from decimal import Decimal

import pytest
from django.core.exceptions import ValidationError

from customers.models import Customer, Event, LevelChange, LevelRule
from customers.services import levels
from customers.services.merges import merge
from customers.services.orders import update_order
from customers.services.trade_figures import rebuild_trade_figures
from tests.factories import NOON, BanFactory, CustomerFactory, OrderFactory, UserFactory


@pytest.fixture
def thresholds(db):
    """Regular by one trade, premium by 200 or 3 trades, VIP by 500, supreme by hand only."""
    for level, amount, count in ((1, None, 1), (2, 200, 3), (3, 500, None), (4, None, None)):
        LevelRule.objects.create(level=level, trade_amount=amount, trade_count=count)


def level_of(*customers):
    return [Customer.objects.get(pk=customer.pk).level for customer in customers]


def changes():
    return list(LevelChange.objects.order_by("pk").values_list("customer", "from_level", "to_level", "by", "reason"))


def everybody():
    return Customer.objects.all()


def test_level_set_by_hand_is_recorded_with_its_reason(lead, now):
    customer, vip = CustomerFactory(level=1, trade_count=2, trade_amount=Decimal("30.50")), CustomerFactory(level=3)

    count = levels.set_level(everybody(), level=3, by=lead, at=now, reason="kind to us")
    again = levels.set_level(everybody(), level=3, by=lead, at=now, reason="kind to us")

    assert (count, again, level_of(customer, vip)) == (1, 0, [3, 3])
    assert changes() == [(customer.pk, 1, 3, lead.pk, "kind to us")]
    assert LevelChange.objects.values_list("trade_count", "trade_amount", "at").get() == (2, Decimal("30.50"), now)
    event = Event.objects.get()
    assert (event.verb, event.by, event.fields, event.reason) == ("customer.level_set", lead, ["level"], "kind to us")
    assert list(event.rows.values_list("model", "row_id")) == [("customers.customer", customer.pk)]


@pytest.mark.parametrize(("level", "reason", "fields"), [(5, "x", ["level"]), (2, "  ", ["reason"])])
def test_level_set_by_hand_needs_a_known_level_and_a_reason(lead, now, level, reason, fields):
    customer = CustomerFactory()

    with pytest.raises(ValidationError) as refusal:
        levels.set_level(everybody(), level=level, by=lead, at=now, reason=reason)

    assert (list(refusal.value.message_dict), level_of(customer), changes()) == (fields, [0], [])


def test_level_is_set_by_hand_only_with_the_right_and_of_whom_one_may_edit(agent, other_agent, now, settings):
    settings.AGENTS_SEE_CUSTOMERS = "read"
    mine, others = CustomerFactory(agent=agent), CustomerFactory(agent=other_agent)

    count = levels.set_level(everybody(), level=2, by=agent.user, at=now, reason="x")

    assert (count, level_of(mine, others)) == (1, [2, 0])
    with pytest.raises(levels.MayNotSetLevel):
        levels.set_level(everybody(), level=3, by=UserFactory(), at=now, reason="x")


def test_trade_raises_the_level_by_amount_or_by_count(thresholds, now):
    once, rich, often, vip = (CustomerFactory(level=level) for level in (0, 0, 0, 4))
    for customer, amounts in ((once, [5]), (rich, [500]), (often, [5, 5, 5]), (vip, [5])):
        for amount in amounts:
            order = OrderFactory(customer=customer, status="sent", amount=amount, paid_amount=amount)
            update_order(order, at=now, status="done")

    assert level_of(once, rich, often, vip) == [1, 3, 2, 4]
    assert changes() == [
        (once.pk, 0, 1, None, ""),
        (rich.pk, 0, 3, None, ""),
        (often.pk, 0, 1, None, ""),
        (often.pk, 1, 2, None, ""),
    ]


def test_trade_never_lowers_a_level_and_raises_no_banned_customer(thresholds, now):
    banned, fallen = CustomerFactory(), CustomerFactory(level=2)
    BanFactory(customer=banned)
    for customer in (banned, fallen):
        OrderFactory(customer=customer, status="done", paid_amount=5)

    rebuild_trade_figures(at=now)

    assert (level_of(banned, fallen), changes()) == ([0, 2], [])


def test_customer_whose_ban_is_over_rises_with_the_next_trade(thresholds, now):
    customer = CustomerFactory()
    BanFactory(customer=customer, until=NOON.replace(year=2027), ended_at=NOON)
    OrderFactory(customer=customer, status="done", paid_amount=5)

    rebuild_trade_figures(at=now)

    assert level_of(customer) == [1]


def test_level_set_by_hand_rises_further_unless_it_was_set_below_what_was_earned(thresholds, lead, now):
    favour, punished = CustomerFactory(trade_amount=10, trade_count=1), CustomerFactory(trade_amount=600, level=3)
    levels.set_level(everybody().filter(pk=favour.pk), level=2, by=lead, at=now, reason="a favour")
    levels.set_level(everybody().filter(pk=punished.pk), level=0, by=lead, at=now, reason="returns everything")
    everybody().update(trade_amount=900)

    count = levels.raise_levels(everybody(), at=now)

    assert (count, level_of(favour, punished)) == (1, [3, 0])
    assert [customer.level_basis for customer in everybody().order_by("pk")] == ["figures", "held"]


def test_without_thresholds_nobody_rises(db, now):
    CustomerFactory(trade_amount=9999, trade_count=99)

    assert levels.raise_levels(everybody(), at=now) == 0


def test_trade_figures_decide_again_where_a_person_lets_them(thresholds, lead, agent, now):
    up, down, banned, free = (CustomerFactory(trade_amount=amount) for amount in (600, 5, 600, 5))
    BanFactory(customer=banned)
    Customer.objects.filter(pk__in=[up.pk, banned.pk]).update(level=1, level_basis="held")
    Customer.objects.filter(pk__in=[down.pk]).update(level=3, level_basis="by_hand")
    Customer.objects.filter(pk=free.pk).update(level=3)

    counts = [levels.follow_figures(everybody(), by=lead, at=now) for _ in range(2)]

    assert (counts, level_of(up, down, banned, free)) == ([3, 0], [3, 0, 1, 3])
    assert set(everybody().values_list("level_basis", flat=True)) == {"figures"}
    reason = "follows the trade figures again"
    assert changes() == [(up.pk, 1, 3, lead.pk, reason), (down.pk, 3, 0, lead.pk, reason)]
    with pytest.raises(levels.MayNotSetLevel):
        levels.follow_figures(everybody(), by=UserFactory(), at=now)


def test_higher_level_of_a_merged_customer_is_recorded_as_taken_over(lead, now):
    kept, merged = CustomerFactory(level=1), CustomerFactory(level=3, level_basis="by_hand")

    merge(kept, merged, by=lead, at=now)

    assert level_of(kept, merged) == [3, 0]
    assert Customer.objects.get(pk=kept.pk).level_basis == "by_hand"
    assert changes() == [(kept.pk, 1, 3, lead.pk, "taken over from the customer who was merged into this one")]
