"""A broadcast by e-mail with one worker, end to end, against one smtplib connection that sends the same bytes.

Planning, claims and the ledger are on our side of the comparison only.
"""

import re
import smtplib
import socket
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings
from django.db import connection

from customers.models import ContactValue
from messaging.models import Broadcast
from messaging.signals import WorkKind

from .harness import Result, in_turn, seconds
from .shop import fill, new_broadcast, work_off
from .smtp_sink import messages


def measure(*, customers, rounds):
    if "email" not in settings.CHANNELS:
        return
    user = fill(customers // 5)
    with sink() as (port, file):
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", port
        settings.TASKS = {"default": {"BACKEND": "django_tasks.backends.dummy.DummyBackend"}}
        deliver(user)  # everything is loaded, and the bytes are there
        prepared = list(messages(file))
        ours, baseline = in_turn(lambda: deliver(user), lambda: bare(port, prepared), rounds)
    yield Result(
        benchmark="deliver, e-mail",
        database=connection.vendor,
        unit="e-mails",
        speed=len(prepared) / ours,
        baseline=len(prepared) / baseline,
        baseline_is="one smtplib connection that sends the same bytes to the same sink",
        least_speed=2_000,
    )


def deliver(user):
    broadcast = new_broadcast(user, Broadcast.State.PLANNING, channel="email")
    taken = seconds(lambda: [work_off(kind) for kind in (WorkKind.PLAN, WorkKind.SEND)])
    sent = broadcast.deliveries.filter(state="sent").count()
    if not 0 < sent < ContactValue.objects.count():  # the banned get nothing
        raise RuntimeError(f"{sent} were sent")
    return taken


def bare(port, prepared):
    told = [(re.search(rb"\nTo: [^@]*?([^\s<]+@[^\s>]+)", text)[1].decode(), text) for text in prepared]

    def send():
        with smtplib.SMTP("127.0.0.1", port) as server:
            for address, text in told:
                server.sendmail("shop@example.com", [address], text)

    return seconds(send)


@contextmanager
def sink():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "messages"
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.benchmarks.smtp_sink", f"{port}", file], stdout=subprocess.PIPE
        )
        try:
            process.stdout.readline()
            yield port, file
        finally:
            process.terminate()
            process.communicate()
