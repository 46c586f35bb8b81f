"""One timeline of all that happened with a customer: on his page, and over HTTP."""

from datetime import timedelta

import pytest
from django.utils import timezone

from blocklist.models import Attempt
from customers.models import Binding, ContactValue, Customer, CustomerNote, LevelChange, Mute
from customers.parts import Viewer
from customers.services import audit
from customers.services.bindings import bind
from customers.services.contacts import reveal
from customers.services.levels import set_level
from customers.services.orders import update_order
from customers.services.timeline import kinds_for, timeline
from messaging.models import Delivery, OptOut
from tests.factories import (
    NOON,
    BanFactory,
    BroadcastFactory,
    CustomerFactory,
    InquiryFactory,
    OrderFactory,
    ProductFactory,
    ReviewFactory,
    SourceFactory,
    UserFactory,
)

KINDS = [
    "order",
    "review",
    "inquiry",
    "binding",
    "mute",
    "level",
    "note",
    "edit",
    "broadcast",
    "opt_out",
    "ban_request",
    "ban",
    "attempt",
    "exemption",
    "appeal",
    "watch",
    "link",
]


def at(hours):
    return NOON + timedelta(hours=hours)


def live(customer, agent, manager, *, start=0):
    """One of everything, an hour apart."""
    OrderFactory(customer=customer, number=f"A{start}", amount="12.50", status="done", ordered_at=at(start))
    ReviewFactory(customer=customer, score=1, text="Bad", reviewed_at=at(start + 1))
    InquiryFactory(customer=customer, state="closed", closed_at=at(start + 3), agent=agent, opened_at=at(start + 2))
    Binding.objects.create(
        customer=customer, agent=agent, started_at=at(start + 3), ended_at=at(start + 4), by=manager, reason="first"
    )
    LevelChange.objects.create(
        customer=customer, from_level=0, to_level=2, trade_count=1, trade_amount=1, at=at(start + 4)
    )
    CustomerNote.objects.create(customer=customer, text="Likes tea", by=agent.user, at=at(start + 5))
    audit.record(
        "customer.changed", Customer.objects.filter(pk=customer.pk), by=agent.user, at=at(start + 6), fields=["groups"]
    )
    broadcast = BroadcastFactory(subject="New: {product}", product=ProductFactory(name="Silk"))
    Delivery.objects.create(
        broadcast=broadcast, customer=customer, state="excluded", reason="opted_out", planned_at=at(start + 7)
    )
    OptOut.objects.create(customer=customer, source="link", at=at(start + 8), ended_at=at(start + 9))
    ban = BanFactory(
        customer=customer,
        type="abuse",
        note="Rude",
        by=manager,
        started_at=at(start + 10),
        ended_at=at(start + 12),
        lifted_by=manager,
        lift_reason="mix-up",
    )
    Attempt.objects.create(
        at=at(start + 11),
        outcome="refuse",
        code="purchase_banned",
        door="order",
        source=SourceFactory(),
        customer=customer,
        ban=ban,
        order_number="B1",
        amount="3.00",
    )
    BanFactory(customer=customer, by=manager, started_at=at(start + 13), until=at(start + 14), ended_at=at(start + 14))


EVERYTHING = [
    ("ban_over", "Ban run out", "", ""),
    ("ban", "Banned until 2026-03-06 02:00: other", "", "manager"),
    ("ban_lifted", "Ban lifted", "mix-up", "manager"),
    ("attempt", "Attempt to buy, refused: B1 3.00", "Asked by: order", ""),
    ("ban", "Banned without end: abuse", "Rude", "manager"),
    ("opt_out_ended", "Opt-out ended: all channels", "", ""),
    ("opt_out", "Opted out: all channels", "the link in a message", ""),
    ("delivery", "Broadcast “New: Silk”: excluded (opted out)", "storefront inbox", ""),
    ("edit", "Customer changed: groups", "", "ming"),
    ("note", "Note", "Likes tea", "ming"),
    ("level", "Level: store customer → premium member", "reached by trade figures", ""),
    ("binding", "Bound to Ming", "first", "manager"),
    ("inquiry", "Inquiry: closed", "no exclusive agent yet: the least busy agent online", "Ming"),
    ("review", "Review: 1 of 5 stars", "Bad", ""),
    ("order", "Order A0: 12.50, done", "", ""),
]


