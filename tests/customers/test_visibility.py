"""What agents see and change of the customers of others: one setting for every door."""

import pytest
from django.urls import reverse

from customers.models import Customer
from tests.factories import (
    AccountFactory,
    BanFactory,
    CustomerFactory,
    InquiryFactory,
    OrderFactory,
    ReviewFactory,
)

LIST = "/admin/customers/customer/"
API = "/api/v1/customers/"
pytestmark = pytest.mark.django_db


@pytest.fixture(params=["all", "read", "own"])
def setting(request, settings):
    settings.AGENTS_SEE_CUSTOMERS = request.param
    return request.param


@pytest.fixture
def people(agent, other_agent):
    """One of each: whose agent asks, whose running inquiry he has, a colleague's, and nobody's."""
    asked = CustomerFactory(agent=other_agent, nick="asked")
    InquiryFactory(customer=asked, agent=agent)
    return {
        "own": CustomerFactory(agent=agent, nick="own"),
        "asked": asked,
        "theirs": CustomerFactory(agent=other_agent, nick="theirs"),
        "free": CustomerFactory(nick="free"),
    }


SERVED = {"own", "asked"}
EVERYBODY = {"own", "asked", "theirs", "free"}
SEEN = {"all": EVERYBODY, "read": EVERYBODY, "own": SERVED}
CHANGED = {"all": EVERYBODY, "read": SERVED, "own": SERVED}


def answers(people, ask):
    """The answer about each person."""
    return {name: ask(customer) for name, customer in people.items()}


def found(people, answer):
    """Of whom a door said 200."""
    return {name for name, status in answers(people, answer).items() if status == 200}


def named(people, pks):
    return {name for name, customer in people.items() if customer.pk in set(pks)}


def key_of(key_client, user):
    return key_client("customers:read", "customers:write", "orders:read", "bans:read", user=user)


def test_querysets_of_each_setting(setting, people, agent, lead):
    seen = {
        user.username: (
            named(people, Customer.objects.visible_to(user).values_list("pk", flat=True)),
            named(people, Customer.objects.editable_by(user).values_list("pk", flat=True)),
        )
        for user in (agent.user, lead)
    }

    assert seen == {"ming": (SEEN[setting], CHANGED[setting]), "lead": (EVERYBODY, EVERYBODY)}


def test_list_search_and_filter_show_whom_he_sees(setting, people, agent, sign_in):
    client = sign_in(agent.user)

    shown = [
        named(people, [row.pk for row in client.get(LIST + query).context["cl"].result_list])
        for query in ("", "?q=theirs", "?agent=null", "?level=0")
    ]

    seen = SEEN[setting]
    assert shown == [seen, seen & {"theirs"}, seen & {"free"}, seen]


def test_pages_of_those_he_does_not_see_are_not_there(setting, people, agent, sign_in):
    client = sign_in(agent.user)
    doors = ["customers_customer_change", "customers_customer_timeline", "blocklist_ban_customer"]

    opened = {
        (door, name): client.get(reverse(f"admin:{door}", args=[customer.pk])).status_code != 404
        for door in doors
        for name, customer in people.items()
    }
    card = found(people, lambda one: client.get(reverse("card"), {"customer": one.pk}).status_code)

    assert opened == {(door, name): name in SEEN[setting] for door in doors for name in people}
    assert card == SEEN[setting]


def test_card_finds_by_text_whom_he_sees(setting, people, agent, sign_in):
    client = sign_in(agent.user)

    shown = {name for name in people if client.get(reverse("card"), {"q": name}).context.get("row")}

    assert shown == SEEN[setting]


def test_page_of_whom_he_may_only_read_has_no_form(setting, people, agent, sign_in):
    client = sign_in(agent.user)
    free = people["free"]

    def save(customer):
        page = reverse("admin:customers_customer_change", args=[customer.pk])
        return client.post(page, {"level": "0", "language": "en"}).status_code

    saved = answers(people, save)
    languages = Customer.objects.exclude(language="").values_list("pk", flat=True)

    assert named(people, languages) == CHANGED[setting]
    assert {name for name, status in saved.items() if status == 404} == EVERYBODY - SEEN[setting]
    if setting == "read":
        page = client.get(reverse("admin:customers_customer_change", args=[free.pk]))
        assert ["Bind to me" in page.text, 'name="_save"' in page.text] == [False, False]


def test_he_binds_whom_he_may_change(setting, people, agent, sign_in):
    client = sign_in(agent.user)

    answer = client.post(reverse("admin:customers_customer_bind", args=[people["free"].pk]), {"agent": agent.pk})

    people["free"].refresh_from_db()
    assert (answer.status_code, people["free"].agent == agent) == {
        "all": (302, True),
        "read": (302, False),
        "own": (404, False),
    }[setting]


def test_unbound_customer_whom_he_serves_now_is_bound(setting, people, agent, sign_in):
    InquiryFactory(customer=people["free"], agent=agent)

    sign_in(agent.user).post(reverse("admin:customers_customer_bind", args=[people["free"].pk]), {"agent": agent.pk})

    people["free"].refresh_from_db()
    assert people["free"].agent == agent


def test_api_shows_and_changes_whom_its_user_may(setting, people, agent, key_client):
    shop = key_of(key_client, agent.user)

    listed = named(people, [row["id"] for row in shop.get(API).json()["results"]])
    opened = answers(people, lambda one: shop.get(f"{API}{one.pk}/").status_code)
    kept = answers(people, lambda one: shop.post(API, {"nick": one.accounts.get().nick}).status_code)
    bound = shop.post(f"{API}{people['free'].pk}/bind/", {"agent": agent.pk}).status_code

    seen, changed = SEEN[setting], CHANGED[setting]
    assert listed == seen
    assert opened == {name: 200 if name in seen else 404 for name in people}
    assert kept == {name: 200 if name in changed else 403 for name in people}
    assert bound == {"all": 200, "read": 403, "own": 404}[setting]


def test_staff_and_leads_by_the_api_and_keys_without_a_user(setting, people, agent, lead, key_client, sign_in):
    lists = [sign_in(agent.user), key_of(key_client, lead), key_of(key_client, None)]

    shown = [named(people, [row["id"] for row in client.get(API).json()["results"]]) for client in lists]

    assert shown == [SEEN[setting], EVERYBODY, EVERYBODY]


def test_lists_about_customers_show_whom_he_sees(setting, people, agent, sign_in, key_client):
    for customer in people.values():
        OrderFactory(customer=customer)
        ReviewFactory(customer=customer)
        BanFactory(customer=customer)
    OrderFactory(customer=None)
    client, shop = sign_in(agent.user), key_of(key_client, agent.user)

    pages = ["customers/order", "customers/review", "blocklist/ban"]
    shown = [
        named(people, [row.customer_id for row in client.get(f"/admin/{page}/?").context["cl"].queryset])
        for page in pages
    ]
    by_key = [
        named(people, [row["customer"] for row in shop.get(f"/api/v1/{path}/").json()["results"]])
        for path in ("orders", "bans")
    ]

    assert shown == [SEEN[setting]] * 3
    assert by_key == [SEEN[setting]] * 2
    assert None in [row.customer_id for row in client.get("/admin/customers/order/").context["cl"].queryset]


def test_former_accounts_of_others_are_not_found_by_key(settings, people, agent, key_client):
    """A customer of another agent who is hidden stays hidden by every identifier."""
    settings.AGENTS_SEE_CUSTOMERS = "own"
    AccountFactory(customer=people["theirs"], nick="second")

    assert key_of(key_client, agent.user).get(API, {"q": "second"}).json()["results"] == []
