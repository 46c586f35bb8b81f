"""The ledger."""

import pytest
from django.urls import reverse

from messaging.models import Delivery
from tests.factories import NOON, BroadcastFactory, CustomerFactory, OrderFactory, ProductFactory, UserFactory

LEDGER = reverse("admin:messaging_delivery_changelist")


@pytest.fixture
def broadcast(db):
    return BroadcastFactory(product=ProductFactory(), state="finished")


@pytest.fixture
def line(broadcast, agent):
    """Add a line to the ledger."""

    def _line(nick, *, state="sent", reason="", phone="", of=broadcast):
        customer = CustomerFactory(agent=agent, nick=nick, phone=phone)
        return Delivery.objects.create(broadcast=of, customer=customer, state=state, reason=reason, planned_at=NOON)

    return _line


@pytest.fixture
def ledger(sign_in, agent, broadcast):
    """The lines that the ledger of the broadcast shows."""
    client = sign_in(agent.user)

    def _ledger(**conditions):
        return list(client.get(LEDGER, {"broadcast": broadcast.pk, **conditions}).context["cl"].result_list)

    return _ledger


def test_ledger_shows_the_lines_of_one_broadcast(ledger, line):
    excluded, sent = line("willow", state="excluded", reason="banned"), line("maple")
    line("stranger", of=BroadcastFactory(product=ProductFactory()))

    assert ledger() == [excluded, sent]


def test_ledger_is_filtered_by_state_and_reason(ledger, line):
    banned = line("willow", state="excluded", reason="banned")
    without = line("maple", state="excluded", reason="no_account")
    sent = line("oak")

    assert ledger(state__exact="excluded") == [banned, without]
    assert ledger(reason__exact="no_account") == [without]
    assert ledger(state__in="sent,waiting") == [sent]


def test_ledger_is_searched_as_customers_are(ledger, line):
    willow, maple = line("willow", phone="13800138000"), line("maple")
    OrderFactory(number="20260305001", customer=maple.customer)

    found = [ledger(q=text) for text in ("will", "13800138000", "20260305001", "nobody")]

    assert found == [[willow], [willow], [maple], []]


def test_ledger_tells_why_in_words(sign_in, agent, broadcast, line):
    line("willow", state="excluded", reason="no_account")

    page = sign_in(agent.user).get(LEDGER, {"broadcast": broadcast.pk}).content.decode()

    assert page.count("no account") > 0


@pytest.mark.parametrize("conditions", [{}, {"broadcast": "x"}, {"broadcast": "999999"}, {"p": "99999"}, {"q": "a%_'"}])
def test_ledger_opens_whatever_the_address_says(sign_in, agent, line, conditions):
    line("willow")

    assert sign_in(agent.user).get(LEDGER, conditions, follow=True).status_code == 200


def test_ledger_of_all_times_is_not_counted(sign_in, agent, line, django_assert_max_num_queries):
    line("willow")
    client = sign_in(agent.user)

    with django_assert_max_num_queries(20) as queries:
        client.get(LEDGER)

    counted = [query["sql"] for query in queries if "COUNT(" in query["sql"] and "messaging_delivery" in query["sql"]]
    assert counted == []


@pytest.mark.parametrize("address", ["", "?broadcast=1"])
def test_ledger_is_closed_without_the_right(sign_in, db, address):
    assert sign_in(UserFactory()).get(LEDGER + address).status_code == 403


def test_ledger_is_read_only(sign_in, line):
    delivery = line("willow")
    client = sign_in(UserFactory(is_superuser=True))
    page = reverse("admin:messaging_delivery_change", args=[delivery.pk])

    answers = [
        client.post(page, {"state": "sent"}).status_code,
        client.post(reverse("admin:messaging_delivery_delete", args=[delivery.pk]), {"post": "yes"}).status_code,
        client.get(reverse("admin:messaging_delivery_add")).status_code,
    ]

    assert answers == [403, 403, 403]


def test_ledger_needs_as_many_queries_for_three_rows_as_for_one(sign_in, agent, broadcast, line, count_queries):
    client = sign_in(agent.user)
    line("willow")
    address = f"{LEDGER}?broadcast={broadcast.pk}"
    client.get(address)
    one = count_queries(lambda: client.get(address))
    line("maple")
    line("oak", state="excluded", reason="banned")

    assert count_queries(lambda: client.get(address)) == one


def test_ledger_escapes_nicks(sign_in, agent, broadcast, line):
    line("<script>alert(1)</script>")

    page = sign_in(agent.user).get(LEDGER, {"broadcast": broadcast.pk}).content.decode()

    assert "<script>alert(1)" not in page
