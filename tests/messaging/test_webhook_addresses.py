"""Where a webhook may go. The names are resolved by a stand-in: no test asks the network."""

import socket

import pytest

from messaging.models import WebhookDelivery
from messaging.webhooks import AddressRefused, Unreachable, check_address, post
from messaging.webhooks.addresses import numbers, read_address
from tests.factories import NOON, EndpointFactory

REAL = socket.getaddrinfo


@pytest.fixture
def names(monkeypatch, settings):
    """Names and the numbers that they resolve to; each look takes the next of the list, if it is one of lists."""
    settings.WEBHOOK_ALLOWED_HOSTS = []
    known = {}

    def resolve(host, port, *args, **kwargs):
        if host not in known:
            return REAL(host, port, *args, **{**kwargs, "flags": socket.AI_NUMERICHOST})
        found = known[host]
        if isinstance(found[0], list):
            found = found.pop(0)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (number, port)) for number in found]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    return known


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "0.0.0.0",
        "10.0.0.7",
        "172.16.0.1",
        "192.168.1.1",
        "100.64.0.1",
        "169.254.169.254",
        "224.0.0.1",
        "255.255.255.255",
        "[::1]",
        "[::]",
        "[fe80::1]",
        "[fd00::1]",
        "[ff02::1]",
        "[::ffff:10.0.0.7]",
        "[::ffff:127.0.0.1]",
        "[64:ff9b::a00:7]",
        "[2002:a00:7::]",
        "[2001:0:a00:7::]",
    ],
)
def test_address_inside_the_own_network_is_refused_and_names_the_setting(names, host):
    with pytest.raises(AddressRefused, match="WEBHOOK_ALLOWED_HOSTS"):
        check_address(f"https://{host}/hook")


@pytest.mark.parametrize("number", ["8.8.8.8", "[2001:4860:4860::8888]", "[::ffff:8.8.8.8]"])
def test_public_address_is_accepted(names, number):
    check_address(f"https://{number}/hook")


def test_name_that_leads_inside_is_refused_even_with_a_public_one_beside_it(names):
    names["hook.example"] = ["8.8.8.8", "10.0.0.7"]

    with pytest.raises(AddressRefused) as refusal:
        check_address("https://hook.example/x")

    assert str(refusal.value) == (
        "hook.example lies inside the own network (10.0.0.7). If that is meant, name the host in the setting "
        "WEBHOOK_ALLOWED_HOSTS."
    )


def test_named_host_may_lie_inside_and_needs_no_https(names, settings):
    settings.WEBHOOK_ALLOWED_HOSTS = ["erp.lan"]
    names["erp.lan"] = ["10.0.0.7"]

    check_address("http://ERP.lan:8069/hook")

    assert numbers(read_address("http://erp.lan/")) == ["10.0.0.7"]


@pytest.mark.parametrize(
    "url",
    [
        "",
        "hook",
        "ftp://hook.example/",
        "https:///path",
        "https://hook.example:0/",
        "https://hook.example:99999/",
        "https://user:word@hook.example/",
        "https://hook.example/a b",
        "https://hook.example/\r\nX: y",
        "https://hook.example/小鹿",
        "https://[::1/",
        "http://hook.example/",
    ],
)
def test_what_is_no_address_of_https_is_refused(names, url):
    names["hook.example"] = ["8.8.8.8"]

    with pytest.raises(AddressRefused):
        check_address(url)


def test_name_that_cannot_be_resolved_now_may_be_stored_but_not_reached(names):
    check_address("https://nowhere.invalid/hook")

    with pytest.raises(Unreachable, match="cannot be resolved"):
        post("https://nowhere.invalid/hook", body=b"{}", headers={})


def test_connection_goes_to_the_number_that_was_looked_at(names, sink, settings, monkeypatch):
    """A name server that answers otherwise the second time gains nothing: it is asked once."""
    asked = []
    settings.WEBHOOK_ALLOWED_HOSTS = []
    names["hook.example"] = [["8.8.8.8"], ["127.0.0.1"]]
    monkeypatch.setattr(socket, "create_connection", lambda address, timeout: asked.append(address[0]) or _refuse())

    with pytest.raises(Unreachable, match="connection refused"):
        post(sink.url.replace("127.0.0.1", "hook.example").replace("http:", "https:"), body=b"{}", headers={})

    assert (asked, names["hook.example"], sink.received) == (["8.8.8.8"], [["127.0.0.1"]], [])


def _refuse():
    raise ConnectionRefusedError


def test_request_carries_the_name_of_its_host(names, sink, settings):
    settings.WEBHOOK_ALLOWED_HOSTS = ["erp.lan"]
    names["erp.lan"] = ["127.0.0.1"]

    answer = post(sink.url.replace("127.0.0.1", "erp.lan"), body=b"{}", headers={"webhook-id": "msg_1"})

    assert answer.status == 200
    assert sink.received[0].headers["host"].startswith("erp.lan:")


@pytest.mark.django_db
def test_target_whose_name_leads_inside_meanwhile_gets_nothing(names, told):
    names["hook.example"] = ["10.0.0.7"]
    endpoint = EndpointFactory(url="https://hook.example/")
    WebhookDelivery.objects.create(
        target=endpoint, webhook_id="msg_1", event="x", payload={}, created_at=NOON, next_at=NOON
    )

    told()

    row = WebhookDelivery.objects.get()
    assert (row.state, "WEBHOOK_ALLOWED_HOSTS" in row.last_error) == ("waiting", True)
