"""A ban of a good customer stands at once, and a manager looks at it: he confirms, or lifts."""

from datetime import timedelta

import pytest

from blocklist.models import Ban
from blocklist.services import confirmations
from blocklist.services.bans import MayNotBan, ban_purchase, ban_purchases, lift_ban, lift_bans
from customers.models import Customer, Event, Notification
from customers.services.notifications import sentence
from tests.factories import NOON, CustomerFactory, UserFactory

LATER = NOON + timedelta(hours=1)
VIP = Customer.Level.VIP


@pytest.fixture
def vip(agent):
    return CustomerFactory(agent=agent, level=VIP)


@pytest.fixture
def ban(vip, agent, manager):
    return ban_purchase(vip, type="abuse", by=agent.user, at=NOON)


def told(user):
    return [sentence(news) for news in Notification.objects.filter(user=user).order_by("pk")]


def test_a_ban_of_a_vip_by_his_agent_stands_and_is_shown_to_the_managers(ban, manager, lead, agent):
    assert ban.is_standing(NOON)
    assert ban.confirm_by == NOON + timedelta(hours=24)
    assert told(manager) == ["1 ban of a good customer stands and waits for a manager: confirm or lift it."]
    assert Notification.objects.get().url == ban.get_absolute_url()


@pytest.mark.parametrize("case", ["lower level", "by a manager"])
def test_other_bans_ask_nobody(case, agent, manager):
    level = VIP - 1 if case == "lower level" else VIP
    by = agent.user if case == "lower level" else manager

    ban = ban_purchase(CustomerFactory(agent=agent, level=level), type="abuse", by=by, at=NOON)

    assert ban.confirm_by is None
    assert not Notification.objects.exists()


def test_a_bulk_ban_asks_once_for_all_of_them(agent, manager):
    for _number in range(3):
        CustomerFactory(agent=agent, level=VIP)

    ban_purchases(Customer.objects.all(), type="abuse", by=agent.user, at=NOON)

    assert told(manager) == ["3 bans of good customers stand and wait for a manager: confirm or lift them."]


def test_a_confirmed_ban_is_lifted_by_managers_only_and_the_agent_is_told_why(ban, vip, agent, manager):
    confirmations.confirm_ban(ban, by=manager, at=LATER)

    assert (ban.confirmed_at, ban.confirmed_by) == (LATER, manager)
    with pytest.raises(MayNotBan, match="A manager confirmed this ban, so only a manager lifts it"):
        lift_ban(vip, reason="we agreed", by=agent.user, at=LATER)
    assert lift_bans(Customer.objects.all(), reason="we agreed", by=agent.user, at=LATER) == 0
    assert told(agent.user) == [f"manager has confirmed your ban of customer #{vip.pk}."]
    lift_ban(vip, reason="we agreed", by=manager, at=LATER)


def test_an_upheld_ban_says_so_too(ban, vip, agent):
    Ban.objects.update(upheld_at=LATER)

    with pytest.raises(MayNotBan, match="upheld on appeal, so only a manager lifts it"):
        lift_ban(vip, reason="we agreed", by=agent.user, at=LATER)


def test_an_unconfirmed_ban_is_still_the_agent_s_to_lift(ban, vip, agent):
    lift_ban(vip, reason="we agreed", by=agent.user, at=LATER)

    assert Ban.objects.get().lifted_by == agent.user


def test_only_managers_confirm(ban, agent, lead):
    for user in (agent.user, lead):
        with pytest.raises(confirmations.MayNotConfirm, match="A manager confirms"):
            confirmations.confirm_ban(ban, by=user, at=LATER)
    assert Ban.objects.get().confirmed_at is None


def test_confirming_twice_changes_nothing(ban, manager):
    other = UserFactory(username="second", role="manager")
    confirmations.confirm_ban(ban, by=manager, at=LATER)
    confirmations.confirm_ban(ban, by=other, at=LATER + timedelta(hours=1))

    assert (ban.confirmed_by, ban.confirmed_at) == (manager, LATER)
    assert Event.objects.filter(verb="ban.confirmed").count() == 1


def test_who_set_it_confirms_it_only_where_no_other_manager_is_there(ban, agent, manager):
    agent.user.groups.add(*manager.groups.all())
    setter = type(manager).objects.get(pk=agent.user.pk)

    with pytest.raises(confirmations.MayNotConfirm, match="another manager confirms it"):
        confirmations.confirm_ban(ban, by=setter, at=LATER)
    manager.is_active = False
    manager.save()
    confirmations.confirm_ban(ban, by=setter, at=LATER)

    assert ban.confirmed_by == setter
    assert Event.objects.get(verb="ban.confirmed").reason == "decided alone"


def test_what_is_over_or_needs_nobody_is_not_confirmed(ban, vip, agent, manager):
    lift_ban(vip, reason="we agreed", by=agent.user, at=LATER)
    plain = ban_purchase(CustomerFactory(agent=agent), type="abuse", by=agent.user, at=NOON)

    for one, why in ((ban, "This ban is over"), (plain, "Nobody has to confirm")):
        with pytest.raises(confirmations.NotToConfirm, match=why):
            confirmations.confirm_ban(one, by=manager, at=LATER)


def test_an_overdue_confirmation_is_asked_for_again_each_day(ban, manager):
    overdue = ban.confirm_by
    asked = []

    for hours in (-1, 0, 1, 23, 24, 25, 48):
        Notification.objects.all().delete()
        confirmations.ask_again(at=overdue + timedelta(hours=hours))
        asked.append((hours, Notification.objects.count()))

    assert asked == [(-1, 0), (0, 1), (1, 0), (23, 0), (24, 1), (25, 0), (48, 1)]


def test_nobody_is_asked_again_about_what_is_confirmed_or_over(ban, vip, agent, manager):
    other = ban_purchase(CustomerFactory(agent=agent, level=VIP), type="abuse", by=agent.user, at=NOON)
    confirmations.confirm_ban(ban, by=manager, at=LATER)
    lift_ban(other.customer, reason="we agreed", by=agent.user, at=LATER)
    Notification.objects.all().delete()

    confirmations.ask_again(at=NOON + timedelta(days=3))

    assert not Notification.objects.exists()
