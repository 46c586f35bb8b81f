"""Why on everything: one line by whom, when, type and until when, with a link, wherever a ban shows."""

from datetime import timedelta

import pytest
from django.urls import reverse

from blocklist.models import Attempt, Ban, LinkMember
from customers.admin.cells import moment
from messaging.models import Delivery
from tests.factories import (
    NOON,
    AccountFactory,
    BanFactory,
    BroadcastFactory,
    CustomerFactory,
    InquiryFactory,
    OrderFactory,
    ReviewFactory,
    SourceFactory,
)

# Where the ban of then is told even when none stands now.
STORED = ("customer", "attempt", "attempts")


@pytest.fixture
def ban(agent, now):
    customer = CustomerFactory(nick="willow", agent=agent)
    return BanFactory(
        customer=customer, by=agent.user, type="extortion", started_at=NOON, until=now + timedelta(days=9)
    )


def line(ban):
    return f"Banned by ming on 2026-03-05 12:00: extortion, until {moment(ban.until)}."


def entry(ban):
    return f'href="{ban.get_absolute_url()}"'


def attempt(ban):
    return Attempt.objects.create(
        at=NOON,
        outcome="refuse",
        code="purchase_banned",
        door="check",
        source=SourceFactory(),
        customer=ban.customer,
        ban=ban,
        identifiers=["nick"],
    )


def pages(ban, agent):
    """What shows the banned customer: pages of one thing with the line, lists with it in the badge's title."""
    customer = ban.customer
    order, review = OrderFactory(customer=customer), ReviewFactory(customer=customer)
    inquiry = InquiryFactory(customer=customer, agent=agent)
    return {
        "customer": customer.get_absolute_url(),
        "order": reverse("admin:customers_order_change", args=[order.pk]),
        "orders": reverse("admin:customers_order_changelist"),
        "review": reverse("admin:customers_review_change", args=[review.pk]),
        "reviews": reverse("admin:customers_review_changelist"),
        "attempt": reverse("admin:blocklist_attempt_change", args=[attempt(ban).pk]),
        "attempts": reverse("admin:blocklist_attempt_changelist"),
        "inquiry": inquiry.get_absolute_url(),
        "desk": inquiry.desk_url(),
        "card": f"{reverse('card')}?customer={customer.pk}",
    }


def test_line_and_link_stand_wherever_a_banned_customer_is_shown(agent, ban, sign_in):
    client = sign_in(agent.user)

    answers = {name: client.get(url) for name, url in pages(ban, agent).items()}

    assert {name: (line(ban) in page.text, entry(ban) in page.text) for name, page in answers.items()} == dict.fromkeys(
        answers, (True, True)
    )
    customers = client.get("/admin/customers/customer/").text
    assert f'title="{line(ban)}"' in customers


def test_nothing_of_it_stands_where_nobody_is_banned(agent, ban, sign_in):
    Ban.objects.filter(pk=ban.pk).update(ended_at=NOON + timedelta(days=1), lifted_by=agent.user)
    client = sign_in(agent.user)

    answers = {name: client.get(url).text for name, url in pages(ban, agent).items() if name not in STORED}

    assert {name: "Banned by ming" in text for name, text in answers.items()} == dict.fromkeys(answers, False)


def test_review_of_a_banned_buyer_is_marked(agent, ban, sign_in):
    ReviewFactory(customer=ban.customer, text="Awful")
    ReviewFactory(customer=CustomerFactory(nick="oak"), text="Good")

    page = sign_in(agent.user).get(reverse("admin:customers_review_changelist")).text

    assert page.count("by a banned buyer") == 1


def delivery(customer, reason, settled_at=NOON):
    return Delivery.objects.create(
        broadcast=BroadcastFactory(),
        customer=customer,
        state="excluded",
        reason=reason,
        planned_at=settled_at,
        settled_at=settled_at,
    )


def test_ledger_shows_the_ban_that_stood_then_and_not_the_one_of_now(agent, manager, sign_in, now):
    customer = CustomerFactory(nick="willow", agent=agent)
    then = BanFactory(
        customer=customer,
        by=agent.user,
        type="abuse",
        started_at=NOON,
        ended_at=NOON + timedelta(days=2),
        lifted_by=manager,
    )
    BanFactory(customer=customer, by=manager, type="extortion", started_at=now)
    row = delivery(customer, "banned", NOON + timedelta(days=1))
    client = sign_in(agent.user)

    texts = [
        client.get(url).text
        for url in (
            f"/admin/messaging/delivery/?customer={customer.pk}",
            reverse("admin:messaging_delivery_change", args=[row.pk]),
        )
    ]

    told = "Banned by ming on 2026-03-05 12:00: abuse, without end. Lifted by manager on 2026-03-07 12:00."
    assert [(told in text, entry(then) in text) for text in texts] == [(True, True)] * 2


def test_ledger_shows_the_ban_of_whom_a_link_ties_him_to(agent, sign_in):
    banned, mate = (CustomerFactory(nick=nick, agent=agent) for nick in ("willow", "birch"))
    ban = BanFactory(customer=banned, by=agent.user, started_at=NOON)
    for customer in (banned, mate):
        LinkMember.objects.create(customer=customer, cluster=banned.pk)
    delivery(mate, "linked", NOON + timedelta(days=1))

    page = sign_in(agent.user).get(f"/admin/messaging/delivery/?customer={mate.pk}").text

    assert ("linked to a banned customer" in page, entry(ban) in page) == (True, True)


def test_ledger_takes_as_many_queries_for_3_bans_as_for_1(agent, sign_in, count_queries):
    client = sign_in(agent.user)

    def show():
        client.get("/admin/messaging/delivery/")

    delivery(BanFactory(customer=AccountFactory().customer, started_at=NOON).customer, "banned")
    show()
    counts = [count_queries(show)]
    for _number in range(2):
        delivery(BanFactory(customer=AccountFactory().customer, started_at=NOON).customer, "banned")
    counts.append(count_queries(show))

    assert counts[0] == counts[1]


def test_ban_link_at_desk_and_card_brings_the_conversation_along(agent, sign_in):
    customer = CustomerFactory(nick="willow", agent=agent)
    inquiry = InquiryFactory(customer=customer, agent=agent)
    client = sign_in(agent.user)

    texts = [client.get(url).text for url in (inquiry.desk_url(), f"{reverse('card')}?customer={customer.pk}")]
    elsewhere = client.get(customer.get_absolute_url()).text

    asked = f"inquiry={inquiry.pk}"
    ban = reverse("admin:blocklist_ban_customer", args=[customer.pk])
    assert [(ban in text, asked in text) for text in texts] == [(True, True)] * 2
    assert asked not in elsewhere
