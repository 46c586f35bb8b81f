"""Quick replies and automatic replies: whose they are, who writes them, and what stands in them."""

import json
import re

import pytest
from django.urls import reverse

from customers.models import AutoReply, QuickReply
from tests.factories import NOON, CustomerFactory, InquiryFactory, OrderFactory

QUICK = reverse("admin:customers_quickreply_changelist")
ADD_QUICK = reverse("admin:customers_quickreply_add")
ADD_AUTO = reverse("admin:customers_autoreply_add")
VALUES = {"code": "hi", "title": "Greeting", "text_en": "Hello {nick}", "text_zh": ""}


def ready(client, inquiry):
    html = client.get(reverse("desk-inquiry", args=[inquiry.pk]), headers={"accept": "application/json"}).json()["html"]
    found = re.search(r'<script id="desk-replies-data" type="application/json">(.*?)</script>', html, re.S)
    return [(reply["code"], reply["text"]) for reply in json.loads(found[1])]


def test_quick_replies_are_filled_in_the_customers_language_and_ones_own_come_first(sign_in, agent, other_agent):
    customer = CustomerFactory(nick="willow", language="zh-hans")
    OrderFactory(customer=customer, number="1001")
    inquiry = InquiryFactory(agent=agent, customer=customer, waiting_since=NOON)
    QuickReply.objects.create(code="hi", title="x", text_zh="{nick}您好", text_en="Hello")
    QuickReply.objects.create(code="no", title="x", text_en="{order} by {agent} of {shop}")
    QuickReply.objects.create(code="no", title="x", text_en="Mine", owner=agent.user)
    QuickReply.objects.create(code="his", title="x", text_en="His", owner=other_agent.user)
    client = sign_in(agent.user)

    assert ready(client, inquiry) == [("hi", "willow您好"), ("no", "Mine")]
    QuickReply.objects.filter(owner=agent.user).delete()
    assert ready(client, inquiry)[1] == ("no", "1001 by Ming of Own shop")
    customer.language = "en"
    customer.save()
    assert ready(client, inquiry)[0] == ("hi", "Hello")


def test_agent_writes_his_own_and_the_lead_the_shops(sign_in, agent, other_agent, lead):
    client = sign_in(agent.user)

    assert client.post(ADD_QUICK, {**VALUES, "owner": other_agent.user.pk}).status_code == 302
    again = client.post(ADD_QUICK, VALUES)
    shops = sign_in(lead).post(ADD_QUICK, {**VALUES, "owner": ""})

    assert (again.status_code, shops.status_code) == (200, 302)
    assert "You already have a quick reply with this code." in again.text
    assert set(QuickReply.objects.values_list("code", "owner")) == {("hi", agent.user.pk), ("hi", None)}


def test_agent_changes_only_his_own(sign_in, agent, other_agent, lead):
    own = QuickReply.objects.create(code="a", title="Own", text_en="x", owner=agent.user)
    shops = QuickReply.objects.create(code="b", title="Shops", text_en="x")
    foreign = QuickReply.objects.create(code="c", title="Foreign", text_en="x", owner=other_agent.user)
    client = sign_in(agent.user)

    def change(reply):
        address = reverse("admin:customers_quickreply_change", args=[reply.pk])
        return client.post(address, {**VALUES, "code": reply.code}).status_code

    assert [row.code for row in client.get(QUICK).context["cl"].result_list] == ["a", "b"]
    assert [change(reply) for reply in (own, shops, foreign)] == [302, 403, 302]
    assert list(QuickReply.objects.order_by("code").values_list("title", flat=True)) == ["Greeting", "Shops", "Foreign"]
    delete = reverse("admin:customers_quickreply_delete", args=[shops.pk])
    assert client.post(delete, {"post": "yes"}).status_code == 403
    assert len(sign_in(lead).get(QUICK).context["cl"].result_list) == 3


@pytest.mark.parametrize(
    ("values", "error"),
    [
        ({"text_en": "", "text_zh": " "}, "Write the text in one language at least."),
        ({"text_en": "Hi {name}"}, "There is no placeholder {name}. Use {nick}, {agent}, {shop}, {order}."),
        ({"code": "a b"}, "A code has letters, digits, - and _ only."),
    ],
)
def test_bad_quick_reply_is_refused_by_name(sign_in, agent, values, error):
    answer = sign_in(agent.user).post(ADD_QUICK, {**VALUES, **values})

    assert (answer.status_code, error in answer.text, QuickReply.objects.count()) == (200, True, 0)


def test_automatic_reply_is_one_per_agent_and_occasion(sign_in, agent, lead):
    values = {"kind": "greeting", "is_on": "on", "text_en": "Hello", "text_zh": ""}
    client = sign_in(agent.user)

    first, second = client.post(ADD_AUTO, values), client.post(ADD_AUTO, values)
    wrong = client.post(ADD_AUTO, {**values, "kind": "all_busy", "text_en": "{order}"})
    shops = sign_in(lead).post(ADD_AUTO, {**values, "agent": ""})

    assert [answer.status_code for answer in (first, second, wrong, shops)] == [302, 200, 200, 302]
    assert "This agent already has an automatic reply for this occasion." in second.text
    assert "There is no placeholder {order}." in wrong.text
    assert set(AutoReply.objects.values_list("kind", "agent")) == {("greeting", agent.pk), ("greeting", None)}


def test_reply_lists_take_as_many_queries_for_3_as_for_1(sign_in, lead, agent, other_agent, count_queries):
    client = sign_in(lead)

    def measure():
        return count_queries(lambda: client.get(QUICK)), count_queries(
            lambda: client.get(reverse("admin:customers_autoreply_changelist"))
        )

    QuickReply.objects.create(code="a", title="x", text_en="x", owner=agent.user)
    AutoReply.objects.create(kind="greeting", agent=agent, text_en="x")
    client.get(QUICK)
    one = measure()
    for user in (other_agent.user, None):
        QuickReply.objects.create(code="a", title="x", text_en="x", owner=user)
    for other in (other_agent, None):
        AutoReply.objects.create(kind="greeting", agent=other, text_en="x")

    assert measure() == one
