"""`make bench`: each speed against a baseline in the same run, on SQLite and, with TEST_DATABASE_URL, PostgreSQL."""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

from .databases import scratch_databases
from .harness import Result
from .report import table, write

BENCHMARKS = ["import_shop", "customer_list", "plan", "deliver", "deliver_email", "gate"]


def main():
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("only", nargs="*", metavar="NAME", help="which of them (default: all)")
    parser.add_argument("--customers", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--write", action="store_true", help="put the table into docs/performance.md")
    options = parser.parse_args()
    results = []
    for benchmark in options.only or BENCHMARKS:
        for url, folder in scratch_databases():
            print(f"{benchmark} on {url.partition(':')[0]} …", file=sys.stderr, flush=True)
            results += run(benchmark, url, folder, options)
    print(table(results))
    if options.write:
        write(results, customers=options.customers, rounds=options.rounds)


def run(benchmark, url, folder, options):
    """Run one benchmark on an empty database, in a process of its own."""
    child = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.on_database", benchmark, f"{options.customers}", f"{options.rounds}"],
        cwd=Path(__file__).resolve().parents[2],
        env={**os.environ, "DATABASE_URL": url, "DATA_DIR": folder, "DEBUG": "false", "SECRET_KEY": "bench"},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return [Result(**json.loads(line)) for line in child.stdout.splitlines()]


main()
