"""Group robots: the three chat tools' own formats, their errors in HTTP 200, their limits."""

import base64
import hashlib
import hmac
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from django.utils.translation import gettext

from customers.models import User
from customers.parts import NotificationKind, parts
from customers.services.notifications import notify
from messaging.models import WebhookDelivery, WebhookTarget
from messaging.services import webhooks
from tests.factories import NOON, RobotFactory
from tests.messaging.webhook_sink import Reply

pytestmark = pytest.mark.django_db

FINE = {"dingtalk": {"errcode": 0, "errmsg": "ok"}, "wecom": {"errcode": 0, "errmsg": "ok"}, "feishu": {"code": 0}}
CHATS = list(FINE)


@pytest.fixture(autouse=True)
def _shop(monkeypatch, settings):
    settings.PUBLIC_URL = "https://crm.example/"
    kinds = {
        name: NotificationKind(name=name, label=name, tell=lambda said, name=name: f"{name} {said['no']}")
        for name in ("broke", "mended")
    }
    monkeypatch.setattr(parts, "notification_kinds", kinds)


@pytest.fixture
def robot(sink):
    def _robot(style, **values):
        sink.always = Reply(body=FINE.get(style, b""))
        return RobotFactory(style=style, url=f"{sink.url}?key=k", **values)

    return _robot


def happen(kind="broke", no=1, at=NOON, url="/admin/x/"):
    notify(User.objects.none(), kind, at=at, url=url, parameters={"no": no})


def sign(key, signed):
    return base64.b64encode(hmac.new(key.encode(), signed.encode(), hashlib.sha256).digest()).decode()


def states():
    return list(WebhookDelivery.objects.order_by("pk").values_list("state", "last_error"))


TEXT = "Shop CRM\nbroke 1\nhttps://crm.example/admin/x/"


def test_dingtalk_is_signed_in_the_query(robot, sink, told):
    robot("dingtalk", secret="SECkey")
    happen()

    told()

    [request] = sink.received
    query = {name: value for name, [value] in parse_qs(urlsplit(request.path).query).items()}
    stamp = str(int(NOON.timestamp() * 1000))
    assert query.pop("timestamp")[:-3] == stamp[:-3]
    stamp = parse_qs(urlsplit(request.path).query)["timestamp"][0]
    assert query == {"key": "k", "sign": sign("SECkey", f"{stamp}\nSECkey")}
    assert request.json == {"msgtype": "text", "text": {"content": TEXT}}
    assert states() == [("delivered", "")]


def test_wecom_has_its_key_in_the_address(robot, sink, told):
    robot("wecom", secret="")
    happen()

    told()

    [request] = sink.received
    assert (request.path, request.json) == ("/hook?key=k", {"msgtype": "text", "text": {"content": TEXT}})


def test_feishu_is_signed_in_the_body(robot, sink, told):
    robot("feishu", secret="key")
    happen()

    told()

    stamp = str(int(NOON.timestamp()))
    assert sink.received[0].json == {
        "timestamp": stamp,
        "sign": sign(f"{stamp}\nkey", ""),
        "msg_type": "text",
        "content": {"text": TEXT},
    }


def test_generic_robot_gets_standard_webhooks(robot, sink, told):
    robot("standard", secret="whsec_" + base64.b64encode(b"k" * 24).decode())
    happen()

    told()

    [request] = sink.received
    assert request.json == {
        "type": "staff.told",
        "timestamp": "2026-03-05T04:00:00+00:00",
        "data": {"kind": "broke", "text": "broke 1", "url": "https://crm.example/admin/x/"},
    }
    assert request.headers["webhook-signature"].startswith("v1,")


@pytest.mark.parametrize(
    ("style", "body", "error"),
    [
        ("dingtalk", {"errcode": 310000, "errmsg": "sign not match"}, "errcode 310000: sign not match"),
        ("wecom", {"errcode": 93000, "errmsg": "invalid webhook url"}, "errcode 93000: invalid webhook url"),
        ("feishu", {"code": 19021, "msg": "sign match fail"}, "code 19021: sign match fail"),
        ("dingtalk", b"<html>", "HTTP 200, but no errcode in the answer"),
        ("feishu", [], "HTTP 200, but no code in the answer"),
    ],
)
def test_error_with_http_200_is_a_failure(robot, sink, told, style, body, error):
    robot(style)
    sink.always = Reply(body=body)
    happen()

    told()

    assert states() == [("waiting", error)]
    assert WebhookTarget.objects.values_list("failures", "last_error").get() == (1, error)


@pytest.mark.parametrize(
    ("style", "body", "minutes"),
    [
        ("dingtalk", {"errcode": 130101, "errmsg": "send too fast"}, 10),
        ("wecom", {"errcode": 45009, "errmsg": "api freq out of limit"}, 1),
        ("feishu", {"code": 11232, "msg": "frequency limited"}, 1),
    ],
)
def test_robot_that_was_too_fast_is_silent_for_a_while(robot, sink, told, clock, style, body, minutes):
    robot(style)
    sink.always = Reply(body=body)
    happen()

    told()

    rest = WebhookTarget.objects.get().not_before - clock.now
    assert timedelta(minutes=minutes, seconds=-1) < rest <= timedelta(minutes=minutes)


@pytest.mark.parametrize("style", CHATS)
def test_chat_gets_20_messages_a_minute_at_most_and_nothing_is_lost(robot, sink, told, clock, style):
    robot(style)
    for second in range(60):
        for part in range(3):
            happen(no=second * 3 + part, at=clock.now)
        told()
        clock.forward(seconds=1)
    clock.forward(seconds=5)
    told()
    told()

    said = "\n".join(str(request.json) for request in sink.received)
    assert len(sink.received) <= (60 if style == "feishu" else 20) + 1
    assert WebhookDelivery.objects.filter(state="delivered").count() == 180
    assert [no for no in range(180) if f"broke {no}\\n" not in said] == []


def test_text_of_many_news_stays_as_short_as_the_chat_wants_it(robot, sink, told):
    robot("wecom")
    for no in range(20):
        happen(no=no, url="/admin/" + "x" * 150)

    told()

    [request] = sink.received
    content = request.json["text"]["content"]
    assert len(content.encode()) <= 2048
    assert (content.startswith("Shop CRM: 20 news\nbroke 0\n"), "more" in content.splitlines()[-1]) == (True, True)
    assert set(states()) == {("delivered", "")}


def test_robot_tells_its_kinds_in_its_language_and_only_while_it_is_on(robot, sink, told, monkeypatch):

    monkeypatch.setitem(
        parts.notification_kinds, "broke", NotificationKind("broke", "broke", lambda said: gettext("Customers"))
    )
    robot("wecom", language="zh-hans", kinds=["broke"])
    robot("wecom", kinds=["mended"])
    robot("wecom", kinds=["broke"], is_active=False)
    happen()

    told()

    assert [request.json["text"]["content"].splitlines()[1] for request in sink.received] == ["客户"]


def test_group_is_told_nothing_that_is_older_than_a_day(robot, sink, told, clock):
    robot("wecom")
    happen(no=1)
    clock.forward(hours=25)
    happen(no=2, at=clock.now)

    told()

    assert states() == [("failed", "too old for a group"), ("delivered", "")]
    assert "broke 1" not in str(sink.received[0].json)


def test_test_of_a_robot_says_its_name(robot, sink, manager):
    row = webhooks.test(robot("wecom", name="Leads"), by=manager, at=NOON)

    assert row.state == "delivered"
    assert "“Leads”" in sink.received[0].json["text"]["content"]
