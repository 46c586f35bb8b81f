"""What holds for the whole API: problems, strict bodies, the schema, and no 5xx whatever is sent."""

import json

import pytest
from django.conf import settings
from django.core.management import call_command
from django.urls import get_resolver
from drf_spectacular.generators import SchemaGenerator
from rest_framework.test import APIClient

from customers.models import Order
from tests.factories import BanFactory, BroadcastFactory, CustomerFactory, OrderFactory


@pytest.fixture
def shop(key_client, manager):
    return key_client(user=manager)


def send(client, body, path="/api/v1/purchase-checks/", **options):
    return client.generic("POST", path, body, content_type=options.pop("content_type", "application/json"), **options)


@pytest.mark.parametrize(
    "path", ["/api/", "/api/v1/", "/api/v1/nothing/", "/api/v1/orders", "/api/v2/orders/", "/api/v1/customers/1x/"]
)
def test_unknown_path_is_a_problem(db, client, path):
    for answer in (client.get(path), client.post(path)):
        assert (answer.status_code, answer["Content-Type"]) == (404, "application/problem+json")
        assert answer.json() == {
            "type": "about:blank",
            "title": "Not Found",
            "status": 404,
            "detail": "Not found.",
            "code": "not_found",
        }


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("delete", "customers/1/", "GET, HEAD"),
        ("put", "orders/1/", "GET, PATCH, HEAD"),
        ("get", "purchase-checks/", "POST"),
        ("put", "bans/", "GET, POST, HEAD"),
        ("get", "customers/1/ban/", "POST"),
    ],
)
def test_method_that_is_not_there_is_405_with_those_that_are(shop, method, path, allowed):
    answer = getattr(shop, method)(f"/api/v1/{path}")

    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
    assert {name.strip() for name in answer["Allow"].split(",")} - {"OPTIONS"} == set(allowed.split(", "))


def test_options_tell_the_methods_alone(client, db):
    answer = client.options("/api/v1/orders/")
    assert (answer.status_code, answer.json(), answer["Allow"]) == (200, {}, "GET, POST, HEAD, OPTIONS")


def test_other_media_types_are_415_and_large_bodies_413(shop):
    form = send(shop, b"nick=a", content_type="application/x-www-form-urlencoded")
    large = send(shop, b'{"nick": "' + b"x" * settings.API_BODY_LIMIT + b'"}')

    assert (form.status_code, form.json()["code"]) == (415, "unsupported_media_type")
    assert (large.status_code, large.json()["code"]) == (413, "too_large")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b'{"nick": "\xc3\x28"}',
        b'{"nick": NaN}',
        b'{"amount": Infinity, "nick": "a"}',
        b'{"nick": "a", "nick": "b"}',
        b'{"nick": "a\\u0000b"}',
        b'{"a\\u0000b": 1}',
        b'{"nick": "\\ud800"}',
        b'{"\\udfff": "a"}',
        b'{"nick": ' + b"[" * 30 + b"]" * 30 + b"}",
        b"[" * 200_000,
        b'{"a":' * 100_000,
        b'{"amount": ' + b"9" * 5000 + b', "nick": "a"}',
    ],
)
def test_body_that_is_no_sound_json_is_400(shop, body):
    answer = send(shop, body)
    assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json")


def test_errors_are_json_whatever_the_client_would_rather_have(db):
    answer = APIClient(headers={"accept": "text/html"}).get("/api/v1/orders/")
    assert (answer.status_code, answer["Content-Type"]) == (401, "application/problem+json")


NASTY = [
    None,
    True,
    [],
    {},
    "",
    " ",
    "\u202e𝔁\ufffd",
    "x" * 100_000,
    -1,
    0,
    10**18,
    10**40,
    -(10**40),
    1e308,
    "1e999999",
    "-0",
    "0001-01-01T00:00:00",
    "0001-01-01T00:00:00+23:59",
    "9999-12-31T23:59:59-23:59",
    "2026-03-29T02:30:00",
    ["a", 1, None],
    [{}],
    [[]],
    {"a": {"b": [1]}},
    "' OR 1=1 --",
    "{nick.__class__}",
    "%s%n\r\n",
]
DOORS = {
    "purchase-checks/": [
        "source", "nick", "external_id", "phone", "email", "address", "order_number", "amount", "lines",
    ],
    "orders/": [
        "source", "number", "placed", "status", "nick", "external_id", "phone", "email", "address", "amount", "postage",
        "paid_amount", "ordered_at", "paid_at", "buyer_message", "lines",
    ],
    "customers/": ["source", "nick", "external_id", "phone", "email", "address"],
    "customers/{id}/bind/": ["agent"],
    "customers/{id}/ban/": ["type", "note", "until", "days"],
    "customers/{id}/lift-ban/": ["reason"],
    "inbox/{id}/read/": [],
}  # fmt: skip
SOUND = {
    "purchase-checks/": {"nick": "xiaoming"},
    "orders/": {"nick": "xiaoming", "amount": "1.00", "number": "A1"},
    "customers/": {"nick": "xiaoming"},
    "customers/{id}/ban/": {"type": "abuse"},
}
CHANGES = ["status", "close_reason", "paid_amount", "paid_at", "sent_at", "done_at", "closed_at", "memo", "flag"]


