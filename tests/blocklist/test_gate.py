"""The rules of the purchase gate, one by one: who is meant, what stands against him, and which answer that gives."""

from datetime import timedelta
from itertools import pairwise

import pytest
from django.utils import translation

from blocklist.models import AccountLink, Attempt, Ban
from blocklist.services.links import keep_clusters
from blocklist.services.verdicts import findings_of
from customers import gates
from customers.gates import Door, Question
from customers.identity import Identity
from customers.models import Account, Customer, FormerNick, Job, JobRow
from customers.services.contactability import contactability
from tests.factories import (
    NOON,
    AccountFactory,
    BanFactory,
    CustomerFactory,
    ExemptionFactory,
    SourceFactory,
    WatchFactory,
)

PHONE, EMAIL, ADDRESS = "13800138000", "wang@example.com", "上海市静安区南京西路1号2栋301室"
HOUR = timedelta(hours=1)


@pytest.fixture
def source(db):
    return SourceFactory()


def ask(source, *, placed=False, **named):
    buyer = Identity(source_id=source.pk, **named)
    when = {"at": NOON + 3 * HOUR, "placed_at": NOON} if placed else {"at": NOON}
    return gates.ask(Question(buyer=buyer, door=Door.CHECK, **when))


def answer(source, **named):
    decision = ask(source, **named)
    return decision.outcome.name.lower(), decision.code


def link(*customers, state=AccountLink.State.CONFIRMED):
    """Each with the next."""
    for one, other in pairwise(customers):
        first, second = sorted((one, other), key=lambda customer: customer.pk)
        AccountLink.objects.create(
            first=first,
            second=second,
            confidence=90,
            state=state,
            found_at=NOON,
            decided_at=None if state == "proposed" else NOON,
        )
    keep_clusters([customer.pk for customer in customers])


def call_formerly(customer, nick):
    FormerNick.objects.create(account=customer.accounts.get(), nick=nick, until_at=NOON)


def wait_for_approval(customer, manager, **values):
    job = {"kind": "ban_purchases", "state": Job.State.APPROVAL, **values.pop("job", {})}
    job = Job.objects.create(by=manager, created_at=NOON, **job)
    JobRow.objects.create(job=job, customer=customer, **values)


@pytest.fixture
def world(source, manager):
    """A customer for each thing that can stand against one; none of them is named by what names another."""
    banned = CustomerFactory(nick="banned", phone=PHONE, email=EMAIL, address=ADDRESS)
    BanFactory(customer=banned)
    call_formerly(banned, "oldname")
    CustomerFactory(nick="good", phone="13900139000")
    link(CustomerFactory(nick="linked", phone="13900139001"), CustomerFactory(nick="between"), banned)
    link(CustomerFactory(nick="proposed"), banned, state="proposed")
    link(CustomerFactory(nick="denied"), banned, state="denied")
    WatchFactory(customer=CustomerFactory(nick="watched", phone="13900139002"))
    WatchFactory(customer=CustomerFactory(nick="suspected"), by=None, rule="many unpaid orders", confirmed_at=None)
    wait_for_approval(CustomerFactory(nick="waiting", phone="13900139003"), manager)
    ExemptionFactory(customer=CustomerFactory(nick="exempt"))
    return source


REFUSED = ("refuse", "purchase_banned")
SHARED = ("refuse", "shared_contact_banned")
LINKED = ("refuse", "linked_customer_banned")
PENDING = ("review", "ban_pending")
OLD_NICK = ("review", "former_nick_banned")
NEIGHBOUR = ("review", "address_banned")
WATCHED = ("review", "customer_watched")
ALLOWED = ("allow", "allowed")


