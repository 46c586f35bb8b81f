"""Account links: who decides, whom a ban follows, what a merge makes of them."""

from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError

from blocklist.models import AccountLink, LinkMember, banned_by_link
from blocklist.services.bans import ban_purchase, lift_ban
from blocklist.services.links import MayNotDecideLink, confirm_link, deny_link, link_customers
from customers.models import Customer, Event
from customers.services.merges import merge
from messaging.services.broadcasts import preview
from tests.factories import NOON, BanFactory, BroadcastFactory, CustomerFactory, ExemptionFactory, LinkFactory

LATER = NOON + timedelta(hours=1)


def linked_to_banned(at=NOON):
    return set(banned_by_link(Customer.objects.all(), at=at))


def clusters():
    return dict(LinkMember.objects.values_list("customer", "cluster"))


@pytest.fixture
def people(agent):
    return [CustomerFactory(agent=agent, nick=nick) for nick in ("ann", "bob", "cleo", "dan")]


@pytest.fixture
def link(people):
    return LinkFactory(first=people[0], second=people[1])


def test_confirmed_link_makes_two_one_person_and_is_audited(link, agent):
    confirm_link(link, by=agent.user, at=LATER, note="same voice")

    link.refresh_from_db()
    assert (link.state, link.decided_by, link.decided_at, link.note) == ("confirmed", agent.user, LATER, "same voice")
    assert clusters() == {link.first_id: link.first_id, link.second_id: link.first_id}
    event = Event.objects.get(verb="link.confirmed")
    assert (event.by, event.reason, list(event.rows.values_list("row_id", flat=True))) == (
        agent.user,
        "same voice",
        [link.pk],
    )


def test_ban_follows_confirmed_links_over_others_and_ends_with_the_ban(people, manager):
    ann, bob, cleo, dan = people
    confirm_link(LinkFactory(first=ann, second=bob), by=manager, at=NOON)
    confirm_link(LinkFactory(first=bob, second=cleo), by=manager, at=NOON)
    LinkFactory(first=cleo, second=dan)

    ban_purchase(ann, type="other", by=manager, at=NOON, until=LATER)

    assert linked_to_banned() == {bob, cleo}
    assert linked_to_banned(at=LATER) == set()
    lift_ban(ann, reason="we agreed", by=manager, at=NOON)
    assert linked_to_banned() == set()


def test_exemption_outranks_a_link_until_it_ends(people, manager, link):
    confirm_link(link, by=manager, at=NOON)
    BanFactory(customer=people[0])
    ExemptionFactory(customer=people[1], until=LATER)

    assert linked_to_banned() == set()
    assert linked_to_banned(at=LATER) == {people[1]}


def test_broadcast_leaves_out_who_is_linked_to_a_banned_customer(people, manager, link):
    confirm_link(link, by=manager, at=NOON)
    BanFactory(customer=people[0])

    assert preview(BroadcastFactory(), at=NOON).excluded == {"banned": 1, "linked": 1}

    ExemptionFactory(customer=people[1])
    assert preview(BroadcastFactory(), at=NOON).excluded == {"banned": 1}


def test_denied_link_carries_no_ban(people, manager, link):
    BanFactory(customer=people[0])

    deny_link(link, by=manager, at=NOON)

    assert (AccountLink.objects.get().state, linked_to_banned(), clusters()) == ("denied", set(), {})


def test_confirmed_link_is_denied_with_a_reason_only_and_the_rest_of_the_chain_stays(people, manager):
    ann, bob, cleo, dan = people
    links = [LinkFactory(first=one, second=other) for one, other in ((ann, bob), (bob, cleo), (cleo, dan))]
    for each in links:
        confirm_link(each, by=manager, at=NOON)

    with pytest.raises(ValidationError, match="say why"):
        deny_link(links[0], by=manager, at=LATER)
    deny_link(links[0], by=manager, at=LATER, note="brother and sister")

    assert clusters() == dict.fromkeys([bob.pk, cleo.pk, dan.pk], bob.pk)


def test_deciding_twice_changes_nothing(link, manager, agent):
    confirm_link(link, by=manager, at=NOON)

    confirm_link(link, by=agent.user, at=LATER, note="again")

    link.refresh_from_db()
    assert (link.decided_by, link.decided_at, link.note) == (manager, NOON, "")
    assert Event.objects.filter(verb="link.confirmed").count() == 1


@pytest.mark.parametrize("decide", [confirm_link, deny_link])
def test_link_is_decided_by_who_may_ban_both(decide, agent, other_agent, lead, people):
    theirs = LinkFactory(first=people[0], second=CustomerFactory(agent=other_agent))

    for user in (agent.user, other_agent.user, lead):
        with pytest.raises(MayNotDecideLink, match="only a manager or the exclusive agent of both"):
            decide(theirs, by=user, at=NOON)

    theirs.refresh_from_db()
    assert theirs.state == "proposed"


def test_link_by_hand_is_confirmed_at_once(people, agent):
    link = link_customers(people[1], people[0], by=agent.user, at=NOON, note="he said so himself")

    assert (link.first, link.second, link.state, link.reasons, link.confidence) == (
        people[0],
        people[1],
        "confirmed",
        ["person"],
        100,
    )
    assert clusters() == {people[0].pk: people[0].pk, people[1].pk: people[0].pk}


def test_link_by_hand_confirms_the_proposed_one(people, agent, link):
    assert link_customers(people[0], people[1], by=agent.user, at=NOON, note="he said so").pk == link.pk
    assert AccountLink.objects.get().state == "confirmed"


def test_link_by_hand_needs_the_right_for_both_and_leaves_nothing_behind(people, agent, other_agent):
    with pytest.raises(MayNotDecideLink):
        link_customers(people[0], CustomerFactory(agent=other_agent), by=agent.user, at=NOON, note="he said so")

    assert not AccountLink.objects.exists()


def test_link_by_hand_says_what_is_wrong(people, manager):
    ann, bob, cleo, _dan = people
    merge(ann, bob, by=manager, at=NOON)

    for one, other, note, field in ((ann, ann, "x", "other"), (ann, bob, "x", "other"), (ann, cleo, " ", "note")):
        with pytest.raises(ValidationError) as refused:
            link_customers(one, other, by=manager, at=NOON, note=note)
        assert list(refused.value.message_dict) == [field]


def test_merge_takes_links_over_and_the_stronger_of_two_stays(people, manager):
    ann, bob, cleo, dan = people
    deny_link(LinkFactory(first=ann, second=cleo), by=manager, at=NOON)
    confirm_link(LinkFactory(first=bob, second=cleo), by=manager, at=NOON)
    LinkFactory(first=ann, second=bob)
    LinkFactory(first=bob, second=dan)

    merge(ann, bob, by=manager, at=NOON)

    assert set(AccountLink.objects.values_list("first", "second", "state")) == {
        (ann.pk, cleo.pk, "confirmed"),
        (ann.pk, dan.pk, "proposed"),
    }
    assert clusters() == {ann.pk: ann.pk, cleo.pk: ann.pk}


def test_merge_of_two_linked_customers_leaves_nobody_linked(people, manager, link):
    confirm_link(link, by=manager, at=NOON)

    merge(people[1], people[0], by=manager, at=NOON)

    assert (AccountLink.objects.count(), clusters()) == (0, {})


def test_decision_on_a_link_that_a_merge_took_away_says_so(people, manager, link):
    merge(people[0], people[1], by=manager, at=NOON)

    with pytest.raises(ValidationError, match="merged"):
        confirm_link(link, by=manager, at=NOON)
