"""Evidence: told by its content, kept under a made-up name with its sum, handed out to whoever may see it."""

import hashlib
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from blocklist.models import Ban, BanRequest, Evidence
from blocklist.services.bans import MayNotBan, ban_purchase
from blocklist.services.evidence import (
    MayNotAddEvidence,
    add_evidence,
    evidence_rules,
    hand_on_evidence,
    is_unchanged,
)
from customers.models import Event, EventRow, InquiryMessage
from customers.services.files import checked
from tests.factories import NOON, BanFactory, CustomerFactory, InquiryFactory, UserFactory

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 20
FORM = {"type": "abuse", "duration": "", "last_day": "", "note": ""}


def file(name="parcel.png", content=PNG):
    return SimpleUploadedFile(name, content)


def taken(*files):
    return checked(list(files or [file()]), evidence_rules())


def on_disk():
    folder = Path(django_settings.STORAGES["default"]["OPTIONS"]["location"]) / "evidence"
    return [path.name for path in folder.iterdir()] if folder.exists() else []


def ban_url(customer, **query):
    return reverse("admin:blocklist_ban_customer", args=[customer.pk], query=query or None)


@pytest.fixture
def customer(agent):
    return CustomerFactory(nick="willow", agent=agent)


def test_ban_form_keeps_evidence_under_a_made_up_name_with_its_sum(agent, customer, sign_in):
    files = [file(), file("威胁.txt", "给钱".encode())]

    answer = sign_in(agent.user).post(ban_url(customer), {**FORM, "evidence": files})

    ban = Ban.objects.get()
    rows = list(Evidence.objects.order_by("pk"))
    assert answer.status_code == 302
    assert [(row.ban, row.name, row.media_type, row.size, row.added_by, row.added_at) for row in rows] == [
        (ban, "parcel.png", "image/png", len(PNG), agent.user, ban.started_at),
        (ban, "威胁.txt", "text/plain", 6, agent.user, ban.started_at),
    ]
    assert [row.sha256 for row in rows] == [hashlib.sha256(content).hexdigest() for content in (PNG, "给钱".encode())]
    assert sorted(on_disk()) == sorted(Path(row.file.name).name for row in rows)
    assert not any("parcel" in name for name in on_disk())
    [event] = Event.objects.filter(verb="evidence.added")
    assert list(EventRow.objects.filter(event=event).values_list("model", "row_id")) == [("blocklist.ban", ban.pk)]


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("run.png", b"MZ\x90\0", "run.png is not taken: its content must be what its name says"),
        ("page.png", b"<svg onload='alert(1)'/>", "page.png is not taken"),
        ("sheet.csv", b"a,b", "sheet.csv is not taken"),
        ("empty.png", b"", "empty.png is not taken: it is empty."),
        ("big.png", PNG + b"\0" * 1_000_000, "big.png is not taken: it is larger than 1 MB."),
    ],
)
def test_evidence_that_is_not_what_it_says_is_refused_by_name_and_nobody_banned(
    agent, customer, sign_in, settings, name, content, sentence
):
    settings.EVIDENCE_BYTES = 1_000_000

    answer = sign_in(agent.user).post(ban_url(customer), {**FORM, "evidence": [file(), file(name, content)]})

    assert (answer.status_code, sentence in answer.text) == (200, True)
    assert (Ban.objects.count(), Evidence.objects.count(), on_disk()) == (0, 0, [])


def test_more_files_than_are_taken_at_once_are_refused(agent, customer, sign_in):
    answer = sign_in(agent.user).post(ban_url(customer), {**FORM, "evidence": [file() for _number in range(6)]})

    assert "At most 5 files are taken at once." in answer.text
    assert (Ban.objects.count(), on_disk()) == (0, [])


@pytest.mark.parametrize("length", ["53000000", "9" * 400])
def test_body_larger_than_any_form_takes_is_not_read(agent, customer, sign_in, length):
    url, client = ban_url(customer), sign_in(agent.user)

    page = client.post(url, FORM | {"type": ""}, CONTENT_LENGTH=length)
    told = client.post("/api/v1/bans/", "{}", content_type="application/json", CONTENT_LENGTH="53000000")

    assert (page.status_code, "At most 52 MB can be sent at once." in page.text) == (413, True)
    assert (told.status_code, told.json()["code"]) == (413, "too_large")
    assert Ban.objects.count() == 0


