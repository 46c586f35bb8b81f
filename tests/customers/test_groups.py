import pytest

from customers.models import Customer, Event
from customers.services import groups
from tests.factories import CustomerFactory, GroupFactory, UserFactory


def members(*several):
    return [sorted(group.customers.values_list("pk", flat=True)) for group in several]


def everybody():
    return Customer.objects.all()


def test_customers_are_put_into_groups_once_with_one_audit_event(lead, now):
    one, two = GroupFactory(), GroupFactory()
    new, half, full = (CustomerFactory() for _ in range(3))
    half.groups.add(one)
    full.groups.add(one, two)

    counts = [groups.add_to_groups(everybody(), [one, two], by=lead, at=now) for _ in range(2)]

    everyone = [new.pk, half.pk, full.pk]
    assert (counts, members(one, two)) == ([2, 0], [everyone, everyone])
    event = Event.objects.get()
    assert (event.verb, event.by, event.fields) == ("customer.added_to_groups", lead, ["groups"])
    assert set(event.rows.values_list("model", "row_id")) == {
        *(("customers.customer", customer.pk) for customer in (new, half)),
        *(("customers.group", group.pk) for group in (one, two)),
    }


def test_customers_are_taken_out_of_the_groups_named_only(lead, now):
    one, two, other = (GroupFactory() for _ in range(3))
    customer, stranger = CustomerFactory(), CustomerFactory()
    customer.groups.add(one, other)

    counts = [groups.remove_from_groups(everybody(), [one, two], by=lead, at=now) for _ in range(2)]

    assert (counts, members(one, two, other)) == ([1, 0], [[], [], [customer.pk]])
    assert list(Event.objects.values_list("verb", flat=True)) == ["customer.removed_from_groups"]
    assert stranger.groups.count() == 0


def test_groups_are_changed_only_with_the_right_and_of_whom_one_may_edit(agent, other_agent, now, settings):
    settings.AGENTS_SEE_CUSTOMERS = "read"
    group = GroupFactory()
    mine, _others = CustomerFactory(agent=agent), CustomerFactory(agent=other_agent)

    count = groups.add_to_groups(everybody(), [group], by=agent.user, at=now)

    assert (count, members(group)) == (1, [[mine.pk]])
    with pytest.raises(groups.MayNotGroup):
        groups.add_to_groups(everybody(), [group], by=UserFactory(), at=now)
