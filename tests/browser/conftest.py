"""A real browser on the demo shop. Whatever a page complains about in its console fails the test that opened it."""

import os
import shutil
from importlib.util import find_spec

import pytest
from django.conf import settings
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from crm_site.demo import seed
from customers.models import User

CHROMIUM = shutil.which("chromium")
SHAPES = {"wide": {"width": 1440, "height": 900}, "phone": {"width": 390, "height": 844}}
# A violation is also told in the console, but only the event names the directive and the line.
TELL_VIOLATIONS = """
document.addEventListener("securitypolicyviolation", (event) => console.error(
    `CSP ${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}:${event.lineNumber} ${event.sample}`
));
"""


@pytest.fixture(scope="package")
def browser():
    """One Chromium for all tests of this folder, or a skip that says what is missing."""
    missing = [name for name, found in (("playwright", find_spec("playwright")), ("chromium", CHROMIUM)) if not found]
    if missing:
        complain = pytest.fail if os.environ.get("REQUIRE_SERVICES") else pytest.skip
        complain(f"needs {' and '.join(missing)}: pip install playwright, apt install chromium")
    from playwright.sync_api import sync_playwright  # noqa: PLC0415  (may be missing)

    # Playwright keeps an event loop in this thread, and Django refuses queries beside one.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, chromium_sandbox=False)  # as root
        yield chromium
        chromium.close()
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture
def shop(live_server):
    """The address of the demo shop."""
    cache.clear()
    seed(customers=60, at=timezone.now())
    return live_server.url


class Visit:
    """A browser window of one user in one language. `trouble` is what pages complained about, each with its address."""

    def __init__(self, context, address):
        self.address = address
        self.trouble = []
        context.add_init_script(TELL_VIOLATIONS)
        context.on("page", self.listen)
        self.page = context.new_page()

    def listen(self, page):
        page.set_default_timeout(30_000)
        page.on("console", self.hear)
        page.on("pageerror", lambda error: self.trouble.append((page.url, str(error))))
        page.on("response", self.look)

    def hear(self, message):
        if message.type in {"error", "warning"}:
            self.trouble.append((message.location["url"], message.text))

    def look(self, response):
        if response.status >= 500:
            self.trouble.append((response.url, response.status))

    def open(self, path):
        """Open a page, wait until Alpine has taken it over, and return the status of the answer."""
        answer = self.page.goto(self.address + path)
        self.settle()
        return answer.status

    def follow(self, locator):
        """Click what leads to another page, and wait for that one."""
        with self.page.expect_navigation():
            locator.click()
        self.settle()

    def settle(self):
        self.page.locator("html:not([x-cloak])").wait_for(state="attached")


@pytest.fixture
def visit(browser, shop):
    """Open a window: `visit("lin", "en", shape="phone", dark=True)`; without a login nobody is signed in."""
    contexts, visits = [], []

    def _visit(login=None, language="en", *, shape="wide", dark=False):
        context = browser.new_context(
            viewport=SHAPES[shape],
            color_scheme="dark" if dark else "light",
            locale=language,
            timezone_id="Asia/Shanghai",
        )
        contexts.append(context)
        cookies = {settings.LANGUAGE_COOKIE_NAME: language}
        if login:
            client = Client()
            client.force_login(User.objects.get(username=login))
            cookies[settings.SESSION_COOKIE_NAME] = client.cookies[settings.SESSION_COOKIE_NAME].value
        context.add_cookies([{"name": name, "value": value, "url": shop} for name, value in cookies.items()])
        visits.append(Visit(context, shop))
        return visits[-1]

    yield _visit
    for context in contexts:
        context.close()
    assert [trouble for each in visits for trouble in each.trouble] == []
