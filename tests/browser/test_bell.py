"""The bell in the header: news come by themselves, and the keyboard opens, reads and closes them."""

import pytest
from django.utils import timezone

from customers.models import Notification, User
from customers.services.notifications import notify

pytestmark = pytest.mark.browser


def come_back(page):
    """What the browser tells a page that comes into sight again: the bell asks at once, not in 20 seconds."""
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")


@pytest.fixture
def tell(shop):
    """Tell lin that a job of hers has ended."""
    lin = User.objects.filter(username="lin")
    Notification.objects.of(lin.get()).delete()

    def _tell(page="/admin/customers/job/"):
        notify(lin, "job_ended", at=timezone.now(), url=page, parameters={"kind": "export", "state": "finished"})

    return _tell


def test_news_arrive_without_a_new_page_and_are_read_once_opened(tell, visit):
    window = visit("lin")
    page = window.page
    window.open("/admin/customers/customer/")
    count = page.locator("#bell [data-count]")
    before = count.is_visible()

    tell()
    come_back(page)
    count.wait_for()
    counted = count.inner_text()
    page.locator("#bell summary").click()
    window.follow(page.locator("#bell .is-unread"))

    assert (before, counted, count.is_visible()) == (False, "1", False)
    assert page.url == f"{window.address}/admin/customers/job/"
    assert [row.read_at is None for row in Notification.objects.of(User.objects.get(username="lin"))] == [False]


def test_open_bell_shows_what_arrives_meanwhile(tell, visit):
    window = visit("lin")
    page = window.page
    window.open("/admin/")
    page.locator("#bell summary").click()
    page.get_by_text("Nothing has happened yet that concerns you.").wait_for()

    tell()
    come_back(page)

    page.locator("#bell .is-unread").wait_for()


def test_keyboard_opens_the_bell_reaches_the_news_and_closes_it_again(tell, visit):
    tell()
    window = visit("lin")
    page = window.page
    window.open("/admin/")
    summary, news = page.locator("#bell summary"), page.locator("#bell .is-unread")

    summary.focus()
    page.keyboard.press("Enter")
    news.wait_for()
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    reached = news.evaluate("link => link === document.activeElement")
    page.keyboard.press("Escape")
    closed = [news.is_visible(), summary.evaluate("each => each === document.activeElement")]
    page.keyboard.press("Enter")
    news.wait_for()
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    with page.expect_navigation():
        page.keyboard.press("Enter")

    assert (reached, closed) == (True, [False, True])
    assert page.url == f"{window.address}/admin/customers/job/"
