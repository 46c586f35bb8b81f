"""Planning a broadcast to everybody, against the same rows written by one bare INSERT … SELECT."""

from django.db import connection
from django.db.models import F
from django.utils import timezone

from customers.bulk import insert_from
from customers.models import Customer
from messaging.models import Broadcast, Delivery
from messaging.signals import WorkKind

from .harness import Result, in_turn, seconds
from .shop import fill, new_broadcast, work_off


def measure(*, customers, rounds):
    user = fill(customers)

    def plan():
        new_broadcast(user, Broadcast.State.PLANNING)
        return seconds(lambda: work_off(WorkKind.PLAN))

    def bare():
        to = new_broadcast(user, Broadcast.State.DRAFT)
        rows = Customer.objects.bound()
        return seconds(lambda: insert_from(Delivery, rows, broadcast=to, customer=F("pk"), planned_at=timezone.now()))

    ours, baseline = in_turn(plan, bare, rounds)
    yield Result(
        benchmark="plan",
        database=connection.vendor,
        unit="deliveries",
        speed=customers / ours,
        baseline=customers / baseline,
        baseline_is="the same deliveries by one bare INSERT … SELECT",
        least_share=1 / 1.5,
    )
