"""A ban's own page, its evidence for download, and the list of bans."""

from datetime import timedelta
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from blocklist.models import Appeal, Attempt, Ban, BanRequest, Evidence
from blocklist.services.evidence import add_evidence, evidence_rules
from customers.services.files import checked
from tests.factories import (
    NOON,
    AccountFactory,
    BanFactory,
    ContactValueFactory,
    CustomerFactory,
    SourceFactory,
    UserFactory,
)

LIST = "/admin/blocklist/ban/"
PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 20


def file(name="parcel.png", content=PNG):
    return SimpleUploadedFile(name, content)


@pytest.fixture
def customer(agent):
    return CustomerFactory(nick="willow", agent=agent)


@pytest.fixture
def ban(agent, customer):
    return BanFactory(customer=customer, by=agent.user, type="extortion", note="wants 500 yuan", started_at=NOON)


@pytest.fixture
def evidence(ban, agent):
    [row] = add_evidence(ban, files=checked([file()], evidence_rules()), by=agent.user, at=NOON)
    return row


def page_of(ban):
    return reverse("admin:blocklist_ban_change", args=[ban.pk])


def door(name, pk):
    return reverse(f"admin:blocklist_{name}", args=[pk])


def test_page_tells_all_of_a_ban(agent, lead, manager, ban, evidence, sign_in):
    BanRequest.objects.create(
        customer=ban.customer,
        type="extortion",
        note="please ban",
        by=lead,
        created_at=NOON - timedelta(hours=1),
        shown_at=NOON,
        state="approved",
        decided_at=NOON,
        decided_by=agent.user,
        ban=ban,
    )
    Appeal.objects.create(
        ban=ban,
        customer=ban.customer,
        text="I only joked",
        opened_at=NOON + timedelta(days=1),
        state="upheld",
        decided_at=NOON + timedelta(days=2),
        decided_by=manager,
        answer="No joke.",
    )
    Attempt.objects.create(
        at=NOON,
        outcome="refuse",
        code="purchase_banned",
        door="check",
        source=SourceFactory(),
        customer=ban.customer,
        ban=ban,
        identifiers=["nick"],
    )
    Ban.objects.filter(pk=ban.pk).update(
        confirmed_at=NOON + timedelta(hours=2),
        confirmed_by=manager,
        ended_at=NOON + timedelta(days=3),
        lifted_by=manager,
        lift_reason="he paid",
    )

    shown = sign_in(manager).get(page_of(ban)).text

    told = [
        "willow",
        "wants 500 yuan",
        "parcel.png",
        evidence.sha256,
        door("evidence", evidence.pk),
        "lead requested the ban.",
        "please ban",
        "Ban request: approved, by ming.",
        "ming banned him: extortion, without end.",
        "manager confirmed the ban.",
        "The buyer opened an appeal.",
        "I only joked",
        "Appeal: ban upheld, by manager.",
        "manager lifted the ban.",
        "he paid",
        f"/admin/blocklist/attempt/?ban__id__exact={ban.pk}",
        "1 attempt since this ban",
    ]
    assert [text for text in told if text not in shown] == []
    order = [
        shown.index(text) for text in ("requested the ban.", "confirmed the ban.", "an appeal.", "lifted the ban.")
    ]
    assert order == sorted(order)


def test_page_takes_as_many_queries_for_3_files_as_for_1(agent, ban, evidence, sign_in, count_queries):
    client = sign_in(agent.user)
    client.get(page_of(ban))
    counts = [count_queries(lambda: client.get(page_of(ban)))]
    add_evidence(ban, files=checked([file("a.png"), file("b.png")], evidence_rules()), by=agent.user, at=NOON)

    counts.append(count_queries(lambda: client.get(page_of(ban))))

    assert counts[0] == counts[1]


@pytest.mark.parametrize("number", ["999999", "9" * 30, "9" * 5000, "x"])
def test_ban_that_there_is_not_is_not_found(agent, sign_in, number):
    assert sign_in(agent.user).get(f"{LIST}{number}/change/").status_code == 404


def test_evidence_is_downloaded_and_never_opened_as_a_page_of_ours(agent, evidence, sign_in):
    answer = sign_in(agent.user).get(door("evidence", evidence.pk))

    headers = ("Content-Disposition", "Content-Type", "X-Content-Type-Options", "Content-Security-Policy")
    assert b"".join(answer.streaming_content) == PNG
    assert [answer.headers[name] for name in headers] == [
        'attachment; filename="parcel.png"',
        "image/png",
        "nosniff",
        "default-src 'none'; sandbox",
    ]


def test_evidence_is_not_there_for_who_may_not_see_it(agent, other_agent, evidence, sign_in, settings):
    url = door("evidence", evidence.pk)
    without_right = sign_in(UserFactory()).get(url).status_code
    settings.AGENTS_SEE_CUSTOMERS = "own"

    foreign = [sign_in(other_agent.user).get(address).status_code for address in (url, f"{url}check/")]
    own = sign_in(agent.user).get(url)
    own.close()

    assert (without_right, foreign, own.status_code) == (404, [404, 404], 200)


def test_evidence_that_the_disk_has_no_more_is_not_found(agent, evidence, sign_in):
    Path(evidence.file.path).unlink()

    answer = sign_in(agent.user).get(door("evidence", evidence.pk))
    checked_page = sign_in(agent.user).get(door("evidence_check", evidence.pk), follow=True)

    assert answer.status_code == 404
    assert "parcel.png is not the file that was added any more, or it is gone." in checked_page.text


