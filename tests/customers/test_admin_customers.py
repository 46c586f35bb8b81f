from datetime import timedelta
from decimal import Decimal

import pytest
from django.contrib.auth.models import Permission
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.timezone import localtime

from customers.models import Binding, Customer, Event, EventRow
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

LIST = "/admin/customers/customer/"


def shown(client, address=LIST):
    """The ids of the customers in the list, in its order."""
    return [customer.pk for customer in client.get(address).context["cl"].result_list]


def page_of(customer):
    return reverse("admin:customers_customer_change", args=[customer.pk])


def full_customer(agent):
    customer = CustomerFactory(agent=agent, phone="13800138000")
    AccountFactory(customer=customer)
    AccountFactory(customer=customer, source=SourceFactory(code="olist", name="Olist"))
    customer.groups.add(GroupFactory())
    OrderFactory(customer=customer)
    BanFactory(customer=customer)
    return customer


def test_customer_list_shows_nick_source_figures_and_ban_link_last(agent, sign_in):
    CustomerFactory(
        nick="buyer", agent=agent, level=3, trade_count=2, trade_amount=Decimal("1234.5"), last_trade_at=NOON
    )

    page = sign_in(agent.user).get(LIST)

    texts = ["buyer", "Own shop", "VIP member", "1,234.50", "2026-03-05", "Ban purchase", ">Ming<"]
    assert [text in page.text for text in texts] == [True] * len(texts)
    assert page.context["cl"].list_display[-1].__name__ == "ban_purchase"
    assert "delete_selected" not in page.text


def test_customer_list_marks_banned_rows_and_offers_lifting(manager, sign_in, now):
    BanFactory(customer__nick="bad", by=manager, type="abuse", until=now + timedelta(days=3))

    page = sign_in(manager).get(LIST)

    until = date_format(localtime(now + timedelta(days=3)), "Y-m-d")
    assert f">banned until {until}<" in page.text
    assert [text in page.text for text in ('title="Banned by manager on ', f": abuse, until {until} ")] == [True, True]
    assert ">Lift ban</a>" in page.text


def test_customer_list_opens_with_the_latest_trade_and_sorts_by_figures(manager, sign_in):
    never = CustomerFactory(trade_amount=5)
    old = CustomerFactory(last_trade_at=NOON - timedelta(days=9), trade_amount=900)
    new = CustomerFactory(last_trade_at=NOON, trade_amount=10)
    client = sign_in(manager)
    columns = [getattr(column, "__name__", column) for column in client.get(LIST).context["cl"].list_display]
    amount, last = columns.index("trade_amount_shown"), columns.index("last_trade_at_shown")

    orders = [
        shown(client),
        *(shown(client, f"{LIST}?o={order}") for order in (f"-{amount}", amount, f"-{last}", last)),
    ]

    assert orders == [
        [new.pk, old.pk, never.pk],
        [old.pk, new.pk, never.pk],
        [never.pk, new.pk, old.pk],
        [new.pk, old.pk, never.pk],
        [never.pk, old.pk, new.pk],
    ]


def test_search_box_finds_by_nick_phone_and_order_number(agent, sign_in):
    buyer, other = CustomerFactory(nick="buyer", phone="13800138000"), CustomerFactory(nick="other")
    OrderFactory(customer=other, number="8800")
    client = sign_in(agent.user)

    found = {text: shown(client, f"{LIST}?q={text}") for text in ("buy", "138 0013 8000", "8800", "nobody")}

    assert found == {"buy": [buyer.pk], "138 0013 8000": [buyer.pk], "8800": [other.pk], "nobody": []}


