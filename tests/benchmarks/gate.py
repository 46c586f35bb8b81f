"""POST /api/v1/purchase-checks/, key check and log included, against a bare view in the same server."""

import multiprocessing
import os
import socket
import subprocess
import time
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from http.client import HTTPConnection

from django.db import connection
from django.db.models import F
from django.utils import timezone

from blocklist.models import LinkMember, Watch
from crm_site.processes import BASE_DIR, commands
from customers import identity
from customers.bulk import insert_from
from customers.models import ContactValue, Customer, Source, User
from customers.services.api_keys import create_key

from . import load
from .harness import Result, in_turn
from .shop import BATCH, fill, settle_down

SECONDS = 3
# Of so many customers one is watched, and two are one person by a confirmed link.
ONE_WATCHED_IN, ONE_LINKED_IN = 100, 50
PATH = "/api/v1/purchase-checks/"
# By the kind of question: how it names the buyer, and the goal. Refusals write, so there is none for them alone.
QUESTIONS = {
    "gate": (load.by_nick, 0.5),
    "gate, five identifiers": (load.by_all, 0.5),
    "gate, all refused": (load.by_all_of_banned, 0),
}


def measure(*, customers, rounds):
    fill(customers)
    fill_gate(customers)
    source = Source.objects.get(code="bench")
    key = create_key("bench", source=source, scopes=["purchase-checks:write"], at=timezone.now())[1]
    with serving() as port, ProcessPoolExecutor(load.PROCESSES, multiprocessing.get_context("spawn")) as clients:

        def speed(path, question):
            jobs = [
                clients.submit(load.run, port, path, key, question, customers, SECONDS, n)
                for n in range(load.PROCESSES)
            ]
            return sum(job.result() for job in jobs)

        for name, (question, goal) in QUESTIONS.items():
            for path in (PATH, "/bare/"):
                speed(path, question)  # everything is loaded
            ours, baseline = in_turn(
                lambda question=question: speed(PATH, question),
                lambda question=question: speed("/bare/", question),
                rounds,
            )
            yield Result(
                benchmark=name,
                database=connection.vendor,
                unit="requests",
                speed=ours,
                baseline=baseline,
                baseline_is="a view that returns a constant, in the same server",
                least_share=goal,
            )


def fill_gate(customers):
    """A phone and an address for everybody, links and watches for some."""
    at, by = timezone.now(), User.objects.get(username="bench")
    first = Customer.objects.earliest("pk").pk
    for start in range(0, customers, BATCH):
        numbers = range(start, min(start + BATCH, customers))
        ContactValue.objects.bulk_create(
            ContactValue(customer_id=first + number, kind=kind, value=value, key=identity.contact_key(kind, value))
            for number in numbers
            for kind, value in (("phone", load.phone(number)), ("address", load.address(number)))
        )
    LinkMember.objects.bulk_create(
        LinkMember(customer_id=first + number, cluster=first + number - number % ONE_LINKED_IN)
        for number in range(customers)
        if number % ONE_LINKED_IN < 2
    )
    watched = Customer.objects.alias(slot=F("pk") % ONE_WATCHED_IN).filter(slot=1)
    insert_from(Watch, watched, customer=F("pk"), type="other", started_at=at, by=by, confirmed_at=at)
    settle_down()


@contextmanager
def serving():
    """The server of `make serve`, with one view more."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    connection.close()
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.benchmarks.gate_settings"}
    server = subprocess.Popen(
        commands("127.0.0.1", port)["web"],
        cwd=BASE_DIR,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        end = time.monotonic() + 60
        while not is_up(port):
            if server.poll() is not None or time.monotonic() > end:
                raise RuntimeError("The server of the benchmark did not come up.")
            time.sleep(0.1)
        yield port
    finally:
        server.terminate()
        server.wait()


def is_up(port):
    try:
        probe = HTTPConnection("127.0.0.1", port, timeout=5)
        probe.request("GET", "/healthz")
        return probe.getresponse().status == 200
    except OSError:
        return False
