"""Saved views of the customer list: kept, shared, opened with; and its columns, order, counts and queries."""

from decimal import Decimal

import pytest
from django.urls import reverse

from customers.admin import capped
from customers.models import ListPreference, SavedFilter
from customers.services import saved_filters
from tests.factories import (
    NOON,
    AccountFactory,
    AgentFactory,
    BanFactory,
    CustomerFactory,
    GroupFactory,
    OrderFactory,
)

LIST = "/admin/customers/customer/"


def shown(client, query=""):
    """The ids of the customers in the list, in its order."""
    return [customer.pk for customer in client.get(LIST + query).context["cl"].result_list]


def keep(owner, name="VIPs", **values):
    return saved_filters.create(name, by=owner, at=NOON, **{"values": {"level": ["3"]}, **values})


def door(name, view=None):
    return reverse(f"admin:customers_savedfilter_{name}", args=[view.pk] if view else [])


def chips(client, query=""):
    return {chip.label: chip.is_on for chip in client.get(LIST + query).context["cl"].chips}


def test_shown_conditions_are_saved_shown_again_and_changed(agent, sign_in):
    client = sign_in(agent.user)
    vip, member = CustomerFactory(level=3), CustomerFactory(level=1)
    group = GroupFactory(name="Tea")
    vip.groups.add(group)

    client.post(f"{door('add')}?level=3&group={group.pk}", {"name": "VIPs", "order": "-trade_amount"})
    view = SavedFilter.objects.get()
    kept = (view.name, view.owner, view.is_shared, view.values, view.order)
    again = shown(client, f"?view={view.pk}")
    client.post(f"{door('change', view)}?view=all&from={view.pk}&level=1", {"name": "Members", "keep": "1"})
    view.refresh_from_db()

    assert kept == ("VIPs", agent.user, False, {"level": ["3"], "group": [str(group.pk)]}, "-trade_amount")
    assert again == [vip.pk]
    assert (view.name, view.values, shown(client, f"?view={view.pk}")) == ("Members", {"level": ["1"]}, [member.pk])


def test_renaming_keeps_the_conditions(agent, sign_in):
    view = keep(agent.user, order="level")

    sign_in(agent.user).post(f"{door('change', view)}?level=1", {"name": "Members", "is_shared": "on", "order": ""})

    view.refresh_from_db()
    assert (view.name, view.is_shared, view.values, view.order) == ("Members", True, {"level": ["3"]}, "level")


def test_a_search_is_not_kept(agent, sign_in):
    answer = sign_in(agent.user).post(f"{door('add')}?phone=13800138000", {"name": "One"}, follow=True)

    assert "phone: This names a person." in answer.text
    assert not SavedFilter.objects.exists()


@pytest.mark.parametrize("values", [{"name": ""}, {"name": "x" * 61}, {"name": "VIPs"}])
def test_view_without_a_good_name_is_refused(agent, sign_in, values):
    keep(agent.user)

    answer = sign_in(agent.user).post(door("add"), values, follow=True)

    assert len(answer.context["messages"]) == 1
    assert SavedFilter.objects.count() == 1


def test_private_views_are_the_owners_and_shared_ones_everybodys(agent, other_agent, lead, sign_in):
    keep(other_agent.user, "private")
    keep(other_agent.user, "shared", is_shared=True)
    ready = {"All customers": True, "My customers": False, "Without an agent": False}

    assert chips(sign_in(agent.user)) == {**ready, "shared": False}
    assert chips(sign_in(other_agent.user)) == {**ready, "private": False, "shared": False}
    assert chips(sign_in(lead), "?agent=null") == {"All customers": False, "Without an agent": True, "shared": False}


def test_only_the_owner_and_leads_change_a_shared_view(agent, other_agent, lead, sign_in):
    shared, private = keep(other_agent.user, "shared", is_shared=True), keep(other_agent.user, "private")

    def ask(user, view):
        client = sign_in(user)
        changed = client.post(door("change", view), {"name": "new"}).status_code
        deleted = client.post(door("delete", view)).status_code
        return changed, deleted, SavedFilter.objects.filter(pk=view.pk, name="new").exists()

    assert [ask(agent.user, private), ask(agent.user, shared)] == [(404, 404, False), (302, 302, False)]
    assert SavedFilter.objects.count() == 2
    sign_in(lead).post(door("change", shared), {"name": "new", "is_shared": "on"})
    assert SavedFilter.objects.filter(name="new", is_shared=True).exists()
    sign_in(lead).post(door("delete", shared))
    assert list(SavedFilter.objects.all()) == [private]


def test_list_opens_with_ones_own_choice_and_all_stay_reachable(agent, other_agent, sign_in):
    vip, member = CustomerFactory(level=3, nick="vip"), CustomerFactory(level=1, nick="member")
    view = keep(other_agent.user, is_shared=True)
    client = sign_in(agent.user)

    client.post(door("open", view))
    opened = [shown(client, query) for query in ("", "?view=all", "?q=mem", "?level=1", "?o=1")]
    stays = shown(sign_in(other_agent.user))
    sign_in(agent.user).post(door("open", view), {"stop": "1"})

    assert opened == [[vip.pk], [member.pk, vip.pk], [member.pk], [member.pk], [vip.pk]]
    assert stays == [member.pk, vip.pk]
    assert shown(client) == [member.pk, vip.pk]


def test_deleted_view_opens_the_list_with_all_customers(agent, sign_in):
    view, customer = keep(agent.user), CustomerFactory()
    client = sign_in(agent.user)
    client.post(door("open", view))

    client.post(door("delete", view))

    assert shown(client) == [customer.pk]
    assert ListPreference.objects.get().default_view is None