@pytest.fixture
def customer(db):
    return CustomerFactory(nick="willow")


def told(page):
    return [(line.source.name, str(line.entry.title), line.entry.text, line.entry.by) for line in page.lines]


def events(page):
    return [line.source.name for line in page.lines]


def test_timeline_tells_everything_newest_first(customer, agent, manager):
    live(customer, agent, manager)
    live(CustomerFactory(), agent, manager, start=1)

    page = timeline(customer, viewer=Viewer(user=manager), at=at(20))

    assert (told(page), page.older) == (EVERYTHING, None)


def test_timeline_goes_on_where_a_page_ended_whatever_comes_in_meanwhile(customer, agent, manager):
    live(customer, agent, manager)
    for number in range(3):
        # at one moment, of several kinds
        OrderFactory(customer=customer, ordered_at=at(5), number=f"S{number}")
    viewer = Viewer(user=manager)
    whole = [(line.source.name, line.id) for line in timeline(customer, viewer=viewer, at=at(20)).lines]

    seen, after = [], None
    for _page in range(9):
        page = timeline(customer, viewer=viewer, at=at(20), after=after, count=2)
        seen += [(line.source.name, line.id) for line in page.lines]
        OrderFactory(customer=customer, ordered_at=at(30))
        after = page.older
        if after is None:
            break

    assert (seen, len(seen)) == (whole, 18)


def test_timeline_is_narrowed_to_kinds(customer, agent, manager):
    live(customer, agent, manager)
    viewer = Viewer(user=manager)

    found = {kind: events(timeline(customer, viewer=viewer, at=at(20), kinds=[kind])) for kind in KINDS}

    assert list(kinds_for(viewer)) == KINDS
    assert found == {
        **{kind: [kind] for kind in KINDS},
        "mute": [],
        "ban_request": [],
        "exemption": [],
        "appeal": [],
        "watch": [],
        "link": [],
        "broadcast": ["delivery"],
        "opt_out": ["opt_out_ended", "opt_out"],
        "ban": ["ban_over", "ban", "ban_lifted", "ban"],
    }
    both = timeline(customer, viewer=viewer, at=at(20), kinds=["ban", "order"])
    assert events(both) == ["ban_over", "ban", "ban_lifted", "ban", "order"]


def test_ban_runs_out_in_the_timeline_when_its_time_has_come_though_nothing_ran(customer, manager):
    BanFactory(customer=customer, by=manager, started_at=at(0), until=at(2))
    viewer = Viewer(user=manager)

    assert events(timeline(customer, viewer=viewer, at=at(1))) == ["ban"]
    assert events(timeline(customer, viewer=viewer, at=at(2))) == ["ban_over", "ban"]


def test_edits_of_his_orders_are_told_without_their_values(customer, agent):
    order = OrderFactory(customer=customer, ordered_at=at(0))
    update_order(order, at=at(1), by=agent.user, memo="secret", flag=2)

    page = timeline(customer, viewer=Viewer(user=agent.user), at=at(20), kinds=["edit"])

    assert told(page) == [("order_edit", "Order changed: seller's memo, flag", "", "ming")]


def test_binding_and_level_are_told_once_though_they_are_audited_too(customer, agent, manager):
    one = Customer.objects.filter(pk=customer.pk)
    bind(one, agent=agent, by=manager, at=at(1))
    set_level(one, level=3, by=manager, at=at(2), reason="gift")

    assert told(timeline(customer, viewer=Viewer(user=manager), at=at(20))) == [
        ("level", "Level: store customer → VIP member", "gift", "manager"),
        ("binding", "Bound to Ming", "", "manager"),
    ]


