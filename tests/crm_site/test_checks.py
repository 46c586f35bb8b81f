import hashlib

import pytest
from django.core.checks import run_checks


@pytest.fixture(autouse=True)
def _home(settings):
    settings.ALLOWED_HOSTS = ["127.0.0.1", "localhost", "[::1]"]


def complaints(**options):
    return [message.id for message in run_checks(**options) if message.id.startswith("crm_site.")]


def test_settings_as_they_stand_pass(settings):
    settings.DEBUG = True

    assert complaints() == []


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("PURCHASE_GATES", ["blocklist.gates.NoSuchGate"], "crm_site.E001"),
        ("PURCHASE_GATES", ["messaging.channels.inbox.InboxChannel"], "crm_site.E002"),
        ("CHANNELS", {"inbox": "messaging.channels.get_channel"}, "crm_site.E002"),
        ("SECRET_KEY", "development-only-secret", "crm_site.E003"),
        ("HOST", "0.0.0.0", "crm_site.E005"),
    ],
)
def test_wrong_setting_is_named(settings, name, value, complaint):
    settings.DEBUG = False
    settings.SECRET_KEY = "a real one"
    setattr(settings, name, value)

    assert complaints() == [complaint]


@pytest.mark.parametrize(("name", "value"), [("HOST", "192.0.2.7"), ("ALLOWED_HOSTS", ["crm.example.com"])])
def test_debug_stays_on_this_machine(settings, name, value):
    settings.DEBUG = True
    settings.ALLOWED_HOSTS = ["localhost", "127.8.0.1"]
    setattr(settings, name, value)

    assert "crm_site.E004" in complaints()


def test_public_host_with_a_public_name_passes(settings):
    settings.DEBUG = False
    settings.SECRET_KEY = "a real one"
    settings.HOST, settings.ALLOWED_HOSTS = "0.0.0.0", ["crm.example.com"]

    assert complaints() == []


@pytest.mark.parametrize("secret", ["too short", "ab" * 30, "django-insecure-0123456789abcdefghijklmnop"])
def test_secret_that_can_be_guessed_is_refused_for_deployment(settings, secret):
    settings.SECRET_KEY = secret

    assert "crm_site.E006" in complaints(include_deployment_checks=True)


REAL_SECRET = "0123456789abcdefghijklmnopqrstuvwxyz"


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        (REAL_SECRET.encode(), ["crm_site.W001"]),
        (b"development-only-secret", ["crm_site.E006"]),
        (b"its own", []),
    ],
)
def test_contact_key_of_its_own_is_advised_for_deployment(settings, key, expected):
    settings.SECRET_KEY = REAL_SECRET
    settings.CONTACT_HASH_KEY = hashlib.sha256(key).digest()

    assert complaints(include_deployment_checks=True) == expected
