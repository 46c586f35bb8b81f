"""Opting out: the link, the page, the one-click post, and who then gets nothing."""

import pytest
from django.test import Client

from customers.models import Event
from messaging.models import OptOut
from messaging.services.broadcasts import Preview, preview
from messaging.services.opt_outs import opt_out
from messaging.unsubscribe import Unsubscription, token
from tests.factories import NOON, BroadcastFactory, CustomerFactory

ONE_CLICK = "List-Unsubscribe=One-Click"
FORM = "application/x-www-form-urlencoded"


@pytest.fixture
def customer(agent):
    return CustomerFactory(agent=agent, nick="ann", email="ann@example.com")


@pytest.fixture
def link(customer):
    return f"/u/{token(Unsubscription(broadcast=3, customer=customer.pk, channel='email'))}/"


@pytest.fixture
def stranger():
    """Somebody with a browser who is not signed in; the CSRF check is on, as in the world."""
    return Client(enforce_csrf_checks=True)


def standing():
    return list(OptOut.objects.standing().values_list("customer", "channel", "source"))


@pytest.mark.parametrize("method", ["get", "head"])
def test_looking_at_the_page_changes_nothing(stranger, link, method):
    response = getattr(stranger, method)(link)

    assert response.status_code == 200
    assert standing() == []


def test_page_names_nobody_and_sets_no_cookie(stranger, link):
    response = stranger.get(link)

    page = response.content.decode()
    assert "e-mail" in page
    assert not [word for word in ("ann", "example.com", "<script", "<style", "style=", "onclick") if word in page]
    assert not response.cookies
    assert {name: response[name] for name in ("Referrer-Policy", "X-Robots-Tag")} == {
        "Referrer-Policy": "no-referrer",
        "X-Robots-Tag": "noindex",
    }
    assert "no-store" in response["Cache-Control"]


@pytest.mark.parametrize("body", ["", ONE_CLICK])
def test_posting_opts_out_and_repeating_changes_nothing(stranger, link, customer, body):
    answers = [stranger.post(link, body, content_type=FORM) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [200, 200]
    assert not any(answer.cookies for answer in answers)
    assert standing() == [(customer.pk, "email", "link")]
    assert list(Event.objects.values_list("verb", flat=True)) == ["opt_out.recorded"]


def test_one_click_post_as_multipart_works_too(stranger, link, customer):
    stranger.post(link, {"List-Unsubscribe": "One-Click"})

    assert standing() == [(customer.pk, "email", "link")]


@pytest.mark.parametrize("method", ["get", "post"])
def test_link_that_we_have_not_signed_is_not_found(stranger, link, method):
    answers = [
        getattr(stranger, method)(wrong)
        for wrong in ("/u/nonsense/", link[:-2] + "/", f"/u/x{link[3:]}", "/u/" + "9" * 5000 + "/", "/u/:/")
    ]

    assert [answer.status_code for answer in answers] == [404] * 5
    assert standing() == []
    assert "not valid" in answers[0].content.decode()


def test_link_of_a_customer_who_is_not_there_is_not_found(db, stranger):
    unknown = token(Unsubscription(broadcast=3, customer=999, channel="email"))

    assert stranger.post(f"/u/{unknown}/").status_code == 404


def test_other_methods_are_refused(stranger, link):
    assert stranger.put(link).status_code == 405
    assert standing() == []


@pytest.mark.parametrize(("asked", "expected"), [("zh-CN,zh;q=0.9", 'lang="zh-hans"'), ("de,en;q=0.5", 'lang="en"')])
def test_page_speaks_the_readers_language(stranger, link, asked, expected):
    response = stranger.get(link, headers={"accept-language": asked})

    assert expected in response.content.decode()
    assert "Accept-Language" in response["Vary"]


@pytest.mark.parametrize(
    ("opted_out", "channel", "receiving"), [("email", "email", 0), ("email", "inbox", 1), ("", "inbox", 0)]
)
def test_opt_out_counts_on_its_channel_and_the_empty_one_on_all(customer, opted_out, channel, receiving):
    opt_out(customer, channel=opted_out, source=OptOut.Source.LINK, at=NOON)

    foretold = preview(BroadcastFactory(channel=channel), at=NOON)

    expected = {} if receiving else {"opted_out": 1}
    assert foretold == Preview(audience=1, receiving=receiving, excluded=expected)


def test_what_the_staff_noted_becomes_the_customers_own(customer, manager):
    opt_out(customer, channel="email", source=OptOut.Source.STAFF, at=NOON, by=manager)
    opt_out(customer, channel="email", source=OptOut.Source.LINK, at=NOON)
    opt_out(customer, channel="email", source=OptOut.Source.STAFF, at=NOON, by=manager)

    assert standing() == [(customer.pk, "email", "link")]
    assert list(Event.objects.order_by("pk").values_list("verb", "by")) == [
        ("opt_out.recorded", manager.pk),
        ("opt_out.confirmed", None),
    ]
