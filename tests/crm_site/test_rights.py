"""Who gets past which door: every address of panel and API, those that are added later included."""

import re

import pytest
from django.core.files.base import ContentFile
from django.urls import get_resolver
from django.utils import timezone

from blocklist.models import Appeal, Attempt, BanRequest, Evidence, MarketplaceTask, Wording
from customers.models import (
    Agent,
    Attachment,
    AutoReply,
    ClosedDay,
    CustomerNote,
    Deputyship,
    Duplicate,
    Event,
    ImportRun,
    InquiryMessage,
    Job,
    LevelRule,
    Merge,
    Mute,
    Notification,
    QuickReply,
    RfmScale,
    SavedFilter,
    User,
    WorkingHours,
)
from customers.services import notifications
from messaging.models import WebhookDelivery
from tests.factories import (
    NOON,
    BanFactory,
    BroadcastFactory,
    CustomerFactory,
    EndpointFactory,
    ExemptionFactory,
    GroupFactory,
    HeldOrderFactory,
    InquiryFactory,
    LinkFactory,
    OrderFactory,
    ProductFactory,
    ReviewFactory,
    RobotFactory,
    UserFactory,
    WatchFactory,
)

pytestmark = pytest.mark.django_db
# These end the session, or lead to what the others show.
ALONE = {"login", "logout", "app_list"}
REFUSED = {401, 403, 404, 405, 415}
# Whoever is signed in may sign out, change his own password and language, and read his own news.
EVERYBODYS = {
    "index",
    "password_change",
    "password_change_done",
    "jsi18n",
    "search",
    "api-schema",
    "api-docs",
    "customers_notification_changelist",
    "customers_notification_newest",
    "customers_notification_preferences",
    "customers_notification_read_all",
    "customers_notification_unread",
}


def doors(patterns=None, before=""):
    """Route and name of every address of panel and API."""
    for pattern in get_resolver().url_patterns if patterns is None else patterns:
        route = before + str(pattern.pattern)
        if hasattr(pattern, "url_patterns"):
            yield from doors(pattern.url_patterns, route)
        elif pattern.name and route.startswith(("admin/", "api/")) and pattern.name not in ALONE:
            yield route, pattern.name


DOORS = sorted({(name, route) for route, name in doors()})


@pytest.fixture
def theirs(lead, manager, other_agent, tmp_path):
    """One row of everything, none of which is the asking agent's; by the name that an address gives it."""
    customer = CustomerFactory(agent=other_agent, nick="theirs", phone="13800138000")
    twin = CustomerFactory(agent=other_agent, nick="twin")
    inquiry = InquiryFactory(customer=customer, agent=other_agent)
    message = InquiryMessage.objects.create(inquiry=inquiry, author="buyer", text="hello", at=NOON)
    attachment = Attachment(message=message, name="a.txt", media_type="text/plain", size=1)
    attachment.file.save("a", ContentFile(b"a"))
    later = timezone.now() + timezone.timedelta(days=3)
    notifications.notify(User.objects.filter(pk=lead.pk), "job_ended", at=NOON, parameters={})
    endpoint = EndpointFactory()
    (tmp_path / "exports").mkdir()
    (tmp_path / "exports" / "1.csv").write_text("secret")
    merged = CustomerFactory(merged_into=twin)
    rows = {
        "desk": inquiry,
        "inquiry": inquiry,
        "attachment": attachment,
        "customer": customer,
        "note": CustomerNote.objects.create(customer=customer, text="x", by=lead, at=NOON),
        "agent": other_agent,
        "deputies": Deputyship.objects.create(
            agent=other_agent,
            deputy=Agent.objects.create(user=lead, display_name="Lead"),
            starts_at=NOON,
            ends_at=later,
            proposed_by=lead,
            proposed_at=NOON,
        ),
        "job": Job.objects.create(
            kind="export", parameters={"format": "csv"}, by=lead, created_at=NOON, result_path="exports/1.csv"
        ),
        "views": SavedFilter.objects.create(name="private", owner=lead, created_at=NOON, updated_at=NOON),
        "importrun": ImportRun.objects.create(format="csv", file_name="a.csv", started_at=NOON, by=manager),
        "duplicate": Duplicate.objects.create(first=customer, second=twin, found_at=NOON),
        "merge": Merge.objects.create(kept=twin, merged=merged, by=lead, at=NOON),
        "mute": Mute.objects.create(
            agent=other_agent, customer=customer, reason="x", started_at=NOON, until=later, by=other_agent.user
        ),
        "notification": Notification.objects.get(),
        "order": OrderFactory(customer=customer),
        "review": ReviewFactory(customer=customer),
        "product": ProductFactory(),
        "quickreply": QuickReply.objects.create(code="hi", title="hi", text_en="hi", owner=lead),
        "autoreply": AutoReply.objects.create(kind="greeting", text_en="hi", agent=other_agent),
        "group": GroupFactory(),
        "levelrule": LevelRule.objects.first() or LevelRule.objects.create(level=1, trade_count=1),
        "rfmscale": RfmScale.objects.create(computed_at=NOON, customer_count=0),
        "workinghours": WorkingHours.objects.create(agent=other_agent, weekday=0, starts_at="09:00", ends_at="18:00"),
        "closedday": ClosedDay.objects.create(agent=other_agent, day="2026-03-05"),
        "event": Event.objects.create(verb="customer.changed", at=NOON, by=lead),
        "user": other_agent.user,
        **_blocklist(customer, twin, other_agent),
        "broadcast": BroadcastFactory(),
        "endpoint": endpoint,
        "robot": RobotFactory(),
        "webhookdelivery": WebhookDelivery.objects.create(
            target=endpoint, event="x", payload={}, created_at=NOON, next_at=NOON, webhook_id="msg_1"
        ),
    }
    return {name: row.pk for name, row in rows.items()} | {"first": customer.pk, "second": twin.pk}


