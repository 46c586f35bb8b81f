"""E-mail from a draft to the settled ledger, against a real SMTP server on loopback."""

from collections import Counter
from datetime import timedelta

import pytest

from customers.models import ContactValue
from messaging.channels import get_channel
from messaging.models import Broadcast, Delivery, OptOut
from messaging.services.broadcasts import Preview, ledger, preview, send
from messaging.services.opt_outs import opt_out
from messaging.services.planning import plan_stretch
from messaging.services.sending import GROUP, claim, send_batch
from messaging.services.sending import deliver as deliver_batch
from tests.factories import (
    NOON,
    BanFactory,
    BroadcastFactory,
    ContactValueFactory,
    CustomerFactory,
    ProductFactory,
)
from tests.messaging.smtp_sink import Sink


@pytest.fixture
def sink(settings):
    """A server that stands still until `with sink.running()`; our mail goes to it."""
    sink = Sink()
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_TIMEOUT = "127.0.0.1", sink.port, 5
    settings.EMAIL_USE_TLS = settings.EMAIL_USE_SSL = False
    settings.EMAIL_HOST_USER = settings.EMAIL_HOST_PASSWORD = ""
    settings.DEFAULT_FROM_EMAIL = '"青柠小店, Lime" <news@shop.example>'
    settings.PUBLIC_URL = "https://crm.shop.example"
    return sink


@pytest.fixture
def people(agent):
    """Make some bound customers with an address each."""

    def _people(count, first=0):
        numbers = range(first, first + count)
        return [CustomerFactory(agent=agent, nick=f"nick{n}", email=f"c{n}@example.com") for n in numbers]

    return _people


@pytest.fixture
def started(manager, plan):
    """A broadcast by e-mail that is planned and waits for sending."""

    def _started(**fields):
        broadcast = BroadcastFactory(**{"channel": "email", **fields})
        send(broadcast, by=manager, at=NOON)
        plan()
        broadcast.refresh_from_db()
        return broadcast

    return _started


def rows(broadcast):
    return sorted(broadcast.deliveries.values_list("customer", "state", "reason", "attempts"))


def test_two_hundred_recipients_get_their_own_text_once(people, started, deliver, sink):
    customers = people(200)
    broadcast = started(subject="{product} for {nick}", body="Hello {nick}", product=ProductFactory(name="Tea"))

    with sink.running():
        deliver()

    assert ledger(broadcast).by_state == {"waiting": 0, "claimed": 0, "sent": 200, "failed": 0, "excluded": 0}
    assert Counter(sink.addresses()) == Counter(f"c{n}@example.com" for n in range(200))
    assert {
        message["To"].addresses[0].addr_spec: (
            message["To"].addresses[0].display_name,
            message["Subject"],
            message.get_body(("plain",)).get_content().splitlines()[0],
        )
        for message in sink.messages()
    } == {f"c{n}@example.com": (f"nick{n}", f"Tea for nick{n}", f"Hello nick{n}") for n in range(200)}
    assert len({message["Message-ID"] for message in sink.messages()}) == len(customers)
    assert sink.connections == 1
    broadcast.refresh_from_db()
    assert broadcast.state == Broadcast.State.FINISHED


def test_who_cannot_be_reached_is_excluded_with_the_reason_and_foretold(agent, started, deliver, sink):
    fine = CustomerFactory(agent=agent, nick="ann", email="ann@example.com")
    nowhere = CustomerFactory(agent=agent, nick="bob", phone="13800138000")
    bad = CustomerFactory(agent=agent, email="gone@example.com")
    ContactValue.objects.filter(customer=bad).update(state=ContactValue.State.BAD)
    other = CustomerFactory(agent=agent, email="gone2@example.com")
    ContactValue.objects.filter(customer=other).update(state=ContactValue.State.BAD)
    ContactValueFactory(customer=other, kind="email", value="other@example.com")
    banned = CustomerFactory(agent=agent, email="mallory@example.com")
    BanFactory(customer=banned)
    out = CustomerFactory(agent=agent, email="out@example.com")
    opt_out(out, channel="email", source=OptOut.Source.LINK, at=NOON)
    broadcast = started()

    assert preview(broadcast, at=NOON) == Preview(
        audience=6, receiving=2, excluded={"no_address": 1, "bad_address": 1, "banned": 1, "opted_out": 1}
    )
    with sink.running():
        deliver()

    assert rows(broadcast) == [
        (fine.pk, "sent", "", 1),
        (nowhere.pk, "excluded", "no_address", 1),
        (bad.pk, "excluded", "bad_address", 1),
        (other.pk, "sent", "", 1),
        (banned.pk, "excluded", "banned", 1),
        (out.pk, "excluded", "opted_out", 1),
    ]
    assert sink.addresses() == ["ann@example.com", "other@example.com"]


