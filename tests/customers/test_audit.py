import pytest
from django.db.models import Count

from customers.models import Customer, Event, Job
from customers.services import jobs
from customers.services.groups import add_to_groups
from customers.services.hand_overs import start_hand_over
from tests.factories import AgentFactory, BanFactory, CustomerFactory, GroupFactory


def told():
    """Each event: its verb, how many rows it holds, and how many different ones."""
    counted = Event.objects.annotate(held=Count("rows"), different=Count("rows__row_id", distinct=True))
    return list(counted.order_by("pk").values_list("verb", "held", "different"))


@pytest.fixture
def stretches_of_2(settings):
    settings.WRITE_BATCH = 2


def groups_of_all(count=2):
    groups = [GroupFactory() for _number in range(count)]
    for customer in Customer.objects.all():
        customer.groups.set(groups)
    return [group.pk for group in groups]


def banned():
    for customer in Customer.objects.all():
        BanFactory(customer=customer)
    return "we agreed"


@pytest.mark.parametrize(
    ("kind", "parameters", "verb"),
    [
        ("bind", {"agent": lambda: AgentFactory().pk}, "customer.bound"),
        ("add_to_groups", {"groups": lambda: [GroupFactory().pk, GroupFactory().pk]}, "customer.changed"),
        ("remove_from_groups", {"groups": groups_of_all}, "customer.changed"),
        ("change_level", {"level": lambda: 2, "reason": lambda: "a favour"}, "customer.level_set"),
        ("ban_purchases", {"type": lambda: "abuse", "note": str, "until": str}, "ban.set"),
        ("lift_bans", {"reason": banned}, "ban.lifted"),
    ],
)
def test_bulk_action_of_several_stretches_is_one_event(manager, now, stretches_of_2, kind, parameters, verb):
    CustomerFactory.create_batch(5)
    asked = {name: make() for name, make in parameters.items()}

    job = jobs.run_to_end(jobs.start(kind, by=manager, at=now, filter={}, **asked))

    assert (job.state, job.done_count, told()) == (Job.State.FINISHED, 5, [(verb, 5, 5)])
    assert Event.objects.get().job == job


def test_each_ban_of_a_bulk_lift_keeps_the_moment_of_its_own_stretch(manager, now, stretches_of_2):
    bans = [BanFactory() for _number in range(3)]
    moments = iter(now + n * jobs.STALLED for n in range(20))

    jobs.run_to_end(
        jobs.start("lift_bans", by=manager, at=now, filter={}, reason="we agreed"), clock=lambda: next(moments)
    )

    for ban in bans:
        ban.refresh_from_db()
    assert bans[0].ended_at == bans[1].ended_at < bans[2].ended_at


def test_hand_over_of_all_customers_is_one_event(agent, other_agent, manager, now, stretches_of_2):
    CustomerFactory.create_batch(5, agent=agent)

    start_hand_over(agent, to=[other_agent, AgentFactory()], levels=[], reason="holiday", by=manager, at=now)

    assert told() == [("customer.bound", 5, 5)]


def test_two_jobs_and_two_single_actions_are_events_of_their_own(manager, now):
    customer, groups = CustomerFactory(), [GroupFactory() for _number in range(4)]

    for group in groups[:2]:
        jobs.run_to_end(jobs.start("add_to_groups", by=manager, at=now, filter={}, groups=[group.pk]))
    for group in groups[2:]:
        add_to_groups(Customer.objects.filter(pk=customer.pk), groups=[group], by=manager, at=now)

    assert told() == [("customer.changed", 1, 1)] * 4
