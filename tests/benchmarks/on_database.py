"""One benchmark on the database of DATABASE_URL: `… BENCHMARK CUSTOMERS ROUNDS`; prints a line of JSON per result."""

import json
import os
import sys
from dataclasses import asdict
from importlib import import_module

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "crm_site.settings")
os.environ.setdefault("APPEND_ONLY_TRIGGERS", "false")  # rounds begin by emptying all tables
django.setup()

from django.core.management import call_command  # noqa: E402  (after the setup)


def main(benchmark, customers, rounds):
    call_command("migrate", interactive=False, verbosity=0)
    measure = import_module(f"tests.benchmarks.{benchmark}").measure
    for result in measure(customers=customers, rounds=rounds):
        print(json.dumps(asdict(result)), flush=True)


if __name__ == "__main__":  # and not where a client process of the gate's benchmark loads this file
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
