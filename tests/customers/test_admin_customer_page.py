"""A customer's page: contact data on request, notes, whether he can buy and be messaged."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from customers.models import Binding, CustomerNote, Event, FormerNick
from messaging.models import Delivery, OptOut
from tests.factories import (
    NOON,
    AccountFactory,
    BanFactory,
    BroadcastFactory,
    CustomerFactory,
    InquiryFactory,
    OrderFactory,
    ReviewFactory,
    UserFactory,
)

JSON = {"Accept": "application/json"}
SECRETS = ("13800138000", "buyer@example.com")


def door(name, customer, *args):
    return reverse(f"admin:customers_customer_{name}", args=[customer.pk, *args])


@pytest.fixture
def customer(agent):
    return CustomerFactory(nick="willow", agent=agent, phone=SECRETS[0], email=SECRETS[1])


def events():
    return [
        (event.verb, event.by and event.by.username, event.fields, list(event.rows.values_list("model", "row_id")))
        for event in Event.objects.order_by("pk")
    ]


# Contact data -------------------------------------------------------------------------------------------------------


def test_contact_data_is_masked_for_everybody_and_can_be_asked_for_with_the_right(customer, agent, lead, sign_in):
    pages = {user.username: sign_in(user).get(customer.get_absolute_url()).text for user in (agent.user, lead)}

    assert {name: [secret in page for secret in SECRETS] for name, page in pages.items()} == {
        "ming": [False, False],
        "lead": [False, False],
    }
    assert {name: page.count('name="kind" value="phone"') for name, page in pages.items()} == {"ming": 0, "lead": 1}
    assert "138****00" in pages["lead"]
    assert not Event.objects.exists()


def test_contact_data_that_is_asked_for_is_shown_and_audited_without_its_value(customer, lead, sign_in):
    client = sign_in(lead)

    told = client.post(door("contacts", customer), {"kind": "phone"}, headers=JSON)
    page = client.post(door("contacts", customer), {"kind": "email"})

    phone = customer.contact_values.get(kind="phone")
    assert told.json() == {"values": {str(phone.pk): SECRETS[0]}}
    assert [secret in page.text for secret in SECRETS] == [False, True]
    assert [answer.headers["Cache-Control"] for answer in (told, page)] == [
        "max-age=0, no-cache, no-store, must-revalidate, private"
    ] * 2
    of_him = [("customers.customer", customer.pk)]
    assert events() == [
        ("contact.revealed", "lead", ["phone"], of_him),
        ("contact.revealed", "lead", ["email"], of_him),
    ]


def test_contact_data_is_refused_without_the_right_and_of_whom_one_does_not_see(settings, customer, agent, sign_in):
    client = sign_in(agent.user)
    refused = client.post(door("contacts", customer), {"kind": "phone"}, headers=JSON)
    settings.AGENTS_SEE_CUSTOMERS = "own"
    hidden = client.post(door("contacts", CustomerFactory(phone="13900139000")), {"kind": "phone"}, headers=JSON)

    assert (refused.status_code, hidden.status_code) == (403, 404)
    assert SECRETS[0] not in refused.text
    assert not Event.objects.exists()


def test_contact_data_of_no_such_kind_or_by_a_link_is_not_shown(customer, lead, sign_in):
    client = sign_in(lead)

    assert client.post(door("contacts", customer), {"kind": "shoe"}, headers=JSON).status_code == 400
    assert client.get(door("contacts", customer), {"kind": "phone"}).status_code == 405
    assert not Event.objects.exists()


def test_api_reveals_contacts_of_one_customer_and_audits_it(customer, lead, manager, key_client, sign_in):
    path = f"/api/v1/customers/{customer.pk}/"
    key_client("customers:read").get(path)
    sign_in(lead).get("/api/v1/customers/")
    assert not Event.objects.filter(verb="contact.revealed").exists()

    answer = key_client("customers:read", user=manager).get(path)

    assert [row["value"] for row in answer.json()["contacts"]] == list(SECRETS)
    assert events()[-1:] == [("contact.revealed", "manager", ["email", "phone"], [("customers.customer", customer.pk)])]


# Notes --------------------------------------------------------------------------------------------------------------


def test_note_is_written_from_the_page_and_audited_without_its_text(customer, agent, sign_in):
    client, back = sign_in(agent.user), f"{customer.get_absolute_url()}#notes"

    answer = client.post(door("add_note", customer), {"text": " Likes tea \n", "next": back})

    note = CustomerNote.objects.get()
    assert (answer.status_code, answer.url) == (302, back)
    assert (note.customer, note.text, note.by, note.struck_at) == (customer, "Likes tea", agent.user, None)
    assert events() == [("note.added", "ming", [], [("customers.customernote", note.pk)])]
    assert "Likes tea" in client.get(customer.get_absolute_url()).text


@pytest.mark.parametrize("text", ["", "  \n ", "x" * 2001, "a\0b"])
def test_empty_or_endless_note_is_not_written(customer, agent, sign_in, text):
    page = sign_in(agent.user).post(door("add_note", customer), {"text": text}, follow=True)

    assert (page.status_code, "crm-customer" in page.text) == (200, True)
    assert len(list(page.context["messages"])) == 1
    assert not CustomerNote.objects.exists()


def test_note_is_refused_on_whom_one_may_not_change(settings, customer, other_agent, sign_in):
    settings.AGENTS_SEE_CUSTOMERS = "read"
    client = sign_in(other_agent.user)

    answer = client.post(door("add_note", customer), {"text": "mine"})

    assert (answer.status_code, CustomerNote.objects.count()) == (403, 0)
    assert "Add note" not in client.get(customer.get_absolute_url()).text
    settings.AGENTS_SEE_CUSTOMERS = "own"
    assert client.post(door("add_note", customer), {"text": "mine"}).status_code == 404


def test_author_strikes_out_his_note_and_nobody_else_does(customer, agent, manager, sign_in):
    note = CustomerNote.objects.create(customer=customer, text="Wrong", by=agent.user, at=NOON)
    strike = door("strike_note", customer, note.pk)

    others = sign_in(manager).post(strike)
    note.refresh_from_db()
    assert (others.status_code, note.struck_at) == (403, None)
    client = sign_in(agent.user)
    client.post(strike)
    client.post(strike)

    note.refresh_from_db()
    assert (note.text, note.struck_at is None) == ("Wrong", False)
    assert [verb for verb, *_rest in events()] == ["note.struck_out"]
    assert "<del>Wrong</del>" in client.get(customer.get_absolute_url()).text
    assert client.post(door("strike_note", CustomerFactory(), note.pk)).status_code == 404


# Can he buy and be messaged now? ------------------------------------------------------------------------------------


def answers(client, customer):
    found = client.get(f"/api/v1/customers/{customer.pk}/contactability/")
    assert found.status_code == 200
    return {row["question"]: (row["answer"], [reason["code"] for reason in row["reasons"]]) for row in found.json()}


def test_nothing_is_against_a_reachable_customer(customer, agent, sign_in):
    client = sign_in(agent.user)

    assert answers(client, customer) == {"buy": (True, []), "message.inbox": (True, []), "message.email": (True, [])}
    assert client.get(customer.get_absolute_url()).text.count("crm-answer is-yes") == 3


def test_each_reason_is_given_with_who_and_when(agent, manager, sign_in):
    customer, now = CustomerFactory(agent=agent), timezone.now()
    BanFactory(customer=customer, type="abuse", by=manager, started_at=NOON, until=now + timedelta(days=1))
    OptOut.objects.create(customer=customer, channel="email", source="link", at=NOON)
    client = sign_in(agent.user)

    found = client.get(f"/api/v1/customers/{customer.pk}/contactability/").json()

    until = timezone.localtime(now + timedelta(days=1)).strftime("%Y-%m-%d %H:%M")
    noon = "2026-03-05T12:00:00+08:00"
    banned = {
        "code": "banned",
        "sentence": "Banned: a banned customer gets no broadcasts.",
        "by": "manager",
        "at": noon,
    }
    nothing = {"by": "", "at": None}
    assert found == [
        {
            "question": "buy",
            "answer": False,
            "reasons": [
                {
                    "code": "purchase_banned",
                    "sentence": f"Banned from buying (abuse), until {until}.",
                    "by": "manager",
                    "at": noon,
                }
            ],
        },
        {
            "question": "message.inbox",
            "answer": False,
            "reasons": [
                banned,
                {"code": "no_account", "sentence": "No account: there is no inbox that he could read.", **nothing},
            ],
        },
        {
            "question": "message.email",
            "answer": False,
            "reasons": [
                banned,
                {"code": "opted_out", "sentence": "Opted out: the link in a message.", "by": "", "at": noon},
                {"code": "no_address", "sentence": "No address is known.", **nothing},
            ],
        },
    ]
    for place in (customer.get_absolute_url(), f"/admin/card/?customer={customer.pk}"):
        page = client.get(place).text
        assert [reason["sentence"] in page for row in found for reason in row["reasons"]] == [True] * 6


def test_opt_out_of_all_channels_bad_address_and_a_ban_that_is_over(customer, agent, sign_in):
    BanFactory(customer=customer, started_at=NOON, until=NOON + timedelta(days=1))
    OptOut.objects.create(customer=customer, source="staff", at=NOON)
    customer.contact_values.filter(kind="email").update(state="bad")

    assert answers(sign_in(agent.user), customer) == {
        "buy": (True, []),
        "message.inbox": (False, ["opted_out"]),
        "message.email": (False, ["opted_out", "bad_address"]),
    }


def test_who_shares_a_banned_ones_phone_cannot_buy_with_it_as_the_gate_says(customer, agent, key_client, sign_in):
    other = CustomerFactory(phone=SECRETS[0])
    BanFactory(customer=other, type="extortion")
    shop = key_client("purchase-checks:write")

    decided = shop.post("/api/v1/purchase-checks/", {"nick": "willow", "phone": SECRETS[0]}).json()["decision"]
    alone = shop.post("/api/v1/purchase-checks/", {"nick": "willow"}).json()["decision"]

    assert (decided, alone) == ("refuse", "allow")
    found = sign_in(agent.user).get(f"/api/v1/customers/{customer.pk}/contactability/").json()[0]
    assert (found["answer"], [reason["code"] for reason in found["reasons"]]) == (False, ["shared_contact_banned"])
    assert found["reasons"][0]["sentence"].startswith(
        f"Customer #{other.pk} has the same phone or e-mail and is banned"
    )


def test_contactability_is_for_those_who_see_the_customer(settings, customer, other_agent, key_client, sign_in):
    path = f"/api/v1/customers/{customer.pk}/contactability/"

    assert key_client("customers:read").get(path).status_code == 200
    assert key_client("customers:read", source="taobao").get(path).status_code == 404
    assert key_client("orders:read").get(path).status_code == 403
    assert sign_in(UserFactory()).get(path).status_code == 403


# The whole page -----------------------------------------------------------------------------------------------------


def test_customer_page_takes_as_many_queries_for_3_of_everything_as_for_1(
    customer, agent, lead, sign_in, count_queries
):
    def live(number):
        start = NOON + timedelta(days=number)
        OrderFactory(customer=customer, memo="x", ordered_at=start)
        ReviewFactory(customer=customer, reviewed_at=start)
        InquiryFactory(customer=customer, agent=agent, state="closed", opened_at=start, closed_at=start)
        account = AccountFactory(customer=customer)
        FormerNick.objects.create(account=account, nick=f"old{number}", until_at=NOON)
        customer.contact_values.create(kind="address", value=f"{number}", key=f"{number}")
        CustomerNote.objects.create(customer=customer, text="x", by=lead, at=start)
        Binding.objects.create(customer=customer, agent=agent, started_at=start, ended_at=start)
        BanFactory(customer=customer, started_at=start, ended_at=start, lifted_by=lead)
        BanFactory(customer=CustomerFactory(phone=SECRETS[0]))
        OptOut.objects.create(customer=customer, channel=f"c{number}", source="link", at=start)
        Delivery.objects.create(broadcast=BroadcastFactory(), customer=customer, planned_at=start)

    client, address = sign_in(lead), customer.get_absolute_url()
    live(1)
    client.get(address)
    one = count_queries(lambda: client.get(address))
    live(2)
    live(3)

    assert count_queries(lambda: client.get(address)) == one
    page = client.get(address)
    assert [len(page.context[name]) for name in ("orders", "notes", "bindings")] == [3, 3, 4]
    assert ("old1" in page.text, "old3" in page.text) == (True, True)
