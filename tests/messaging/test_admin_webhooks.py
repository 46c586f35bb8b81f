"""Endpoints and group robots in the panel: managers alone, what is written only, tests, the log."""

import base64

import pytest
from django.urls import reverse

from customers.models import Event
from customers.parts import NotificationKind, parts
from messaging.models import Endpoint, Robot, WebhookDelivery, WebhookTarget
from tests.factories import NOON, EndpointFactory, RobotFactory, SourceFactory
from tests.messaging.webhook_sink import Reply

pytestmark = pytest.mark.django_db

ENDPOINTS, ROBOTS, LOG = (f"/admin/messaging/{name}/" for name in ("endpoint", "robot", "webhookdelivery"))


@pytest.fixture(autouse=True)
def _kinds(monkeypatch):
    kinds = {
        "broke": NotificationKind("broke", "something broke", lambda said: "broke"),
        "mine": NotificationKind("mine", "my own", lambda said: "mine", is_personal=True),
    }
    monkeypatch.setattr(parts, "notification_kinds", kinds)


@pytest.fixture
def values(sink):
    return {"name": "ERP", "source": SourceFactory().pk, "url": sink.url, "is_active": "on"}


@pytest.fixture
def robot_values(sink):
    return {
        "name": "Leads",
        "style": "dingtalk",
        "new_url": f"{sink.url}?access_token=abcd",
        "new_secret": "SECkey",
        "kinds": ["broke"],
        "language": "zh-hans",
        "is_active": "on",
    }


def delivery(target, **values):
    number = WebhookDelivery.objects.count()
    row = {"webhook_id": f"msg_{number}", "event": "message.answered", "payload": {"data": {"text": "亲"}}}
    state = {"state": "delivered", "settled_at": NOON, "created_at": NOON}
    return WebhookDelivery.objects.create(target=target, **{**row, **state, **values})


def change(target):
    return reverse(f"admin:messaging_{target._meta.model_name}_change", args=[target.pk])


def errors(page):
    return dict(page.context["adminform"].form.errors)


def test_new_endpoint_gets_a_secret_that_is_shown_once(manager, sign_in, values):
    client = sign_in(manager)

    shown = client.post(f"{ENDPOINTS}add/", values, follow=True).text
    endpoint = Endpoint.objects.get()
    later = client.get(change(endpoint)).text

    assert len(base64.b64decode(endpoint.secret.removeprefix("whsec_"))) == 32
    assert (endpoint.secret in shown, endpoint.secret in later, f"…{endpoint.secret[-4:]}" in later) == (
        True,
        False,
        True,
    )
    assert Event.objects.values_list("verb", "by__username").get() == ("endpoint.added", "manager")


def test_changing_a_name_keeps_address_and_secret(manager, sign_in, robot_values):
    client = sign_in(manager)
    client.post(f"{ROBOTS}add/", robot_values)
    robot = Robot.objects.get()

    page = client.get(change(robot)).text
    client.post(change(robot), {**robot_values, "name": "Other", "new_url": "", "new_secret": ""})

    kept = Robot.objects.get()
    assert (kept.name, kept.url, kept.secret, kept.kinds) == ("Other", robot.url, "SECkey", ["broke"])
    assert ("SECkey" in page, "access_token" in page, "127.0.0.1/…abcd" in page) == (False, False, True)
    assert Event.objects.order_by("-pk").values_list("verb", "fields").first() == ("robot.changed", ["name"])


def test_new_address_secret_and_kinds_are_stored_and_audited_by_name_only(manager, sign_in, robot_values, sink):
    robot = RobotFactory(kinds=[], language="zh-hans")
    WebhookTarget.objects.update(failures=3, last_error="HTTP 500", failing_since=NOON, not_before=NOON)

    sign_in(manager).post(change(robot), {**robot_values, "name": robot.name})

    kept = Robot.objects.get()
    assert (kept.url, kept.secret, kept.kinds) == (f"{sink.url}?access_token=abcd", "SECkey", ["broke"])
    assert (kept.failures, kept.last_error, kept.failing_since, kept.not_before) == (0, "", None, None)
    assert set(Event.objects.get().fields) == {"url", "secret", "kinds"}


