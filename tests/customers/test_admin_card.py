"""The card beside a chat window."""

from datetime import timedelta

import pytest
from django.utils import timezone

from customers.models import Customer
from tests.factories import BanFactory, CustomerFactory, InquiryFactory, OrderFactory, UserFactory

CARD = "/admin/card/"


@pytest.fixture
def buyer(agent):
    return CustomerFactory(nick="willow", phone="13800138000", agent=agent, level=2)


@pytest.mark.parametrize("asked", ["willow", " will", "138 0013 8000", "A-1"])
def test_card_finds_by_nick_phone_and_order_number(sign_in, agent, buyer, asked):
    OrderFactory(customer=buyer, number="A-1", flag=1, memo="Send soon")
    CustomerFactory(nick="maple")

    page = sign_in(agent.user).get(CARD, {"q": asked})

    assert page.context["row"] == buyer
    assert all(text in page.text for text in ("Ming", "premium member", "A-1", "is-red", "Send soon"))
    assert "13800138000" not in page.text


def test_card_of_a_banned_buyer_says_why_by_whom_until_when_and_what_to_do(sign_in, agent, buyer):
    until = timezone.now() + timedelta(days=30)
    BanFactory(customer=buyer, type="extortion", by=agent.user, until=until)

    page = sign_in(agent.user).get(CARD, {"q": "willow"}).text

    day = timezone.localtime(until).strftime("%Y-%m-%d")
    said = [
        "extortion",
        "Banned by ming on ",
        f"until {day}",
        "He cannot buy. Answer his questions",
        "Lift ban",
        "This is your customer.",
    ]
    assert [text for text in said if text not in page] == []


def test_card_of_a_free_customer_offers_to_bind_and_comes_back(sign_in, agent, lead):
    free = CustomerFactory(nick="maple")
    address = f"{CARD}?customer={free.pk}"
    client = sign_in(agent.user)

    page = client.get(address).text
    done = client.post(f"/admin/customers/customer/{free.pk}/bind/", {"agent": agent.pk, "next": address})

    assert "Bind him by one click" in page
    assert (done.url, Customer.objects.get(pk=free.pk).agent) == (address, agent)
    other = CustomerFactory(nick="oak")
    assert "A lead binds him to an agent." in sign_in(lead).get(CARD, {"customer": other.pk}).text


def test_card_of_a_colleagues_customer_names_him_and_leads_to_the_running_inquiry(sign_in, other_agent, buyer, lead):
    inquiry = InquiryFactory(customer=buyer, agent=other_agent)

    page = sign_in(other_agent.user).get(CARD, {"q": "willow"}).text

    assert "Ming (online) serves this customer." in page
    assert inquiry.get_absolute_url() in page
    assert f"/admin/blocklist/ban/customer/{buyer.pk}/ban/?next=%2Fadmin%2Fcard%2F%3Fq%3Dwillow" in page


def test_several_matches_are_offered_and_an_exact_nick_wins(sign_in, agent, buyer):
    several = [CustomerFactory(nick=f"willow{number}") for number in range(9)]
    client = sign_in(agent.user)

    assert client.get(CARD, {"q": "willow"}).context["row"] == buyer
    page = client.get(CARD, {"q": "will"})

    assert [pk for pk, _name in page.context["matches"]] == [customer.pk for customer in [buyer, *several[:7]]]
    assert page.context["has_more"] is True
    assert f"{CARD}?customer={several[0].pk}" in page.text


def test_card_says_what_to_do_where_it_finds_nobody_or_is_asked_nothing(sign_in, agent):
    client = sign_in(agent.user)
    pages = [
        client.get(CARD, query) for query in ({}, {"q": "nobody"}, {"q": "a\0b"}, {"q": "x" * 201}, {"customer": "x"})
    ]

    assert [page.status_code for page in pages] == [200] * 5
    wanted = ["Whom are you talking to?", "Nobody found", *["This is no nick, phone or order number."] * 3]
    assert [text for text, page in zip(wanted, pages, strict=True) if text not in page.text] == []
    assert client.get(CARD, {"customer": 999}).status_code == 404


def test_card_is_for_staff_with_the_right(client, sign_in, agent, buyer):
    assert client.get(CARD, {"q": "willow"}).status_code == 302
    assert sign_in(UserFactory()).get(CARD, {"q": "willow"}).status_code == 403


def test_card_shows_three_orders_in_as_many_queries_as_one(sign_in, agent, buyer, count_queries):
    OrderFactory(customer=buyer)
    client = sign_in(agent.user)
    client.get(CARD, {"q": "willow"})
    one = count_queries(lambda: client.get(CARD, {"q": "willow"}))
    OrderFactory.create_batch(4, customer=buyer)

    assert count_queries(lambda: client.get(CARD, {"q": "willow"})) == one
    assert len(client.get(CARD, {"q": "willow"}).context["orders"]) == 3