def _blocklist(customer, twin, agent):
    """What the blocklist knows of the customer."""
    ban = BanFactory(customer=customer)
    at, by = timezone.now(), agent.user
    evidence = Evidence(ban=ban, name="a.png", media_type="image/png", size=1, sha256="0" * 64, added_at=at)
    evidence.file.save("a", ContentFile(b"a"))
    account = customer.accounts.get()
    return {
        "ban": ban,
        "evidence": evidence,
        "watch": WatchFactory(customer=customer),
        "banrequest": BanRequest.objects.create(customer=twin, type="other", by=by, created_at=at, shown_at=at),
        "appeal": Appeal.objects.create(ban=ban, customer=customer, text="x", opened_by=by, opened_at=at),
        "exemption": ExemptionFactory(customer=customer),
        "accountlink": LinkFactory(first=customer, second=twin),
        "attempt": Attempt.objects.create(
            at=at, outcome="refuse", code="x", door="check", source=account.source, customer=customer, ban=ban
        ),
        "source": account.source,
        "marketplacetask": MarketplaceTask.objects.create(ban=ban, account=account, action="block", created_at=at),
        "orderhold": HeldOrderFactory(customer=customer).holds.get(),
        "wording": Wording.objects.create(purpose="refusal", language="en", text="x", changed_at=at, changed_by=by),
    }


def addressed(route, rows):
    """The address with the rows in it; a noun of the API is in the plural."""
    parts = route.split("/")
    noun = next((parts[place - 1] for place, part in enumerate(parts) if part in ("<int:pk>", "<id>")), "")
    noun = "customer" if noun in ("follow", "of") else noun
    if "path:object_id" in route or "int:object_id" in route:
        noun = parts[2]
    noun = {"segments": "views", "inquiries": "inquiry"}.get(noun, noun)
    own = rows.get(noun, rows.get(noun.removesuffix("s"), 10**6))
    told = {"pk": own, "object_id": own, "id": own, "name": "export", "kind": "customer", "content_type_id": 1} | rows
    told |= {"purpose": "advice", "type": "abuse", "language": "en", "source": 1, "token": "0" * 32}
    return "/" + re.sub(r"<(?:\w+:)?(\w+)>", lambda found: str(told[found[1]]), route)


