"""Agents in the panel: the load view, an agent's page, mutes, hand-over, working hours, and who is at work."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from customers.models import Agent, Customer, Deputyship, Inquiry, Job, Mute, WorkingHours
from customers.services import deputies, hand_overs, mutes
from customers.services.agents import set_status
from tests.factories import AgentFactory, CustomerFactory, InquiryFactory

LIST, MUTES = "/admin/customers/agent/", "/admin/customers/mute/"


def door(name, agent):
    return reverse(f"admin:customers_agent_{name}", args=[agent.pk])


def said(answer):
    return [str(message) for message in answer.context["messages"]]


def cells(page):
    return [
        (row.running_count, row.customer_count, row.active_count) for row in page.context["cl"].queryset.order_by("pk")
    ]


def test_load_view_counts_running_bound_and_active_and_names_the_queue(sign_in, agent, other_agent, lead, now):
    Agent.objects.filter(pk=agent.pk).update(capacity=4)
    CustomerFactory(agent=agent, last_trade_at=now - timedelta(days=91))
    CustomerFactory(agent=agent, last_trade_at=now - timedelta(days=89))
    InquiryFactory(agent=agent, customer=CustomerFactory(agent=agent), opened_at=now - timedelta(days=1))
    InquiryFactory(opened_at=now)
    set_status(other_agent, "suspended", by=lead, at=now, reason="lunch", until=now + timedelta(hours=1))

    page = sign_in(lead).get(LIST)

    assert cells(page) == [(1, 3, 2), (0, 0, 0)]
    assert "1 inquiry waits for an agent." in page.text
    assert '<meter min="0" max="4" high="3" value="1"></meter> 1 / 4' in page.text
    assert "lunch" in page.text


def test_agents_list_and_page_take_as_many_queries_for_3_as_for_1(
    sign_in, agent, other_agent, manager, now, count_queries
):
    def add(days):
        colleague = AgentFactory()
        CustomerFactory(agent=colleague)
        customer = CustomerFactory(agent=agent)
        InquiryFactory(agent=agent, customer=customer)
        mutes.mute(customer, agent=agent, reason="shouts", by=agent.user, at=now)
        dates = {"starts_at": now + timedelta(days=days), "ends_at": now + timedelta(days=days + 1)}
        deputies.propose(agent, deputy=other_agent, **dates, by=agent.user, at=now)
        set_status(agent, "suspended", by=agent.user, at=now, reason=str(days))
        hand_overs.start_hand_over(colleague, to=[agent], levels=[], reason="", by=manager, at=now)

    client, page = sign_in(manager), agent.get_absolute_url()
    add(1)
    client.get(page)
    one = [count_queries(lambda path=path: client.get(path)) for path in (LIST, page, MUTES)]
    add(3)
    add(5)

    assert [count_queries(lambda path=path: client.get(path)) for path in (LIST, page, MUTES)] == one
    assert Mute.objects.count() == 3


def test_agent_sets_reason_and_the_clock_at_which_he_is_back(sign_in, agent):
    client = sign_in(agent.user)

    client.post("/admin/customers/agent/status/", {"status": "suspended", "until_clock": "14:00", "reason": "lunch"})

    agent.refresh_from_db()
    until = timezone.localtime(agent.status_until)
    assert (agent.status, agent.status_reason, until.hour, until.minute) == ("suspended", "lunch", 14, 0)
    assert timezone.now() < until <= timezone.now() + timedelta(days=1)


def test_status_with_a_planned_end_in_the_past_is_refused_with_a_sentence(sign_in, agent, lead):
    answer = sign_in(lead).post(door("status", agent), {"status": "offline", "until": "2020-01-01T10:00"}, follow=True)

    assert said(answer) == ["The planned end must be in the future."]
    agent.refresh_from_db()
    assert agent.status == "online"


def test_colleague_sees_the_page_but_sets_nothing_there(sign_in, agent, other_agent):
    client = sign_in(other_agent.user)

    page = client.get(agent.get_absolute_url()).text

    assert (door("status", agent) in page, door("deputy", agent) in page, door("hand_over", agent) in page) == (
        False,
        False,
        False,
    )
    assert client.post(door("status", agent), {"status": "offline"}).status_code == 403
    assert client.post(door("deputy", agent), dates(other_agent)).status_code == 403
    assert client.get(door("hand_over", agent)).status_code == 403
    assert not Deputyship.objects.exists()


def dates(deputy, first=0, last=2):
    today = timezone.localdate()
    return {
        "deputy": deputy.pk,
        "starts_on": (today + timedelta(days=first)).isoformat(),
        "ends_on": (today + timedelta(days=last)).isoformat(),
    }


def test_agent_proposes_a_deputy_and_a_manager_approves_on_his_page(sign_in, agent, other_agent, manager):
    proposing = sign_in(agent.user).post(door("deputy", agent), dates(other_agent), follow=True)
    row = Deputyship.objects.get()
    refused = sign_in(other_agent.user).post(reverse("admin:customers_agent_deputy_approve", args=[row.pk]))
    client = sign_in(manager)
    listed, page = client.get(LIST).text, client.get(agent.get_absolute_url()).text
    client.post(reverse("admin:customers_agent_deputy_approve", args=[row.pk]))

    assert said(proposing) == ["Lan is proposed; a manager approves."]
    assert refused.status_code == 403
    assert "Lan shall stand in for Ming." in listed
    assert reverse("admin:customers_agent_deputy_approve", args=[row.pk]) in page
    row.refresh_from_db()
    first_day, last_day = timezone.localtime(row.starts_at), timezone.localtime(row.ends_at)
    assert (row.approved_by, first_day.hour, (last_day - first_day).days) == (manager, 0, 3)


def test_deputy_with_bad_dates_is_refused_by_the_name_of_the_field(sign_in, agent, other_agent):
    client = sign_in(agent.user)

    backwards = client.post(door("deputy", agent), dates(other_agent, first=3, last=1), follow=True)
    nobody = client.post(door("deputy", agent), {**dates(other_agent), "deputy": agent.pk}, follow=True)

    assert said(backwards) == ["Last day: The last day is not before the first."]
    assert [sentence.split(":")[0] for sentence in said(nobody)] == ["Deputy"]
    assert not Deputyship.objects.exists()


def test_agent_mutes_on_the_customers_page_and_a_lead_ends_it_there(sign_in, agent, lead):
    customer = CustomerFactory(nick="willow", agent=agent)
    address = reverse("admin:customers_mute_customer", args=[customer.pk])
    client = sign_in(agent.user)

    offered = address in client.get(customer.get_absolute_url()).text
    empty = client.post(address, {"reason": ""})
    client.post(address, {"reason": "shouts"})
    mute = Mute.objects.get()
    leads = sign_in(lead)
    seen = [leads.get(path).text for path in (MUTES, customer.get_absolute_url())]
    leads.post(reverse("admin:customers_mute_end", args=[mute.pk]))

    assert (offered, empty.status_code, "required" in empty.text) == (True, 200, True)
    assert [("shouts" in page, "Unmute" in page) for page in seen] == [(True, True)] * 2
    mute.refresh_from_db()
    assert mute.ended_by == lead


def test_mutes_are_hidden_from_colleagues_and_theirs_to_leave_alone(sign_in, agent, other_agent, now):
    customer = CustomerFactory(agent=agent)
    mute = mutes.mute(customer, agent=agent, reason="shouts", by=agent.user, at=now)
    client = sign_in(other_agent.user)

    assert "shouts" not in client.get(MUTES).text
    assert "shouts" not in client.get(customer.get_absolute_url()).text
    assert client.post(reverse("admin:customers_mute_end", args=[mute.pk])).status_code == 404
    assert client.post(reverse("admin:customers_mute_customer", args=[customer.pk]), {"reason": "x"}).status_code == 403
    assert Mute.objects.standing(now).count() == 1


def test_hand_over_page_shows_whom_it_moves_before_it_does(sign_in, agent, other_agent, lead):
    CustomerFactory.create_batch(2, agent=agent, level=3)
    CustomerFactory(agent=agent)
    client, chosen = sign_in(lead), {"levels": ["3"], "to": [other_agent.pk], "reason": "holiday"}

    nobody = client.post(door("hand_over", agent), {"levels": ["3"]})
    preview = client.post(door("hand_over", agent), chosen)
    before = other_agent.customers.count()
    done = client.post(door("hand_over", agent), {**chosen, "confirm": "1"}, follow=True)

    assert "Choose who gets the customers." in nobody.text
    assert "2 customers go to Lan." in preview.text
    assert (before, said(done)) == (0, ["2 customers were handed over."])
    assert set(other_agent.customers.values_list("level", flat=True)) == {3}
    assert "holiday" in client.get(other_agent.get_absolute_url()).text


def test_hand_over_of_many_leads_to_its_job(sign_in, agent, other_agent, lead, monkeypatch):
    monkeypatch.setattr(hand_overs, "AT_ONCE", 0)
    CustomerFactory(agent=agent)

    answer = sign_in(lead).post(door("hand_over", agent), {"to": [other_agent.pk], "confirm": "1"})

    assert answer.url == Job.objects.get().get_absolute_url()


def agent_form(agent, **values):
    inlines = {
        f"{prefix}-{name}": 0
        for prefix in ("working_hours", "closed_days")
        for name in ("TOTAL_FORMS", "INITIAL_FORMS")
    }
    return {"user": agent.user.pk, "display_name": "Ming", "is_active": "on", **inlines, **values}


def test_lead_raises_the_capacity_and_who_waits_is_given_out(sign_in, agent, lead):
    Agent.objects.filter(pk=agent.pk).update(capacity=1)
    InquiryFactory(agent=agent)
    waiting = InquiryFactory()

    answer = sign_in(lead).post(agent.get_absolute_url(), agent_form(agent, capacity="2"))

    assert answer.status_code == 302
    waiting.refresh_from_db()
    assert waiting.agent == agent


def test_agent_who_leaves_with_customers_is_led_to_their_hand_over(sign_in, agent, other_agent, lead):
    inquiry = InquiryFactory(agent=agent, customer=CustomerFactory(agent=agent))
    values = agent_form(agent)
    del values["is_active"]

    answer = sign_in(lead).post(agent.get_absolute_url(), values, follow=True)

    assert door("hand_over", agent) in said(answer)[0]
    assert door("hand_over", agent) in sign_in(lead).get(agent.get_absolute_url()).text
    inquiry.refresh_from_db()
    assert (inquiry.agent, Agent.objects.get(pk=agent.pk).status) == (other_agent, "offline")


def test_lead_keeps_the_hours_of_the_shop_and_an_agent_does_not(sign_in, agent, lead):
    path = "/admin/customers/workinghours/add/"
    hours = {"weekday": "0", "starts_at": "09:00", "ends_at": "18:00"}

    assert sign_in(agent.user).post(path, hours).status_code == 403
    backwards = sign_in(lead).post(path, {**hours, "ends_at": "08:00"})
    assert sign_in(lead).post(path, hours).status_code == 302

    assert "Working hours end after they start" in backwards.text
    assert WorkingHours.objects.get().agent is None


def test_inquiry_page_tells_every_decision(sign_in, agent, other_agent, lead, now):
    customer = CustomerFactory(agent=agent, nick="willow")
    inquiry = InquiryFactory(agent=agent, customer=customer)
    mutes.mute(customer, agent=agent, reason="shouts", by=agent.user, at=now)

    page = sign_in(lead).get(Inquiry.objects.get(pk=inquiry.pk).get_absolute_url()).text

    assert "Ming does not receive this customer; Lan, the least busy agent online, has it" in page


def test_opening_a_page_is_a_sign_of_life_and_what_a_page_asks_by_itself_is_none(sign_in, agent, settings):
    settings.AGENT_IDLE_AFTER = timedelta(minutes=30)
    client = sign_in(agent.user)

    def seen(call, **headers):
        Agent.objects.filter(pk=agent.pk).update(last_active_at=None)
        call(LIST, headers=headers)
        return Agent.objects.get(pk=agent.pk).last_active_at is not None

    assert [
        seen(client.get),
        seen(client.get, **{"Sec-Fetch-Mode": "navigate"}),
        seen(client.get, **{"Sec-Fetch-Mode": "cors"}),
        seen(client.post, **{"Sec-Fetch-Mode": "cors"}),
    ] == [True, True, False, True]
    assert Customer.objects.count() == 0


@pytest.mark.parametrize(("first", "last"), [("2096-03-05", "9999-12-31"), ("0001-01-01", "2096-03-05")])
def test_days_that_no_database_holds_are_refused_by_name(agent, other_agent, sign_in, first, last):
    body = {"deputy": other_agent.pk, "starts_on": first, "ends_on": last}
    sign_in(agent.user).post(reverse("admin:customers_agent_deputy", args=[agent.pk]), body)

    assert not Deputyship.objects.exists()


def test_end_of_a_status_that_no_clock_shows_is_refused(agent, sign_in):
    path = f"/api/v1/agents/{agent.pk}/status/"
    body = {"status": "suspended", "until": "9999-12-31T23:59:59Z"}
    answer = sign_in(agent.user).post(path, body, content_type="application/json")

    assert (answer.status_code, [found["pointer"] for found in answer.json()["errors"]]) == (400, ["/until"])


def test_hand_over_to_nobody_that_a_database_could_hold_is_an_error_of_the_form(sign_in, lead, agent):
    client = sign_in(lead)

    answer = client.post(f"/admin/customers/agent/{agent.pk}/hand-over/", {"to": [2**63], "confirm": "yes"})

    assert (answer.status_code, list(answer.context["form"].errors)) == (200, ["to"])
