"""Empty databases to measure on, which are gone afterwards."""

import os
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

import psycopg


def scratch_databases():
    """Yield the URL of an empty database, and a data folder for it: SQLite, then PostgreSQL where there is one."""
    with tempfile.TemporaryDirectory() as folder:
        yield f"sqlite:///{Path(folder) / 'bench.sqlite3'}", folder
    if server := os.environ.get("TEST_DATABASE_URL"):
        name = f"crm_bench_{os.getpid()}"
        with tempfile.TemporaryDirectory() as folder, psycopg.connect(server, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
            try:
                yield urlsplit(server)._replace(path=f"/{name}").geturl(), folder
            finally:
                connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