@pytest.mark.parametrize(
    ("reply", "reason", "state"),
    [
        ("550 no such mailbox", "bad_address", "bad"),
        ("550 5.1.1 no such mailbox", "bad_address", "bad"),
        ("550 5.7.1 we do not like you", "error", "unchecked"),
        ("552 5.2.2 mailbox full", "error", "unchecked"),
    ],
)
def test_recipient_refused_for_good_fails_and_only_a_wrong_address_is_marked(
    people, started, deliver, sink, reply, reason, state
):
    first, second, third = people(3)
    sink.refuse_recipient = {"c1@example.com": reply}
    broadcast = started()

    with sink.running():
        deliver()

    assert rows(broadcast) == [
        (first.pk, "sent", "", 1),
        (second.pk, "failed", reason, 1),
        (third.pk, "sent", "", 1),
    ]
    assert list(ContactValue.objects.order_by("pk").values_list("state", flat=True)) == [
        "unchecked",
        state,
        "unchecked",
    ]


def test_address_that_smtp_cannot_take_is_bad_and_is_never_told_to_the_server(agent, started, deliver, sink):
    tricky = CustomerFactory(agent=agent, email="a@example.com>\r\nRCPT TO:<b@example.com")
    comma = CustomerFactory(agent=agent, email="a,b@example.com")
    umlaut = CustomerFactory(agent=agent, email="c@bücher.example")
    broadcast = started()

    with sink.running():
        deliver()

    assert rows(broadcast) == [
        (tricky.pk, "failed", "bad_address", 1),
        (comma.pk, "failed", "bad_address", 1),
        (umlaut.pk, "sent", "", 1),
    ]
    assert sink.addresses() == ["c@xn--bcher-kva.example"]


@pytest.mark.parametrize("where", ["refuse_recipient", "refuse_message"])
def test_recipient_put_off_is_tried_again_later_and_given_up_at_last(people, started, deliver, sink, clock, where):
    first, second = people(2)
    setattr(sink, where, {"c0@example.com": "451 4.7.1 greylisted"})
    broadcast = started()

    with sink.running():
        deliver()
        assert rows(broadcast) == [(first.pk, "claimed", "later", 1), (second.pk, "sent", "", 1)]
        clock.forward(seconds=59)
        deliver()
        assert rows(broadcast)[0] == (first.pk, "claimed", "later", 1)
        clock.forward(seconds=2)
        deliver()
        assert rows(broadcast)[0] == (first.pk, "claimed", "later", 2)
        for _ in range(4):
            clock.forward(days=1)
            deliver()

    assert rows(broadcast) == [(first.pk, "failed", "error", 6), (second.pk, "sent", "", 1)]
    assert sink.addresses() == ["c1@example.com"]


def test_dead_server_fails_nothing_and_is_asked_less_and_less_often(people, started, deliver, sink, clock):
    customers = people(3)
    broadcast = started()
    pauses = []

    for _ in range(8):
        deliver()
        broadcast.refresh_from_db()
        pauses.append(round((broadcast.not_before - clock.now).total_seconds()))
        clock.now = broadcast.not_before
    assert pauses == [15, 30, 60, 120, 300, 900, 900, 900]
    assert rows(broadcast) == [(customer.pk, "waiting", "", 0) for customer in customers]

    with sink.running():
        deliver()

    assert rows(broadcast) == [(customer.pk, "sent", "", 1) for customer in customers]
    broadcast.refresh_from_db()
    assert (broadcast.state, broadcast.failures, broadcast.not_before) == (Broadcast.State.FINISHED, 0, None)


def test_resting_broadcast_is_left_alone_and_does_not_hold_up_another(people, started, deliver, sink, clock):
    people(2)
    first = started()
    deliver()
    second = started(channel="inbox")

    with sink.running():
        deliver()

    assert ledger(first).by_state["waiting"] == 2
    assert ledger(second).by_state["sent"] == 2
    assert sink.received == []


def test_server_that_refuses_our_sender_fails_nobody(people, started, deliver, sink, clock):
    (customer,) = people(1)
    sink.refuse_sender = "530 5.7.0 authentication required"
    broadcast = started()

    with sink.running():
        deliver()
        assert rows(broadcast) == [(customer.pk, "waiting", "", 0)]
        sink.refuse_sender = ""
        clock.forward(minutes=1)
        deliver()

    assert rows(broadcast) == [(customer.pk, "sent", "", 1)]


def test_connection_cut_in_the_middle_loses_nobody(people, started, deliver, sink, clock):
    customers = people(50)
    sink.drop_at = {30}
    broadcast = started()

    with sink.running():
        deliver()
        states = Counter(state for _customer, state, _reason, _attempts in rows(broadcast))
        assert states == {"sent": 49, "claimed": 1}
        clock.forward(minutes=2)
        deliver()

    assert [row[1] for row in rows(broadcast)] == ["sent"] * len(customers)
    twice = Counter(sink.addresses()) - Counter({f"c{n}@example.com": 1 for n in range(50)})
    assert twice == {"c29@example.com": 1}
    ids = {message["Message-ID"] for message in sink.messages() if "c29@" in message["To"]}
    assert len(ids) == 1


