"""Banning and lifting from the shell, in somebody's name."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from blocklist.models import Ban
from tests.factories import AccountFactory, BanFactory, CustomerFactory


@pytest.fixture
def customer(agent):
    return CustomerFactory(nick="buyer", agent=agent)


def run(*arguments):
    out = StringIO()
    call_command(*arguments, stdout=out)
    return out.getvalue().strip()


def test_ban_and_lift_in_the_agent_s_name(customer, agent):
    banned = run("ban_customer", "buyer", "--type", "abuse", "--by", "ming", "--days", "7", "--note", "threats")
    again = run("ban_customer", str(customer.pk), "--type", "extortion", "--by", "ming")
    lifted = run("lift_ban", "buyer", "--reason", "we agreed", "--by", "ming")

    ban = Ban.objects.get()
    assert (banned, again, lifted) == (
        f"Banned: customer #{customer.pk}, ban #{ban.pk}.",
        f"Was banned already: customer #{customer.pk}, ban #{ban.pk}.",
        f"Lifted: customer #{customer.pk}, ban #{ban.pk}.",
    )
    assert (ban.type, ban.note, ban.by, ban.lifted_by, ban.lift_reason) == (
        "abuse",
        "threats",
        agent.user,
        agent.user,
        "we agreed",
    )
    assert round((ban.until - ban.started_at).total_seconds()) == 7 * 86_400


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["buyer", "--type", "ugly", "--by", "ming"], "--type: There is no such type of ban."),
        (["buyer", "--type", "abuse", "--by", "ming", "--days", "0"], "--days: A ban is for 1 to 3650 days"),
        (["buyer", "--type", "abuse", "--by", "nobody"], "There is no active staff user nobody."),
        (["9" * 5000, "--type", "abuse", "--by", "ming"], "There is no customer 9"),
        (["twice", "--type", "abuse", "--by", "ming"], "Several customers are called so"),
        (["buyer", "--type", "abuse", "--by", "lan"], "exclusive agent \\(Ming\\) or a manager may ban"),
    ],
)
def test_a_ban_that_cannot_be_says_why_and_changes_nothing(customer, other_agent, arguments, sentence):
    AccountFactory(nick="twice"), AccountFactory(nick="twice")

    with pytest.raises(CommandError, match=sentence):
        run("ban_customer", *arguments)
    assert not Ban.objects.exists()


def test_who_left_acts_no_more(customer, agent):
    agent.user.is_active = False
    agent.user.save()

    with pytest.raises(CommandError, match="no active staff user ming"):
        run("ban_customer", "buyer", "--type", "abuse", "--by", "ming")


def test_a_lift_that_cannot_be_says_why(customer, agent, manager):
    with pytest.raises(CommandError, match="This customer is not banned"):
        run("lift_ban", "buyer", "--reason", "we agreed", "--by", "ming")
    BanFactory(customer=customer, by=manager, by_manager=True)
    with pytest.raises(CommandError, match="A manager set this ban"):
        run("lift_ban", "buyer", "--reason", "we agreed", "--by", "ming")
    with pytest.raises(CommandError, match="--reason: Say why the ban is lifted"):
        run("lift_ban", "buyer", "--reason", " ", "--by", "manager")
    with pytest.raises(CommandError, match="--reason: At most 200 characters"):
        run("lift_ban", "buyer", "--reason", "x" * 201, "--by", "manager")
    assert Ban.objects.get().ended_at is None
