"""What no row can be called must be answered, wherever an address or a form names a row by its id."""

from urllib.parse import quote

import pytest

from customers.filters import CustomerFilter
from tests.factories import CustomerFactory, GroupFactory, UserFactory

NO_IDS = ["\0", "NaN", "2026-03-05", str(2**63), "-1", "²", "9" * 5000]
LIST = "/admin/customers/customer/"


@pytest.fixture
def customer(db):
    return CustomerFactory(nick="buyer")


@pytest.mark.parametrize("value", NO_IDS)
def test_group_that_cannot_be_is_an_error_of_the_customer_page(customer, manager, sign_in, value):
    group = GroupFactory()

    page = sign_in(manager).post(
        f"{LIST}{customer.pk}/change/", {"level": "0", "language": "", "groups": [group.pk, value]}
    )

    form = page.context["adminform"].form
    assert (page.status_code, list(form.errors), list(customer.groups.all())) == (200, ["groups"], [])
    assert form["groups"].value() == [str(group.pk)]


@pytest.mark.parametrize("field", ["groups", "user_permissions"])
@pytest.mark.parametrize("value", NO_IDS)
def test_role_or_right_that_cannot_be_is_an_error_of_the_user_page(admin_user, sign_in, field, value):
    page = sign_in(admin_user).post(f"/admin/customers/user/{UserFactory().pk}/change/", {field: [value]})

    assert (page.status_code, field in page.context["adminform"].form.errors) == (200, True)


def test_customer_list_answers_whatever_its_address_says(customer, manager, sign_in):
    client = sign_in(manager)
    keys = [*CustomerFilter({}).form.fields, "q", "page", "p", "o", "view", "from", "e", "shoe"]

    refused = [
        (key, value[:10], answer.status_code)
        for key in keys
        for value in NO_IDS
        if (answer := client.get(LIST, {key: value})).status_code not in (200, 302)
    ]

    assert refused == []


@pytest.mark.parametrize("value", NO_IDS[1:])
@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/admin/customers/customer/{}/change/", 404),
        ("/admin/customers/job/{}/change/", 404),
        ("/admin/customers/notification/{}/change/", 404),
        ("/admin/messaging/broadcast/{}/change/", 404),
        ("/admin/messaging/broadcast/add/?product={}", 200),
        ("/admin/customers/event/?q={}", 200),
    ],
)
def test_page_of_a_row_that_cannot_be_is_not_there(manager, sign_in, path, status, value):
    answer = sign_in(manager).get(path.format(value))

    assert answer.status_code == status


@pytest.mark.parametrize("value", [*NO_IDS, f"1,{2**63}"])
@pytest.mark.parametrize(
    "query",
    ["messaging/delivery/?broadcast=", "customers/order/?source__id__exact=", "customers/order/?source__id__in="],
)
def test_list_of_rows_that_cannot_be_is_empty_or_shown_without_the_condition(manager, sign_in, query, value):
    answer = sign_in(manager).get(f"/admin/{query}{quote(value)}", follow=True)

    assert answer.status_code == 200


@pytest.mark.parametrize("value", NO_IDS)
def test_choice_of_customers_that_cannot_be_is_refused(customer, manager, sign_in, value):
    body = {"action": "lift_bans", "_selected_action": [customer.pk, value]}

    answer = sign_in(manager).post(LIST, body, follow=True)

    assert "This choice of rows is not valid. Nothing was done." in answer.text