@pytest.mark.parametrize("door", DOORS)
def test_nasty_bodies_are_never_the_servers_fault(shop, door):
    customer = CustomerFactory(nick="xiaoming")
    path = "/api/v1/" + door.format(id=customer.pk)
    bodies = [*NASTY, *({name: "a"} for name in DOORS[door])]
    bodies += [{**SOUND.get(door, {}), name: value} for name in DOORS[door] for value in NASTY]
    lines = [{**{"quantity": 1}, name: value} for name in ("product", "title", "quantity", "price") for value in NASTY]
    if "lines" in DOORS[door]:
        bodies += [{**SOUND[door], "lines": [line]} for line in lines]
    if door == "orders/":
        bodies = [{"number": str(n), **body} if isinstance(body, dict) else body for n, body in enumerate(bodies)]

    statuses = {send(shop, json.dumps(body), path).status_code for body in bodies}

    assert statuses <= {200, 201, 400, 403, 404, 409}


def test_nasty_changes_of_an_order_are_never_the_servers_fault(shop):
    path = f"/api/v1/orders/{OrderFactory(customer=CustomerFactory()).pk}/"
    bodies = [*NASTY, *({name: value} for name in CHANGES for value in NASTY)]
    statuses = {
        shop.generic("PATCH", path, json.dumps(body), content_type="application/json").status_code for body in bodies
    }
    assert statuses <= {200, 400}


@pytest.mark.parametrize("path", ["customers/", "orders/", "bans/", "inbox/"])
def test_nasty_queries_are_never_the_servers_fault(shop, path):
    BanFactory(customer=CustomerFactory(nick="xiaoming"))
    BroadcastFactory()
    values = [*(str(value) for value in NASTY), "\0", "null", "cj0xJnA9MQ==", "bz0xMDAwMDAwMDAwMDAwMDAwMDAwMDAw"]

    statuses = {shop.get(f"/api/v1/{path}", {name: value}).status_code for name in parameters(path) for value in values}

    assert statuses <= {200, 400, 403}


def parameters(path):
    """The query parameters that the schema knows of a list."""
    operation = SchemaGenerator().get_schema(request=None, public=True)["paths"][f"/api/v1/{path}"]["get"]
    return [parameter["name"] for parameter in operation["parameters"]]


def test_ids_beyond_64_bits_are_missing(shop):
    for path in ("customers/{}/", "orders/{}/", "bans/{}/"):
        assert shop.get("/api/v1/" + path.format(10**30)).status_code == 404
    assert shop.post(f"/api/v1/customers/{10**30}/ban/", {"type": "abuse"}).status_code == 404
    assert shop.post(f"/api/v1/inbox/{10**30}/read/").status_code == 404
    assert shop.patch(f"/api/v1/orders/{10**30}/", {"flag": 1}).status_code == 404


def test_refusal_stays_in_the_log_though_the_answer_is_an_error(shop):
    ban = BanFactory(customer=CustomerFactory(nick="xiaoming"))
    answer = shop.post("/api/v1/orders/", {"number": "A1", "amount": "1.00", "nick": "xiaoming"})

    assert (answer.status_code, ban.attempts.count(), Order.objects.count()) == (409, 1, 0)
    assert settings.DATABASES["default"].get("ATOMIC_REQUESTS", False) is False


def test_scopes_of_the_operations_are_those_that_a_key_can_have():
    views = [pattern.callback.cls for pattern in all_patterns(get_resolver("crm_site.api").url_patterns)]
    asked = {access.scope for view in views for access in getattr(view, "access", {}).values()}
    assert asked | {"orders:import"} == set(settings.API_SCOPES)


def all_patterns(patterns):
    for pattern in patterns:
        if hasattr(pattern, "url_patterns"):
            yield from all_patterns(pattern.url_patterns)
        elif hasattr(pattern.callback, "cls"):
            yield pattern


def test_schema_is_complete_and_without_warnings(tmp_path):
    call_command("spectacular", "--validate", "--fail-on-warn", "--file", str(tmp_path / "schema.yml"))
    schema = (tmp_path / "schema.yml").read_text()
    assert "name: banned" in schema
    assert "/api/v1/customers/{id}/lift-ban/:" in schema


def test_schema_is_open_and_its_page_is_for_staff(client, sign_in, agent):
    assert client.get("/api/schema/").status_code == 200
    assert client.get("/api/docs/").status_code == 302
    page = sign_in(agent.user).get("/api/docs/")
    assert page.status_code == 200
    assert b"https://" not in page.content
