import pytest
from django.core.management import call_command

from blocklist.models import Ban
from messaging.models import Delivery, InboxMessage
from tests.customers.test_import_olist import shop  # noqa: F401  (the fixture: a tiny Olist folder)

pytestmark = pytest.mark.django_db


def test_story_ends_with_a_ledger_that_adds_up(shop, capsys):  # noqa: F811  (the fixture)
    for _time in range(2):
        call_command("demo_story", str(shop(reviews={"r2,o2,3": "r2,o2,1"})))

    told = capsys.readouterr().out
    banned = set(Ban.objects.values_list("customer", flat=True))
    assert "Messages to the banned: 0" in told
    assert len(banned) == 1
    assert not InboxMessage.objects.filter(customer__in=banned).exists()
    assert set(Delivery.objects.filter(customer__in=banned).values_list("state", "reason")) == {("excluded", "banned")}
    assert Delivery.objects.exclude(customer__in=banned).exclude(state="sent").count() == 0
