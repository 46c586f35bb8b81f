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
from django.utils import timezone

from crm_site.processes import BASE_DIR, commands
from customers.models import Source
from customers.services.api_keys import create_key

from . import load
from .harness import Result, in_turn
from .shop import fill

SECONDS = 3


def measure(*, customers, rounds):
    fill(customers)
    source = Source.objects.get(code="bench")
    key = create_key("bench", source=source, scopes=["purchase-checks:write"], at=timezone.now())[1]
    with serving() as port, ProcessPoolExecutor(load.PROCESSES, multiprocessing.get_context("spawn")) as clients:

        def speed(path):
            jobs = [clients.submit(load.run, port, path, key, customers, SECONDS, n) for n in range(load.PROCESSES)]
            return sum(job.result() for job in jobs)

        for path in ("/api/v1/purchase-checks/", "/bare/"):
            speed(path)  # everything is loaded
        ours, baseline = in_turn(lambda: speed("/api/v1/purchase-checks/"), lambda: speed("/bare/"), rounds)
    yield Result(
        benchmark="gate",
        database=connection.vendor,
        unit="requests",
        speed=ours,
        baseline=baseline,
        baseline_is="a view that returns a constant, in the same server",
        least_share=0.5,
    )


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
