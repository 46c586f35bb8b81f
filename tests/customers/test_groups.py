import pytest

from customers.models import Customer, Event
from customers.services.groups import MayNotGroup, add_to_groups, remove_from_groups
from tests.factories import CustomerFactory, GroupFactory, UserFactory


def members(*several):
    return [sorted(group.customers.values_list("pk", flat=True)) for group in several]


def everybody():
    return Customer.objects.all()


def test_customers_are_put_into_groups_once(lead, now):
    one, two = GroupFactory(), GroupFactory()
    new, half, full = (CustomerFactory() for _ in range(3))
    half.groups.add(one)
    full.groups.add(one, two)

    counts = [add_to_groups(everybody(), groups=[one, two], by=lead, at=now) for _ in range(2)]

    everyone = [new.pk, half.pk, full.pk]
    assert (counts, members(one, two)) == ([3, 0], [everyone, everyone])
    assert {(event.verb, event.by, tuple(event.fields)) for event in Event.objects.all()} == {
        ("customer.changed", lead, ("groups",))
    }


def test_customers_are_taken_out_of_the_groups_named_only(lead, now):
    one, two, other = (GroupFactory() for _ in range(3))
    customer, stranger = CustomerFactory(), CustomerFactory()
    customer.groups.add(one, other)

    counts = [remove_from_groups(everybody(), groups=[one, two], by=lead, at=now) for _ in range(2)]

    assert (counts, members(one, two, other)) == ([1, 0], [[], [], [customer.pk]])
    event = Event.objects.get()
    assert list(event.rows.values_list("model", "row_id")) == [("customers.customer", customer.pk)]
    assert stranger.groups.count() == 0


def test_groups_are_changed_only_with_the_right_and_of_whom_one_may_edit(agent, other_agent, now, settings):
    settings.AGENTS_SEE_CUSTOMERS = "read"
    group = GroupFactory()
    mine, _others = CustomerFactory(agent=agent), CustomerFactory(agent=other_agent)

    count = add_to_groups(everybody(), groups=[group], by=agent.user, at=now)

    assert (count, members(group)) == (1, [[mine.pk]])
    with pytest.raises(MayNotGroup):
        add_to_groups(everybody(), groups=[group], by=UserFactory(), at=now)
