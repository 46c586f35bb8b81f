"""Customers over HTTP: seeing, keeping and binding them."""

import pytest

from customers.models import Account, Binding, Customer, Event, RfmScore, SavedFilter
from tests.factories import (
    NOON,
    AccountFactory,
    AgentFactory,
    BanFactory,
    CustomerFactory,
    GroupFactory,
    OrderFactory,
    SourceFactory,
    UserFactory,
)

PATH = "/api/v1/customers/"


@pytest.fixture
def shop(key_client):
    return key_client("customers:read", "customers:write")


def found(answer):
    assert answer.status_code == 200, answer.json()
    return {row["id"] for row in answer.json()["results"]}


def scored(customer, segment="loyal"):
    return RfmScore.objects.create(customer=customer, recency=4, frequency=4, monetary=3, segment=segment)


def group_names(customer):
    return sorted(customer.groups.values_list("name", flat=True))


def test_customer_is_shown_with_contacts_masked_for_a_key(shop, agent):
    customer = CustomerFactory(nick="xiaoming", phone="13800138000", email="wang@example.com", agent=agent, level=3)
    customer.groups.add(GroupFactory(name="Tea"))

    answer = shop.get(f"{PATH}{customer.pk}/")

    assert {**answer.json(), "updated_at": None} == {
        "id": customer.pk,
        "accounts": [{"source": "own", "external_id": "xiaoming", "nick": "xiaoming"}],
        "level": 3,
        "groups": ["Tea"],
        "rfm_segment": None,
        "customer_source": 2,
        "agent": {"id": agent.pk, "display_name": "Ming", "status": "online"},
        "language": "",
        "time_zone": "",
        "province": "",
        "city": "",
        "registered_at": "2026-03-05T12:00:00+08:00",
        "trade_count": 0,
        "trade_amount": "0.00",
        "item_count": 0,
        "avg_price": "0.00",
        "close_trade_count": 0,
        "close_trade_amount": "0.00",
        "last_trade_at": None,
        "updated_at": None,
        "contacts": [
            {"kind": "phone", "value": "138****00", "state": "unchecked"},
            {"kind": "email", "value": "w***@example.com", "state": "unchecked"},
        ],
    }


def test_contacts_are_whole_for_who_may_see_them_only(key_client, sign_in, manager, agent):
    customer = CustomerFactory(nick="xiaoming", phone="13800138000")

    def phone(client):
        return client.get(f"{PATH}{customer.pk}/").json()["contacts"][0]["value"]

    masked = "138****00"
    assert phone(key_client("customers:read", user=manager)) == "13800138000"
    assert phone(key_client("customers:read", user=UserFactory(role="agent"))) == masked
    assert phone(sign_in(manager)) == "13800138000"
    assert phone(sign_in(agent.user)) == masked


def test_key_sees_the_customers_and_accounts_of_its_source_only(shop, sign_in, manager):
    taobao = SourceFactory(code="taobao")
    both, foreign, guest, unknown = (
        CustomerFactory(nick="both"),
        CustomerFactory(),
        CustomerFactory(),
        CustomerFactory(),
    )
    AccountFactory(customer=both, source=taobao)
    AccountFactory(customer=foreign, source=taobao)
    OrderFactory(customer=guest)

    assert found(shop.get(PATH)) == {both.pk, guest.pk}
    assert [account["source"] for account in shop.get(f"{PATH}{both.pk}/").json()["accounts"]] == ["own"]
    missing = shop.get(f"{PATH}999999/")
    assert missing.status_code == 404
    for path in (f"{PATH}{foreign.pk}/", f"{PATH}{unknown.pk}/"):
        assert shop.get(path).json() == missing.json()
    assert found(sign_in(manager).get(PATH)) == {both.pk, foreign.pk, guest.pk, unknown.pk}


def test_filters_find_their_customers(shop, agent):
    group = GroupFactory()
    wanted = CustomerFactory(
        nick="xiaoming",
        phone="13800138000",
        agent=agent,
        level=2,
        customer_source=1,
        trade_count=3,
        trade_amount="90.50",
    )
    wanted.groups.add(group)
    OrderFactory(customer=wanted, number="A1")
    BanFactory(customer=wanted)
    CustomerFactory(nick="lihua", level=1, trade_count=1, trade_amount="10.00")

    queries = [
        {"nick": "xiao"},
        {"level": 2},
        {"group": group.pk},
        {"customer_source": 1},
        {"agent": agent.pk},
        {"trade_count_min": 2},
        {"trade_count_min": 3, "trade_count_max": 3},
        {"trade_amount_min": "90.50", "trade_amount_max": "90.50"},
        {"q": "138 0013 8000"},
        {"q": "A1"},
        {"nick": "xiao", "level": 2},
        {"banned": "true"},
    ]
    assert [found(shop.get(PATH, query)) for query in queries] == [{wanted.pk}] * len(queries)
    assert found(shop.get(PATH, {"nick": "xiao", "level": 1})) == set()


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("nik=xiao", "nik"),
        ("nick=", "nick"),
        ("nick=a&nick=b", "nick"),
        ("nick=%00", "nick"),
        ("level=9", "level"),
        ("group=1", "group"),
        ("group=99999999999999999999999", "group"),
        ("agent=me", "agent"),
        ("banned=perhaps", "banned"),
        ("trade_count_min=1e400", "trade_count_min"),
        ("trade_count_min=NaN", "trade_count_min"),
        ("trade_amount_max=0.001", "trade_amount_max"),
        ("page_size=0", "page_size"),
        ("page_size=ten", "page_size"),
        ("cursor=x", "cursor"),
        ("cursor=cD1hYmM%3D", "cursor"),
        ("cursor=cD05OTk5OTk5OTk5OTk5OTk5OTk5OTk5", "cursor"),
    ],
)
def test_filter_that_is_not_understood_is_400_that_names_it(shop, query, name):
    CustomerFactory(nick="xiaoming")

    answer = shop.get(f"{PATH}?{query}")

    assert answer.status_code == 400
    assert {error["parameter"] for error in answer.json()["errors"]} == {name}


