from datetime import timedelta
from decimal import Decimal

import pytest

from blocklist.models import Attempt, LinkMember
from customers.models import Notification, Order
from customers.services.notifications import sentence
from customers.signals import orders_imported
from tests.factories import NOON, BanFactory, CustomerFactory, OrderFactory

HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("ban", "despite"),
    [
        ({"started_at": NOON - HOUR}, True),
        ({"started_at": NOON + HOUR}, False),
        ({"started_at": NOON - 2 * HOUR, "until": NOON - HOUR}, False),
        ({"started_at": NOON - 2 * HOUR, "ended_at": NOON - HOUR}, False),
        ({"started_at": NOON - HOUR, "ended_at": NOON + HOUR}, True),
    ],
)
def test_imported_order_is_logged_if_the_ban_stood_when_it_was_placed(db, ban, despite):
    customer = CustomerFactory()
    ban = BanFactory(customer=customer, **ban)
    order = OrderFactory(customer=customer, ordered_at=NOON, amount=Decimal("12.50"))
    OrderFactory(customer=CustomerFactory())
    OrderFactory()

    orders_imported.send(sender=Order, orders=Order.objects.all(), run=None, source=order.source)

    logged = Attempt.objects.values_list("at", "outcome", "door", "ban", "customer", "order_number", "amount")
    expected = (NOON, "despite", "import", ban.pk, customer.pk, order.number, Decimal("12.50"))
    assert list(logged) == ([expected] if despite else [])


def imported():
    orders = Order.objects.all()
    orders_imported.send(sender=Order, orders=orders, run=None, source=orders[0].source)


def test_imported_order_of_who_is_linked_to_a_banned_customer_is_logged_by_that_ban(db):
    customer, banned = CustomerFactory(), CustomerFactory()
    for one in (customer, banned):
        LinkMember.objects.create(customer=one, cluster=customer.pk)
    ban = BanFactory(customer=banned, started_at=NOON - HOUR)
    OrderFactory(customer=customer, ordered_at=NOON)

    imported()

    assert list(Attempt.objects.values_list("customer", "ban", "code")) == [
        (customer.pk, ban.pk, "linked_customer_banned")
    ]


def test_agent_is_told_how_many_such_tasks_he_has_and_managers_of_customers_without_one(agent, other_agent, manager):
    for owner, count in ((agent, 2), (None, 1), (other_agent, 0)):
        customer = CustomerFactory(agent=owner)
        BanFactory(customer=customer, started_at=NOON - HOUR, by=manager)
        for _ in range(count):
            OrderFactory(customer=customer, ordered_at=NOON)

    imported()

    assert {news.user.username: sentence(news) for news in Notification.objects.select_related("user")} == {
        "ming": "2 orders were bought despite a ban: see what to do about them.",
        "manager": "1 order was bought despite a ban: see what to do about it.",
    }
    assert set(Notification.objects.values_list("url", flat=True)) == {"/admin/blocklist/attempt/?task=to_do"}


def test_placed_order_tells_the_agent_at_once(key_client, agent):
    customer = CustomerFactory(nick="mallory", agent=agent)
    BanFactory(customer=customer, started_at=NOON)
    shop = key_client("orders:write", "orders:import")

    answer = shop.post("/api/v1/orders/", {"number": "1", "amount": "10.00", "nick": "mallory", "placed": True})

    assert (answer.status_code, answer.json()["status"]) == (201, "unpaid")
    assert list(Notification.objects.values_list("user", "kind", "parameters")) == [
        (agent.user.pk, "bought_despite", {"count": 1})
    ]
    assert Attempt.objects.values_list("key__name", "outcome").get() == ("test", "despite")