BODY = {
    "text": "x", "note": "x", "reason": "x", "status": "online", "name": "x", "flag": "1", "kind": "phone",
    "result": "solved", "type": "abuse", "starts_on": "2096-03-05", "ends_on": "2096-03-06",
}  # fmt: skip
BODIES = {
    "customer-bind": {"agent": 1},
    "customer-hand-over": {"agent": 1},
    "customer-ban": {"type": "abuse"},
    "customer-lift-ban": {"reason": "x"},
    "inquiry-messages": {"text": "x"},
    "inquiry-rating": {"score": 1, "source": "own"},
    "agent-status": {"status": "online"},
    "segment-detail": {"name": "x"},
    "order-detail": {"memo": "x"},
}
# What every agent sees of the shop, whoever serves the customers in it.
SHOP_WIDE = {
    "agent-detail": ["get"],
    "blocklist_wording_history": ["get", "post"],
    "customers_agent_change": ["get"],
    "customers_agent_history": ["get", "post"],
    "customers_group_change": ["get"],
    "customers_group_history": ["get", "post"],
    "customers_levelrule_history": ["get", "post"],
    "customers_product_change": ["get", "post"],
    "customers_product_history": ["get", "post"],
    "messaging_broadcast_history": ["get", "post"],
    "messaging_broadcast_progress": ["get", "post"],
    # the page that asks; chosen rows that are not his are refused there
    "customers_customer_bulk": ["get", "post"],
}


# Where Django leads whoever asks for a row that is not there.
MISSING = "/admin/"
# Nothing has a page of its own here: the list that they lead to asks for the right.
LEADS_TO_A_LIST = {
    "blocklist_wording_change",
    "customers_duplicate_change",
    "customers_levelrule_change",
    "customers_mute_change",
    "customers_rfmscale_change",
}


def opened(client, rows, **more):
    """The doors that let somebody in, by name, with the methods that did."""
    found = {}
    for name, route in DOORS:
        address = addressed(route, rows)
        if route.startswith("api/"):
            body = BODIES.get(name, {})
            asked = {
                "get": client.get(address),
                "post": client.post(address, body, content_type="application/json"),
                "patch": client.patch(address, body, content_type="application/json"),
                "delete": client.delete(address),
            }
        else:
            asked = {
                "get": client.get(address),
                "post": client.post(address, {**BODY, **more, f"{rows['order']}-memo": "x"}),
            }
        let_in = [method for method, answer in asked.items() if not _is_refused(answer)]
        if let_in and name not in LEADS_TO_A_LIST:
            found[name] = let_in
    return found


def _is_refused(answer):
    return answer.status_code in REFUSED or (answer.status_code == 302 and answer["Location"] == MISSING)


def test_staff_without_a_role_get_in_nowhere(client, theirs):
    client.force_login(UserFactory())

    assert set(opened(client, theirs)) == EVERYBODYS


def test_agent_who_sees_his_own_gets_in_to_nothing_of_others(client, theirs, agent, settings):
    settings.AGENTS_SEE_CUSTOMERS = "own"
    client.force_login(agent.user)

    naming_a_row = {name for name, route in DOORS if "<" in route}
    got_in = opened(client, theirs, agent=agent.pk, to=agent.pk, deputy=agent.pk)

    assert {name: methods for name, methods in got_in.items() if name in naming_a_row} == SHOP_WIDE


def test_customer_of_another_agent_is_no_buyer_to_speak_for(key_client, agent, other_agent, settings):
    settings.AGENTS_SEE_CUSTOMERS = "own"
    CustomerFactory(agent=other_agent, nick="theirs")
    CustomerFactory(agent=agent, nick="mine")
    client = key_client(user=agent.user)

    def say(nick):
        answer = client.post("/api/v1/inquiries/", {"nick": nick, "text": "hello"}, format="json")
        return answer.status_code, answer.json().get("code")

    assert (say("theirs"), say("mine")) == ((403, "not_his_agent"), (201, None))


@pytest.mark.parametrize(
    "elsewhere", ["nowhere", "a:b", "//evil.example/", "javascript:alert(1)", "https://evil.example/"]
)
def test_way_back_is_a_page_of_this_site(client, agent, elsewhere):
    client.force_login(agent.user)

    answer = client.post("/admin/customers/agent/status/", {"status": "online", "next": elsewhere})

    assert (answer.status_code, answer["Location"]) == (302, "/admin/")