def test_files_of_a_ban_that_does_not_come_about_are_thrown_away(other_agent, customer):
    with pytest.raises(MayNotBan):
        ban_purchase(customer, type="abuse", by=other_agent.user, at=NOON, files=taken())

    assert (Evidence.objects.count(), on_disk()) == (0, [])


def test_evidence_of_a_request_that_is_approved_belongs_to_the_ban_too(agent, lead, customer):
    request = BanRequest.objects.create(
        customer=customer, type="abuse", by=lead, created_at=NOON, shown_at=NOON, state="open"
    )
    [row] = add_evidence(request, files=taken(), by=lead, at=NOON)
    ban = BanFactory(customer=customer, by=agent.user)

    handed_on = hand_on_evidence(request, ban)

    row.refresh_from_db()
    assert (handed_on, row.ban, row.ban_request) == (1, ban, request)


def test_evidence_is_added_by_who_has_the_right_and_sees_the_customer(agent, other_agent, customer, settings):
    ban = BanFactory(customer=customer)

    add_evidence(ban, files=taken(), by=other_agent.user, at=NOON)
    add_evidence(ban, files=taken(), by=None, at=NOON)
    with pytest.raises(MayNotAddEvidence):
        add_evidence(ban, files=taken(), by=UserFactory(), at=NOON)
    settings.AGENTS_SEE_CUSTOMERS = "own"
    with pytest.raises(MayNotAddEvidence, match="another agent"):
        add_evidence(ban, files=taken(), by=other_agent.user, at=NOON)

    assert list(Evidence.objects.order_by("pk").values_list("added_by__username", flat=True)) == ["lan", None]
    assert len(on_disk()) == 2


def test_file_that_was_changed_on_the_disk_no_longer_matches_its_sum(agent, customer):
    [row] = add_evidence(BanFactory(customer=customer), files=taken(), by=agent.user, at=NOON)
    path = Path(row.file.path)

    before = is_unchanged(row)
    path.write_bytes(PNG + b"!")
    changed = is_unchanged(row)
    path.unlink()

    assert (before, changed, is_unchanged(row)) == (True, False, False)


@pytest.fixture
def inquiry(agent, customer):
    inquiry = InquiryFactory(agent=agent, customer=customer)
    for number in range(22):
        InquiryMessage.objects.create(
            inquiry=inquiry, author="buyer", text=f"Pay me, no. {number}.", at=NOON + timedelta(minutes=number)
        )
    InquiryMessage.objects.create(
        inquiry=inquiry, author="agent", user=agent.user, text="No.", at=NOON + timedelta(hours=1)
    )
    InquiryMessage.objects.create(inquiry=inquiry, author="automatic", text="We are back at 9.", at=NOON)
    return inquiry


def test_ban_from_a_conversation_attaches_its_last_20_messages(agent, customer, inquiry, sign_in):
    client = sign_in(agent.user)
    page = client.get(ban_url(customer, inquiry=inquiry.pk))

    client.post(ban_url(customer, inquiry=inquiry.pk), FORM)

    [row] = Evidence.objects.all()
    text = Path(row.file.path).read_text(encoding="utf-8")
    assert f"The last 20 messages of this conversation (inquiry #{inquiry.pk}) will be attached." in page.text
    assert (row.media_type, row.name.startswith(f"inquiry-{inquiry.pk}-")) == ("text/plain", True)
    assert [number for number in range(22) if f"no. {number}." in text] == list(range(4, 22))
    assert "2026-03-05 12:21:00 +0800 buyer:\nPay me, no. 21.\n" in text
    assert "2026-03-05 13:00:00 +0800 ming:\nNo.\n" in text
    assert "automatic:\nWe are back at 9.\n" in text


def test_conversation_is_left_out_where_one_says_so(agent, customer, inquiry, sign_in):
    sign_in(agent.user).post(ban_url(customer), {**FORM, "inquiry": inquiry.pk, "without_talk": "on"})

    assert (Ban.objects.count(), Evidence.objects.count()) == (1, 0)


def test_conversation_of_somebody_else_or_that_one_does_not_see_is_not_there(agent, other_agent, inquiry, sign_in):
    mine = CustomerFactory(agent=other_agent)
    theirs = InquiryFactory(agent=agent, customer=CustomerFactory(agent=agent))
    client = sign_in(other_agent.user)

    answers = [client.post(ban_url(mine, inquiry=asked), FORM) for asked in (theirs.pk, inquiry.pk, "x", "9" * 5000)]

    assert [answer.status_code for answer in answers] == [404, 404, 404, 404]
    assert Ban.objects.count() == 0
