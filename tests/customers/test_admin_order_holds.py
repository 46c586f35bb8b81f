"""Orders to review in the panel: the list, the page that decides, and where else held orders are shown."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.urls import reverse
from django.utils import timezone

from customers.models import Order, OrderHold, Refund
from customers.parts import Viewer
from customers.services import order_holds
from customers.services.orders import update_order
from customers.services.timeline import timeline
from tests.factories import NOON, CustomerFactory, HeldOrderFactory, OrderFactory, SourceFactory

pytestmark = pytest.mark.django_db
LIST = reverse("admin:customers_orderhold_changelist")


@pytest.fixture
def customer(agent):
    return CustomerFactory(agent=agent, nick="xiaohong")


@pytest.fixture
def held(customer):
    return HeldOrderFactory(customer=customer, number="A1")


def numbers(client, query=""):
    return [hold.order.number for hold in client.get(LIST + query).context["cl"].result_list]


def page_of(order):
    return order.holds.get().get_absolute_url()


def decide(client, order, decision, **body):
    return client.post(page_of(order), {"decision": decision, **body})


# The list -----------------------------------------------------------------------------------------------------------


def test_list_shows_what_waits_longest_first(sign_in, agent, other_agent, held):
    HeldOrderFactory(number="B1", hold__held_at=NOON - timedelta(hours=1), customer=CustomerFactory(agent=other_agent))
    HeldOrderFactory(number="C1", hold__outcome="told", hold__decided_at=NOON, status="sent")
    client = sign_in(agent.user)

    assert numbers(client) == ["B1", "A1"]
    assert numbers(client, "?mine=yes") == ["A1"]
    assert numbers(client, "?state=decided") == ["C1"]
    assert numbers(client, "?state=all&code=banned") == []
    assert numbers(client, "?state=all") == ["B1", "A1", "C1"]
    assert [chip.is_on for chip in client.get(LIST + "?mine=yes").context["cl"].chips] == [False, True, False]


def test_list_says_why_and_for_how_long(sign_in, agent, customer):
    held_at = timezone.now() - timedelta(hours=1, minutes=30)
    HeldOrderFactory(customer=customer, hold__code="address_banned", hold__held_at=held_at)

    page = sign_in(agent.user).get(LIST).content.decode()

    assert "a banned customer has this address" in page
    assert "10\xa0hours, 29\xa0minutes" in page


def test_list_takes_as_many_queries_for_three_as_for_one(sign_in, agent, held, count_queries):
    client = sign_in(agent.user)
    client.get(LIST)
    one = count_queries(lambda: client.get(LIST))
    for number in range(2):
        HeldOrderFactory(customer=CustomerFactory(agent=agent, nick=f"nick{number}"))

    assert count_queries(lambda: client.get(LIST)) == one
    assert len(numbers(client)) == 3


def test_agent_sees_held_orders_of_those_whom_he_sees(sign_in, other_agent, held, settings):
    settings.AGENTS_SEE_CUSTOMERS = "own"
    client = sign_in(other_agent.user)

    assert numbers(client) == []
    assert client.get(page_of(held)).status_code in {302, 404}


@pytest.mark.parametrize("query", ["?state=x", "?mine=maybe", "?code=%00", "?q=%00", f"?code={'9' * 5000}"])
def test_list_takes_any_query(sign_in, agent, held, query):
    assert sign_in(agent.user).get(LIST + query).status_code in {200, 302, 400}


# The page -----------------------------------------------------------------------------------------------------------


def test_page_releases_the_order(sign_in, agent, held):
    answer = decide(sign_in(agent.user), held, "release", reason="known")

    assert (answer.status_code, answer.url) == (302, LIST)
    assert (Order.objects.get().status, OrderHold.objects.get().reason) == ("unpaid", "known")


def test_page_closes_an_unpaid_order_with_a_reason(sign_in, agent, held):
    client = sign_in(agent.user)

    without = decide(client, held, "close")
    assert (without.status_code, "Say why the order is closed." in without.content.decode()) == (200, True)
    assert decide(client, held, "close", reason="no").status_code == 302
    assert Order.objects.values_list("status", "close_reason").get() == ("closed", "no")


def test_page_offers_the_refund_to_managers_only(sign_in, agent, manager, held):
    update_order(held, at=NOON, status="paid", paid_amount=Decimal("9.00"))

    shown = sign_in(agent.user).get(page_of(held)).content.decode()
    refused = decide(sign_in(agent.user), held, "refund", reason="no")
    offered = 'value="refund"' in sign_in(manager).get(page_of(held)).content.decode()
    done = decide(sign_in(manager), held, "refund", reason="no")

    assert ('value="refund"' in shown, 'value="close"' in shown) == (False, False)
    assert "Order A1 is paid, so only a manager closes it, with a refund." in shown
    assert (refused.status_code, offered, done.status_code) == (403, True, 302)
    assert (Order.objects.get().status, Refund.objects.get().amount) == ("closed", Decimal("9.00"))


def test_page_tells_who_may_decide(sign_in, other_agent, held):
    client = sign_in(other_agent.user)

    page = client.get(page_of(held)).content.decode()

    assert ("exclusive agent (Ming)" in page, "<form" in page.split("crm-page")[1]) == (True, False)
    assert decide(client, held, "release").status_code == 403
    assert Order.objects.get().status == "held"


def test_page_says_that_somebody_was_faster(sign_in, agent, held, lead):
    order_holds.release(held, by=lead, at=NOON)

    answer = sign_in(agent.user).post(page_of(held), {"decision": "close", "reason": "no"}, follow=True)

    assert "Order A1 does not wait for review, or no longer." in answer.content.decode()
    assert Order.objects.get().status == "unpaid"


@pytest.mark.parametrize(
    "body", [{"decision": "burn", "reason": "x"}, {"reason": "x"}, {"decision": "close", "reason": "a\x00"}]
)
def test_page_does_nothing_that_was_not_chosen(sign_in, agent, held, body):
    assert sign_in(agent.user).post(page_of(held), body).status_code == 200
    assert Order.objects.get().status == "held"


# Elsewhere ----------------------------------------------------------------------------------------------------------


def test_order_page_leads_to_the_decision_and_keeps_the_history(sign_in, agent, held):
    client = sign_in(agent.user)
    assert page_of(held) in client.get(held.get_absolute_url()).content.decode()

    order_holds.release(held, by=agent.user, at=NOON, reason="known well")

    page = client.get(held.get_absolute_url()).content.decode()
    assert ("known well" in page, "Release or close" in page) == (True, False)


def test_customer_page_marks_held_orders(sign_in, agent, held, customer):
    page = sign_in(agent.user).get(customer.get_absolute_url()).content.decode()

    assert '<span class="crm-badge is-warning">held for review</span>' in page


def test_timeline_tells_when_orders_were_held_released_and_closed(customer, agent, manager):
    order_holds.hold_orders(
        Order.objects.filter(pk=OrderFactory(customer=customer, number="A1").pk), code="banned", by=manager, at=NOON
    )
    order_holds.release(Order.objects.get(number="A1"), by=agent.user, at=NOON + timedelta(hours=1), reason="known")
    second = HeldOrderFactory(customer=customer, number="B1", hold__held_at=NOON + timedelta(hours=2))
    order_holds.close_order(second, by=agent.user, at=NOON + timedelta(hours=3), reason="no")

    lines = timeline(customer, viewer=Viewer(manager), at=NOON + timedelta(days=1)).lines

    told = [(line.source.kind, str(line.entry.title), line.entry.text, line.entry.by) for line in reversed(lines)]
    assert [one for one in told if "amount" not in one[1] and "10.00" not in one[1]][-4:] == [
        ("order", "Order A1 waits for review", "the buyer was banned", "manager"),
        ("order", "Order A1: released", "known", "ming"),
        ("order", "Order B1 waits for review", "address", ""),
        ("order", "Order B1: closed by the staff", "no", "ming"),
    ]


def test_timeline_of_a_key_has_the_orders_of_its_own_source(customer, held, key_client):
    HeldOrderFactory(customer=customer, number="B1", source=SourceFactory(code="other"))

    page = key_client(source="other").get(f"/api/v1/customers/{customer.pk}/timeline/").json()

    assert [entry["title"] for entry in page["results"] if "waits" in entry["title"]] == ["Order B1 waits for review"]
