"""An hour at the reception desk: what arrives by itself, what the keys do, and that nothing written is lost."""

import re

import pytest
from django.utils import timezone

from crm_site.demo import ALLOWED_NICK
from customers.identity import Identity
from customers.models import Agent, Inquiry, InquiryMessage, QuickReply, Source
from customers.services import inquiries

pytestmark = pytest.mark.browser


@pytest.fixture
def desk(visit):
    """The desk of one member of the staff, once its lists have come."""

    def _desk(login, **shape):
        window = visit(login, **shape)
        assert window.open("/admin/desk/") == 200
        window.page.locator("#desk[data-known]").wait_for()
        return window

    return _desk


def write(nick, text):
    source = Source.objects.get(code="own")
    reception = inquiries.receive(Identity(source_id=source.pk, nick=nick), source=source, text=text, at=timezone.now())
    return reception.inquiry


def answers(inquiry):
    return list(InquiryMessage.objects.filter(inquiry=inquiry, author="agent").values_list("text", flat=True))


def test_message_arrives_without_reload_and_a_quick_reply_answers_it(desk):
    QuickReply.objects.create(code="fit", title="Fit", text_en="{nick}, take an L.", text_zh="{nick}，拍L码。")
    page, other = desk("ming").page, desk("lan").page

    inquiry = write(ALLOWED_NICK, "Is the shirt large?")
    page.get_by_text("Is the shirt large?").click()
    box = page.locator("[data-text]")
    box.press_sequentially("/fi")
    page.get_by_role("option").wait_for()
    box.press("Enter")
    assert box.input_value() == f"{ALLOWED_NICK}, take an L."
    box.press("Shift+Enter")
    box.press_sequentially("Bye")
    box.press("Enter")
    page.locator("[data-entries] .is-agent[data-message]").wait_for()

    assert answers(inquiry) == [f"{ALLOWED_NICK}, take an L.\nBye"]
    assert box.input_value() == ""
    write(ALLOWED_NICK, "Thanks, in grey?")
    page.locator("[data-entries]").get_by_text("Thanks, in grey?").wait_for()
    other.wait_for_timeout(2500)
    assert other.get_by_text("Thanks, in grey?").count() == 0


def test_alt_and_arrow_go_from_one_waiting_customer_to_the_next(desk):
    page = desk("ming").page
    waiting = list(Inquiry.objects.unanswered().filter(agent__user__username="ming").values_list("pk", flat=True))

    seen = []
    for key in ["ArrowDown"] * len(waiting) + ["ArrowUp"]:
        before = page.url
        page.keyboard.press(f"Alt+{key}")
        page.wait_for_url(lambda url, before=before: url != before)
        seen.append(int(re.search(r"/desk/(\d+)/", page.url)[1]))

    assert len(waiting) > 1
    assert seen == [*waiting, waiting[-2]]
    assert page.title().startswith(f"({len(waiting)}) ")


def test_what_is_written_survives_a_reload_and_a_lost_connection(desk):
    window = desk("ming")
    page, inquiry = window.page, write(ALLOWED_NICK, "Hello?")
    window.open(f"/admin/desk/{inquiry.pk}/")
    page.locator("#desk[data-known]").wait_for()
    page.locator("[data-text]").fill("Half a sente")

    window.open(f"/admin/desk/{inquiry.pk}/")
    assert page.locator("[data-text]").input_value() == "Half a sente"
    page.route("**/answer/", lambda route: route.abort())
    page.locator("[data-text]").press("Enter")
    page.locator(".is-failed").wait_for()
    window.open(f"/admin/desk/{inquiry.pk}/")
    page.unroute("**/answer/")
    page.get_by_role("button", name="Send again").click()
    page.locator("[data-entries] .is-agent[data-message]").wait_for()

    assert answers(inquiry) == ["Half a sente"]
    # what the browser itself says of the connection that was cut
    window.trouble[:] = [(url, text) for url, text in window.trouble if "ERR_FAILED" not in str(text)]


def test_phone_shows_lists_and_conversation_in_turn(desk):
    page = desk("ming", shape="phone").page

    page.locator("[data-list] [data-inquiry]").first.click()
    page.locator("[data-conversation]").wait_for()
    assert page.locator("[data-list]").is_visible() is False
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    page.get_by_role("button", name="Back to the lists").click()

    assert page.locator("[data-list]").is_visible()


def test_agent_transfers_with_a_note_that_the_colleague_reads(desk):
    page, other = desk("ming").page, desk("lan").page
    inquiry = write(ALLOWED_NICK, "Hello?")

    page.get_by_text("Hello?").click()
    page.locator("[data-open=give]").click()
    dialog = page.locator("[data-dialog=give]")
    lan = Agent.objects.get(user__username="lan")
    dialog.locator("select").select_option(str(lan.pk))
    dialog.locator("textarea").fill("He wants grey")
    dialog.get_by_role("button", name="Transfer").click()
    other.get_by_text("Hello?").click()
    other.locator("[data-entries]").get_by_text("He wants grey").wait_for()

    assert page.locator("[data-conversation]").count() == 0
    assert Inquiry.objects.get(pk=inquiry.pk).agent == lan


def test_search_finds_a_conversation_and_a_list_ends_it(desk):
    from playwright.sync_api import expect  # noqa: PLC0415  (may be missing)

    page = desk("ming").page
    write(ALLOWED_NICK, "Hello?")
    page.get_by_text("Hello?").wait_for()
    rows, search = page.locator("[data-list] [data-inquiry]"), page.get_by_role("searchbox", name="Find a conversation")
    before = rows.count()

    search.press_sequentially(ALLOWED_NICK)
    expect(rows).to_have_count(1)
    found = rows.inner_text()
    page.locator("[data-tab-of=waiting]").click()
    expect(rows).to_have_count(before)

    assert before > 1
    assert ALLOWED_NICK in found
    assert search.input_value() == ""
