"""Who may exempt a customer, for how long, and what the pages show of it. What it does: test_gate."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from blocklist.models import Exemption
from blocklist.services.exemptions import MayNotExempt, end_exemption, set_exemption
from customers.models import Event
from customers.parts import Viewer
from customers.services.timeline import timeline
from tests.factories import NOON, BanFactory, CustomerFactory, ExemptionFactory

LIST = "/admin/blocklist/exemption/"


@pytest.fixture
def customer(agent):
    return CustomerFactory(nick="xiaoming", agent=agent)


def page_of(customer):
    return f"{LIST}customer/{customer.pk}/"


def test_only_a_manager_exempts_with_a_reason_and_an_end_in_the_future(customer, agent, lead, manager):
    for user in (agent.user, lead):
        with pytest.raises(MayNotExempt, match="Only a manager exempts"):
            set_exemption(customer, reason="known", by=user, at=NOON)
    with pytest.raises(ValidationError, match="Say why"):
        set_exemption(customer, reason=" ", by=manager, at=NOON)
    with pytest.raises(ValidationError, match="in the future"):
        set_exemption(customer, reason="known", by=manager, at=NOON, until=NOON)
    assert not Exemption.objects.exists()
    assert not Event.objects.exists()


def test_second_exemption_is_the_standing_one_and_one_past_its_end_is_closed_first(customer, manager):
    tomorrow = NOON + timedelta(days=1)
    first = set_exemption(customer, reason="known", by=manager, at=NOON, until=tomorrow)
    same = set_exemption(customer, reason="again", by=manager, at=NOON)
    next_one = set_exemption(customer, reason="again", by=manager, at=tomorrow)

    assert (same, next_one == first) == (first, False)
    assert list(Exemption.objects.order_by("pk").values_list("reason", "ended_at")) == [
        ("known", tomorrow),
        ("again", None),
    ]
    assert list(Event.objects.values_list("verb", "reason")) == [("exemption.set", "known"), ("exemption.set", "again")]


def test_ending_needs_the_right_and_is_told_once(customer, agent, manager):
    exemption = ExemptionFactory(customer=customer)
    with pytest.raises(MayNotExempt):
        end_exemption(exemption, by=agent.user, at=NOON)

    end_exemption(exemption, by=manager, at=NOON)
    end_exemption(exemption, by=manager, at=NOON + timedelta(days=1))

    assert Exemption.objects.values_list("ended_at", "ended_by").get() == (NOON, manager.pk)
    assert list(Event.objects.values_list("verb", "by")) == [("exemption.ended", manager.pk)]


def test_manager_exempts_and_ends_in_the_panel(sign_in, customer, manager):
    client = sign_in(manager)
    assert page_of(customer) in client.get(customer.get_absolute_url()).text
    BanFactory(customer=customer)
    assert "An exemption does not let him buy" in client.get(page_of(customer)).text

    set_ = client.post(page_of(customer), {"reason": "brother of #2", "last_day": "2199-12-30"})

    exemption = Exemption.objects.get()
    assert set_.url == customer.get_absolute_url()
    assert (exemption.reason, exemption.by) == ("brother of #2", manager)
    assert exemption.until == datetime(2199, 12, 31, tzinfo=ZoneInfo("Asia/Shanghai"))
    shown = client.get(customer.get_absolute_url()).text
    assert "brother of #2" in shown
    assert '<span class="crm-badge is-success" title="">exempt</span>' in shown
    ended = client.post(f"{LIST}{exemption.pk}/end/")
    assert (ended.status_code, Exemption.objects.get().ended_by) == (302, manager)


@pytest.mark.parametrize(
    "body", [{}, {"reason": " "}, {"reason": "x" * 201}, {"reason": "x", "last_day": "2020-01-01"}, {"reason": "a\0"}]
)
def test_bad_form_says_what_is_wrong_and_writes_nothing(sign_in, customer, manager, body):
    answer = sign_in(manager).post(page_of(customer), body)

    assert answer.status_code == 200
    assert answer.context["form"].errors
    assert not Exemption.objects.exists()


def test_others_read_who_is_exempt_and_why_they_may_not_exempt(sign_in, customer, agent):
    client = sign_in(agent.user)
    assert page_of(customer) not in client.get(customer.get_absolute_url()).text

    refused = client.post(page_of(customer), {"reason": "a friend"})
    exemption = ExemptionFactory(customer=customer)
    ended = client.post(f"{LIST}{exemption.pk}/end/")

    assert (refused.status_code, ended.status_code) == (403, 403)
    assert "Only a manager exempts customers." in refused.text
    assert Exemption.objects.get().ended_at is None
    assert exemption.reason in client.get(LIST).text


def test_customers_of_other_agents_are_not_there(sign_in, settings, customer, other_agent):
    settings.AGENTS_SEE_CUSTOMERS = "own"
    exemption = ExemptionFactory(customer=customer)
    client = sign_in(other_agent.user)

    assert exemption.reason not in client.get(LIST).text
    assert client.get(page_of(customer)).status_code == 404
    assert client.post(f"{LIST}{exemption.pk}/end/").status_code == 404
    assert client.get(f"{LIST}customer/{10**30}/").status_code == 404


def test_timeline_tells_of_the_exemption_and_its_end(customer, manager):
    exemption = set_exemption(customer, reason="known", by=manager, at=NOON)
    end_exemption(exemption, by=manager, at=NOON + timedelta(hours=1))

    lines = timeline(customer, viewer=Viewer(user=manager), at=NOON + timedelta(hours=2), kinds=["exemption"]).lines

    assert [(str(line.entry.title), line.entry.text, line.entry.by) for line in lines] == [
        ("Exemption ended", "", "manager"),
        ("Exempt without end", "known", "manager"),
    ]


def test_list_takes_as_many_queries_for_three_as_for_one(sign_in, manager, count_queries):
    client = sign_in(manager)
    ExemptionFactory(customer=CustomerFactory(nick="a"), until=timezone.now() + timedelta(days=1))
    client.get(LIST)
    one = count_queries(lambda: client.get(LIST))
    for nick in "bc":
        ExemptionFactory(customer=CustomerFactory(nick=nick), ended_at=NOON, ended_by=manager)

    assert count_queries(lambda: client.get(LIST)) == one
    assert client.get(LIST, {"standing": "yes"}).context["cl"].result_count == 1
    assert client.get(LIST, {"standing": "no"}).context["cl"].result_count == 2