@pytest.mark.parametrize("channel", ["email", ""])
def test_opt_out_between_claim_and_group_gets_no_message(people, started, sink, clock, channel):
    customers = people(3)
    broadcast = started()
    looked_at = clock()
    token = claim(broadcast, get_channel("email"), at=looked_at)

    opt_out(customers[1], channel=channel, source=OptOut.Source.LINK, at=clock())
    clock.forward(seconds=1)
    with sink.running():
        deliver_batch(broadcast, get_channel("email"), token, looked_at=looked_at, clock=clock)

    assert sink.addresses() == ["c0@example.com", "c2@example.com"]
    assert rows(broadcast)[1] == (customers[1].pk, "excluded", "opted_out", 1)


def test_opt_out_while_a_slow_server_takes_a_group_is_seen_within_half_a_second(people, started, sink, clock):
    customers = people(10)
    broadcast = started()

    def slowly():
        clock.forward(seconds=0.3)
        if len(sink.received) == 2:
            opted_out.append(True)

    opted_out = []
    sink.on_message = slowly

    def clock_of_the_worker():
        if opted_out and not OptOut.objects.exists():
            opt_out(customers[5], channel="email", source=OptOut.Source.LINK, at=clock.now)
        return clock()

    with sink.running():
        while send_batch(clock=clock_of_the_worker):
            pass

    assert "c5@example.com" not in sink.addresses()
    assert ledger(broadcast).by_state == {"waiting": 0, "claimed": 0, "sent": 9, "failed": 0, "excluded": 1}


def test_slow_server_keeps_no_claim_longer_than_ten_seconds(people, started, sink, clock):
    people(30)
    broadcast = started()
    sink.on_message = lambda: clock.forward(seconds=1)

    with sink.running():
        send_batch(clock=clock)

    assert ledger(broadcast).by_state == {"waiting": 20, "claimed": 0, "sent": 10, "failed": 0, "excluded": 0}
    assert set(broadcast.deliveries.values_list("state", "attempts")) == {("sent", 1), ("waiting", 0)}


class Killed(BaseException):
    """As SIGKILL: nothing after it is done."""


@pytest.mark.parametrize("after", [1, 19, 20, 33])
def test_worker_killed_before_it_settles_sends_one_group_again_with_the_same_ids(
    people, started, deliver, sink, clock, after
):
    people(50)
    broadcast = started()
    channel = get_channel("email")

    def clock_until_killed():
        if len(sink.received) >= after:
            raise Killed
        return clock()

    with sink.running():
        with pytest.raises(Killed):
            send_batch(clock=clock_until_killed)
        deliver()
        assert len(sink.received) == after, "the rows are the dead worker's until its lease ends"
        clock.forward(seconds=channel.lease.total_seconds() + 1)
        deliver()

    assert ledger(broadcast).by_state == {"waiting": 0, "claimed": 0, "sent": 50, "failed": 0, "excluded": 0}
    copies = Counter(sink.addresses())
    assert set(copies) == {f"c{n}@example.com" for n in range(50)}
    again = sum(copies.values()) - 50
    assert 0 < again <= GROUP
    assert len({(message["To"], message["Message-ID"]) for message in sink.messages()}) == 50


def test_worker_whose_lease_was_taken_over_sends_no_further_group(people, started, sink, clock):
    people(50)
    broadcast = started()
    channel = get_channel("email")
    looked_at = clock()
    slow = claim(broadcast, channel, at=looked_at)
    clock.forward(seconds=channel.lease.total_seconds() + 1)
    quick = claim(broadcast, channel, at=clock())

    with sink.running():
        deliver_batch(broadcast, channel, slow, looked_at=looked_at, clock=clock)

    assert sink.received == []
    assert Delivery.objects.held_by(quick).count() == 50


def test_console_is_the_default_and_shows_the_message(settings, people, started, deliver, capsys):
    settings.EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"
    people(1)
    broadcast = started(subject="News for {nick}")

    deliver()

    printed = capsys.readouterr().out
    assert "Subject: News for nick0" in printed
    assert ledger(broadcast).by_state["sent"] == 1


def test_number_of_queries_does_not_grow_with_the_recipients(people, started, deliver, sink, clock, count_queries):
    queries = []
    for first, count in ((0, 1), (1, 2)):
        people(count, first=first)
        started()
        with sink.running():
            queries.append(count_queries(lambda: send_batch(clock=clock)))
            deliver()

    assert queries[0] == queries[1]


def test_planning_writes_no_address(people, started, clock):
    people(1)
    broadcast = started()
    plan_stretch(at=clock() + timedelta(seconds=1))

    assert "example.com" not in str(list(broadcast.deliveries.values()))
