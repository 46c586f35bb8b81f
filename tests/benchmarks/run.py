"""One benchmark process on one database: `python -m tests.benchmarks.run CUSTOMERS ROUNDS`."""

import os
import statistics
import sys
import time

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "crm_site.settings")
django.setup()

from django.db import connection  # noqa: E402  (after the setup)
from django.db.models import F  # noqa: E402
from django.test.runner import DiscoverRunner  # noqa: E402
from django.utils import timezone  # noqa: E402

from blocklist.models import Ban  # noqa: E402
from customers.bulk import insert_from  # noqa: E402
from customers.models import Account, Agent, Customer, Source, User  # noqa: E402
from messaging.models import Broadcast, Delivery, InboxMessage  # noqa: E402
from messaging.services.work import work  # noqa: E402
from messaging.signals import WorkKind  # noqa: E402


def fill(count):
    """Bound customers with an account each; one in twenty is banned."""
    now = timezone.now()
    user = User.objects.create_user("bench")
    agent = Agent.objects.create(user=user, display_name="bench")
    source = Source.objects.create(code="bench", name="bench")
    for start in range(0, count, 5_000):
        size = min(5_000, count - start)
        people = Customer.objects.bulk_create(Customer(registered_at=now, agent=agent) for _ in range(size))
        Account.objects.bulk_create(
            Account(customer=one, source=source, external_id=f"{one.pk}", nick=f"{one.pk}") for one in people
        )
    banned = Customer.objects.alias(slot=F("pk") % 20).filter(slot=0)
    insert_from(Ban, banned, customer=F("pk"), type="other", started_at=now, by=user)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    return user


def timed(call):
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def new_broadcast(user, state):
    return Broadcast.objects.create(
        channel="inbox", subject="bench", body="{nick}", by=user, created_at=timezone.now(), state=state
    )


def run_all(kind):
    while work(kind, clock=timezone.now):
        pass


def bare_deliveries(broadcast):
    now = timezone.now()
    insert_from(Delivery, Customer.objects.bound(), broadcast=broadcast, customer=F("pk"), planned_at=now)


def bare_messages(broadcast):
    now = timezone.now()
    insert_from(InboxMessage, Customer.objects.bound(), broadcast=broadcast, customer=F("pk"), sent_at=now)


def measure(user, rounds):
    """Seconds per round of each step and of its baseline."""
    times = {"plan": [], "plan_bare": [], "deliver": [], "deliver_bare": []}
    for _ in range(rounds):
        baseline = new_broadcast(user, Broadcast.State.DRAFT)
        times["plan_bare"].append(timed(lambda: bare_deliveries(baseline)))  # noqa: B023  (called at once)
        times["deliver_bare"].append(timed(lambda: bare_messages(baseline)))  # noqa: B023
        new_broadcast(user, Broadcast.State.PLANNING)
        times["plan"].append(timed(lambda: run_all(WorkKind.PLAN)))
        times["deliver"].append(timed(lambda: run_all(WorkKind.SEND)))
    return times


def report(times, count):
    print(f"{connection.vendor}, {count:,} recipients, median of {len(times['plan'])} rounds")
    print(f"{'':<10}{'seconds':>9}{'rows/s':>10}{'baseline':>10}{'ratio':>7}   baseline is")
    for name, told in (
        ("plan", "the same rows by one bare INSERT … SELECT"),
        ("deliver", "the inbox messages alone by one bare INSERT … SELECT"),
    ):
        ours, bare = statistics.median(times[name]), statistics.median(times[f"{name}_bare"])
        print(f"{name:<10}{ours:>9.2f}{count / ours:>10,.0f}{bare:>10.2f}{ours / bare:>7.1f}   {told}", flush=True)


def main(count, rounds):
    runner = DiscoverRunner(verbosity=0, interactive=False)
    databases = runner.setup_databases()
    try:
        report(measure(fill(count), rounds), count)
    finally:
        runner.teardown_databases(databases)


main(int(sys.argv[1]), int(sys.argv[2]))
