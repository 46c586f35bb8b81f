"""Bans that have run out: over without anybody's doing, noted and told by a duty."""

from datetime import timedelta

import pytest

from blocklist.models import Ban, BanChange, MarketplaceTask
from blocklist.services.bans import ban_purchase, lift_ban
from blocklist.services.expiry import expire_bans
from crm_site.duties import DUTIES
from tests.factories import NOON, AccountFactory, BanFactory, SourceFactory

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


def states(at):
    """What the blocklist answers about all bans at a moment."""
    return [
        (ban.pk, ban.is_standing(at), Ban.objects.in_force(at - DAY / 2).filter(pk=ban.pk).exists())
        for ban in Ban.objects.order_by("pk")
    ]


def test_noting_that_bans_have_run_out_changes_no_answer():
    BanFactory(until=NOON + DAY), BanFactory(until=NOON + 2 * DAY), BanFactory()
    later = [NOON + DAY, NOON + DAY + timedelta(hours=1), NOON + 3 * DAY]
    before = [states(at) for at in later]

    count = expire_bans(at=NOON + DAY)

    assert count == 1
    assert [states(at) for at in later] == before


def test_only_bans_that_have_run_out_are_stamped_each_with_its_end(settings):
    settings.WRITE_BATCH = 1
    over = [BanFactory(until=NOON + DAY / 2), BanFactory(until=NOON + DAY)]
    BanFactory(until=NOON + DAY + timedelta(microseconds=1)), BanFactory()
    lifted = BanFactory(until=NOON + DAY / 2, ended_at=NOON)

    counts = [expire_bans(at=NOON + DAY), expire_bans(at=NOON + DAY)]

    ended = dict(Ban.objects.filter(ended_at__isnull=False).values_list("pk", "ended_at"))
    assert counts == [2, 0]
    assert ended == {over[0].pk: over[0].until, over[1].pk: over[1].until, lifted.pk: NOON}
    assert not BanChange.objects.exists()


def test_marketplace_is_to_be_told_once_that_a_ban_is_over(manager):
    account = AccountFactory(source=SourceFactory(code="taobao", is_marketplace=True))
    ban_purchase(account.customer, type=Ban.Type.OTHER, by=manager, at=NOON, until=NOON + DAY)

    expire_bans(at=NOON + DAY)
    expire_bans(at=NOON + DAY)

    tasks = MarketplaceTask.objects.order_by("pk").values_list("action", "created_at")
    assert list(tasks) == [("block", NOON), ("unblock", NOON + DAY)]


def test_lifted_ban_is_not_noted_again(manager):
    account = AccountFactory()
    ban_purchase(account.customer, type=Ban.Type.OTHER, by=manager, at=NOON, until=NOON + DAY)
    lift_ban(account.customer, reason="x", by=manager, at=NOON + DAY / 2)

    assert expire_bans(at=NOON + DAY) == 0


def test_scheduler_notes_bans_that_have_run_out():
    ban = BanFactory(until=NOON + DAY)
    [duty] = [duty for duty in DUTIES if duty.name == "note bans that have run out"]

    duty.do(NOON + DAY)

    ban.refresh_from_db()
    assert ban.ended_at == ban.until
