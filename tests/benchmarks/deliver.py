"""Delivering a planned broadcast into the inbox, against the messages alone by one bare INSERT … SELECT."""

from django.db import connection
from django.db.models import F
from django.utils import timezone

from customers.bulk import insert_from
from customers.models import Customer
from messaging.models import Broadcast, InboxMessage
from messaging.signals import WorkKind

from .harness import Result, in_turn, seconds
from .shop import fill, new_broadcast, settle_down, work_off


def measure(*, customers, rounds):
    user = fill(customers)

    def deliver():
        new_broadcast(user, Broadcast.State.PLANNING)
        work_off(WorkKind.PLAN)
        settle_down()
        return seconds(lambda: work_off(WorkKind.SEND))

    def bare():
        of = new_broadcast(user, Broadcast.State.DRAFT)
        rows = Customer.objects.bound()
        return seconds(lambda: insert_from(InboxMessage, rows, broadcast=of, customer=F("pk"), sent_at=timezone.now()))

    ours, baseline = in_turn(deliver, bare, rounds)
    yield Result(
        benchmark="deliver, inbox",
        database=connection.vendor,
        unit="deliveries",
        speed=customers / ours,
        baseline=customers / baseline,
        baseline_is="the messages alone by one bare INSERT … SELECT",
        least_speed=50_000 if connection.vendor == "sqlite" else 0,
    )