def test_check_of_evidence_says_that_it_is_unchanged(agent, evidence, sign_in):
    answer = sign_in(agent.user).get(door("evidence_check", evidence.pk), follow=True)

    assert answer.redirect_chain == [(page_of(evidence.ban), 302)]
    assert "parcel.png is unchanged" in answer.text


def test_evidence_is_added_later_to_a_ban_that_is_over_too(other_agent, ban, sign_in):
    Ban.objects.filter(pk=ban.pk).update(ended_at=NOON + timedelta(days=1), lifted_by=other_agent.user)
    client = sign_in(other_agent.user)

    none = client.post(door("ban_evidence", ban.pk), {})
    bad = client.post(door("ban_evidence", ban.pk), {"evidence": file("run.png", b"MZ")})
    done = client.post(door("ban_evidence", ban.pk), {"evidence": [file(), file("b.png")]})

    assert ("This field is required." in none.text, "run.png is not taken" in bad.text) == (True, True)
    assert (done.status_code, done.url) == (302, page_of(ban))
    assert list(Evidence.objects.values_list("name", "added_by__username")) == [("parcel.png", "lan"), ("b.png", "lan")]


def test_who_lacks_the_right_adds_no_evidence(ban, sign_in):
    clerk = UserFactory()
    answer = sign_in(clerk).post(door("ban_evidence", ban.pk), {"evidence": file()})

    assert (answer.status_code, Evidence.objects.count()) == (403, 0)


def found(client, **query):
    return [ban.pk for ban in client.get(LIST, query).context["cl"].result_list]


def test_bans_ending_this_week_are_shown_with_the_soonest_first(agent, sign_in, now):
    later = BanFactory(until=now + timedelta(days=6))
    soon = BanFactory(until=now + timedelta(hours=30))
    BanFactory(until=now + timedelta(days=8))
    BanFactory()
    BanFactory(until=now - timedelta(hours=1))
    BanFactory(until=now + timedelta(days=2), ended_at=now, lifted_by=agent.user)
    client = sign_in(agent.user)

    page = client.get(LIST, {"standing": "ending"})

    assert found(client, standing="ending") == [soon.pk, later.pk]
    assert ("Bans ending this week" in page.text, "6 days" in page.text) == (True, True)


def test_chips_of_the_list_narrow_it(agent, manager, sign_in, now):
    confirm = BanFactory(confirm_by=now + timedelta(hours=1), by=agent.user)
    confirmed = BanFactory(confirm_by=now, confirmed_at=now, confirmed_by=manager)
    lifted = BanFactory(ended_at=now, lifted_by=manager)
    client = sign_in(agent.user)

    chips = client.get(LIST).context["cl"].chips
    shown = {chip.label: {ban.pk for ban in client.get(LIST + chip.query).context["cl"].result_list} for chip in chips}

    assert shown == {
        "All bans": {confirm.pk, confirmed.pk, lifted.pk},
        "Standing": {confirm.pk, confirmed.pk},
        "Ending this week": set(),
        "To be confirmed": {confirm.pk},
        "Lifted": {lifted.pk},
        "Set by me": {confirm.pk},
    }


def test_list_is_searched_as_customers_are(agent, sign_in):
    ban = BanFactory(customer=AccountFactory(nick="willow").customer)
    ContactValueFactory(customer=ban.customer, kind="phone", value="13800001111")
    BanFactory(customer=AccountFactory(nick="oak").customer)
    client = sign_in(agent.user)

    answers = [found(client, q=text) for text in ("will", "+86 138-0000-1111", "nobody")]

    assert answers == [[ban.pk], [ban.pk], []]


def test_list_counts_evidence(agent, ban, evidence, sign_in):
    BanFactory()

    rows = sign_in(agent.user).get(LIST).context["cl"].result_list

    assert {row.pk: row.evidence_count for row in rows}[ban.pk] == 1


def test_api_lists_evidence_of_a_ban_and_hands_it_out(ban, evidence, key_client):
    client = key_client("bans:read")
    AccountFactory(customer=ban.customer, nick="willow2", source=SourceFactory())

    told = client.get(f"/api/v1/bans/{ban.pk}/").json()["evidence"]
    answer = client.get(told[0]["url"])

    assert [{**row, "url": ""} for row in told] == [
        {
            "id": evidence.pk,
            "name": "parcel.png",
            "media_type": "image/png",
            "size": len(PNG),
            "sha256": evidence.sha256,
            "added_at": told[0]["added_at"],
            "added_by": "ming",
            "url": "",
        }
    ]
    assert (b"".join(answer.streaming_content), answer.headers["X-Content-Type-Options"]) == (PNG, "nosniff")


def test_api_keeps_evidence_from_other_sources_and_scopes(ban, evidence, key_client, settings):
    AccountFactory(customer=ban.customer, nick="willow2", source=SourceFactory())
    path = f"/api/v1/bans/{ban.pk}/evidence/{evidence.pk}/"
    other = BanFactory(customer=AccountFactory(nick="oak").customer)

    answers = [
        key_client("bans:read", source="other").get(path),
        key_client("bans:write").get(path),
        key_client("bans:read").get(f"/api/v1/bans/{other.pk}/evidence/{evidence.pk}/"),
    ]

    assert [answer.status_code for answer in answers] == [404, 403, 404]