def test_who_looked_at_contact_data_is_for_those_who_see_the_audit(customer, agent, lead):
    ContactValue.objects.create(customer=customer, kind="phone", value="13800138000", key="x")
    reveal(customer, kinds=["phone", "email"], by=lead, at=at(1))

    assert events(timeline(customer, viewer=Viewer(user=agent.user), at=at(20))) == []
    seen = timeline(customer, viewer=Viewer(user=lead), at=at(20))
    assert told(seen) == [("contact_shown", "Contact data shown: phone", "", "lead")]


@pytest.mark.parametrize(
    ("permission", "gone"),
    [
        ("messaging.view_delivery", {"delivery"}),
        ("blocklist.view_ban", {"ban", "ban_lifted", "ban_over"}),
        ("blocklist.view_attempt", {"attempt"}),
        ("customers.view_order", {"order"}),
        ("customers.view_review", {"review"}),
        ("customers.view_inquiry", {"inquiry"}),
    ],
)
def test_what_one_may_not_see_is_left_out(customer, agent, manager, permission, gone):
    live(customer, agent, manager)
    app, codename = permission.split(".")
    for role in manager.groups.all():
        role.permissions.remove(role.permissions.get(content_type__app_label=app, codename=codename))

    page = timeline(customer, viewer=Viewer(user=type(manager).objects.get(pk=manager.pk)), at=at(20))

    assert set(events(page)) == {name for name, *_rest in EVERYTHING} - gone


def test_inquiries_of_colleagues_are_left_out_as_in_their_list(customer, agent, other_agent):
    InquiryFactory(customer=customer, agent=other_agent)

    assert events(timeline(customer, viewer=Viewer(user=agent.user), at=at(20))) == []
    assert events(timeline(customer, viewer=Viewer(user=other_agent.user), at=at(20))) == ["inquiry"]


def test_mutes_are_told_to_those_who_see_them(customer, agent, other_agent, lead):
    Mute.objects.create(
        customer=customer, agent=agent, by=agent.user, reason="Rude", started_at=at(0), until=at(9), ended_at=at(2)
    )

    def seen(user):
        return told(timeline(customer, viewer=Viewer(user=user), at=at(20)))

    entry = ("mute", "Ming does not receive him, until 2026-03-05 14:00", "Rude", "ming")
    assert [seen(user) for user in (agent.user, other_agent.user, lead)] == [[entry], [], [entry]]


def test_page_of_the_timeline_takes_as_many_queries_for_3_of_everything_as_for_1(
    customer, agent, manager, count_queries
):
    def shown():
        return timeline(customer, viewer=Viewer(user=manager), at=at(200), count=100)

    live(customer, agent, manager)
    shown()
    one = count_queries(shown)
    live(customer, agent, manager, start=50)
    live(customer, agent, manager, start=100)

    assert (count_queries(shown), len(shown().lines)) == (one, 45)


# The customer's page ------------------------------------------------------------------------------------------------


def lines(page):
    return [str(line["entry"].title) for line in page.context["timeline_lines"]]


def test_customer_page_shows_the_timeline_and_leads_to_older_entries(customer, agent, sign_in):
    for number in range(27):
        OrderFactory(customer=customer, number=f"N{number:02d}", ordered_at=at(number))
    client, address = sign_in(agent.user), customer.get_absolute_url()

    newest = client.get(address)
    older = client.get(f"{address}?{newest.context['timeline_older']}")

    assert [len(lines(newest)), lines(older)] == [
        25,
        ["Order N01: 10.00, waiting for payment", "Order N00: 10.00, waiting for payment"],
    ]
    assert ("Show older" in newest.text, "Back to the newest" in newest.text) == (True, False)
    assert ("Show older" in older.text, "Back to the newest" in older.text) == (False, True)


def test_script_gets_the_timeline_by_itself(customer, agent, sign_in):
    OrderFactory(customer=customer, number="A1")
    CustomerNote.objects.create(customer=customer, text="Likes tea", by=agent.user, at=NOON)
    door = f"/admin/customers/customer/{customer.pk}/timeline/"

    part = sign_in(agent.user).get(door, {"kind": "note"})

    assert lines(part) == ["Note"]
    assert ("<html" in part.text, "Likes tea" in part.text, "A1" in part.text) == (False, True, False)


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("kind=shoe", "There is no such kind of entries."),
        ("after=x", "This place in the timeline is not known."),
        ("after=MjAyNiBvcmRlciAx", "This place in the timeline is not known."),
    ],
)
def test_what_the_page_does_not_understand_is_said_and_shows_nothing(customer, agent, sign_in, query, sentence):
    OrderFactory(customer=customer)

    page = sign_in(agent.user).get(f"{customer.get_absolute_url()}?{query}")

    assert (sentence in page.text, lines(page)) == (True, [])


