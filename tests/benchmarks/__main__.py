"""`make bench`: each speed against a named baseline in the same run, on SQLite and, with TEST_DATABASE_URL, PostgreSQL.

The machines are noisy: compare the ratios, not the seconds.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path


def main():
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--customers", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        urls = [f"sqlite:///{Path(folder) / 'bench.sqlite3'}"]
        if server := os.environ.get("TEST_DATABASE_URL"):
            urls.append(server)
        for url in urls:
            subprocess.run(
                [sys.executable, "-m", "tests.benchmarks.run", str(options.customers), str(options.rounds)],
                env={**os.environ, "DATABASE_URL": url, "DEBUG": "false", "SECRET_KEY": "bench", "DATA_DIR": folder},
                check=True,
            )


main()
