"""Bringing a shop's database to this code's version, and refusing one that does not belong to this shop."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import datetime
from pathlib import Path

from django.conf import settings
from django.core.management import call_command
from django.db import connection

from customers import append_only
from customers.identity import contact_key
from customers.models import ContactValue
from customers.services import contact_keys

from .demo import is_demo_shop
from .health import unapplied_migrations

# So many of the newest contact values are looked at: one alone may be normalised in another way by now.
SAMPLE = 20


def why_not_this_database() -> str:
    """Empty where the database may be served; else the sentence that says why not."""
    if not _is_filled():
        return ""
    if is_demo_shop():
        return "This database holds the demo shop, whose key and passwords everybody knows. Use another DATA_DIR."
    known = list(ContactValue.objects.exclude(value="").exclude(kind="address").order_by("-pk")[:SAMPLE])
    if known and not any(contact_key(contact.kind, contact.value) == contact.key for contact in known):
        return (
            "CONTACT_HASH_KEY is not the one with which this database was filled, so nobody would be found by phone"
            f" or e-mail. Bring back the shop's own {settings.DATA_DIR / 'shop.env'}, or set that key."
        )
    return ""


def migrate(*, at: datetime) -> list[str]:
    """Apply what the database lacks, after a copy of a SQLite file, make outdated keys anew, and protect the audit.

    Returns what was done, a sentence each. Repeating is safe.
    """
    return [*_apply_migrations(at), *_renew_keys(), *_protect()]


def _apply_migrations(at: datetime) -> list[str]:
    lacking = sorted(f"{app}.{name}" for app, name in unapplied_migrations())
    if not lacking:
        return []
    done = []
    if _is_filled() and connection.vendor == "sqlite":
        done.append(f"Copied the database to {_copy_file(at)}.")
    call_command("migrate", interactive=False, verbosity=0)
    shown = ", ".join(lacking) if len(lacking) < 6 else f"{len(lacking)} of them"
    return [*done, f"Applied the database migrations: {shown}."]


def _protect() -> list[str]:
    """`migrate` makes the triggers; this finds what was lost since."""
    tables = append_only.protect()
    return [f"Made append-only again: {', '.join(tables)}."] if tables else []


def _renew_keys() -> list[str]:
    """Before anybody is served: what is asked today would not find a phone that is stored under an older key."""
    if contact_keys.are_current():
        return []
    return [f"Made the keys of phones, e-mails and addresses anew: {contact_keys.renew()} of them changed."]


def _is_filled() -> bool:
    return ContactValue._meta.db_table in connection.introspection.table_names()


def _copy_file(at: datetime) -> Path:
    folder = Path(settings.DATA_DIR) / "backups"
    folder.mkdir(exist_ok=True)
    file = folder / f"before-upgrade-{at:%Y%m%d-%H%M%S}.sqlite3"
    connection.ensure_connection()
    with closing(sqlite3.connect(file)) as copy:
        connection.connection.backup(copy)
    return file
