"""The changes feed: a client that polls or replays ends with exactly the server's state."""

import threading
from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from blocklist.models import Ban, BanChange
from blocklist.services.bans import ban_purchase, ban_purchases, lift_ban, lift_bans
from blocklist.services.changes import number_due, read_feed
from blocklist.services.expiry import expire_bans
from customers.identity import Identity
from customers.imports import work
from customers.imports.runs import import_shop
from customers.models import Account, Customer
from customers.services import jobs
from customers.services.merges import merge
from customers.services.people import keep_customer
from messaging.models import WebhookDelivery
from tests.blocklist.blocklist_copy import documented_client
from tests.factories import (
    NOON,
    AccountFactory,
    BanFactory,
    CustomerFactory,
    EndpointFactory,
    SourceFactory,
    UserFactory,
)
from tests.parallel import Parallel

pytestmark = pytest.mark.django_db
URL = "/api/v1/bans/changes/"
DAY = timedelta(days=1)


def ban(customer, by, *, at=NOON, until=None):
    return ban_purchase(customer, type=Ban.Type.OTHER, by=by, at=at, until=until)


def poll(client, **query):
    response = client.get(URL, query)
    assert response.status_code == 200, response.json()
    return response.json()


def told(page):
    return [(line["kind"], line["ban_id"], [account["external_id"] for account in line["accounts"]]) for line in page]


# What a client is told ----------------------------------------------------------------------------------------------


def test_feed_tells_of_each_change_in_order_and_gives_the_next_cursor(key_client, manager):
    client, customer = key_client("bans:read"), CustomerFactory(nick="小鹿")
    AccountFactory(customer=customer, source=SourceFactory(code="taobao"))
    first = ban(customer, manager, until=NOON + DAY)
    line = BanChange.objects.get()

    page = poll(client)
    lift_ban(customer, reason="x", by=manager, at=NOON)
    rest = poll(client, cursor=page["next"])
    nothing = poll(client, cursor=rest["next"])

    assert page == {
        "results": [
            {
                "number": line.pk,
                "cursor": str(line.pk),
                "kind": "set",
                "ban_id": first.pk,
                "customer_id": customer.pk,
                "accounts": [{"external_id": "小鹿", "nick": "小鹿"}],
                "until": "2026-03-06T04:00:00+00:00",
                "at": "2026-03-05T04:00:00+00:00",
            }
        ],
        "next": str(line.pk),
        "has_more": False,
    }
    assert told(rest["results"]) == [("lifted", first.pk, ["小鹿"])]
    assert nothing == {"results": [], "next": rest["next"], "has_more": False}


def test_key_is_told_only_of_buyers_of_its_own_source(key_client, manager):
    here, there = (
        CustomerFactory(nick="a"),
        AccountFactory(source=SourceFactory(code="taobao"), external_id="b").customer,
    )
    mine, theirs = ban(here, manager), ban(there, manager)
    ban(CustomerFactory(phone="13800138000"), manager)  # a guest has no account

    assert told(poll(key_client("bans:read"))["results"]) == [("set", mine.pk, ["a"])]
    assert told(poll(key_client("bans:read", source="taobao"))["results"]) == [("set", theirs.pk, ["b"])]


def test_pages_join_without_gap_or_repetition(key_client, manager):
    client = key_client("bans:read")
    bans = [ban(CustomerFactory(nick=f"n{number}"), manager) for number in range(5)]

    pages, cursor, has_more = [], None, True
    while has_more:
        page = poll(client, page_size=2, **({"cursor": cursor} if cursor else {}))
        pages.append([line["ban_id"] for line in page["results"]])
        cursor, has_more = page["next"], page["has_more"]

    assert pages == [[bans[0].pk, bans[1].pk], [bans[2].pk, bans[3].pk], [bans[4].pk]]


def test_cursor_passes_over_what_is_not_for_the_source(key_client, manager):
    ban(AccountFactory(source=SourceFactory(code="taobao")).customer, manager)

    page = poll(key_client("bans:read"))

    assert page == {"results": [], "next": str(BanChange.objects.get().pk), "has_more": False}