def test_filter_bar_narrows_by_ban_level_group_agent_and_source(agent, other_agent, sign_in):
    group = GroupFactory()
    banned, vip, labelled, traded = (CustomerFactory(agent=other_agent) for _ in range(4))
    mine, unbound = CustomerFactory(agent=agent), CustomerFactory()
    BanFactory(customer=banned)
    Customer.objects.filter(pk=vip.pk).update(level=3)
    labelled.groups.add(group)
    Customer.objects.filter(pk=traded.pk).update(customer_source=1)
    client = sign_in(agent.user)
    filters = ["banned=true", "level=3", f"group={group.pk}", "customer_source=1", f"agent={agent.pk}", "agent=null"]

    found = [shown(client, f"{LIST}?{values}") for values in filters]

    assert found == [[customer.pk] for customer in (banned, vip, labelled, traded, mine, unbound)]
    assert sorted(shown(client, f"{LIST}?banned=false")) == sorted(
        customer.pk for customer in (vip, labelled, traded, mine, unbound)
    )


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ("level=9", "Level: Select a valid choice."),
        ("agent=9999", "Exclusive agent: Select a valid choice."),
        ("banned=maybe", "Ban: This value is not valid."),
        ("shoe=4", "Shoe: There is no filter shoe."),
    ],
)
def test_invalid_filter_is_said_and_selects_nobody(manager, sign_in, values, sentence):
    CustomerFactory()

    page = sign_in(manager).get(f"{LIST}?{values}")

    assert sentence in page.text
    assert page.context["cl"].result_list == []


def test_empty_customer_list_says_how_to_import(manager, sign_in):
    page = sign_in(manager).get(LIST)

    assert "python manage.py import_shop FORMAT PATH" in page.text


def test_customer_list_takes_as_many_queries_for_3_as_for_1(agent, sign_in, count_queries):
    client = sign_in(agent.user)
    full_customer(agent)
    client.get(LIST)
    one = count_queries(lambda: client.get(LIST))
    full_customer(agent)
    full_customer(agent)

    three = count_queries(lambda: client.get(LIST))

    assert len(shown(client)) == 3
    assert one == three


def test_customer_page_takes_as_many_queries_for_3_orders_as_for_1(agent, sign_in, count_queries):
    customer = full_customer(agent)
    client = sign_in(agent.user)
    client.get(page_of(customer))
    one = count_queries(lambda: client.get(page_of(customer)))
    for _ in range(2):
        OrderFactory(customer=customer)
        AccountFactory(customer=customer)
        BanFactory(customer=customer, ended_at=NOON)
        Binding.objects.create(customer=customer, agent=agent, started_at=NOON, ended_at=NOON)

    assert count_queries(lambda: client.get(page_of(customer))) == one


def test_customer_page_shows_boxes_and_the_ban_link(agent, sign_in):
    customer = CustomerFactory(nick="buyer", agent=agent)
    order = OrderFactory(customer=customer)
    BanFactory(customer=customer, by=agent.user, ended_at=NOON, lifted_by=agent.user, lift_reason="mix-up")

    page = sign_in(agent.user).get(page_of(customer))

    texts = ["buyer", order.number, "mix-up", "Ban purchase", "Hand over", "Trade figures"]
    assert [text in page.text for text in texts] == [True] * len(texts)


def test_edit_of_a_customer_changes_only_level_groups_and_language(lead, sign_in):
    group, customer = GroupFactory(), CustomerFactory()
    values = {
        "level": "2",
        "level_reason": "a favour",
        "groups": [group.pk],
        "language": "zh-hans",
        "trade_count": "99",
        "agent": "1",
    }

    sign_in(lead).post(page_of(customer), values)

    customer.refresh_from_db()
    assert (customer.level, list(customer.groups.all()), customer.language) == (2, [group], "zh-hans")
    assert (customer.trade_count, customer.agent) == (0, None)
    assert list(Event.objects.order_by("pk").values_list("verb", "by", "fields", "reason")) == [
        ("customer.changed", lead.pk, ["language"], ""),
        ("customer.level_set", lead.pk, ["level"], "a favour"),
        ("customer.changed", lead.pk, ["groups"], ""),
    ]
    assert set(EventRow.objects.values_list("model", "row_id")) == {("customers.customer", customer.pk)}


