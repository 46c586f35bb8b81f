"""The seller's flag and memo, changed in one click where an order is shown."""

from datetime import timedelta

import pytest
from django.urls import reverse

from customers.admin.last_order import show_last_order
from customers.models import Event, Order
from tests.factories import CustomerFactory, OrderFactory, UserFactory

JSON = {"Accept": "application/json"}
LIST = "/admin/customers/order/"


def door(name, order):
    return reverse(f"admin:customers_order_{name}", args=[order.pk])


def words(order):
    return Order.objects.values_list("flag", "memo").get(pk=order.pk)


@pytest.fixture
def order(agent):
    return OrderFactory(customer=CustomerFactory(agent=agent), memo="old", flag=0)


def test_flag_is_set_by_a_plain_post_that_comes_back(agent, sign_in, order):
    back = order.customer.get_absolute_url()

    answer = sign_in(agent.user).post(f"{door('flag', order)}?next={back}", {"flag": "1"})

    assert (answer.status_code, answer.url, words(order)) == (302, back, (1, "old"))
    event = Event.objects.get()
    assert (event.verb, event.by, event.fields) == ("order.changed", agent.user, ["flag"])
    assert list(event.rows.values_list("model", "row_id")) == [("customers.order", order.pk)]


def test_memo_of_this_order_is_taken_from_a_form_that_holds_many(agent, sign_in, order):
    other = OrderFactory(customer=order.customer, memo="keep")
    typed = {f"{order.pk}-memo": "Send soon", f"{other.pk}-memo": "half typed", "flag": "4"}

    sign_in(agent.user).post(door("memo", order), typed)

    assert (words(order), words(other)) == ((0, "Send soon"), (0, "keep"))


def test_script_is_answered_with_what_stands_there_now(agent, sign_in, order):
    client = sign_in(agent.user)

    flag = client.post(door("flag", order), {"flag": "5"}, headers=JSON)
    memo = client.post(door("memo", order), {f"{order.pk}-memo": ""}, headers=JSON)

    assert [(answer.status_code, answer.json()) for answer in (flag, memo)] == [
        (200, {"flag": 5, "memo": "old"}),
        (200, {"flag": 5, "memo": ""}),
    ]


@pytest.mark.parametrize(
    ("name", "values", "sentence"),
    [
        ("flag", {"flag": "6"}, "Flag: Select a valid choice. 6 is not one of the available choices."),
        ("flag", {"flag": "red"}, "Flag: Select a valid choice. red is not one of the available choices."),
        ("flag", {}, "Flag: This field is required."),
        ("memo", {"memo": "x" * 2001}, "Memo: Ensure this value has at most 2000 characters (it has 2001)."),
        ("memo", {"memo": "a\0b"}, "Memo: Null characters are not allowed."),
    ],
)
def test_what_is_not_understood_changes_nothing_and_is_named(agent, sign_in, order, name, values, sentence):
    typed = {key if key == "flag" else f"{order.pk}-memo": value for key, value in values.items()}

    answer = sign_in(agent.user).post(door(name, order), typed, headers=JSON)

    assert (answer.status_code, answer.json(), words(order)) == (400, {"error": sentence}, (0, "old"))
    assert not Event.objects.exists()


def test_whoever_may_not_edit_the_customer_may_not_flag_his_order(settings, other_agent, lead, sign_in, order):
    settings.AGENTS_SEE_CUSTOMERS = "read"
    client = sign_in(other_agent.user)

    told = client.post(door("flag", order), {"flag": "1"}, headers=JSON)
    page = client.post(door("flag", order), {"flag": "1"})
    settings.AGENTS_SEE_CUSTOMERS = "own"
    hidden = client.post(door("flag", order), {"flag": "1"}, headers=JSON)

    assert (told.status_code, told.json()) == (403, {"error": "You may not change the orders of this customer."})
    assert (page.status_code, hidden.status_code, words(order)) == (403, 404, (0, "old"))
    sign_in(lead).post(door("flag", order), {"flag": "1"})
    assert words(order) == (1, "old")


def test_api_refuses_a_staff_user_what_the_panel_refuses(settings, other_agent, agent, key_client, order):
    settings.AGENTS_SEE_CUSTOMERS = "read"
    path = f"/api/v1/orders/{order.pk}/"

    refused = key_client("orders:write", user=other_agent.user).patch(path, {"flag": 1})

    assert (refused.status_code, refused.json()["detail"], words(order)) == (
        403,
        "You may not change the orders of this customer.",
        (0, "old"),
    )
    assert key_client("orders:write", user=agent.user).patch(path, {"flag": 1}).status_code == 200
    assert key_client("orders:write").patch(path, {"flag": 2}).status_code == 200


def test_flag_and_memo_need_the_rights(sign_in, order, agent):
    assert sign_in(UserFactory()).post(door("flag", order), {"flag": "1"}).status_code == 403
    assert sign_in(agent.user).get(door("flag", order)).status_code == 405
    assert words(order) == (0, "old")


def test_order_list_page_and_card_offer_what_may_be_changed(settings, agent, other_agent, sign_in, order):
    OrderFactory(customer=None)
    settings.AGENTS_SEE_CUSTOMERS = "read"
    places = [LIST, order.customer.get_absolute_url(), f"/admin/card/?customer={order.customer_id}"]

    def offered(user):
        return [sign_in(user).get(place).text.count("data-order-flags") for place in places]

    assert (offered(agent.user), offered(other_agent.user)) == ([2, 1, 1], [1, 0, 0])


def test_order_list_and_page_obey_what_agents_see(settings, agent, other_agent, sign_in, order):
    settings.AGENTS_SEE_CUSTOMERS = "own"
    client = sign_in(other_agent.user)

    assert list(client.get(LIST).context["cl"].result_list) == []
    assert client.get(order.get_absolute_url()).status_code == 302
    settings.AGENTS_SEE_CUSTOMERS = "read"
    assert client.post(order.get_absolute_url(), {"flag": "1", "memo": "mine"}).status_code == 403
    assert words(order) == (0, "old")


def test_customer_list_offers_the_flag_of_the_last_order(settings, agent, other_agent, sign_in, order):
    settings.AGENTS_SEE_CUSTOMERS = "read"
    last = OrderFactory(customer=order.customer, flag=3, memo="Send soon", ordered_at=order.ordered_at + timedelta(1))
    CustomerFactory()

    def cells(user):
        page = sign_in(user).get("/admin/customers/customer/")
        return [show_last_order(row, page.wsgi_request) for row in page.context["cl"].result_list]

    own, foreign = cells(agent.user), cells(other_agent.user)

    assert [door("flag", last) in cell for cell in own] == [False, True]
    assert [door("flag", last) in cell for cell in foreign] == [False, False]
    assert [cell == "–" or (last.number in cell and "Send soon" in cell) for cell in foreign] == [True, True]
