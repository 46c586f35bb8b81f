"""What every answer tells the browser about itself, whatever kind of page it is."""

import re

import pytest
from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import path
from django.utils import translation
from django.utils.translation import gettext

from crm_site import urls
from crm_site.middleware import CONTENT_SECURITY_POLICY, PERMISSIONS_POLICY

STRICT = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Permissions-Policy": PERMISSIONS_POLICY,
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


def breaking(request: HttpRequest) -> HttpResponse:
    raise RuntimeError("on purpose")


def refusing(request: HttpRequest) -> HttpResponse:
    raise PermissionDenied("You are not his exclusive agent.")


urlpatterns = [path("breaking/", breaking), path("refusing/", refusing), *urls.urlpatterns]


@pytest.fixture
def browser_of(agent):
    """A client that is answered as a browser is: with CSRF checks, and with a page where the code breaks."""

    def _browser_of(language):
        client = Client(enforce_csrf_checks=True, raise_request_exception=False, headers={"accept-language": language})
        client.force_login(agent.user)
        return client

    # a request leaves its language to whatever this thread does next
    with translation.override(settings.LANGUAGE_CODE):
        yield _browser_of


@pytest.mark.urls(__name__)
@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("/", 302),
        ("/healthz", 200),
        ("/admin/", 200),
        ("/admin/login/", 302),
        ("/admin/customers/customer/", 200),
        ("/admin/jsi18n/", 200),
        ("/admin/auth/group/", 403),
        ("/admin/nowhere/", 404),
        ("/nowhere", 404),
        ("/refusing/", 403),
        ("/breaking/", 500),
        ("/api/v1/bans/", 200),
        ("/api/v1/nowhere/", 404),
        ("/api/schema/", 200),
    ],
)
def test_every_answer_carries_the_policies(browser_of, address, status):
    answer = browser_of("en").get(address)

    assert answer.status_code == status
    assert {name: answer.headers.get(name) for name in STRICT} == STRICT


def test_policy_allows_no_inline_script_no_eval_and_no_inline_style():
    directives = dict(part.split(" ", 1) for part in CONTENT_SECURITY_POLICY.split("; "))

    assert directives == {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self' data:",
        "font-src": "'self'",
        "connect-src": "'self'",
        "form-action": "'self'",
        "frame-ancestors": "'none'",
        "base-uri": "'none'",
    }


@pytest.mark.urls(__name__)
@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_error_pages_say_what_happened_in_both_languages(browser_of, language):
    client = browser_of(language)

    answers = [
        client.get("/nowhere"),
        client.get("/refusing/"),
        client.get("/breaking/"),
        client.post("/admin/logout/"),
        client.get("/admin/", headers={"host": "another.example"}),
    ]

    assert [answer.status_code for answer in answers] == [404, 403, 500, 403, 400]
    assert [re.search('lang="(.*?)".*<h1>(.*)</h1>', answer.text, re.S).groups() for answer in answers] == [
        (language, gettext("Page not found")),
        (language, gettext("Not allowed")),
        (language, gettext("Something went wrong")),
        (language, gettext("The form has expired")),
        (language, gettext("The request cannot be read")),
    ]
    assert {answer.headers["Content-Security-Policy"] for answer in answers} == {CONTENT_SECURITY_POLICY}
    assert "You are not his exclusive agent." in answers[1].text
