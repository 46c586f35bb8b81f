"""The outbox: what is told outside is a row first, signed, tried again, and given up in the end."""

import base64
import hashlib
import hmac
from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone

from customers.models import Event, InquiryMessage, Notification
from customers.services.notifications import sentence
from customers.signals import message_answered
from messaging.models import WebhookDelivery, WebhookTarget
from messaging.services import delivering, outbox, webhooks
from messaging.services.work import wake_stalled
from messaging.signals import WorkKind, work_waiting
from tests.factories import NOON, AccountFactory, EndpointFactory, InquiryFactory, SourceFactory
from tests.messaging.webhook_sink import Reply
from tests.parallel import Parallel

pytestmark = pytest.mark.django_db

SECRET = "whsec_c2VjcmV0IG9mIGEgdGVzdCwgMjQgYnl0ZXMgbG9uZw=="


@pytest.fixture
def endpoint(sink):
    return EndpointFactory(name="ERP", url=sink.url)


@pytest.fixture
def answered(agent):
    """Have a customer answered, as the reception does."""

    def _answered(text="Yes.", *, at=NOON, author="agent", inquiry=None):
        inquiry = inquiry or InquiryFactory(agent=agent)
        user = agent.user if author == "agent" else None
        message = InquiryMessage.objects.create(inquiry=inquiry, author=author, user=user, text=text, at=at)
        with transaction.atomic():
            message_answered.send(sender=InquiryMessage, message=message)
        return message

    return _answered


def signature(request, secret=SECRET):
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{request.headers['webhook-id']}.{request.headers['webhook-timestamp']}.".encode() + request.body
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def states():
    rows = WebhookDelivery.objects.order_by("pk")
    return [(row.state, row.attempts, row.response_code, row.last_error) for row in rows]


# What is told -------------------------------------------------------------------------------------------------------


def test_answer_goes_to_the_endpoints_of_its_source_signed(endpoint, sink, answered, told):
    EndpointFactory(source=SourceFactory(code="taobao"), url=sink.url)
    EndpointFactory(is_active=False, url=sink.url)
    inquiry = InquiryFactory()
    AccountFactory(customer=inquiry.customer, external_id="7", nick="小鹿")
    AccountFactory(customer=inquiry.customer, source=SourceFactory(code="taobao"), external_id="8", nick="other shop")
    message = answered("亲，有货。", inquiry=inquiry)

    told()

    [request] = sink.received
    row = WebhookDelivery.objects.get()
    assert request.json == {
        "type": "message.answered",
        "timestamp": "2026-03-05T04:00:00+00:00",
        "data": {
            "inquiry_id": inquiry.pk,
            "message_id": message.pk,
            "source": "own",
            "customer": {"id": inquiry.customer_id, "accounts": [{"external_id": "7", "nick": "小鹿"}]},
            "text": "亲，有货。",
            "at": "2026-03-05T04:00:00+00:00",
            "is_automatic": False,
        },
    }
    assert request.path == "/hook"
    assert request.headers["webhook-id"] == row.webhook_id
    assert request.headers["webhook-timestamp"] == str(int(NOON.timestamp()))
    assert request.headers["webhook-signature"] == signature(request)
    assert (row.target_id, states()) == (endpoint.pk, [("delivered", 1, 200, "")])


def test_automatic_answer_says_so(endpoint, sink, answered, told):
    answered(author="automatic")

    told()

    assert sink.received[0].json["data"]["is_automatic"] is True


def test_both_secrets_sign_while_one_is_being_replaced(endpoint, sink, answered, told):
    WebhookTarget.objects.update(former_secret="whsec_" + base64.b64encode(b"old" * 8).decode())
    answered()

    told()

    [request] = sink.received
    former = WebhookTarget.objects.get().former_secret
    assert request.headers["webhook-signature"].split(" ") == [signature(request), signature(request, former)]


def test_nothing_is_written_where_nobody_listens(answered, django_assert_num_queries, agent):
    inquiry = InquiryFactory(agent=agent)
    message = InquiryMessage.objects.create(inquiry=inquiry, author="automatic", text="x", at=NOON)

    with django_assert_num_queries(1):
        outbox.tell_answer(message)


@pytest.mark.django_db(transaction=True)
def test_worker_is_woken_on_commit_and_not_by_what_rolled_back(endpoint, answered):
    woken = []

    def wake(sender, kind, **kwargs):
        woken.append(kind)

    work_waiting.connect(wake)
    try:
        with pytest.raises(ZeroDivisionError), transaction.atomic():
            answered()
            raise ZeroDivisionError
        rolled_back = (list(woken), WebhookDelivery.objects.count())
        answered()
    finally:
        work_waiting.disconnect(wake)

    assert (rolled_back, woken) == (([], 0), [WorkKind.DELIVER])


# Trying again -------------------------------------------------------------------------------------------------------


