"""Who gets in with which key, and what a key may do."""

from datetime import timedelta

import pytest
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.utils import timezone
from rest_framework.test import APIClient

from customers.models import ApiKey, User
from customers.services.api_keys import create_key
from tests.factories import NOON, CustomerFactory, SourceFactory, UserFactory

PATH = "/api/v1/customers/"


def ask(secret, path=PATH):
    return APIClient(headers={"authorization": secret}).get(path)


def test_key_is_shown_once_and_stored_as_a_hash(db):
    _key, secret = create_key("shop", source=SourceFactory(), scopes=["customers:read"], at=NOON)

    stored = ApiKey.objects.values_list("name", "source__code", "user", "scopes", "last_used_at").get()
    assert stored == ("shop", "own", None, ["customers:read"], None)
    assert secret.startswith("crmkey_")
    assert secret not in str(ApiKey.objects.values().get())
    assert ask(f"Bearer {secret}").status_code == 200


@pytest.mark.parametrize("scopes", [[], ["customers:eat"]])
def test_key_without_known_scopes_is_not_made(db, scopes):
    with pytest.raises(ValidationError):
        create_key("shop", source=SourceFactory(), scopes=scopes, at=NOON)
    assert not ApiKey.objects.exists()


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer wrong", "Basic eDp5", "Bearer \u00ff\u00fe"])
def test_unknown_key_is_401_with_a_challenge(db, header):
    answer = ask(header.encode("latin-1").decode("latin-1"))

    assert answer.status_code == 401
    assert answer["WWW-Authenticate"] == 'Bearer realm="api"'
    assert answer["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize(
    "change",
    [
        {"revoked_at": NOON},
        {"expires_at": NOON},
        {"user__is_active": False},
        {"user__is_staff": False},
    ],
)
def test_key_that_is_over_is_401(db, change):
    user = UserFactory(role="agent")
    key, secret = create_key("shop", source=SourceFactory(), scopes=["customers:read"], user=user, at=NOON)
    assert ask(f"Bearer {secret}").status_code == 200

    for name, value in change.items():
        if name.startswith("user__"):
            User.objects.filter(pk=user.pk).update(**{name.removeprefix("user__"): value})
        else:
            ApiKey.objects.filter(pk=key.pk).update(**{name: value})

    assert ask(f"Bearer {secret}").json()["code"] == "invalid_key"


def test_last_use_is_written_at_most_once_a_minute(db):
    key, secret = create_key("shop", source=SourceFactory(), scopes=["customers:read"], at=NOON)
    ask(f"Bearer {secret}")
    key.refresh_from_db()
    assert timezone.now() - key.last_used_at < timedelta(minutes=1)

    recent = timezone.now() - timedelta(seconds=30)
    ApiKey.objects.update(last_used_at=recent)
    ask(f"Bearer {secret}")
    key.refresh_from_db()
    assert key.last_used_at == recent

    ApiKey.objects.update(last_used_at=recent - timedelta(minutes=1))
    ask(f"Bearer {secret}")
    key.refresh_from_db()
    assert key.last_used_at > recent


OPERATIONS = [
    ("get", "customers/", "customers:read"),
    ("get", "customers/1/", "customers:read"),
    ("post", "customers/", "customers:write"),
    ("post", "customers/1/bind/", "customers:write"),
    ("post", "customers/1/ban/", "bans:write"),
    ("post", "customers/1/lift-ban/", "bans:write"),
    ("get", "bans/", "bans:read"),
    ("get", "bans/1/", "bans:read"),
    ("get", "orders/", "orders:read"),
    ("get", "orders/1/", "orders:read"),
    ("post", "orders/", "orders:write"),
    ("patch", "orders/1/", "orders:write"),
    ("post", "purchase-checks/", "purchase-checks:write"),
    ("get", "inbox/", "inbox:read"),
    ("post", "inbox/1/read/", "inbox:write"),
    ("get", "inquiries/", "inquiries:read"),
    ("get", "inquiries/1/", "inquiries:read"),
    ("post", "inquiries/", "inquiries:write"),
    ("get", "inquiries/1/messages/", "inquiries:read"),
    ("post", "inquiries/1/messages/", "inquiries:write"),
    ("post", "inquiries/1/close/", "inquiries:write"),
    ("get", "agents/", "agents:read"),
    ("get", "agents/1/", "agents:read"),
    ("post", "agents/1/status/", "agents:write"),
]