@pytest.mark.parametrize(
    ("named", "expected"),
    [
        # himself
        ({"nick": "banned"}, REFUSED),
        ({"external_id": "banned"}, REFUSED),
        ({"phone": "+86 138-0013-8000"}, REFUSED),
        ({"email": " WANG@example.COM"}, REFUSED),
        ({"nick": "new account", "phone": PHONE}, REFUSED),
        ({"external_id": "new account", "email": EMAIL}, REFUSED),
        ({"nick": "good", "external_id": "banned"}, REFUSED),
        ({"phone": "13900139009", "email": EMAIL}, REFUSED),
        # others who share what was told
        ({"nick": "good", "phone": PHONE}, SHARED),
        ({"nick": "good", "email": EMAIL}, SHARED),
        ({"nick": "good", "phone": "13900139000"}, ALLOWED),
        ({"nick": "watched", "phone": PHONE}, SHARED),
        # links, however long the chain
        ({"nick": "linked"}, LINKED),
        ({"nick": "between"}, LINKED),
        ({"phone": "13900139001"}, LINKED),
        ({"nick": "good", "phone": "13900139001"}, LINKED),
        ({"nick": "proposed"}, ALLOWED),
        ({"nick": "denied"}, ALLOWED),
        # a bulk ban that waits
        ({"nick": "waiting"}, PENDING),
        ({"phone": "13900139003"}, PENDING),
        # an old nick, an address
        ({"nick": "oldname"}, OLD_NICK),
        ({"external_id": "banned", "nick": "oldname"}, REFUSED),
        ({"nick": "oldname", "phone": PHONE}, REFUSED),
        ({"address": "上海市 静安区，南京西路１号2栋301室"}, NEIGHBOUR),
        ({"nick": "good", "address": ADDRESS}, NEIGHBOUR),
        ({"nick": "oldname", "address": ADDRESS}, OLD_NICK),
        ({"nick": "banned", "address": ADDRESS}, REFUSED),
        # the watch list
        ({"nick": "watched"}, WATCHED),
        ({"phone": "13900139002"}, WATCHED),
        ({"nick": "good", "phone": "13900139002"}, WATCHED),
        ({"nick": "suspected"}, ALLOWED),
        # exempt
        ({"nick": "exempt"}, ALLOWED),
        ({"nick": "exempt", "phone": PHONE}, ALLOWED),
        ({"nick": "exempt", "email": EMAIL, "address": ADDRESS}, ALLOWED),
        ({"nick": "exempt", "phone": "13900139001"}, ALLOWED),
        ({"nick": "exempt", "phone": "13900139002"}, ALLOWED),
        ({"nick": "exempt", "external_id": "banned"}, REFUSED),
        # nobody
        ({"nick": "somebody"}, ALLOWED),
        ({"nick": "ban***"}, ALLOWED),
        ({"nick": "BANNED"}, ALLOWED),
        ({"phone": "138****8000"}, ALLOWED),
        ({"phone": "13800138000转1234"}, ALLOWED),
        ({"phone": "13800138000-1234"}, ALLOWED),
        ({"phone": "1380013800"}, ALLOWED),
        ({"phone": "call me"}, ALLOWED),
        ({"phone": "1" * 60}, ALLOWED),
        ({"phone": "+"}, ALLOWED),
        ({"email": "w***@example.com"}, ALLOWED),
        ({"email": "no address"}, ALLOWED),
        ({"address": "上海市静安区南京西路*号"}, ALLOWED),
        ({}, ALLOWED),
    ],
)
def test_gate_answers_by_the_strictest_thing_against_the_buyer(world, named, expected):
    assert answer(world, **named) == expected
    assert Attempt.objects.count() == (expected != ALLOWED)


def test_nick_of_another_source_names_somebody_else(world):
    other = SourceFactory(code="taobao")
    assert [answer(other, nick=nick) for nick in ("banned", "oldname")] == [ALLOWED, ALLOWED]
    assert answer(other, nick="banned", phone=PHONE) == REFUSED


