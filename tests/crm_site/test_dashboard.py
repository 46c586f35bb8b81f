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
    InquiryFactory,
    OrderFactory,
    ProductFactory,
    SourceFactory,
    UserFactory,
)

HOME = reverse("admin:index")


@pytest.fixture
def shop(agent, other_agent):
    """Three customers, two of them the agent's and one of these banned; one order and one refusal of today.

    The agent has a new and an open inquiry and a closed one, one waits; he made one of the two broadcasts.
    """
    now = timezone.now()
    banned = CustomerFactory(agent=agent, nick="willow")
    ban = BanFactory(customer=banned)
    maple = CustomerFactory(agent=agent, nick="maple", registered_at=now)
    maple.bindings.update(started_at=now)
    CustomerFactory(agent=other_agent, nick="oak").bindings.update(started_at=now)
    BanFactory(customer=CustomerFactory(agent=other_agent, nick="elm"), started_at=now, until=now + timedelta(days=1))
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
            amount="0.10",
        )
    InquiryFactory(customer=banned, agent=agent)
    InquiryFactory(customer=maple, agent=agent, state="open")
    InquiryFactory(customer=maple, agent=agent, state="closed", closed_at=now)
    InquiryFactory(agent=other_agent, state="closed", closed_at=now)
    InquiryFactory()
    BroadcastFactory(by=agent.user, state="finished")
    BroadcastFactory(state="sending")


def cards(answer):
    return {str(card.label): card.count for card in answer.context["cards"]}


OWN = {
    "my new inquiries": 1,
    "my open inquiries": 1,
    "my customers": 2,
    "of them banned now": 1,
    "my new customers today": 1,
    "my broadcasts": 1,
}
RECEPTION = {"waiting inquiries": 1, "agents online": 2}
REFUSED = {"refused attempts today": 1}
SHOP = {
    "orders today": 1,
    "customers": 6,
    "new customers today": 1,
    "banned now": 2,
    "bans today": 1,
    **REFUSED,
    "broadcasts under way": 1,
}


def test_each_role_sees_its_numbers(sign_in, agent, lead, manager, shop):
    seen = [list(cards(sign_in(user).get(HOME)).items()) for user in (agent.user, lead, manager)]

    assert seen == [list(OWN.items()), list({**RECEPTION, **REFUSED}.items()), list({**RECEPTION, **SHOP}.items())]


def test_refused_attempts_tell_what_they_are_worth(sign_in, manager, shop):
    notes = {str(card.label): card.note for card in sign_in(manager).get(HOME).context["cards"]}

    assert notes["refused attempts today"] == "worth 0.10"
    Attempt.objects.update(amount=None)
    assert {card.note for card in sign_in(manager).get(HOME).context["cards"]} == {""}


@pytest.mark.parametrize("role", ["agent", "lead", "manager"])
def test_each_card_opens_the_rows_it_counts(sign_in, agent, lead, manager, shop, role):
    client = sign_in({"agent": agent.user, "lead": lead, "manager": manager}[role])
    shown = client.get(HOME).context["cards"]

    opened = {str(card.label): len(client.get(card.url).context["cl"].result_list) for card in shown}

    assert opened == {str(card.label): card.count for card in shown}


def test_lead_sees_the_agents_by_status_with_what_runs_with_them(sign_in, agent, other_agent, lead, shop):
    other_agent.status = "suspended"
    other_agent.save(update_fields=["status"])
    AgentFactory(is_active=False)
    client = sign_in(lead)

    lines = client.get(HOME).context["agents"]

    assert [(line.name, line.status, line.running) for line in lines] == [
        ("Ming", "online", 2),
        ("Lan", "suspended", 0),
    ]
    assert [len(client.get(line.url).context["cl"].result_list) for line in lines] == [2, 0]
    assert sign_in(agent.user).get(HOME).context["agents"] == []


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


def test_lead_of_a_shop_without_agents_is_told_what_to_do(sign_in, lead):
    assert "Inquiries wait until there is an agent." in sign_in(lead).get(HOME).text


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

    assert (one, count_queries(lambda: client.get(HOME))) == (15, 15)
