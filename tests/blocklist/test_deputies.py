"""A deputy bans the customers of the agent for whom he stands in: within dates that a manager approved."""

from datetime import timedelta

import pytest

from blocklist.models import Ban, bannable_by
from blocklist.services.bans import MayNotBan, ban_purchase, ban_purchases, lift_ban, why_may_ban
from customers.models import Customer
from customers.services import deputies
from tests.factories import NOON, CustomerFactory

LATER = NOON + timedelta(hours=1)
END = NOON + timedelta(days=3)


@pytest.fixture
def customer(agent):
    return CustomerFactory(agent=agent)


@pytest.fixture
def stand_in(agent, other_agent, manager, lead):
    def _stand_in(*, approved=True):
        by = manager if approved else lead
        return deputies.propose(agent, deputy=other_agent, starts_at=NOON, ends_at=END, by=by, at=NOON)

    return _stand_in


def test_deputy_bans_within_the_approved_dates(customer, other_agent, stand_in):
    stand_in()

    may = [bannable_by(other_agent.user, at=at).filter(pk=customer.pk).exists() for at in (NOON, END)]
    ban = ban_purchase(customer, type="abuse", by=other_agent.user, at=LATER)

    assert may == [True, False]
    assert (ban.by, ban.by_manager) == (other_agent.user, False)
    assert why_may_ban(customer, other_agent.user) == (
        "You stand in for Ming, this customer's exclusive agent; a manager approved it."
    )


def test_deputy_without_approval_is_told_so_in_single_and_bulk(customer, other_agent, stand_in):
    stand_in(approved=False)

    with pytest.raises(MayNotBan, match="only within the dates that a manager has approved"):
        ban_purchase(customer, type="abuse", by=other_agent.user, at=LATER)

    assert ban_purchases(Customer.objects.all(), type="abuse", by=other_agent.user, at=LATER).refused == 1
    assert not Ban.objects.exists()


def test_deputy_lifts_only_the_bans_that_he_set_and_the_agent_both(agent, customer, other_agent, stand_in):
    stand_in()
    ban_purchase(customer, type="abuse", by=agent.user, at=NOON)
    with pytest.raises(MayNotBan, match="only the bans that he set himself"):
        lift_ban(customer, reason="please", by=other_agent.user, at=LATER)
    lift_ban(customer, reason="we agreed", by=agent.user, at=LATER)

    for who in (other_agent.user, agent.user):
        ban_purchase(customer, type="abuse", by=other_agent.user, at=LATER)
        assert lift_ban(customer, reason="we agreed", by=who, at=LATER).lifted_by == who


def test_deputy_lifts_nothing_once_his_dates_are_over(customer, other_agent, stand_in):
    deputyship = stand_in()
    ban_purchase(customer, type="abuse", by=other_agent.user, at=NOON)
    deputies.end(deputyship, by=deputyship.agent.user, at=LATER)

    with pytest.raises(MayNotBan, match="Ming"):
        lift_ban(customer, reason="please", by=other_agent.user, at=LATER)