@pytest.mark.parametrize(
    ("wrong", "field", "sentence"),
    [
        ({"url": "https://10.0.0.7/"}, "url", "WEBHOOK_ALLOWED_HOSTS"),
        ({"url": "http://hook.example/"}, "url", "WEBHOOK_ALLOWED_HOSTS"),
        ({"url": "hook"}, "url", "no address"),
        ({"new_secret": "short"}, "new_secret", "whsec_"),
        ({"new_secret": "whsec_c2hvcnQ="}, "new_secret", "24 to 64 bytes"),
        ({"source": ""}, "source", "required"),
    ],
)
def test_bad_values_name_their_field_and_store_nothing(manager, sign_in, values, wrong, field, sentence):
    page = sign_in(manager).post(f"{ENDPOINTS}add/", {**values, **wrong})

    found = errors(page)
    assert (list(found), sentence in found[field][0], Endpoint.objects.count()) == ([field], True, 0)


@pytest.mark.parametrize(
    ("wrong", "field"),
    [({"kinds": ["mine"]}, "kinds"), ({"kinds": []}, "kinds"), ({"new_url": ""}, "new_url"), ({"style": "x"}, "style")],
)
def test_robot_tells_no_personal_news_and_has_an_address(manager, sign_in, robot_values, wrong, field):
    page = sign_in(manager).post(f"{ROBOTS}add/", {**robot_values, **wrong})

    assert (list(errors(page)), Robot.objects.count()) == ([field], 0)


def test_test_button_says_what_came_back(manager, sign_in, sink):
    endpoint = EndpointFactory(url=sink.url)
    client = sign_in(manager)
    sink.replies = [Reply(), Reply(status=404)]

    pages = [client.post(f"{ENDPOINTS}{endpoint.pk}/test/", follow=True).text for _time in range(2)]

    assert ("The test arrived (HTTP 200)." in pages[0], "The test did not arrive: HTTP 404" in pages[1]) == (True, True)
    assert client.get(f"{ENDPOINTS}{endpoint.pk}/test/").status_code == 405


def test_log_shows_content_and_sends_again(manager, sign_in):
    endpoint = EndpointFactory()
    row, other = delivery(endpoint, state="failed", last_error="HTTP 500"), delivery(RobotFactory())
    client = sign_in(manager)

    listed = client.get(f"{LOG}?target={endpoint.pk}").context["cl"].result_list
    page = client.get(f"{LOG}{row.pk}/change/").text
    chosen = {"action": "replay", "_selected_action": [row.pk, other.pk]}
    again = client.post(LOG, chosen, follow=True).text

    assert ([found.pk for found in listed], "亲" in page, "1 goes out again." in again) == ([row.pk], True, True)
    assert dict(WebhookDelivery.objects.values_list("pk", "state")) == {row.pk: "waiting", other.pk: "delivered"}


@pytest.mark.parametrize(("address", "make"), [(ENDPOINTS, EndpointFactory), (ROBOTS, RobotFactory)])
def test_lists_take_as_many_queries_for_3_rows_as_for_1(manager, sign_in, count_queries, address, make):
    client = sign_in(manager)
    delivery(make(), state="waiting", next_at=NOON, settled_at=None)
    client.get(address)
    one = count_queries(lambda: client.get(address))
    for _number in range(2):
        delivery(make(), state="waiting", next_at=NOON, settled_at=None)

    assert count_queries(lambda: client.get(address)) == one


def test_log_takes_as_many_queries_for_3_rows_as_for_1(manager, sign_in, count_queries):
    client = sign_in(manager)
    delivery(EndpointFactory())
    client.get(LOG)
    one = count_queries(lambda: client.get(LOG))
    delivery(RobotFactory())
    delivery(EndpointFactory())

    assert count_queries(lambda: client.get(LOG)) == one


def test_only_managers_come_in(agent, lead, manager, sign_in):
    endpoint, robot = EndpointFactory(), RobotFactory()
    row = delivery(endpoint)
    doors = [
        ENDPOINTS,
        ROBOTS,
        LOG,
        f"{ENDPOINTS}add/",
        change(endpoint),
        change(robot),
        f"{LOG}{row.pk}/change/",
    ]

    seen = {
        user.username: {sign_in(user).get(door).status_code for door in doors} for user in (agent.user, lead, manager)
    }
    tests = [
        sign_in(user).post(f"{kind}{target.pk}/test/").status_code
        for user in (agent.user, lead)
        for kind, target in ((ENDPOINTS, endpoint), (ROBOTS, robot))
    ]
    sign_in(lead).post(LOG, {"action": "replay", "_selected_action": [row.pk]})

    assert seen == {"ming": {403}, "lead": {403}, "manager": {200}}
    assert tests == [403] * 4
    assert WebhookDelivery.objects.get().state == "delivered"


@pytest.mark.parametrize("make", [EndpointFactory, RobotFactory])
def test_nobody_deletes_a_target(admin_user, sign_in, make):
    target = make()

    assert sign_in(admin_user).post(f"{change(target)[:-7]}delete/", {"post": "yes"}).status_code == 403