@pytest.mark.parametrize("cursor", ["x", "-1", "1.5", "9" * 5000, "１", "\0", "999999", " 1"])
def test_cursor_that_is_not_from_here_is_refused(key_client, manager, cursor):
    ban(CustomerFactory(nick="a"), manager)

    response = key_client("bans:read").get(URL, {"cursor": cursor})

    assert response.status_code == 400
    assert [error["parameter"] for error in response.json()["errors"]] == ["cursor"]


@pytest.mark.parametrize(
    "query",
    [{"page_size": "0"}, {"page_size": "1001"}, {"page_size": "x"}, {"page_size": "9" * 5000}, {"kind": "set"}],
)
def test_query_that_is_not_understood_is_refused(key_client, query):
    response = key_client("bans:read").get(URL, query)

    assert response.status_code == 400
    assert [error["parameter"] for error in response.json()["errors"]] == list(query)


def test_feed_asks_for_its_scope_and_for_whoever_sees_all_customers(key_client, agent, manager, settings):
    SourceFactory()
    settings.AGENTS_SEE_CUSTOMERS = "own"

    answers = [
        key_client("customers:read").get(URL).status_code,
        key_client("bans:read", user=agent.user).get(URL).status_code,
        key_client("bans:read", user=manager).get(URL).status_code,
        key_client("bans:read").get(URL, {"source": "taobao"}).status_code,
    ]

    assert answers == [403, 403, 200, 403]


def test_feed_costs_the_same_for_one_line_and_for_three(key_client, manager, count_queries):
    client = key_client("bans:read")
    ban(CustomerFactory(nick="a"), manager)
    poll(client)
    one = count_queries(lambda: poll(client))
    ban(CustomerFactory(nick="b"), manager), ban(CustomerFactory(nick="c"), manager)

    assert count_queries(lambda: poll(client)) == one


# Accounts of a banned buyer -----------------------------------------------------------------------------------------


def test_source_that_comes_to_know_a_banned_buyer_hears_of_his_ban(key_client, manager, now):
    source, customer = SourceFactory(code="taobao"), CustomerFactory(nick="a", phone="13800138000")
    standing = ban(customer, manager, at=now)
    own, taobao = key_client("bans:read"), key_client("bans:read", source="taobao")
    before = poll(own)["next"], poll(taobao)["next"]

    keep_customer(Identity(source.pk, external_id="7", phone="13800138000"), at=now)

    assert told(poll(taobao, cursor=before[1])["results"]) == [("changed", standing.pk, ["7"])]
    assert poll(own, cursor=before[0])["results"] == []


def test_another_nick_or_number_of_a_banned_buyer_is_told(key_client, manager, now):
    customer = CustomerFactory(nick="小鹿")
    source = customer.accounts.get().source_id
    ban(customer, manager, at=now)
    client = key_client("bans:read")
    cursor = poll(client)["next"]

    keep_customer(Identity(source, external_id="7", nick="小鹿"), at=now)
    renumbered = poll(client, cursor=cursor)
    keep_customer(Identity(source, external_id="7", nick="小马"), at=now)
    renamed = poll(client, cursor=renumbered["next"])
    keep_customer(Identity(source, external_id="7", nick="小马"), at=now)
    unchanged = poll(client, cursor=renamed["next"])

    accounts = [[line["accounts"] for line in page["results"]] for page in (renumbered, renamed, unchanged)]
    assert accounts == [[[{"external_id": "7", "nick": "小鹿"}]], [[{"external_id": "7", "nick": "小马"}]], []]


def test_import_tells_of_new_accounts_of_the_banned_and_its_revert_of_lost_ones(key_client, manager, now, tmp_path):
    standing = ban(CustomerFactory(phone="13800138000"), manager, at=now)
    client, table = key_client("bans:read"), tmp_path / "customers.csv"
    table.write_text("nick,phone\n小红,13800138000\n阿明,13900139000\n", encoding="utf-8")
    cursor = poll(client)["next"]

    run = import_shop("csv", table, by=None, now=timezone.now, progress=lambda *told: None, source_code="own")
    gained = poll(client, cursor=cursor)
    jobs.run_to_end(work.revert(run, by=manager, at=timezone.now(), is_trial=False))
    lost = poll(client, cursor=gained["next"])

    assert told(gained["results"]) == [("changed", standing.pk, ["小红"])]
    assert told(lost["results"]) == [("changed", standing.pk, [])]


