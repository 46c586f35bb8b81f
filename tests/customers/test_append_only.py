"""The audit is append-only: the database itself says so."""

from datetime import timedelta

import pytest
from django.core.management import call_command
from django.db import DatabaseError, connection, transaction

from blocklist.models import Ban, BanChange
from blocklist.services.bans import ban_purchases, lift_bans
from crm_site.upgrade import migrate
from customers import append_only
from customers.models import Customer, Event, EventRow
from customers.services import audit
from customers.services.merges import merge
from tests.factories import NOON, CustomerFactory

pytestmark = pytest.mark.django_db
TABLES = ["blocklist_banchange", "customers_event", "customers_eventrow"]


@pytest.fixture
def protected(settings):
    """With the triggers, which go with the test's transaction."""
    settings.APPEND_ONLY_TRIGGERS = True
    append_only.protect()


@pytest.fixture
def rows(manager):
    """A row in each of the tables."""
    ban_purchases(Customer.objects.filter(pk=CustomerFactory().pk), type=Ban.Type.OTHER, by=manager, at=NOON)
    return [Event, EventRow, BanChange]


def refused(change):
    try:
        with transaction.atomic():
            change()
    except DatabaseError as error:
        return "append-only" in str(error)
    return False


@pytest.mark.parametrize("place", range(3))
def test_row_can_neither_be_changed_nor_deleted(protected, rows, place):
    model, count = rows[place], rows[place].objects.count()
    column = {Event: {"reason": "x"}, EventRow: {"row_id": 0}, BanChange: {"until": None}}[model]
    with connection.cursor() as cursor:
        answers = [
            refused(lambda: model.objects.update(**column)),
            refused(lambda: model.objects.get().save()),
            refused(lambda: model.objects.all()._raw_delete("default")),
            refused(lambda: cursor.execute(f"DELETE FROM {model._meta.db_table}")),
        ]

    assert answers == [True] * 4
    assert model.objects.count() == count


def test_nothing_refuses_where_the_triggers_are_off(rows):
    assert not refused(lambda: Event.objects.update(reason="x"))


def test_rows_are_added_as_before(protected, manager, settings):
    settings.WRITE_BATCH = 1
    kept, merged, other = CustomerFactory(), CustomerFactory(), CustomerFactory()
    everybody = Customer.objects.all()
    ban_purchases(everybody, type=Ban.Type.OTHER, by=manager, at=NOON)
    merge(kept, merged, by=manager, at=NOON)
    lift_bans(everybody, reason="x", by=manager, at=NOON + timedelta(hours=1))

    verbs = Event.objects.order_by("pk").values_list("verb", flat=True)
    assert [verb for verb in verbs if verb.startswith(("ban", "customer.merged"))] == [
        "ban.set",
        "customer.merged",
        "ban.lifted",
        "ban.lifted",
    ]
    assert audit.record("x.y", Customer.objects.filter(pk=other.pk), by=manager, at=NOON).rows.count() == 1


def test_migrate_makes_the_triggers(settings):
    settings.APPEND_ONLY_TRIGGERS = True
    before = append_only.unprotected_tables()

    call_command("migrate", verbosity=0)

    assert (before, append_only.unprotected_tables()) == (TABLES, [])


def test_lost_trigger_is_told_by_readyz_and_made_again_before_the_shop_is_served(protected, client, now):
    append_only.unprotect(["customers_event"])

    told = client.get("/readyz")
    done = [migrate(at=now), migrate(at=now)]

    assert (told.status_code, told.json()["status"]) == (503, "the audit is not protected, run prepare_shop")
    assert done == [["Made append-only again: customers_event."], []]
    assert client.get("/readyz").json()["status"] != "the audit is not protected, run prepare_shop"


@pytest.mark.postgresql
def test_trigger_that_somebody_disabled_is_missed(protected):
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE customers_event DISABLE TRIGGER customers_event_no_delete")

    assert append_only.unprotected_tables() == ["customers_event"]
