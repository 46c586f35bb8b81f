from datetime import timedelta

import pytest

from customers.models import Binding, Customer, Event
from customers.services.bindings import MayNotBind, bind, hand_over
from tests.factories import NOON, CustomerFactory

LATER = NOON + timedelta(hours=1)


def bound_to(agent):
    return set(Customer.objects.filter(agent=agent))


def test_agent_binds_a_free_customer_to_himself(agent):
    customer = CustomerFactory()

    assert bind(Customer.objects.all(), agent=agent, by=agent.user, at=NOON) == 1

    assert bound_to(agent) == {customer}
    assert list(Binding.objects.values_list("customer", "agent", "started_at", "ended_at", "by")) == [
        (customer.pk, agent.pk, NOON, None, agent.user.pk)
    ]
    assert list(Event.objects.values_list("verb", "rows__row_id")) == [("customer.bound", customer.pk)]


def test_bound_customer_stays_with_his_agent(agent, other_agent, manager):
    customer = CustomerFactory(agent=other_agent)

    assert bind(Customer.objects.all(), agent=agent, by=manager, at=NOON) == 0

    assert bound_to(other_agent) == {customer}


def test_agent_does_not_bind_to_a_colleague(agent, other_agent):
    CustomerFactory()

    with pytest.raises(MayNotBind):
        bind(Customer.objects.all(), agent=other_agent, by=agent.user, at=NOON)

    assert not Binding.objects.exists()


def test_agent_who_left_gets_no_customers(agent, manager):
    agent.is_active = False
    CustomerFactory()

    with pytest.raises(MayNotBind):
        bind(Customer.objects.all(), agent=agent, by=manager, at=NOON)


def test_hand_over_ends_one_binding_and_opens_the_next(agent, other_agent):
    customer = CustomerFactory(agent=agent)

    assert hand_over(Customer.objects.all(), agent=other_agent, by=agent.user, at=LATER, reason="holiday") == 1

    assert bound_to(other_agent) == {customer}
    assert list(Binding.objects.order_by("pk").values_list("agent", "ended_at", "reason")) == [
        (agent.pk, LATER, ""),
        (other_agent.pk, None, "holiday"),
    ]


def test_agent_hands_over_his_own_customers_only(agent, other_agent, lead):
    CustomerFactory(agent=agent)
    colleagues = CustomerFactory(agent=other_agent)

    assert hand_over(Customer.objects.filter(pk=colleagues.pk), agent=agent, by=agent.user, at=LATER) == 0
    assert bound_to(other_agent) == {colleagues}

    assert hand_over(Customer.objects.filter(pk=colleagues.pk), agent=agent, by=lead, at=LATER) == 1
    assert colleagues in bound_to(agent)


def test_binding_many_costs_what_binding_one_costs(agent, count_queries):
    def bind_all():
        bind(Customer.objects.all(), agent=agent, by=agent.user, at=NOON)

    bind_all()
    CustomerFactory()
    of_one = count_queries(bind_all)
    CustomerFactory.create_batch(3)

    assert count_queries(bind_all) == of_one
    assert len(bound_to(agent)) == 4