def test_group_that_was_deleted_is_an_error(shop):
    group = GroupFactory()
    assert found(shop.get(PATH, {"group": group.pk})) == set()
    query = {"group": group.pk}
    group.delete()
    assert shop.get(PATH, query).status_code == 400


def test_customer_is_created_once_and_his_nick_followed(shop):
    made = shop.post(PATH, {"external_id": "u-1", "nick": "old", "phone": "13800138000"})
    again = shop.post(PATH, {"external_id": "u-1", "nick": "new"})

    assert (made.status_code, again.status_code) == (201, 200)
    assert made.json()["id"] == again.json()["id"] == Customer.objects.get().pk
    assert again.json()["accounts"] == [{"source": "own", "external_id": "u-1", "nick": "new"}]
    assert again.json()["contacts"] == [{"kind": "phone", "value": "138****00", "state": "unchecked"}]


@pytest.mark.parametrize("body", [{}, {"phone": "13800138000"}, {"nick": "张**", "phone": "13800138000"}])
def test_customer_without_a_name_in_his_source_is_400(shop, body):
    answer = shop.post(PATH, body)

    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (400, "identifier_missing")
    assert not Customer.objects.exists()


def test_key_makes_no_customer_in_another_source(shop):
    SourceFactory(code="taobao")
    assert shop.post(PATH, {"source": "taobao", "nick": "x"}).status_code == 403
    assert not Account.objects.exists()


def test_agent_binds_an_unbound_customer_to_himself(key_client, agent):
    customer = CustomerFactory(nick="xiaoming")
    client = key_client("customers:write", user=agent.user)

    first = client.post(f"{PATH}{customer.pk}/bind/", {"agent": agent.pk})
    again = client.post(f"{PATH}{customer.pk}/bind/", {"agent": agent.pk})

    assert (first.status_code, first.json()["agent"]["id"], again.status_code) == (200, agent.pk, 200)
    assert list(Binding.objects.values_list("customer", "agent", "by")) == [(customer.pk, agent.pk, agent.user_id)]


def test_bound_customer_is_not_bound_again(key_client, agent, other_agent):
    customer = CustomerFactory(nick="xiaoming", agent=other_agent)
    answer = key_client("customers:write", user=agent.user).post(f"{PATH}{customer.pk}/bind/", {"agent": agent.pk})

    assert (answer.status_code, answer.json()["code"]) == (409, "already_bound")
    assert answer.json()["detail"] == "This customer already has an exclusive agent (Lan)."


def test_binding_is_refused_with_the_reason(key_client, agent, other_agent):
    customer = CustomerFactory(nick="xiaoming")
    path, body = f"{PATH}{customer.pk}/bind/", {"agent": other_agent.pk}

    to_another = key_client("customers:write", user=agent.user).post(path, body)
    by_nobody = key_client("customers:write").post(path, body)
    to_nobody = key_client("customers:write", user=agent.user).post(path, {"agent": 10**30})

    assert (to_another.status_code, to_another.json()["detail"]) == (403, "You may bind customers to yourself only.")
    assert (by_nobody.status_code, by_nobody.json()["code"]) == (403, "key_without_user")
    assert (to_nobody.status_code, to_nobody.json()["errors"][0]["pointer"]) == (400, "/agent")
    assert not Binding.objects.exists()


def test_customer_list_and_detail_take_as_many_queries_for_three_as_for_one(shop, count_queries):
    def make():
        customer = CustomerFactory(nick=f"n{Customer.objects.count()}", phone="13800138000", agent=AgentFactory())
        customer.groups.add(GroupFactory())
        AccountFactory(customer=customer)
        scored(customer)
        return customer

    customer = make()
    shop.get(PATH)
    one = count_queries(lambda: shop.get(PATH))
    detail = count_queries(lambda: shop.get(f"{PATH}{customer.pk}/"))
    make(), make()

    assert count_queries(lambda: shop.get(PATH)) == one
    for kind in ("email", "address"):
        customer.contact_values.create(kind=kind, value="x", key=kind)
    assert count_queries(lambda: shop.get(f"{PATH}{customer.pk}/")) == detail
    assert len(shop.get(PATH).json()["results"]) == 3


