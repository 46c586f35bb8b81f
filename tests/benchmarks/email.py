"""`python -m tests.benchmarks.email 20000`: one worker plans and sends a broadcast by e-mail to a sink on loopback.

Reads DATABASE_URL; works in a test database of its own.
"""

import os
import smtplib
import subprocess
import sys
import time

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "crm_site.settings")
os.environ["DEBUG"] = "false"
os.environ.setdefault("SECRET_KEY", "bench")

import django

django.setup()

from django.conf import settings  # noqa: E402
from django.db import connection  # noqa: E402
from django.test.runner import DiscoverRunner  # noqa: E402
from django.utils import timezone  # noqa: E402

from customers.models import Account, Agent, ContactValue, Customer, Source, User  # noqa: E402
from messaging.models import Broadcast  # noqa: E402
from messaging.services.broadcasts import ledger  # noqa: E402
from messaging.services.work import work  # noqa: E402
from messaging.signals import WorkKind  # noqa: E402
from tests.messaging.smtp_sink import free_port  # noqa: E402


def fill(count):
    now = timezone.now()
    user = User.objects.create_user("bench")
    agent = Agent.objects.create(user=user, display_name="bench")
    source = Source.objects.create(code="bench", name="bench")
    people = Customer.objects.bulk_create((Customer(registered_at=now, agent=agent) for _ in range(count)), 5_000)
    Account.objects.bulk_create(
        (Account(customer=one, source=source, external_id=f"{one.pk}", nick=f"晚风{one.pk}") for one in people), 5_000
    )
    ContactValue.objects.bulk_create(
        (ContactValue(customer=one, kind="email", value=f"c{one.pk}@example.com", key=f"{one.pk}") for one in people),
        5_000,
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    return user


def bare_smtplib(count):
    message = b"Subject: x\r\n\r\n" + b"x" * 70 + b"\r\n" * 30
    start = time.perf_counter()
    with smtplib.SMTP(settings.EMAIL_HOST, settings.EMAIL_PORT) as server:
        for number in range(count):
            server.sendmail("a@example.com", [f"c{number}@example.com"], message)
    return time.perf_counter() - start


def run(user, count):
    text = {"subject": "{nick}, something new", "body": "Hello {nick}, it is here.\n" * 10}
    now = timezone.now()
    broadcast = Broadcast.objects.create(channel="email", by=user, created_at=now, state="planning", **text)
    seconds = {}
    for kind in (WorkKind.PLAN, WorkKind.SEND):
        start = timezone.now()
        while work(kind, clock=timezone.now):
            pass
        seconds[kind] = (timezone.now() - start).total_seconds()
    assert ledger(broadcast).by_state["sent"] == count, ledger(broadcast)
    whole = sum(seconds.values())
    bare = bare_smtplib(count)
    print(
        f"{connection.vendor}: {count:,} e-mails, planned in {seconds[WorkKind.PLAN]:.2f} s, "
        f"sent in {seconds[WorkKind.SEND]:.2f} s: {count / whole:,.0f} a second end to end"
        f" (the same connection with bare smtplib just now: {count / bare:,.0f})",
        flush=True,
    )


def main(count, rounds=3):
    port = free_port()
    sink = subprocess.Popen([sys.executable, "-m", "tests.benchmarks.email_sink", str(port)], stdout=subprocess.PIPE)
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", port
    runner = DiscoverRunner(verbosity=0, interactive=False)
    databases = runner.setup_databases()
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.TASKS = {"default": {"BACKEND": "django_tasks.backends.dummy.DummyBackend"}}
    try:
        sink.stdout.readline()
        user = fill(count)
        for _ in range(rounds):
            run(user, count)
    finally:
        sink.terminate()
        sink.wait()
        runner.teardown_databases(databases)


if __name__ == "__main__":
    main(int(sys.argv[1]))