def test_exemption_lets_links_watch_and_a_waiting_ban_pass_and_never_a_ban_on_himself(world):
    for nick, before in (("linked", LINKED), ("watched", WATCHED), ("waiting", PENDING), ("banned", REFUSED)):
        assert answer(world, nick=nick) == before
        ExemptionFactory(customer=Account.objects.get(nick=nick).customer)
        assert answer(world, nick=nick) == (REFUSED if nick == "banned" else ALLOWED)


def test_exemption_of_who_shares_the_phone_does_not_let_a_guest_pass_who_may_be_the_banned_one(world):
    exempt = CustomerFactory(nick="brother", phone=PHONE)
    ExemptionFactory(customer=exempt)

    assert answer(world, nick="brother", phone=PHONE) == ALLOWED
    assert answer(world, phone=PHONE) == REFUSED
    assert answer(world, nick="new account", phone=PHONE) == REFUSED


@pytest.mark.parametrize(
    ("factory", "nick", "hit"), [(BanFactory, "a", REFUSED), (WatchFactory, "a", WATCHED), (BanFactory, "b", LINKED)]
)
@pytest.mark.parametrize(
    ("entry", "stands"),
    [
        ({}, True),
        ({"until": NOON + timedelta(seconds=1)}, True),
        ({"started_at": NOON - HOUR, "until": NOON}, False),
        ({"ended_at": NOON}, False),
    ],
)
def test_entries_count_while_they_stand(source, factory, nick, hit, entry, stands):
    customer = CustomerFactory(nick="a")
    link(customer, CustomerFactory(nick="b"))
    factory(customer=customer, **entry)

    assert answer(source, nick=nick) == (hit if stands else ALLOWED)


@pytest.mark.parametrize(
    ("entry", "stands"),
    [({}, True), ({"until": NOON + HOUR}, True), ({"until": NOON}, False), ({"ended_at": NOON}, False)],
)
def test_exemption_counts_while_it_stands(source, entry, stands):
    customer = CustomerFactory(nick="a")
    WatchFactory(customer=customer)
    ExemptionFactory(customer=customer, **entry)

    assert answer(source, nick="a") == (ALLOWED if stands else WATCHED)


@pytest.mark.parametrize(("neighbours", "expected"), [(2, NEIGHBOUR), (3, ALLOWED)])
def test_address_of_more_than_three_customers_names_nobody(source, neighbours, expected):
    banned = CustomerFactory(address=ADDRESS)
    BanFactory(customer=banned)
    others = [CustomerFactory(address=ADDRESS) for _ in range(neighbours)]

    assert answer(source, address=ADDRESS) == expected
    assert bool(findings_of(others[0], at=NOON)) == (expected != ALLOWED)


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({}, PENDING),
        ({"state": "done"}, ALLOWED),
        ({"job": {"state": "waiting"}}, ALLOWED),
        ({"job": {"state": "cancelled"}}, ALLOWED),
        ({"job": {"kind": "lift_bans"}}, ALLOWED),
    ],
)
def test_only_a_bulk_ban_that_waits_for_a_second_person_holds_the_orders(source, manager, row, expected):
    wait_for_approval(CustomerFactory(nick="a"), manager, **row)
    assert answer(source, nick="a") == expected


def test_decision_names_buyer_and_entry_and_tells_the_reason_to_the_staff_alone(world):
    good = Account.objects.get(nick="good").customer
    ban = Ban.objects.get()

    decision = ask(world, nick="good", phone=PHONE)

    assert (decision.customer_id, decision.ban_id, decision.watch_id) == (good.pk, ban.pk, None)
    assert decision.reason == "a banned customer has the phone or e-mail that was told"
    assert decision.public_message == "This order cannot be accepted. Please contact the shop's customer service."
    assert ask(world, nick="watched").public_message == "The shop will check this order and confirm it soon."
    with translation.override("zh-hans"):
        assert ask(world, nick="banned").public_message == "该订单无法受理，请联系店铺客服。"