def test_failed_delivery_is_tried_again_by_the_schedule_with_its_id(endpoint, sink, answered, told, clock):
    sink.always = Reply(status=500)
    answered()
    waits = []
    for _attempt in range(10):
        told()
        row = WebhookDelivery.objects.get()
        if row.next_at:
            waits.append((row.next_at - clock.now).total_seconds())
            clock.now = row.next_at
            WebhookTarget.objects.update(not_before=None, failing_since=clock.now)  # not to be switched off first

    schedule = [5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400]
    assert [round(planned) <= wait <= planned * 1.2 for planned, wait in zip(schedule, waits, strict=True)] == [
        True
    ] * 9
    assert states() == [("failed", 10, 500, "HTTP 500")]
    assert len({request.headers["webhook-id"] for request in sink.received}) == 1


def test_delivery_succeeds_in_the_end_and_the_target_is_well_again(endpoint, sink, answered, told, clock):
    sink.replies = [Reply(status=503), Reply(status=302, headers={"Location": sink.url})]
    answered()

    told()
    clock.forward(seconds=7)
    told()
    clock.forward(minutes=7)
    told()

    assert states() == [("delivered", 3, 200, "")]
    assert len(sink.received) == 3  # nothing follows a redirect
    target = WebhookTarget.objects.get()
    assert (target.failures, target.failing_since, target.last_error) == (0, None, "")


@pytest.mark.parametrize(
    ("asked", "least"),
    [("3600", 3600), ("Thu, 05 Mar 2026 06:00:00 GMT", 7200), ("99999999", 86400), ("soon", 5), ("-5", 5), ("０", 5)],
)
def test_retry_after_is_honoured(endpoint, sink, answered, told, clock, asked, least):
    sink.always = Reply(status=429, headers={} if asked == "０" else {"Retry-After": asked})
    answered()

    told()

    row, target = WebhookDelivery.objects.get(), WebhookTarget.objects.get()
    wait, rest = (row.next_at - clock.now).total_seconds(), (target.not_before - clock.now).total_seconds()
    assert least - 1 <= wait <= least * 1.2 + 1
    assert least - 1 <= rest <= least + 1


def test_target_that_fails_is_left_alone_and_what_follows_keeps_its_order(endpoint, sink, answered, told, clock):
    sink.replies = [Reply(status=500)]
    for text in "abc":
        answered(text)

    told()
    too_soon = len(sink.received)
    clock.forward(seconds=7)
    told()

    assert too_soon == 1
    assert [request.json["data"]["text"] for request in sink.received] == ["a", "b", "c", "a"]
    assert [attempts for _state, attempts, _code, _error in states()] == [2, 1, 1]


def test_slow_target_keeps_nobody_else_waiting(endpoint, sink, answered, told, monkeypatch):
    dead = EndpointFactory(url="http://127.0.0.1:9/closed")
    for text in "ab":
        answered(text)

    told()

    assert [request.json["data"]["text"] for request in sink.received] == ["a", "b"]
    assert set(WebhookDelivery.objects.filter(target=dead).values_list("attempts", "last_error")) == {
        (1, "connection refused"),
        (0, ""),
    }


def test_receiver_that_takes_too_long_is_cut_off(endpoint, sink, answered, told, monkeypatch):
    monkeypatch.setattr("messaging.webhooks.http.ANSWER", timedelta(seconds=0.3))
    for reply in (Reply(after=0.6), Reply(body=b"x" * 100, drips=True)):
        sink.replies = [reply]
        WebhookTarget.objects.update(not_before=None)
        answered()
        told()

    assert [error for _state, _attempts, _code, error in states()] == ["time-out", "time-out"]


def test_much_too_long_an_answer_is_not_read(endpoint, sink, answered, told):
    sink.always = Reply(body=b"x" * 5_000_000)
    answered()

    told()

    assert states() == [("delivered", 1, 200, "")]


def test_410_switches_the_target_off_and_tells_the_managers(endpoint, sink, answered, told, manager, lead):
    sink.always = Reply(status=410)
    answered("a")
    answered("b")

    told()

    target = WebhookTarget.objects.get()
    assert (target.is_active, target.stopped_at is not None, target.last_error) == (False, True, "HTTP 410")
    assert states() == [("failed", 1, 410, "HTTP 410"), ("failed", 0, None, "switched off")]
    bell = Notification.objects.get()
    assert (bell.user, bell.url) == (manager, f"/admin/messaging/endpoint/{target.pk}/change/")
    assert sentence(bell) == "ERP gets no more webhooks: it was switched off after failing."
    assert Event.objects.values_list("verb", "by", "reason").get() == ("webhook.stopped", None, "HTTP 410")


def test_target_that_fails_for_three_days_is_switched_off(endpoint, sink, answered, told, clock, manager):
    sink.always = Reply(status=500)
    answered()

    for _hour in range(100):
        told()
        clock.forward(hours=1)

    assert WebhookTarget.objects.values_list("is_active", "last_error").get() == (False, "HTTP 500")
    assert Notification.objects.count() == 1
    answered()
    assert WebhookDelivery.objects.count() == 1  # nothing is written for it any more


def test_one_success_in_between_starts_the_three_days_anew(endpoint, sink, answered, told, clock, manager):
    answered("a")
    sink.replies = [Reply(status=500)] * 3
    for _day in range(4):
        told()
        clock.forward(hours=20)
    well = WebhookTarget.objects.values_list("is_active", "failing_since").get()

    sink.always = Reply(status=500)
    answered("b", at=clock.now)
    told()

    assert well == (True, None)
    assert WebhookTarget.objects.get().failing_since > clock.now - timedelta(minutes=1)