def test_accounts_of_buyers_who_are_not_banned_are_no_news(key_client, now):
    customer = CustomerFactory(nick="小鹿")
    keep_customer(Identity(customer.accounts.get().source_id, external_id="7", nick="小鹿"), at=now)
    BanFactory(customer=customer, started_at=now - DAY, until=now - DAY / 2)

    assert poll(key_client("bans:read"))["results"] == []


def test_merge_tells_the_ban_of_either_with_the_accounts_of_both(key_client, manager, now):
    kept, merged = CustomerFactory(nick="kept"), CustomerFactory(nick="merged")
    standing = ban(kept, manager, at=now)
    client = key_client("bans:read")
    cursor = poll(client)["next"]

    merge(kept, merged, by=manager, at=now)

    assert told(poll(client, cursor=cursor)["results"]) == [("changed", standing.pk, ["kept", "merged"])]


# A copy ends with the server's state --------------------------------------------------------------------------------

SOURCES = ("own", "taobao")
PEOPLE = st.integers(0, 3)


class Copies(RuleBasedStateMachine):
    """A copy for each of two sources, fed by polls and by webhooks that come late, twice, or never."""

    @initialize()
    def open_shop(self):
        self.atomic = transaction.atomic()
        self.atomic.__enter__()
        self.now = NOON
        self.manager = UserFactory(role="manager")
        self.sources = [SourceFactory(code=code) for code in SOURCES]
        self.copies = [documented_client()() for _source in self.sources]
        self.endpoints = [EndpointFactory(source=source) for source in self.sources]
        self.people = [CustomerFactory(phone=f"1380013800{number}") for number in range(4)]
        for number, person in enumerate(self.people[:3]):
            AccountFactory(customer=person, source=self.sources[number % 2], external_id=f"id{number}")

    def person(self, number):
        return Customer.objects.kept_instead_of(self.people[number].pk) or self.people[number]

    @rule(person=PEOPLE, days=st.sampled_from([None, 1, 3]))
    def ban(self, person, days):
        ban(self.person(person), self.manager, at=self.now, until=days and self.now + days * DAY)

    @rule(people=st.sets(PEOPLE), days=st.sampled_from([None, 2]))
    def ban_many(self, people, days):
        chosen = Customer.objects.filter(pk__in=[self.person(person).pk for person in people])
        until = days and self.now + days * DAY
        ban_purchases(chosen, type=Ban.Type.OTHER, by=self.manager, at=self.now, until=until)

    @rule(people=st.sets(PEOPLE))
    def lift_many(self, people):
        chosen = Customer.objects.filter(pk__in=[self.person(person).pk for person in people])
        lift_bans(chosen, reason="x", by=self.manager, at=self.now)

    @rule(hours=st.sampled_from([1, 24, 50]))
    def wait(self, hours):
        self.now += timedelta(hours=hours)

    @rule()
    def note_expired(self):
        expire_bans(at=self.now)

    @rule()
    def number_due(self):
        number_due(at=self.now)

    @rule(person=PEOPLE, source=st.integers(0, 1), number=st.integers(0, 2), nick=st.sampled_from(["", "小鹿", "小马"]))
    def buy(self, person, source, number, nick):
        phone = f"1380013800{person}"
        keep_customer(
            Identity(self.sources[source].pk, external_id=f"new{number}", nick=nick, phone=phone), at=self.now
        )

    @rule(kept=PEOPLE, merged=PEOPLE)
    def merge(self, kept, merged):
        kept, merged = self.person(kept), self.person(merged)
        if kept.pk != merged.pk:
            merge(kept, merged, by=self.manager, at=self.now)

    @rule(source=st.integers(0, 1))
    def poll_a_page(self, source):
        copy = self.copies[source]
        page = read_feed(self.sources[source], cursor=copy.cursor, size=1, at=self.now)
        for line in page.lines:
            copy.take(line)
        copy.cursor = page.next

    @rule()
    def poll_all(self):
        for source, copy in zip(self.sources, self.copies, strict=True):
            copy.poll(self._asking(source))

    @rule(source=st.integers(0, 1), data=st.data())
    def deliver_webhooks(self, source, data):
        waiting = list(WebhookDelivery.objects.filter(target=self.endpoints[source]).order_by("pk"))
        if waiting:
            for row in data.draw(st.lists(st.sampled_from(waiting), max_size=4)):
                self.copies[source].take(row.payload["data"])

    @invariant()
    def copies_end_with_the_state_of_the_server(self):
        if not hasattr(self, "copies"):
            return
        with transaction.atomic():  # looking ahead must not change what the next step finds
            for source, endpoint, copy in zip(self.sources, self.endpoints, self.copies, strict=True):
                ahead, fresh = documented_client()(), documented_client()()
                ahead.cursor, ahead.lines = copy.cursor, dict(copy.lines)
                ahead.poll(self._asking(source))
                for row in WebhookDelivery.objects.filter(target=endpoint).order_by("-pk"):
                    ahead.take(row.payload["data"])  # all of them late, the newest first
                fresh.poll(self._asking(source))
                assert (ahead.banned(self.now), fresh.banned(self.now)) == (self.state(source),) * 2
            transaction.set_rollback(True)

    def state(self, source):
        """The ids of the source's accounts whose owners are banned."""
        banned = Ban.objects.standing(self.now).values("customer")
        return set(Account.objects.filter(source=source, customer__in=banned).values_list("external_id", flat=True))

    def _asking(self, source):
        def get(cursor):
            page = read_feed(source, cursor=cursor, size=3, at=self.now)
            return {"results": page.lines, "next": page.next, "has_more": page.has_more}

        return get

    def teardown(self):
        if hasattr(self, "atomic"):
            transaction.set_rollback(True)
            self.atomic.__exit__(None, None, None)