def test_edit_of_a_level_needs_a_reason(lead, sign_in):
    customer = CustomerFactory(language="en")

    answer = sign_in(lead).post(page_of(customer), {"level": "2", "language": ""})

    customer.refresh_from_db()
    assert (answer.status_code, customer.level, customer.language) == (200, 0, "en")
    assert "Say why: the reason stays with the customer." in answer.text


def test_edit_without_the_right_changes_nothing(db, sign_in):
    clerk = UserFactory()
    clerk.user_permissions.set(Permission.objects.filter(codename="view_customer"))
    customer = CustomerFactory()

    answer = sign_in(clerk).post(page_of(customer), {"level": "2"})

    customer.refresh_from_db()
    assert (answer.status_code, customer.level) == (403, 0)


def test_customers_cannot_be_added_or_deleted_by_anybody(admin_user, sign_in):
    customer = CustomerFactory()
    client = sign_in(admin_user)

    answers = [
        client.get("/admin/customers/customer/add/").status_code,
        client.post(reverse("admin:customers_customer_delete", args=[customer.pk]), {"post": "yes"}).status_code,
    ]

    assert answers == [403, 403]
    assert Customer.objects.count() == 1


def test_agent_binds_an_unbound_customer_to_himself_by_one_click(agent, sign_in):
    customer = CustomerFactory()
    client = sign_in(agent.user)

    page = client.get(page_of(customer))
    done = client.post(reverse("admin:customers_customer_bind", args=[customer.pk]), {"agent": agent.pk}, follow=True)

    assert "Bind to me" in page.text
    assert "Ming is now the exclusive agent of this customer." in done.text
    assert list(Binding.objects.values_list("customer", "agent", "by")) == [(customer.pk, agent.pk, agent.user.pk)]


def test_agent_binds_nobody_to_another_and_takes_nobody_away(agent, other_agent, sign_in):
    unbound, bound = CustomerFactory(), CustomerFactory(agent=other_agent)
    client = sign_in(agent.user)

    answers = [
        client.post(
            reverse("admin:customers_customer_bind", args=[unbound.pk]), {"agent": other_agent.pk}, follow=True
        ),
        client.post(reverse("admin:customers_customer_bind", args=[bound.pk]), {"agent": agent.pk}, follow=True),
        client.post(reverse("admin:customers_customer_hand_over", args=[bound.pk]), {"agent": agent.pk}, follow=True),
    ]

    assert "You may bind customers to yourself only." in answers[0].text
    assert list(Customer.objects.order_by("pk").values_list("agent", flat=True)) == [None, other_agent.pk]


def test_lead_hands_over_with_a_reason(agent, other_agent, lead, sign_in):
    customer = CustomerFactory(agent=agent)
    address = reverse("admin:customers_customer_hand_over", args=[customer.pk])

    sign_in(lead).post(address, {"agent": other_agent.pk, "reason": "holiday"})

    customer.refresh_from_db()
    assert customer.agent == other_agent
    last = Binding.objects.get(ended_at=None)
    assert (last.agent, last.by, last.reason) == (other_agent, lead, "holiday")


def test_bind_by_get_changes_nothing(agent, sign_in):
    customer = CustomerFactory()

    answer = sign_in(agent.user).get(reverse("admin:customers_customer_bind", args=[customer.pk]), {"agent": agent.pk})

    customer.refresh_from_db()
    assert (answer.status_code, customer.agent) == (405, None)


def test_bulk_and_row_links_carry_the_way_back(agent, sign_in):
    customer = CustomerFactory(agent=agent)

    page = sign_in(agent.user).get(f"{LIST}?banned=false")

    ban = reverse("admin:blocklist_ban_customer", args=[customer.pk])
    assert f"{ban}?next=%2Fadmin%2Fcustomers%2Fcustomer%2F%3Fbanned%3Dfalse" in page.text


def test_inactive_agents_are_not_offered(agent, lead, sign_in):
    AgentFactory(display_name="Gone", is_active=False)
    customer = CustomerFactory(agent=agent)

    form = sign_in(lead).get(page_of(customer)).context["agent_form"]

    assert [str(choice) for choice in form.fields["agent"].queryset] == ["Ming"]