@pytest.mark.parametrize(
    ("ban", "is_despite"),
    [
        ({"started_at": NOON - HOUR}, True),
        ({"started_at": NOON + HOUR}, False),
        ({"started_at": NOON - 2 * HOUR, "until": NOON - HOUR}, False),
        ({"started_at": NOON - 2 * HOUR, "ended_at": NOON - HOUR}, False),
        ({"started_at": NOON - HOUR, "ended_at": NOON + HOUR}, True),
    ],
)
def test_placed_order_was_bought_despite_a_ban_that_stood_then(source, ban, is_despite):
    customer = CustomerFactory(nick="a", address=ADDRESS)
    BanFactory(customer=customer, **ban)

    ask(source, nick="a", placed=True)
    ask(source, address=ADDRESS, placed=True)

    assert list(Attempt.objects.values_list("outcome", "code")) == (
        [("despite", "purchase_banned")] if is_despite else []
    )


@pytest.mark.parametrize("nick", ["good", "linked", "between", "proposed", "watched", "suspected", "waiting", "exempt"])
def test_customers_page_answers_as_the_gate_does(world, nick):
    customer = Account.objects.get(nick=nick).customer

    outcome, code = answer(world, nick=nick)

    (buy,) = [
        given for given in contactability(customer, seen=Customer.objects.all(), at=NOON) if given.question == "buy"
    ]
    assert (buy.is_yes, buy.is_review) == (outcome == "allow", outcome == "review")
    assert [reason.code for reason in buy.reasons] == ([] if outcome == "allow" else [code])
    assert all(reason.url for reason in buy.reasons)


def test_customers_page_tells_all_that_the_gate_would_find_by_what_is_known_of_him(world):
    customer = CustomerFactory(nick="oldname", phone=PHONE, email=EMAIL, address=ADDRESS)
    WatchFactory(customer=customer)
    AccountFactory(customer=customer, source=SourceFactory(code="taobao"), nick="oldname")

    known = ask(world, nick="oldname", phone=PHONE, email=EMAIL, address=ADDRESS)

    codes = [finding.code for finding in findings_of(customer, at=NOON)]
    assert (codes[0], known.code) == ("shared_contact_banned", "shared_contact_banned")
    assert codes == ["shared_contact_banned", "customer_watched"]
    also_called_so = AccountFactory(nick="oldname").customer
    assert [f.code for f in findings_of(also_called_so, at=NOON)] == ["former_nick_banned"]
    assert [f.code for f in findings_of(CustomerFactory(address=ADDRESS), at=NOON)] == ["address_banned"]


def test_nothing_is_told_of_a_banned_customer_whom_the_asker_does_not_see(agent, other_agent, sign_in, settings):
    settings.AGENTS_SEE_CUSTOMERS = "own"
    mine, theirs = CustomerFactory(agent=agent, phone=PHONE), CustomerFactory(agent=other_agent, phone=PHONE)
    BanFactory(customer=theirs, type="extortion")

    page = sign_in(agent.user).get(mine.get_absolute_url()).text
    (buy,) = [
        given
        for given in contactability(mine, seen=Customer.objects.visible_to(agent.user), at=NOON)
        if given.question == "buy"
    ]

    assert ([reason.code for reason in buy.reasons], buy.reasons[0].url) == (["shared_contact_banned"], "")
    assert (f"#{theirs.pk}" in page, "extortion" in page.split("timeline")[0]) == (False, False)


def test_a_key_is_told_nothing_of_the_banned_customers_of_other_sources(key_client):
    mine = CustomerFactory(nick="mine", phone=PHONE)
    theirs = CustomerFactory(phone=PHONE)
    AccountFactory(customer=theirs, source=SourceFactory(code="taobao"), nick="theirs")
    BanFactory(customer=theirs, type="extortion")

    told = key_client("customers:read").get(f"/api/v1/customers/{mine.pk}/contactability/")

    assert ("shared_contact_banned" in told.text, "extortion" in told.text) == (True, False)
