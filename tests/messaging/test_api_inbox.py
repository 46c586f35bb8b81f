"""The storefront inbox over HTTP."""

import pytest

from messaging.models import InboxMessage
from tests.factories import (
    NOON,
    AccountFactory,
    BanFactory,
    BroadcastFactory,
    ProductFactory,
    SourceFactory,
)

PATH = "/api/v1/inbox/"


@pytest.fixture
def shop(key_client):
    return key_client("inbox:read", "inbox:write")


@pytest.fixture
def account(db):
    return AccountFactory(nick="xiaoming", external_id="u-1")


def send(customer, **broadcast):
    return InboxMessage.objects.create(broadcast=BroadcastFactory(**broadcast), customer=customer, sent_at=NOON)


def test_inbox_shows_filled_messages_newest_first(shop, account):
    product = ProductFactory(external_id="p-1", name="Tea", price="19.90")
    older = send(account.customer)
    newer = send(account.customer, subject="{product} is here", body="{nick}, only {price}. {other}", product=product)
    send(AccountFactory().customer)

    by_nick = shop.get(PATH, {"nick": "xiaoming"})

    sent_at = "2026-03-05T12:00:00+08:00"
    assert by_nick.status_code == 200
    assert by_nick.json()["results"] == [
        {
            "id": newer.pk,
            "subject": "Tea is here",
            "body": "xiaoming, only 19.90. {other}",
            "product": "p-1",
            "sent_at": sent_at,
            "read_at": None,
        },
        {
            "id": older.pk,
            "subject": "News",
            "body": "Hello xiaoming",
            "product": None,
            "sent_at": sent_at,
            "read_at": None,
        },
    ]
    assert shop.get(PATH, {"external_id": "u-1"}).json() == by_nick.json()
    assert shop.get(PATH, {"nick": "xiaoming", "source": "own"}).json() == by_nick.json()


def test_banned_buyer_still_reads_what_came_before(shop, account):
    send(account.customer)
    BanFactory(customer=account.customer)
    assert len(shop.get(PATH, {"nick": "xiaoming"}).json()["results"]) == 1


@pytest.mark.parametrize("nick", ["nobody", "xiao***"])
def test_unknown_visitor_has_an_empty_inbox(shop, account, nick):
    answer = shop.get(PATH, {"nick": nick})
    assert (answer.status_code, answer.json()) == (200, {"next": None, "previous": None, "results": []})


def test_nick_of_another_source_is_somebody_else(shop, account):
    send(account.customer)
    account.source = SourceFactory(code="taobao")
    account.save()

    assert shop.get(PATH, {"nick": "xiaoming"}).json()["results"] == []
    assert shop.get(PATH, {"nick": "xiaoming", "source": "taobao"}).status_code == 403


@pytest.mark.parametrize(
    ("query", "name"),
    [("", "nick"), ("nick=", "nick"), ("nik=x", "nik"), ("nick=%00", "nick"), ("nick=a&page_size=x", "page_size")],
)
def test_question_that_is_not_understood_is_400_that_names_it(shop, query, name):
    answer = shop.get(f"{PATH}?{query}")
    assert answer.status_code == 400
    assert [error["parameter"] for error in answer.json()["errors"]] == [name]


def test_message_is_marked_as_read_once(shop, account):
    message = send(account.customer)

    first = shop.post(f"{PATH}{message.pk}/read/")
    again = shop.post(f"{PATH}{message.pk}/read/")

    message.refresh_from_db()
    assert message.read_at is not None
    assert (first.status_code, again.status_code) == (200, 200)
    assert first.json() == again.json()
    assert shop.get(PATH, {"nick": "xiaoming"}).json()["results"][0]["read_at"] == first.json()["read_at"]


def test_message_to_a_customer_of_another_source_is_404(shop):
    message = send(AccountFactory(source=SourceFactory(code="taobao")).customer)

    assert shop.post(f"{PATH}{message.pk}/read/").status_code == 404
    assert InboxMessage.objects.get().read_at is None


def test_inbox_takes_as_many_queries_for_three_as_for_one(shop, account, count_queries):
    send(account.customer, product=ProductFactory())
    shop.get(PATH, {"nick": "xiaoming"})
    one = count_queries(lambda: shop.get(PATH, {"nick": "xiaoming"}))
    send(account.customer, product=ProductFactory())
    send(account.customer, product=ProductFactory())

    assert count_queries(lambda: shop.get(PATH, {"nick": "xiaoming"})) == one
    assert len(shop.get(PATH, {"nick": "xiaoming"}).json()["results"]) == 3


def test_staff_read_an_inbox_when_they_name_the_source(sign_in, agent, account):
    send(account.customer)
    client = sign_in(agent.user)

    assert len(client.get(PATH, {"nick": "xiaoming", "source": "own"}).json()["results"]) == 1
    assert client.get(PATH, {"nick": "xiaoming"}).status_code == 400
