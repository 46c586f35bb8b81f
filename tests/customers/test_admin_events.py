"""The audit in the panel: found by row, person, words, kind and period."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import translation

from blocklist.models import Ban
from blocklist.services.bans import ban_purchase, lift_ban
from customers.admin.event_words import WHAT_WAS_DONE, event_label
from customers.models import Customer, Event
from customers.services.audit import record
from tests.factories import NOON, AgentFactory, CustomerFactory, OrderFactory

pytestmark = pytest.mark.django_db
URL = reverse("admin:customers_event_changelist")


@pytest.fixture
def found(sign_in, manager):
    """The verbs of the events that the list shows for a query."""
    client = sign_in(manager)

    def _found(**query):
        answer = client.get(URL, query)
        assert answer.status_code == 200, answer
        return [event.verb for event in answer.context["cl"].result_list]

    return _found


@pytest.fixture
def events(manager, now):
    customer, user = CustomerFactory(), AgentFactory(user__username="ming", user__first_name="小明").user
    record("ban.lifted", Customer.objects.filter(pk=customer.pk), by=user, at=now, reason="made it up")
    OrderFactory.create(pk=customer.pk)
    orders = type(OrderFactory.build()).objects.all()
    record("order.held", orders, by=manager, at=now - timedelta(days=40))
    return customer


def test_number_finds_what_touched_that_row_and_the_kind_tells_of_which(found, events):
    assert found(q=str(events.pk)) == ["ban.lifted", "order.held"]
    assert found(q=str(events.pk), rows_of="customers.order") == ["order.held"]
    assert found(q=str(events.pk + 1)) == []


def test_words_find_who_what_and_why(found, events):
    assert [found(q=q) for q in ("ming", "小明", "made", "LIFTED", "ming lifted")] == [["ban.lifted"]] * 5
    assert [found(q=q) for q in ("held", "order.held", "manager")] == [["order.held"]] * 3
    assert found(q="ming held") == []


def test_words_are_those_of_the_language(found, events, client):
    client.cookies["django_language"] = "zh-hans"
    with translation.override("zh-hans"):
        word = event_label("order.held")

    assert found(q=word.split()[0]) == ["order.held"]


def test_filters_narrow_by_verb_person_kind_and_period(found, events, manager, now):
    day = now - timedelta(days=1)
    assert found(verb="ban.lifted") == ["ban.lifted"]
    assert found(by__id__exact=str(manager.pk)) == ["order.held"]
    assert found(rows_of="customers.customer") == ["ban.lifted"]
    assert found(at__gte=day.isoformat(), at__lt=(now + timedelta(days=1)).isoformat()) == ["ban.lifted"]


@pytest.mark.parametrize("q", ["9" * 5000, "\0", "%", "１２", "x" * 3000, "-1"])
def test_search_for_anything_is_answered(found, events, q):
    found(q=q)


def test_list_costs_the_same_for_one_event_and_for_three(sign_in, manager, count_queries, now):
    client, customers = sign_in(manager), Customer.objects.filter(pk=CustomerFactory().pk)
    record("ban.set", customers, by=manager, at=now)
    client.get(URL)
    one = count_queries(lambda: client.get(URL))
    record("ban.set", customers, by=manager, at=now), record("ban.set", customers, by=manager, at=now)

    assert count_queries(lambda: client.get(URL)) == one


@pytest.mark.parametrize(
    ("verb", "label"),
    [
        ("ban.lifted", "Ban: lifted"),
        ("import.reverted", "Import run: reverted"),
        ("order.held", "Order held for review"),
        ("ban_request.filed", "Ban request: filed"),
        ("no.such", "no.such"),
        ("ban.nosuch", "ban.nosuch"),
        ("", ""),
    ],
)
def test_event_is_called_by_its_noun_and_what_was_done(verb, label):
    assert event_label(verb) == label
    assert len(WHAT_WAS_DONE) > 30


# What was done with a ban -------------------------------------------------------------------------------------------


def test_page_of_a_ban_shows_what_was_done_with_it(sign_in, manager, agent):
    customer, other = CustomerFactory(nick="a", agent=agent), CustomerFactory(nick="b")
    ban = ban_purchase(customer, type=Ban.Type.OTHER, by=manager, at=NOON)
    ban_purchase(other, type=Ban.Type.OTHER, by=manager, at=NOON)
    lift_ban(customer, reason="made it up", by=manager, at=NOON + timedelta(hours=1))

    shown = sign_in(manager).get(ban.get_absolute_url()).content.decode()

    part = shown[shown.index("What was done with this entry") :]
    assert part.index("Ban: lifted") < part.index("Ban: set")
    assert part.count("Ban: set") == 1
    assert "made it up" in part
    touching = Event.objects.filter(rows__row_id=ban.pk, rows__model="blocklist.ban")
    assert set(touching.values_list("verb", flat=True)) == {"ban.set", "ban.lifted"}
    assert "What was done with this entry" not in sign_in(agent.user).get(ban.get_absolute_url()).content.decode()