@pytest.mark.parametrize(("method", "path", "scope"), OPERATIONS)
def test_operation_asks_for_its_scope(key_client, method, path, scope):
    others = [known for known in settings.API_SCOPES if known != scope]

    answer = getattr(key_client(*others), method)(f"/api/v1/{path}", {})

    assert (answer.status_code, answer.json()["code"]) == (403, "scope_missing")
    assert scope in answer.json()["detail"]


@pytest.mark.parametrize(("method", "path", "scope"), OPERATIONS)
def test_operation_is_closed_without_key_and_for_staff_without_rights(client, sign_in, db, method, path, scope):
    anonymous = getattr(client, method)(f"/api/v1/{path}", {}, content_type="application/json")
    staff = getattr(sign_in(UserFactory()), method)(f"/api/v1/{path}", {}, content_type="application/json")

    assert (anonymous.status_code, staff.status_code) == (401, 403)


@pytest.mark.parametrize(("method", "path", "scope"), OPERATIONS)
def test_key_has_no_more_rights_than_its_user(key_client, method, path, scope):
    assert getattr(key_client(scope, user=UserFactory()), method)(f"/api/v1/{path}", {}).status_code == 403


def test_staff_use_the_api_with_their_session_and_csrf(agent, manager):
    CustomerFactory(nick="xiaoming")
    browser = APIClient(enforce_csrf_checks=True)
    browser.force_login(User.objects.get(pk=manager.pk))
    body = {"source": "own", "nick": "xiaoming"}

    read = browser.get(PATH)
    forged = browser.post(PATH, body)
    browser.get("/admin/login/")
    browser.get("/admin/password_change/")
    token = browser.cookies["csrftoken"].value
    sent = browser.post(PATH, body, headers={"X-CSRFToken": token})

    assert (read.status_code, forged.status_code, sent.status_code) == (200, 403, 200)


def test_session_of_somebody_who_is_no_staff_is_403(sign_in, db):
    user = UserFactory(role="manager", is_staff=False)
    assert sign_in(user).get(PATH).status_code == 403


def test_create_api_key_prints_a_key_that_works(db, capsys):
    SourceFactory(code="own")
    UserFactory(username="ming", role="agent")

    call_command(
        "create_api_key",
        "checkout",
        "--source",
        "own",
        "--scope",
        "customers:read",
        "--scope",
        "bans:read",
        "--user",
        "ming",
    )

    secret = capsys.readouterr().out.strip()
    key = ApiKey.objects.get()
    assert (key.name, key.scopes, key.user.username) == ("checkout", ["bans:read", "customers:read"], "ming")
    assert ask(f"Bearer {secret}").status_code == 200


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--source", "other", "--scope", "customers:read"], "Known: own."),
        (["--source", "own", "--scope", "customers:eat"], "purchase-checks:write, orders:read"),
        (["--source", "own", "--scope", "customers:read", "--user", "nobody"], "There is no user nobody."),
        (["--source", "Bad Code", "--create-source", "--scope", "customers:read"], "slug"),
    ],
)
def test_create_api_key_names_what_is_wrong(db, arguments, said):
    SourceFactory(code="own")

    with pytest.raises(CommandError) as refused:
        call_command("create_api_key", "checkout", *arguments)

    assert said in str(refused.value)
    assert not ApiKey.objects.exists()


def test_create_api_key_makes_a_source_when_told_to(db):
    call_command("create_api_key", "shop", "--source", "new", "--create-source", "--scope", "customers:read")
    assert ApiKey.objects.get().source.code == "new"