def test_customer_list_is_newest_first(shop):
    customers = [CustomerFactory(nick=f"n{number}", registered_at=NOON) for number in range(3)]
    ids = [row["id"] for row in shop.get(PATH).json()["results"]]
    assert ids == [customer.pk for customer in reversed(customers)]


def test_agent_hands_his_customer_over_and_nobody_elses(key_client, agent, other_agent):
    own, foreign, free = CustomerFactory(agent=agent), CustomerFactory(agent=other_agent), CustomerFactory()
    for customer in (own, foreign, free):
        AccountFactory(customer=customer)
    client, body = key_client("customers:write", user=agent.user), {"agent": other_agent.pk, "reason": "holiday"}

    answers = [client.post(f"{PATH}{customer.pk}/hand-over/", body) for customer in (own, own, free)]
    theirs = client.post(f"{PATH}{foreign.pk}/hand-over/", {"agent": agent.pk})

    assert [answer.status_code for answer in answers] == [200, 200, 409]
    assert answers[0].json()["agent"]["id"] == other_agent.pk
    assert (theirs.status_code, theirs.json()["code"]) == (403, "not_his_agent")


def test_key_that_acts_as_nobody_hands_nobody_over(key_client, agent):
    customer = AccountFactory(customer__agent=agent).customer

    answer = key_client("customers:write").post(f"{PATH}{customer.pk}/hand-over/", {"agent": agent.pk})

    assert (answer.status_code, answer.json()["code"]) == (403, "key_without_user")


def test_rfm_segment_is_told(shop):
    customer = scored(CustomerFactory(nick="xiaoming"), segment="champions").customer

    told = [shop.get(f"{PATH}{customer.pk}/").json(), *shop.get(PATH).json()["results"]]

    assert [row["rfm_segment"] for row in told] == ["champions"] * 2


def test_groups_are_set_as_told_and_those_of_a_rule_stay(key_client, lead):
    tea, vip = GroupFactory(name="Tea"), GroupFactory(name="VIP")
    rule = SavedFilter.objects.create(name="All", owner=lead, values={}, created_at=NOON, updated_at=NOON)
    ruled = GroupFactory(name="Ruled", rule=rule, rule_by=lead)
    customer, shop = CustomerFactory(nick="xiaoming"), key_client(user=lead)
    customer.groups.add(tea, ruled)

    answers = [
        shop.post(PATH, {"nick": "xiaoming", **body}).json()["groups"]
        for body in ({"groups": [vip.pk]}, {}, {"groups": [vip.pk, tea.pk, tea.pk]}, {"groups": []})
    ]

    assert answers == [["Ruled", "VIP"], ["Ruled", "VIP"], ["Ruled", "Tea", "VIP"], ["Ruled"]]
    assert group_names(customer) == ["Ruled"]
    changes = Event.objects.filter(verb="customer.changed")
    assert list(changes.values_list("by", "fields")) == [(lead.pk, ["groups"])] * 4


def test_new_customer_is_put_into_groups_at_once(key_client, lead):
    shop = key_client(user=lead)

    answer = shop.post(PATH, {"nick": "xiaoming", "groups": [GroupFactory(name="Tea").pk]})

    assert (answer.status_code, answer.json()["groups"]) == (201, ["Tea"])


@pytest.mark.parametrize("ids", [[2**63], [0], [-1], ["x"], [True], [None], [999], "1", {}, list(range(1, 102))])
def test_groups_that_cannot_be_are_400_and_nothing_is_kept(key_client, lead, ids):
    answer = key_client(user=lead).post(PATH, {"nick": "xiaoming", "groups": ids})

    assert (answer.status_code, Customer.objects.count()) == (400, 0)
    assert all(error["pointer"].startswith("/groups") for error in answer.json()["errors"])


def test_groups_are_refused_without_the_right_and_nothing_is_kept(key_client, settings, agent, other_agent, lead):
    settings.AGENTS_SEE_CUSTOMERS = "read"
    rule = SavedFilter.objects.create(name="All", owner=lead, values={}, created_at=NOON, updated_at=NOON)
    tea, ruled = GroupFactory(), GroupFactory(rule=rule, rule_by=lead)
    mine, theirs = CustomerFactory(nick="mine", agent=agent), CustomerFactory(nick="theirs", agent=other_agent)

    answers = [
        key_client(user=user).post(PATH, {"nick": nick, "groups": [group.pk]})
        for user, nick, group in (
            (agent.user, "theirs", tea),
            (agent.user, "new", tea),
            (agent.user, "mine", ruled),
            (None, "mine", tea),
        )
    ]

    assert [answer.status_code for answer in answers] == [403] * 4
    assert [group_names(customer) for customer in (mine, theirs)] == [[], []]
    assert Customer.objects.count() == 2
