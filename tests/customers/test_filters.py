"""The filters of customers: each finds its own, and each is read strictly."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.http import QueryDict

from customers.filters import CustomerFilter, InvalidFilter, stored
from customers.models import Customer, FormerNick
from customers.models import customer as customer_module
from tests.factories import (
    NOON,
    AccountFactory,
    ContactValueFactory,
    CustomerFactory,
    GroupFactory,
    OrderFactory,
    SourceFactory,
)


def found(query, user=None):
    filters = CustomerFilter(QueryDict(query), queryset=Customer.objects.order_by("pk"), user=user)
    return list(filters.qs.values_list("pk", flat=True))


@pytest.fixture(params=["few", "many"])
def _both_ways(request, monkeypatch):
    """Rows of other tables are looked up where they are few, and asked for one by one where they are many."""
    if request.param == "many":
        monkeypatch.setattr(customer_module, "MANY", 0)


@pytest.mark.usefixtures("_both_ways")
@pytest.mark.parametrize(
    "text",
    [
        "xiao",
        "Xiao",
        "XIAOMING",
        "old",
        "138 0013 8000",
        "+86 138-0013-8000",
        "WANG@example.com ",
        "王 小明",
        "A-1",
        "t1",
    ],
)
def test_search_finds_in_whatever_format_it_is_typed(db, text):
    wanted = CustomerFactory(phone="13800138000", email="wang@example.com")
    account = AccountFactory(customer=wanted, nick="xiaoming", external_id="t1")
    FormerNick.objects.create(account=account, nick="oldname", until_at=NOON)
    ContactValueFactory(customer=wanted, kind="name", value="王小明")
    OrderFactory(customer=wanted, number="A-1")
    OrderFactory(number="A-1", source=SourceFactory(code="other"))
    CustomerFactory(nick="ming", phone="13800138001")

    assert found(QueryDict(mutable=True).urlencode() + f"q={text}".replace("+", "%2B")) == [wanted.pk]


@pytest.mark.parametrize("text", ["1380013800", "wang@example", "iaoming", "A-", "138****8000"])
def test_search_finds_nobody_by_a_part_or_a_masked_value(db, text):
    customer = CustomerFactory(nick="xiaoming", phone="13800138000", email="wang@example.com")
    OrderFactory(customer=customer, number="A-1")

    assert found(f"q={text}") == []


@pytest.mark.parametrize("nick", ["50%", "a_b", "青柠", "\ud7ff", "\U0010ffff", "a'b"])
def test_beginning_of_a_nick_is_taken_as_it_is(db, nick):
    wanted = [CustomerFactory(nick=nick).pk, CustomerFactory(nick=f"{nick}z").pk]
    for other in ("50x", "axb", "青栀", "a", "z"):
        CustomerFactory(nick=other)

    query = QueryDict(mutable=True)
    query["nick"] = nick
    assert found(query.urlencode()) == wanted


@pytest.mark.usefixtures("_both_ways")
def test_groups_narrow_to_any_all_or_none_of_them(db):
    tea, wool = GroupFactory(), GroupFactory()
    both, only_tea, neither = CustomerFactory(), CustomerFactory(), CustomerFactory()
    both.groups.add(tea, wool)
    only_tea.groups.add(tea)

    results = [
        found(f"group={tea.pk}"),
        found(f"group={tea.pk}&group={wool.pk}"),
        found(f"group_all={tea.pk}&group_all={wool.pk}"),
        found(f"group_none={wool.pk}"),
        found(f"group_none={tea.pk}&group_none={wool.pk}"),
    ]

    assert results == [
        [both.pk, only_tea.pk],
        [both.pk, only_tea.pk],
        [both.pk],
        [only_tea.pk, neither.pk],
        [neither.pk],
    ]


@pytest.mark.usefixtures("_both_ways")
def test_source_flag_region_and_contacts_narrow(db):
    wanted = CustomerFactory(phone="13800138000", email="a@example.com", province="浙江省", city="杭州市")
    AccountFactory(customer=wanted, source=SourceFactory(code="taobao"))
    ContactValueFactory(customer=wanted, kind="name", value="王小明")
    OrderFactory(customer=wanted, flag=1)
    other = CustomerFactory(nick="other", province="浙江省", city="宁波市")
    OrderFactory(customer=other, flag=0)
    queries = [
        "source=taobao",
        "flag=1",
        "flag=1&flag=5",
        "city=杭州市",
        "province=浙江省&city=杭州市",
        "phone=138 0013 8000",
        "email=A@EXAMPLE.COM",
        "name=王 小明",
    ]

    assert [found(query) for query in queries] == [[wanted.pk]] * len(queries)
    assert found("province=浙江省") == [wanted.pk, other.pk]


@pytest.mark.parametrize(
    "figure",
    ["trade_count", "trade_amount", "avg_price", "item_count", "close_trade_count", "close_trade_amount"],
)
def test_each_figure_narrows_from_and_to(db, figure):
    two, three, four = (CustomerFactory(**{figure: Decimal(value)}) for value in (2, 3, 4))

    results = [found(f"{figure}_min=3"), found(f"{figure}_max=3"), found(f"{figure}_min=3&{figure}_max=3")]

    assert results == [[three.pk, four.pk], [two.pk, three.pk], [three.pk]]


@pytest.mark.parametrize(("field", "name"), [("last_trade_at", "last_trade"), ("registered_at", "registered")])
def test_a_day_as_an_end_means_all_of_it(db, field, name):
    before, noon, after = (CustomerFactory(**{field: NOON + timedelta(days=days)}) for days in (-1, 0, 1))

    results = [
        found(f"{name}_from=2026-03-05"),
        found(f"{name}_to=2026-03-05"),
        found(f"{name}_from=2026-03-05T12:00:00%2B08:00&{name}_to=2026-03-05T12:00:00%2B08:00"),
    ]

    assert results == [[noon.pk, after.pk], [before.pk, noon.pk], [noon.pk]]


def test_days_since_the_last_trade_narrow(db, now):
    fresh, old = (CustomerFactory(last_trade_at=now - timedelta(days=days)) for days in (10, 100))
    CustomerFactory()

    assert [found("traded_within=30"), found("not_traded_within=30")] == [[fresh.pk], [old.pk]]


def test_agent_is_mine_nobody_or_a_colleague(agent, other_agent):
    mine, theirs, free = CustomerFactory(agent=agent), CustomerFactory(agent=other_agent), CustomerFactory()

    results = [found(f"agent={value}", agent.user) for value in ("mine", other_agent.pk, "null")]

    assert results == [[mine.pk], [theirs.pk], [free.pk]]


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("shoe=4", "shoe"),
        ("level=9", "level"),
        ("level=1&level=2", "level"),
        ("group=9999", "group"),
        ("group=x", "group"),
        ("group_all=9999", "group_all"),
        ("group_none=99999999999999999999", "group_none"),
        ("source=nowhere", "source"),
        ("agent=9999", "agent"),
        ("agent=mine", "agent"),  # nobody asks
        ("flag=9", "flag"),
        ("phone=138****0000", "phone"),
        ("phone=12", "phone"),
        ("email=wang", "email"),
        ("trade_count_min=many", "trade_count_min"),
        ("trade_count_min=1.5", "trade_count_min"),
        ("avg_price_max=1e99", "avg_price_max"),
        ("last_trade_from=yesterday", "last_trade_from"),
        ("last_trade_to=0001-01-01", "last_trade_to"),
        ("traded_within=0", "traded_within"),
        ("banned=maybe", "banned"),
    ],
)
def test_what_is_not_understood_is_an_error_that_names_its_filter(db, query, name):
    CustomerFactory()

    with pytest.raises(InvalidFilter) as error:
        found(query)

    assert list(error.value.errors) == [name]


def test_conditions_are_told_in_words(agent):
    group = GroupFactory(name="Tea")
    query = QueryDict(
        f"level=3&group={group.pk}&agent={agent.pk}&flag=1&flag=3&banned=true&trade_count_min=2"
        "&last_trade_to=2026-03-05&city=&shoe=4"
    )

    conditions = CustomerFilter(query, queryset=Customer.objects.all()).conditions()

    assert [(row.name, row.label, row.value) for row in conditions] == [
        ("level", "level", "VIP member"),
        ("group", "any of these groups", "Tea"),
        ("agent", "exclusive agent", "Ming"),
        ("flag", "has an order with the flag", "red, green"),
        ("banned", "Ban", "banned"),
        ("trade_count_min", "trade count from", "2"),
        ("last_trade_to", "last trade to", "2026-03-05"),
        ("shoe", "shoe", "4"),
    ]


def test_empty_values_are_no_conditions_when_stored():
    assert stored(QueryDict("level=3&group=&group=4&city=")) == {"level": ["3"], "group": ["4"]}
