"""The home page."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from blocklist.models import Attempt
from messaging.models import Delivery
from tests.factories import (
    AgentFactory,
    BanFactory,
    BroadcastFactory,
    CustomerFactory,
    OrderFactory,
    ProductFactory,
    SourceFactory,
    UserFactory,
)

HOME = reverse("admin:index")


@pytest.fixture
def shop(agent, other_agent):
    """Three customers, two of them the agent's and one of these banned; one order and one refusal of today."""
    now = timezone.now()
    banned = CustomerFactory(agent=agent, nick="willow")
    ban = BanFactory(customer=banned)
    CustomerFactory(agent=agent, nick="maple")
    CustomerFactory(agent=other_agent, nick="oak")
    OrderFactory(ordered_at=now)
    OrderFactory(ordered_at=now - timedelta(days=2))
    for at, outcome in ((now, "refuse"), (now, "despite"), (now - timedelta(days=2), "refuse")):
        Attempt.objects.create(
            at=at,
            outcome=outcome,
            code="purchase_banned",
            door="check",
            source=SourceFactory(),
            customer=banned,
            ban=ban,
        )


def cards(answer):
    return {str(card.label): card.count for card in answer.context["cards"]}


def test_agent_sees_his_own_customers(sign_in, agent, shop):
    assert cards(sign_in(agent.user).get(HOME)) == {
        "my customers": 2,
        "of them banned now": 1,
        "orders today": 1,
        "refused attempts today": 1,
    }


def test_manager_sees_the_whole_shop(sign_in, manager, shop):
    assert cards(sign_in(manager).get(HOME)) == {
        "customers": 3,
        "of them banned now": 1,
        "orders today": 1,
        "refused attempts today": 1,
    }


@pytest.mark.parametrize("role", ["agent", "manager"])
def test_each_card_opens_the_rows_it_counts(sign_in, agent, manager, shop, role):
    client = sign_in(agent.user if role == "agent" else manager)
    shown = client.get(HOME).context["cards"]

    opened = {str(card.label): len(client.get(card.url).context["cl"].result_list) for card in shown}

    assert opened == {str(card.label): card.count for card in shown}


def test_staff_user_without_rights_sees_no_numbers(sign_in, shop):
    context = sign_in(UserFactory()).get(HOME).context

    assert [context["cards"], context["new_products"], context["running"]] == [[], [], []]


def test_new_products_stand_here_until_they_are_announced(sign_in, manager, db):
    ProductFactory()
    announced, drafted, fresh = (ProductFactory(is_new=True) for _number in range(3))
    BroadcastFactory(product=announced, state="finished")
    BroadcastFactory(product=drafted, state="draft")

    shown = sign_in(manager).get(HOME).context["new_products"]

    address = reverse("admin:messaging_broadcast_add")
    assert shown == [(product, f"{address}?product={product.pk}") for product in (fresh, drafted)]


def test_broadcasts_under_way_show_their_progress(sign_in, agent):
    product = ProductFactory(name="Silk scarf")
    BroadcastFactory(product=product, state="finished")
    sending = BroadcastFactory(product=product, subject="{product}", state="sending")
    for state in ("sent", "excluded", "waiting"):
        Delivery.objects.create(
            broadcast=sending, customer=CustomerFactory(agent=agent), state=state, planned_at=timezone.now()
        )

    running = sign_in(agent.user).get(HOME).context["running"]

    assert [(line.title, line.url, line.done, line.total) for line in running] == [
        ("Silk scarf", sending.get_absolute_url(), 2, 3)
    ]


def test_empty_shop_says_what_to_do(sign_in, manager, agent):
    pages = [sign_in(user).get(HOME).content.decode() for user in (manager, agent.user)]

    assert ["import_shop" in page for page in pages] == [True, False]
    assert ["No customer is bound to you yet" in page for page in pages] == [False, True]


def test_home_needs_few_queries_however_much_there_is(sign_in, manager, agent, shop, count_queries):
    client = sign_in(manager)

    def add():
        AgentFactory()
        ProductFactory(is_new=True)
        BroadcastFactory(product=ProductFactory(), state="sending")
        CustomerFactory(agent=agent)

    add()
    client.get(HOME)
    one = count_queries(lambda: client.get(HOME))
    add()
    add()

    assert (one, count_queries(lambda: client.get(HOME))) == (10, 10)