class EagerCopies(Copies):
    """The same, but each copy is polled after every step: what is not told is missed at once."""

    @invariant()
    def copies_end_with_the_state_of_the_server(self):
        for source, copy in zip(getattr(self, "sources", []), getattr(self, "copies", []), strict=True):
            copy.poll(self._asking(source))
            assert copy.banned(self.now) == self.state(source)


@pytest.mark.parametrize("copies", [Copies, EagerCopies])
def test_copy_ends_with_the_state_of_the_server_whatever_happens(copies):
    few = {"max_examples": 40, "stateful_step_count": 20}
    run_state_machine_as_test(copies, settings=settings(**few, deadline=None, suppress_health_check=list(HealthCheck)))


# Writers at the same time -------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_poller_skips_no_line_while_others_write():
    manager, source, done = UserFactory(role="manager"), SourceFactory(), threading.Event()
    people = [CustomerFactory(nick=f"n{number}") for number in range(4)]
    copy, seen = documented_client()(), []

    def write(customer):
        for _round in range(8):
            ban(customer, manager, at=timezone.now())
            lift_ban(customer, reason="x", by=manager, at=timezone.now())

    def get(cursor):
        page = read_feed(source, cursor=cursor, size=1000, at=timezone.now())
        seen.extend(line["number"] for line in page.lines)
        return {"results": page.lines, "next": page.next, "has_more": page.has_more}

    def watch():
        while not done.is_set():
            copy.poll(get)

    watcher = Parallel()
    with watcher:
        watcher.start(watch)
        with Parallel() as writers:
            for person in people:
                writers.start(write, person)
        done.set()
    copy.poll(get)

    assert seen == list(BanChange.objects.order_by("pk").values_list("pk", flat=True))
    assert (len(seen), copy.banned(timezone.now())) == (4 * 8 * 2, set())