# A worker that dies -------------------------------------------------------------------------------------------------


def test_dead_workers_message_is_sent_again_with_the_same_id(endpoint, sink, answered, told, clock):
    answered()
    target, token = delivering.claim(at=clock())
    [(parcel, _rows)] = outbox.parcels(target, WebhookDelivery.objects.filter(token=token))
    delivering.send(target, parcel, at=clock())  # and here it is killed

    told()
    while_leased = len(sink.received)
    clock.forward(minutes=3)
    told()

    first, second = sink.received
    assert while_leased == 1
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert states() == [("delivered", 2, 200, "")]


def test_worker_whose_lease_has_ended_settles_nothing(endpoint, sink, answered, told, clock):
    answered()
    target, token = delivering.claim(at=clock())
    clock.forward(minutes=3)
    other = delivering.claim(at=clock())

    delivering.deliver(target, token, end=clock.now + timedelta(seconds=10), clock=clock)

    assert other[1] != token
    assert WebhookDelivery.objects.values_list("state", "token").get() == ("waiting", other[1])
    assert WebhookTarget.objects.get().not_before == other[0].not_before


@pytest.mark.django_db(transaction=True)
def test_workers_side_by_side_send_everything_once_and_each_target_in_order(sink, agent):
    inquiry = InquiryFactory(agent=agent)
    for number in range(2):
        EndpointFactory(url=f"{sink.url}/{number}")
    for number in range(30):
        message = InquiryMessage.objects.create(inquiry=inquiry, author="automatic", text=str(number), at=NOON)
        outbox.tell_answer(message)

    def work():
        while delivering.deliver_batch(clock=timezone.now):
            pass

    with Parallel() as side:
        for _worker in range(3):
            side.start(work)
    work()

    told = [(request.path, request.json["data"]["text"]) for request in sink.received]
    expected = [str(number) for number in range(30)]
    assert [[text for path, text in told if path == f"/hook/{number}"] for number in range(2)] == [expected] * 2
    assert WebhookDelivery.objects.filter(state="delivered", attempts=1).count() == 60


def test_scheduler_wakes_what_is_due_only(endpoint, answered, clock):
    woken = []

    def wake(sender, kind, **kwargs):
        woken.append(kind)

    answered()
    work_waiting.connect(wake)
    try:
        wake_stalled(at=clock())
        delivering.claim(at=clock())
        wake_stalled(at=clock())
        clock.forward(minutes=3)
        wake_stalled(at=clock())
    finally:
        work_waiting.disconnect(wake)

    assert woken == [WorkKind.DELIVER] * 2


# What managers do with it -------------------------------------------------------------------------------------------


def test_test_is_sent_at_once_and_only_once(endpoint, sink, manager):
    sink.replies = [Reply(), Reply(status=500)]

    rows = [webhooks.test(endpoint, by=manager, at=NOON) for _time in range(2)]

    assert [(row.state, row.response_code, row.attempts) for row in rows] == [("delivered", 200, 1), ("failed", 500, 1)]
    assert sink.received[0].json == {
        "type": "webhook.test",
        "timestamp": "2026-03-05T04:00:00+00:00",
        "data": {"name": "ERP"},
    }
    assert sink.received[0].headers["webhook-signature"] == signature(sink.received[0])
    assert WebhookTarget.objects.get().failures == 0


def test_replay_sends_settled_ones_again_with_their_ids(endpoint, sink, answered, told, manager, clock):
    answered("a")
    webhooks.test(endpoint, by=manager, at=NOON)
    told()

    replayed = webhooks.replay(WebhookDelivery.objects.all(), by=manager, at=clock())
    again = webhooks.replay(WebhookDelivery.objects.all(), by=manager, at=clock())
    told()

    told_ids = [request.headers["webhook-id"] for request in sink.received if request.json["type"] != "webhook.test"]
    assert (replayed, again, len(told_ids), len(set(told_ids))) == (1, 0, 2, 1)
    assert Event.objects.filter(verb="webhook.replayed", by=manager).count() == 1


def test_nothing_is_replayed_to_what_is_switched_off(endpoint, sink, answered, told, manager, clock):
    answered()
    told()
    WebhookTarget.objects.update(is_active=False)

    assert webhooks.replay(WebhookDelivery.objects.all(), by=manager, at=clock()) == 0


def test_settled_rows_are_deleted_after_30_days_and_waiting_ones_kept(endpoint, answered):
    for text in "abc":
        answered(text)
    old, young, _waiting = WebhookDelivery.objects.order_by("pk")
    for row, days in ((old, 31), (young, 29)):
        settled = {"state": "delivered", "next_at": None, "settled_at": NOON - timedelta(days=days)}
        WebhookDelivery.objects.filter(pk=row.pk).update(**settled)

    outbox.delete_settled(at=NOON)

    assert [row.payload["data"]["text"] for row in WebhookDelivery.objects.order_by("pk")] == ["b", "c"]