def test_view_whose_group_was_deleted_says_so_and_selects_nobody(agent, sign_in):
    group = GroupFactory()
    view = keep(agent.user, values={"group": [str(group.pk)]})
    CustomerFactory().groups.add(group)
    group.delete()

    page = sign_in(agent.user).get(f"{LIST}?view={view.pk}")

    assert f"Any of these groups: There is no group {view.values['group'][0]}, or it was deleted." in page.text
    assert page.context["cl"].result_list == []


@pytest.mark.parametrize("view", ["9999", "x", "99999999999999999999"])
def test_unknown_view_says_so_and_selects_nobody(agent, sign_in, view):
    CustomerFactory()

    page = sign_in(agent.user).get(f"{LIST}?view={view}")

    assert "View: There is no such view" in page.text
    assert page.context["cl"].result_list == []


def test_all_matching_a_view_are_those_it_shows(agent, sign_in):
    vip = CustomerFactory(level=3, agent=agent)
    CustomerFactory(level=1, agent=agent)
    view, group = keep(agent.user), GroupFactory()
    address = reverse("admin:customers_customer_bulk", args=["add_to_groups"])

    sign_in(agent.user).post(f"{address}?view={view.pk}", {"confirm": "1", "select_across": "1", "groups": [group.pk]})

    assert list(group.customers.all()) == [vip]


def test_columns_are_ones_own_and_a_views(agent, other_agent, sign_in):
    view = keep(agent.user, columns=["region"])
    address, client = reverse("admin:customers_customer_columns"), sign_in(agent.user)

    def columns(query=""):
        names = [getattr(column, "__name__", column) for column in client.get(LIST + query).context["cl"].list_display]
        return names[1:]  # the box to tick is first

    usual = columns()
    client.post(address, {"columns": ["avg_price", "level"]})
    own, of_view = columns(), columns(f"?view={view.pk}")
    client.post(address, {"columns": ["item_count"], "view": view.pk})

    figures = ["trade_count_shown", "trade_amount_shown", "last_trade_at_shown"]
    assert usual == ["name", "level_shown", "groups_shown", "agent_shown", *figures, "ban_purchase"]
    assert own == ["name", "level_shown", "avg_price_shown", "ban_purchase"]
    assert of_view == ["name", "region_shown", "ban_purchase"]
    assert (columns(), columns(f"?view={view.pk}")) == (own, ["name", "item_count_shown", "ban_purchase"])


def test_unknown_column_is_refused(agent, sign_in):
    answer = sign_in(agent.user).post(
        reverse("admin:customers_customer_columns"), {"columns": ["password"]}, follow=True
    )

    assert "columns: There is no column password." in answer.text
    assert not ListPreference.objects.exists()


@pytest.mark.parametrize("order", ["level", "agent", "registered_at", *saved_filters.FIGURES])
def test_each_figure_orders_the_list(agent, sign_in, order):
    values = {
        "level": (1, 2),
        "agent": (agent, AgentFactory()),
        "registered_at": (NOON, NOON.replace(year=2027)),
        "last_trade_at": (None, NOON),
    }.get(order, (Decimal(1), Decimal(2)))
    low, high = (CustomerFactory(**{order: value}) for value in values)
    client = sign_in(agent.user)
    client.post(reverse("admin:customers_customer_columns"), {"columns": [order]})
    column = client.get(LIST).context["cl"].list_display.index(f"{order}_shown")
    view = keep(agent.user, values={}, order=f"-{order}")

    assert [shown(client, f"?o={column}"), shown(client, f"?o=-{column}"), shown(client, f"?view={view.pk}")] == [
        [low.pk, high.pk],
        [high.pk, low.pk],
        [high.pk, low.pk],
    ]


def test_no_more_rows_are_counted_than_the_limit_and_deep_pages_are_there(agent, sign_in, monkeypatch):
    monkeypatch.setattr(capped, "LIMIT", 100)
    customers = [CustomerFactory(level=number % 2) for number in range(160)]
    client = sign_in(agent.user)

    first, third, fourth = (client.get(f"{LIST}?p={page}") for page in (1, 3, 4))
    few = client.get(f"{LIST}?level=1")

    assert "more than 100 customers" in first.text
    assert "more than 150" not in third.text
    assert [len(page.context["cl"].result_list) for page in (first, third, fourth, few)] == [50, 50, 10, 50]
    assert "80 customers" in few.text
    pages = [
        row.pk for page in (first, client.get(f"{LIST}?p=2"), third, fourth) for row in page.context["cl"].result_list
    ]
    assert pages == [customer.pk for customer in reversed(customers)]


@pytest.mark.parametrize(
    "query",
    [
        "",
        "?q=nick",
        "?group={group}&flag=1&source=own&banned=false&agent=mine&trade_count_min=0&city=x",
        "?view={view}",
        "?o=-3",
    ],
)
def test_list_takes_as_many_queries_for_3_as_for_1(agent, sign_in, count_queries, query):
    group = GroupFactory()
    view = keep(agent.user, values={})
    saved_filters.choose_columns(saved_filters.column_names(), by=agent.user)

    def make():
        customer = CustomerFactory(agent=agent, city="x")
        AccountFactory(customer=customer)
        customer.groups.add(group)
        OrderFactory(customer=customer, flag=1)
        BanFactory(customer=customer, ended_at=NOON)

    client, address = sign_in(agent.user), LIST + query.format(group=group.pk, view=view.pk)
    make()
    client.get(address)
    one = count_queries(lambda: client.get(address))
    make(), make()

    assert count_queries(lambda: client.get(address)) == one
    assert len(client.get(address).context["cl"].result_list) == 3
