import hashlib

import pytest
from django.core.checks import run_checks


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
    ],
)
def test_wrong_setting_is_named(settings, name, value, complaint):
    settings.DEBUG = False
    settings.SECRET_KEY = "a real one"
    setattr(settings, name, value)

    assert complaints() == [complaint]


@pytest.mark.parametrize(("key", "expected"), [(b"a real one", ["crm_site.W001"]), (b"its own", [])])
def test_contact_key_of_its_own_is_advised_for_deployment(settings, key, expected):
    settings.SECRET_KEY = "a real one"
    settings.CONTACT_HASH_KEY = hashlib.sha256(key).digest()

    assert complaints(include_deployment_checks=True) == expected
