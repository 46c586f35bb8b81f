"""The page that asks the gate, and the list of what the gate did not simply allow."""

from decimal import Decimal

import pytest

from blocklist.models import Attempt
from tests.factories import NOON, BanFactory, CustomerFactory, SourceFactory, UserFactory, WatchFactory

LIST = "/admin/blocklist/attempt/"
PAGE = "/admin/check-buyer/"
PHONE = "13800138000"


@pytest.fixture
def source(db):
    return SourceFactory()


def ask(client, source, **named):
    return client.post(PAGE, {"source": source.pk, **named})


def test_staff_ask_the_gate_and_read_the_reason_with_its_entry(sign_in, agent, manager, source):
    ban = BanFactory(customer=CustomerFactory(nick="banned", phone=PHONE), type="extortion", by=manager)
    CustomerFactory(nick="good", agent=agent)
    client = sign_in(agent.user)

    answer = ask(client, source, nick="good", phone=PHONE, amount="12.50")

    shown = answer.context["shown"]
    assert shown["decision"].code == "shared_contact_banned"
    assert [(reason.by, reason.at, reason.url) for reason in shown["reasons"]] == [
        ("manager", NOON, ban.get_absolute_url())
    ]
    for told in ("extortion", "This order cannot be accepted.", "good", ban.get_absolute_url()):
        assert told in answer.text
    logged = Attempt.objects.values_list("door", "by", "key", "identifiers", "amount", "outcome", "code")
    expected = ("panel", agent.user.pk, None, ["nick", "phone"], Decimal("12.50"), "refuse", "shared_contact_banned")
    assert list(logged) == [expected]
    assert "Nick, Phone" in client.get(Attempt.objects.get().get_absolute_url()).text


def test_whoever_may_buy_is_named_and_nothing_is_logged(sign_in, agent, source):
    CustomerFactory(nick="good")
    client = sign_in(agent.user)

    known, unknown = ask(client, source, nick="good"), ask(client, source, nick="nobody")

    assert [page.context["shown"]["outcome"] for page in (known, unknown)] == ["may buy", "may buy"]
    assert "good" in known.context["buyer"]
    assert "Nobody whom the shop knows for sure." in unknown.text
    assert not Attempt.objects.exists()


def test_watched_buyer_is_held_with_the_watch_as_reason(sign_in, agent, source):
    WatchFactory(customer=CustomerFactory(nick="watched"), type="coupon_hunter")

    answer = ask(sign_in(agent.user), source, nick="watched")

    assert answer.context["shown"]["outcome"] == "held for review"
    assert "coupon hunter" in answer.text


def test_customer_of_another_agent_is_not_named(sign_in, settings, agent, other_agent, source):
    settings.AGENTS_SEE_CUSTOMERS = "own"
    ban = BanFactory(customer=CustomerFactory(nick="secret", phone=PHONE, agent=other_agent), type="extortion")
    CustomerFactory(nick="mine", agent=agent)
    client = sign_in(agent.user)

    for named in ({"phone": PHONE}, {"nick": "mine", "phone": PHONE}):
        text = ask(client, source, **named).text
        assert "refused" in text.lower()
        assert not any(told in text for told in ("secret", "extortion", ban.get_absolute_url()))
    (attempt,) = Attempt.objects.filter(customer__agent=agent)
    for page in (LIST, attempt.get_absolute_url()):
        text = client.get(page).text
        assert "of another agent" in text
        assert not any(told in text for told in ("secret", "extortion, ", ban.get_absolute_url()))


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"nick": ""},
        {"source": "x", "nick": "a"},
        {"source": 10**30, "nick": "a"},
        {"nick": "a\0b"},
        {"nick": "a" * 101},
        {"phone": "1" * 5000},
        {"nick": "a", "amount": "1e400"},
        {"nick": "a", "amount": "-1"},
        {"nick": "a", "amount": "9" * 5000},
    ],
)
def test_bad_question_says_what_is_wrong(sign_in, agent, source, body):
    answer = sign_in(agent.user).post(PAGE, {"source": source.pk, **body})

    assert answer.status_code == 200
    assert answer.context["form"].errors
    assert "shown" not in answer.context


@pytest.mark.parametrize("phone", ["call me", "138****8000", "13800138000转1234", "+", "1" * 60, "💥", "'"])
def test_malformed_phone_names_nobody(sign_in, agent, source, phone):
    BanFactory(customer=CustomerFactory(phone=PHONE))
    assert ask(sign_in(agent.user), source, phone=phone).context["shown"]["decision"].code == "allowed"


def test_page_is_for_those_who_see_customers_and_attempts(client, source):
    client.force_login(UserFactory())
    assert client.get(PAGE).status_code == 403


def test_list_tells_rule_entry_and_who_asked_in_as_many_queries_for_three_as_for_one(
    sign_in, key_client, agent, manager, count_queries, source
):
    shop = key_client("purchase-checks:write", user=agent.user)
    BanFactory(customer=CustomerFactory(nick="a"), by=manager, type="abuse")
    WatchFactory(customer=CustomerFactory(nick="b"), by=manager)
    BanFactory(customer=CustomerFactory(nick="c"), by=manager)
    client = sign_in(agent.user)
    shop.post("/api/v1/purchase-checks/", {"nick": "a"})
    client.get(LIST)
    one = count_queries(lambda: client.get(LIST))
    shop.post("/api/v1/purchase-checks/", {"nick": "b"})
    ask(client, source, nick="c")

    assert count_queries(lambda: client.get(LIST)) == one
    text = client.get(LIST).text
    for told in ("the buyer himself is banned", "the buyer is on the watch list", "ban: abuse, manager"):
        assert told in text
    assert "purchase check (test, ming)" in text
    assert "question in the panel (ming)" in text
    assert client.get(LIST, {"outcome__exact": "review"}).context["cl"].result_count == 1
    assert client.get(LIST, {"code__exact": "purchase_banned"}).context["cl"].result_count == 2


def test_order_bought_despite_a_ban_is_a_task_that_is_ticked_once(sign_in, agent, other_agent, source, settings):
    settings.AGENTS_SEE_CUSTOMERS = "read"
    ban = BanFactory(customer=CustomerFactory(nick="a", agent=agent))
    attempt = Attempt.objects.create(
        at=NOON, outcome="despite", code="purchase_banned", door="import", source=source, customer=ban.customer, ban=ban
    )
    handle = f"{LIST}{attempt.pk}/handle/"
    assert sign_in(other_agent.user).post(handle).status_code == 403
    client = sign_in(agent.user)
    assert client.get(LIST, {"task": "to_do"}).context["cl"].result_count == 1
    assert handle in client.get(attempt.get_absolute_url()).text

    client.post(handle)
    first = Attempt.objects.values_list("handled_by", "handled_at").get()
    client.post(handle)

    assert first[0] == agent.user.pk
    assert Attempt.objects.values_list("handled_by", "handled_at").get() == first
    assert client.get(LIST, {"task": "to_do"}).context["cl"].result_count == 0
    assert client.get(LIST, {"task": "handled"}).context["cl"].result_count == 1
    assert handle not in client.get(attempt.get_absolute_url()).text
