import threading
import time

import pytest
from django.db import transaction

from customers.models import Customer, Event, Group
from customers.services import groups
from customers.services.groups import MayNotGroup, TooManyGroups, add_to_groups, remove_from_groups
from tests.factories import CustomerFactory, GroupFactory, UserFactory
from tests.parallel import Parallel


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


@pytest.mark.django_db(transaction=True)
def test_last_free_place_is_given_once_to_two_who_add_a_group_at_once(monkeypatch):
    monkeypatch.setattr(groups, "MOST_GROUPS", 1)
    both, refused = threading.Barrier(2), []

    def add(name):
        both.wait()
        try:
            with transaction.atomic():
                groups.check_room()
                time.sleep(0.2)
                Group.objects.create(name=name)
        except TooManyGroups:
            refused.append(name)

    with Parallel() as side_by_side:
        side_by_side.start(add, "one")
        side_by_side.start(add, "two")

    assert (Group.objects.count(), len(refused)) == (1, 1)