def test_timeline_of_whom_one_does_not_see_is_not_there(settings, customer, agent, sign_in):
    settings.AGENTS_SEE_CUSTOMERS = "own"

    door = f"/admin/customers/customer/{customer.pk}/timeline/"
    assert sign_in(agent.user).get(door).status_code == 404
    assert sign_in(UserFactory()).get(door).status_code == 403


# Over HTTP ----------------------------------------------------------------------------------------------------------


def path(customer):
    return f"/api/v1/customers/{customer.pk}/timeline/"


def test_api_tells_the_timeline_by_pages(customer, agent, manager, sign_in):
    for number in range(26):
        OrderFactory(customer=customer, number=f"N{number:02d}", ordered_at=at(number))
    client = sign_in(manager)

    first = client.get(path(customer), {"kind": "order,note"})
    second = client.get(first.json()["next"])

    assert (first.status_code, len(first.json()["results"])) == (200, 25)
    assert second.json()["next"] is None
    order = customer.orders.get(number="N00")
    assert second.json()["results"] == [
        {
            "kind": "order",
            "event": "order",
            "id": order.pk,
            "at": "2026-03-05T12:00:00+08:00",
            "title": "Order N00: 10.00, waiting for payment",
            "text": "",
            "by": "",
        }
    ]


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("kind=shoe", "kind"),
        ("kind=", "kind"),
        ("kind=order&kind=note", "kind"),
        ("cursor=x", "cursor"),
        ("cursor=", "cursor"),
        ("cursor=MjAyNi0wMy0wNVQwNDowMDowMCswMDowMCBzaG9lIDE", "cursor"),
        ("shoe=1", "shoe"),
    ],
)
def test_api_names_what_it_does_not_understand(customer, manager, sign_in, query, name):
    answer = sign_in(manager).get(f"{path(customer)}?{query}")

    assert (answer.status_code, [error["parameter"] for error in answer.json()["errors"]]) == (400, [name])


def test_key_is_told_what_its_scopes_and_its_source_allow(customer, agent, manager, key_client):
    live(customer, agent, manager)
    OrderFactory(customer=customer, source=SourceFactory(code="taobao"))

    def seen(*scopes, **options):
        answer = key_client("customers:read", *scopes, **options).get(path(customer))
        return {row["event"] for row in answer.json()["results"]}

    base = {"binding", "note", "level", "edit", "opt_out", "opt_out_ended", "review"}
    assert seen() == base
    assert seen("orders:read", "bans:read") == base | {"order", "ban", "ban_lifted", "ban_over", "attempt"}
    assert seen("orders:read", user=UserFactory(role="agent")) == base | {"order"}
    orders = key_client("customers:read", "orders:read").get(path(customer), {"kind": "order"})
    assert [row["title"] for row in orders.json()["results"]] == ["Order A0: 12.50, done"]


def test_api_answers_404_for_whom_a_key_does_not_see(key_client):
    stranger = CustomerFactory()

    answers = [key_client("customers:read").get(f"/api/v1/customers/{pk}/timeline/") for pk in (stranger.pk, 9**30)]

    assert [answer.status_code for answer in answers] == [404, 404]
    assert key_client("orders:read").get(path(stranger)).status_code == 403


def test_api_names_a_merged_customers_timeline_by_the_kept_one(customer, manager, sign_in):
    merged = CustomerFactory(merged_into=customer)
    CustomerNote.objects.create(customer=customer, text="Likes tea", by=manager, at=timezone.now())

    answer = sign_in(manager).get(path(merged))

    assert [row["text"] for row in answer.json()["results"]] == ["Likes tea"]
