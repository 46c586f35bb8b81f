"""The main job of an agent, by mouse: ban a buyer, announce a new product, read who got it and who did not and why."""

from collections import Counter
from datetime import timedelta

import pytest
from django.utils import timezone

from blocklist.models import banned
from crm_site.demo import ALLOWED_NICK, DEMO_PASSWORD
from customers.models import Customer
from messaging.services.work import work
from messaging.signals import WorkKind

pytestmark = pytest.mark.browser

WORDS = {
    "en": {
        "ban": "Ban purchase",
        "lift": "Lift ban",
        "banned": "banned",
        "announce": "Announce",
        "preview": "Save and preview",
        "ledger": "Open the ledger",
        "excluded": ["excluded", "banned"],
        "guest": ["excluded", "no account"],
        "sent": ["sent", "–"],
    },
    "zh-hans": {
        "ban": "禁止购买",
        "lift": "取消禁止购买",
        "banned": "已禁止购买",
        "announce": "群发上新",
        "preview": "保存并预览",
        "ledger": "打开发送明细",
        "excluded": ["已排除", "已禁止购买"],
        "guest": ["已排除", "无账号"],
        "sent": ["已发送", "–"],
    },
}


@pytest.mark.parametrize("language", WORDS)
def test_agent_bans_a_buyer_and_announces_a_product_without_him(visit, language):
    words = WORDS[language]
    window = visit(language=language)
    page = window.page

    sign_in(window, "ming")
    ban(window, ALLOWED_NICK, words)
    announce(window, words)
    send_and_watch(window)
    window.follow(page.get_by_role("link", name=words["ledger"]))

    told = ledger(page)
    assert told[ALLOWED_NICK] == words["excluded"]
    assert Counter(map(tuple, told.values())) == Counter(expected(words))


def ledger(page):
    """The rows of the ledger: the customer's name → state and why not; the line about the ban itself left out."""
    rows = [row.inner_text().split("\t") for row in page.locator("#result_list tbody tr").all()]
    return {customer.split("\n")[0]: [cell.split("\n")[0] for cell in why] for customer, *why, _settled_at in rows}


def expected(words):
    mine = Customer.objects.filter(agent__user__username="ming")
    out = banned(mine, at=timezone.now())
    guests = mine.filter(accounts=None).exclude(pk__in=out.values("pk"))
    without = out.count() + guests.count()
    return {
        tuple(words["excluded"]): out.count(),
        tuple(words["guest"]): guests.count(),
        tuple(words["sent"]): mine.count() - without,
    }


def sign_in(window, login):
    window.open("/admin/")
    window.page.locator("#id_username").fill(login)
    window.page.locator("#id_password").fill(DEMO_PASSWORD)
    window.follow(window.page.locator("#login-form [type=submit]"))


def ban(window, nick, words):
    """Find him by the search of the header, and ban him by the link in the last column."""
    page = window.page
    page.locator("#customer-search").fill(nick)
    with page.expect_navigation():
        page.locator("#customer-search").press("Enter")
    last_cell = page.locator("#result_list tbody tr td:last-child")
    window.follow(last_cell.get_by_role("link", name=words["ban"]))
    page.locator("#id_type").select_option("extortion")
    window.follow(page.locator("form button.is-danger"))
    badge = page.locator("#result_list .crm-badge.is-danger")
    assert [badge.inner_text(), last_cell.inner_text()] == [words["banned"], words["lift"]]


def announce(window, words):
    page = window.page
    window.open("/admin/")
    window.follow(page.get_by_role("link", name=words["announce"]).first)
    window.follow(page.get_by_role("button", name=words["preview"]))


def send_and_watch(window):
    """Send, do the work of the workers, and see the figures move without opening the page again."""
    page = window.page
    window.follow(page.locator("form[action$='/send/'] button"))
    sent = page.locator("[data-text=sent]")
    assert sent.inner_text() == "0"
    for kind in (WorkKind.PLAN, WorkKind.SEND):
        while work(kind, clock=timezone.now, stretch=timedelta(seconds=1)):
            pass
    page.locator("#broadcast-progress .crm-badge.is-success").wait_for()
    assert int(sent.inner_text()) > 0
