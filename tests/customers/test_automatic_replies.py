"""Automatic replies (自动回复): what is answered by itself, when, and that it is no answer of a person."""

from datetime import timedelta

import pytest

from customers.identity import Identity
from customers.models import AutoReply, Inquiry, InquiryMessage, WorkingHours
from customers.services import inquiries
from customers.signals import message_answered
from tests.factories import NOON, CustomerFactory, SourceFactory


@pytest.fixture
def write(db):
    def _write(at=NOON, text="Hello", nick="willow"):
        source = SourceFactory()
        return inquiries.receive(Identity(source_id=source.pk, nick=nick), source=source, text=text, at=at).inquiry

    return _write


def said():
    rows = InquiryMessage.objects.order_by("pk").values_list("author", "automatic_kind", "text", "at")
    return [row for row in rows if row[0] != "buyer"]


def put(kind, text, **facts):
    return AutoReply.objects.create(kind=kind, text_en=text, **facts)


def test_greeting_is_said_once_and_is_no_first_reply(write, agent):
    put("greeting", "Hello {nick}, {agent} of {shop} is with you.")
    told = []

    def hear(message, **kwargs):
        told.append(message.text)

    message_answered.connect(hear)
    inquiry = write()
    write(at=NOON + timedelta(minutes=1))
    message_answered.disconnect(hear)

    text = "Hello willow, Ming of Own shop is with you."
    assert said() == [("automatic", "greeting", text, NOON)]
    assert told == [text]
    inquiry.refresh_from_db()
    assert (inquiry.state, inquiry.first_reply_at, inquiry.waiting_since) == ("new", None, NOON)


def test_agents_own_reply_stands_in_place_of_the_shops_also_where_it_is_off(write, agent, other_agent):
    put("greeting", "Of the shop")
    own = put("greeting", "Of Ming", agent=agent)
    CustomerFactory(nick="willow", agent=agent)
    CustomerFactory(nick="maple", agent=agent)
    CustomerFactory(nick="oak", agent=other_agent)

    write()
    own.is_on = False
    own.save()
    write(nick="maple")
    write(nick="oak")

    assert [text for _author, _kind, text, _at in said()] == ["Of Ming", "Of the shop"]


def test_waiting_buyer_is_told_that_all_are_busy_once(write):
    put("all_busy", "One moment")

    write()
    write(at=NOON + timedelta(minutes=1))

    assert said() == [("automatic", "all_busy", "One moment", NOON)]


def test_outside_hours_the_buyer_is_told_in_his_language_when_somebody_is_back(write, agent):
    for weekday in range(7):
        WorkingHours.objects.create(weekday=weekday, starts_at="13:00", ends_at="18:00")
    put("greeting", "Hello")
    put("outside_hours", "Back at {back_at}", text_zh="{back_at}回来")
    CustomerFactory(nick="willow", language="zh-hans")

    write()
    write(nick="maple")
    write(at=NOON + timedelta(hours=2), nick="oak")

    texts = [(kind, text) for _author, kind, text, _at in said()]
    assert texts == [
        ("outside_hours", "2026-03-05 13:00回来"),
        ("outside_hours", "Back at 2026-03-05 13:00"),
        ("greeting", "Hello"),
    ]


def test_greeting_waits_for_a_new_inquiry_and_nothing_is_said_without_a_text(write, agent):
    write()
    put("greeting", "Hello")
    write(at=NOON + timedelta(minutes=1))

    assert (said(), Inquiry.objects.count()) == ([], 1)
