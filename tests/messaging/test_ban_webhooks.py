"""What endpoints are told of the blocklist."""

from datetime import datetime, timedelta

import pytest
from django.utils import timezone
from standardwebhooks import Webhook

from blocklist.models import Ban, BanChange
from blocklist.services.bans import ban_purchase, ban_purchases, lift_ban, lift_bans
from blocklist.services.expiry import expire_bans
from customers.models import Customer
from customers.services.merges import merge
from messaging.models import WebhookDelivery
from tests.factories import NOON, AccountFactory, CustomerFactory, EndpointFactory, SourceFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def endpoint():
    return EndpointFactory()


def ban(customer, manager, *, at=NOON, **facts):
    return ban_purchase(customer, type=Ban.Type.EXTORTION, note="secret", by=manager, at=at, **facts)


def events():
    rows = WebhookDelivery.objects.order_by("pk")
    return [(row.event, row.payload["data"]["ban_id"], row.payload["data"]["accounts"]) for row in rows]


def test_endpoint_hears_of_a_ban_without_its_reasons(endpoint, manager):
    customer = CustomerFactory(nick="小鹿")
    taobao = AccountFactory(customer=customer, source=SourceFactory(code="taobao"), external_id="7")
    elsewhere = EndpointFactory(source=taobao.source)
    EndpointFactory(source=SourceFactory(code="jd"))
    EndpointFactory(is_active=False)

    set_ban = ban(customer, manager, until=NOON + timedelta(days=7))

    rows = WebhookDelivery.objects.order_by("pk")
    line = {
        "number": BanChange.objects.get().pk,
        "cursor": str(BanChange.objects.get().pk),
        "kind": "set",
        "ban_id": set_ban.pk,
        "customer_id": customer.pk,
        "accounts": [{"external_id": "小鹿", "nick": "小鹿"}],
        "until": "2026-03-12T04:00:00+00:00",
        "at": "2026-03-05T04:00:00+00:00",
    }
    other = {**line, "accounts": [{"external_id": "7", "nick": taobao.nick}]}
    assert [(row.target_id, row.payload) for row in rows] == [
        (endpoint.pk, {"type": "ban.created", "timestamp": "2026-03-05T04:00:00+00:00", "data": line}),
        (elsewhere.pk, {"type": "ban.created", "timestamp": "2026-03-05T04:00:00+00:00", "data": other}),
    ]


def test_endpoint_hears_that_a_ban_was_lifted(endpoint, manager):
    customer = CustomerFactory(nick="a")
    set_ban = ban(customer, manager)

    lift_ban(customer, reason="a mistake", by=manager, at=NOON + timedelta(hours=1))

    accounts = [{"external_id": "a", "nick": "a"}]
    assert events() == [("ban.created", set_ban.pk, accounts), ("ban.lifted", set_ban.pk, accounts)]


def test_endpoint_hears_once_that_a_ban_has_run_out(endpoint, manager):
    runs_out = ban(CustomerFactory(nick="a"), manager, until=NOON + timedelta(days=1))
    ban(CustomerFactory(nick="b"), manager)
    WebhookDelivery.objects.all().delete()

    expire_bans(at=NOON + timedelta(days=1))
    expire_bans(at=NOON + timedelta(days=1))

    assert events() == [("ban.expired", runs_out.pk, [{"external_id": "a", "nick": "a"}])]


def test_next_ban_tells_first_that_the_one_before_has_run_out(endpoint, manager):
    customer = CustomerFactory(nick="a")
    first = ban(customer, manager, until=NOON + timedelta(days=1))

    second = ban(customer, manager, at=NOON + timedelta(days=2))

    assert [event[:2] for event in events()] == [
        ("ban.created", first.pk),
        ("ban.expired", first.pk),
        ("ban.created", second.pk),
    ]


def test_merge_tells_of_the_ban_that_stays_with_all_accounts(endpoint, manager):
    kept, merged = CustomerFactory(nick="kept"), CustomerFactory(nick="merged")
    shorter = ban(kept, manager, until=NOON + timedelta(days=1))
    longer = ban(merged, manager)
    WebhookDelivery.objects.all().delete()

    merge(kept, merged, by=manager, at=NOON + timedelta(hours=1))

    accounts = [{"external_id": "kept", "nick": "kept"}, {"external_id": "merged", "nick": "merged"}]
    assert events() == [("ban.lifted", shorter.pk, accounts), ("ban.changed", longer.pk, accounts)]
    told = WebhookDelivery.objects.values_list("payload__data__customer_id", flat=True)
    assert set(told) == {kept.pk}


def test_bulk_ban_and_lift_tell_of_each_in_a_fixed_number_of_queries(endpoint, manager, count_queries, settings):
    settings.WRITE_BATCH = 2
    few = [CustomerFactory(nick=f"few{number}").pk for number in range(2)]
    more = [CustomerFactory(nick=f"more{number}").pk for number in range(4)]

    def both(chosen):
        customers = Customer.objects.filter(pk__in=chosen)
        ban_purchases(customers, type=Ban.Type.OTHER, by=manager, at=NOON)
        lift_bans(customers, reason="x", by=manager, at=NOON + timedelta(hours=1))

    one_stretch = count_queries(lambda: both(few))
    two_stretches = count_queries(lambda: both(more))

    assert two_stretches - one_stretch <= 2 * 6
    assert [event for event, _ban, _accounts in events()] == [
        *["ban.created"] * 2,
        *["ban.lifted"] * 2,
        *["ban.created"] * 4,
        *["ban.lifted"] * 4,
    ]


def test_library_of_the_standard_finds_what_is_sent_genuine(sink, manager, told, clock):
    endpoint = EndpointFactory(url=sink.url)
    clock.now = timezone.now()
    set_ban = ban(CustomerFactory(nick="小鹿"), manager, at=clock.now)

    told()

    [request] = sink.received
    payload = Webhook(endpoint.secret).verify(request.body, request.headers)
    assert (payload["type"], payload["data"]["ban_id"]) == ("ban.created", set_ban.pk)
    assert datetime.fromisoformat(payload["data"]["at"]) == set_ban.started_at
