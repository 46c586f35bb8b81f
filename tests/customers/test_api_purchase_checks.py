"""The purchase gate as a question, over HTTP."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from blocklist.models import Attempt
from customers import gates
from customers.gates import Door, Question
from customers.identity import Identity
from customers.models import ApiKey
from tests.factories import NOON, AccountFactory, BanFactory, ContactValueFactory, CustomerFactory, SourceFactory

PATH = "/api/v1/purchase-checks/"
ALLOWED = {"decision": "allow", "code": "allowed", "public_message": ""}
TEXT = "This order cannot be accepted. Please contact the shop's customer service."


@pytest.fixture
def shop(key_client):
    return key_client("purchase-checks:write")


@pytest.fixture
def ban(db):
    customer = CustomerFactory(phone="13800138000", email="Wang@Example.com")
    AccountFactory(customer=customer, nick="xiaoming", external_id="u-1")
    return BanFactory(customer=customer)


NAMED = [
    {"nick": "xiaoming"},
    {"external_id": "u-1"},
    {"phone": "+86 138-0013-8000"},
    {"phone": "008613800138000"},
    {"phone": "１３８ ００１３ ８０００"},
    {"email": " WANG@example.COM "},
    {"nick": "somebody else", "phone": "13800138000"},
]


@pytest.mark.parametrize("named", NAMED)
def test_banned_buyer_is_refused_by_each_identifier_and_logged(shop, ban, named):
    answer = shop.post(PATH, {**named, "order_number": "A1", "amount": "12.50"})

    refusal = {"decision": "refuse", "code": "purchase_banned", "public_message": TEXT, "ban_id": ban.pk}
    assert (answer.status_code, answer.json()) == (200, refusal)
    logged = Attempt.objects.values_list("outcome", "door", "ban", "identifiers", "order_number", "amount")
    names = [name for name in ("nick", "phone") if name in named] if len(named) > 1 else list(named)
    assert list(logged) == [("refuse", "check", ban.pk, names, "A1", Decimal("12.50"))]


@pytest.mark.parametrize(
    "named",
    [
        {"nick": "xiaomin"},
        {"nick": "xiao***"},
        {"external_id": "u-2"},
        {"phone": "13800138001"},
        {"phone": "138****8000"},
        {"phone": "not a phone"},
        {"email": "wang@example.org"},
        {"address": "北京市"},
    ],
)
def test_everybody_else_is_allowed_and_not_logged(shop, ban, named):
    answer = shop.post(PATH, named)

    assert (answer.status_code, answer.json()) == (200, ALLOWED)
    assert not Attempt.objects.exists()


def test_nick_of_another_source_names_somebody_else(shop, ban):
    ban.customer.accounts.update(source=SourceFactory(code="taobao"))
    assert shop.post(PATH, {"nick": "xiaoming"}).json() == ALLOWED


def test_lifted_and_ended_bans_refuse_nobody(shop, ban):
    assert shop.post(PATH, {"nick": "xiaoming"}).json()["decision"] == "refuse"
    ban.until = timezone.now() - timedelta(seconds=1)
    ban.save()
    assert shop.post(PATH, {"nick": "xiaoming"}).json() == ALLOWED


@pytest.mark.parametrize("body", [{}, {"nick": ""}, {"amount": "1.00", "phone": " "}])
def test_buyer_without_identifier_is_400_that_says_so(shop, body):
    answer = shop.post(PATH, body)

    assert answer.status_code == 400
    sentence = "Name the buyer by at least one of nick, external_id, phone, email, address."
    assert answer.json() == {
        "type": "about:blank",
        "title": "Bad Request",
        "status": 400,
        "detail": "The request is not valid.",
        "code": "invalid",
        "errors": [{"pointer": "", "detail": sentence, "code": "identifier_missing"}],
    }


def test_misspelled_identifier_is_400_and_not_dropped(shop, ban):
    answer = shop.post(PATH, {"Nick": "xiaoming", "phone": "13900139000"})

    assert answer.status_code == 400
    assert [error["pointer"] for error in answer.json()["errors"]] == ["/Nick"]


@pytest.mark.parametrize("source", ["taobao", "missing"])
def test_key_asks_for_its_own_source_only(shop, source):
    SourceFactory(code="taobao")
    answer = shop.post(PATH, {"nick": "xiaoming", "source": source})
    assert (answer.status_code, answer.json()["code"]) == (403, "foreign_source")


def test_staff_name_the_source(sign_in, agent, ban):
    client = sign_in(agent.user)
    named = client.post(PATH, {"nick": "xiaoming", "source": "own"}, content_type="application/json")
    unknown = client.post(PATH, {"nick": "xiaoming", "source": "x"}, content_type="application/json")
    unnamed = client.post(PATH, {"nick": "xiaoming"}, content_type="application/json")

    assert (named.status_code, named.json()["decision"]) == (200, "refuse")
    assert [answer.json()["errors"][0]["code"] for answer in (unknown, unnamed)] == ["unknown_source", "required"]


def test_errors_are_in_the_language_of_the_client(shop):
    answer = shop.post(PATH, {"nick": ["x"]}, headers={"Accept-Language": "zh-hans"})
    assert answer.json()["errors"] == [{"pointer": "/nick", "detail": "不是有效的字符串。", "code": "invalid"}]


def test_gate_takes_two_queries_at_most_when_it_allows_and_one_write_more_when_it_refuses(ban, count_queries):
    def ask(nick):
        buyer = Identity(
            source_id=ban.customer.accounts.get().source_id, nick=nick, phone="13800138009", email="a@b.cn"
        )
        question = Question(buyer=buyer, door=Door.CHECK, at=NOON)
        return lambda: gates.ask(question)

    assert count_queries(ask("somebody")) <= 2
    assert count_queries(ask("xiaoming")) <= 3


def test_purchase_check_costs_the_key_and_the_gate(shop, ban, count_queries):
    ContactValueFactory()
    shop.post(PATH, {"nick": "somebody"})  # notes the use of the key

    assert count_queries(lambda: shop.post(PATH, {"nick": "somebody", "phone": "13900139000"})) == 2
    assert count_queries(lambda: shop.post(PATH, {"nick": "xiaoming"})) == 3


def test_key_of_a_user_may_check(key_client, agent, ban):
    client = key_client("purchase-checks:write", user=agent.user)
    assert client.post(PATH, {"nick": "xiaoming"}).json()["ban_id"] == ban.pk
    assert ApiKey.objects.get().last_used_at is not None


def test_all_gates_of_the_setting_are_asked(settings, shop, ban):
    assert settings.PURCHASE_GATES == ["blocklist.gates.BanGate"]
    settings.PURCHASE_GATES = []
    assert shop.post(PATH, {"nick": "xiaoming"}).json() == ALLOWED
