from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.apps import apps
from django.core.management.base import BaseCommand, CommandError
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone
from django.utils.translation import gettext as _
from tqdm import tqdm

from customers.imports.csv_kinds import KINDS
from customers.imports.formats import FORMATS
from customers.imports.runs import UnknownFormat, UnknownSource, import_shop
from customers.imports.staging import Progress
from customers.models import ImportRun, User


class Command(BaseCommand):
    help = "Import the customers, products, orders and reviews of a shop. Doing it twice changes nothing."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("format", help=", ".join(FORMATS))
        parser.add_argument("path", type=Path, help="the file, or for olist the folder of its CSV files")
        parser.add_argument("--source", default="", metavar="CODE", help="whose rows they are; by default the format's")
        parser.add_argument(
            "--kind", default="", choices=["", *KINDS], help="csv: what its rows are, if its columns do not tell"
        )
        parser.add_argument(
            "--map",
            nargs="+",
            default=[],
            metavar="FIELD=COLUMN",
            help="csv: which column is which field, if their names do not tell",
        )
        parser.add_argument("--by", metavar="LOGIN", help="the staff user whom the record of the import names")

    def handle(self, *args: Any, **options: Any) -> None:
        executor = MigrationExecutor(connection)
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            raise CommandError(_("The database is not up to date. Run this first: python manage.py migrate"))
        by = _staff_user(options["by"])
        try:
            with _progress_bars() as progress:
                run = import_shop(
                    options["format"],
                    options["path"],
                    by=by,
                    now=timezone.now,
                    progress=progress,
                    source_code=options["source"],
                    kind=options["kind"],
                    mapping=_mapping(options["map"]),
                )
        except (UnknownFormat, UnknownSource) as error:
            raise CommandError(str(error)) from error
        if run.state != ImportRun.State.FINISHED:
            raise CommandError(run.message)
        self.stdout.write(_summary(run))


def _mapping(pairs: list[str]) -> dict[str, str]:
    mapping = {}
    for pair in pairs:
        field, separator, column = pair.partition("=")
        if not separator or field in mapping:
            raise CommandError(_("--map %(pair)s: write FIELD=COLUMN, each field once.") % {"pair": pair})
        mapping[field] = column
    return mapping


def _staff_user(login: str | None) -> User | None:
    if not login:
        return None
    user = User.objects.filter(username=login, is_active=True, is_staff=True).first()
    if user is None:
        raise CommandError(_("There is no active staff user %(login)s.") % {"login": login})
    return user


@contextmanager
def _progress_bars() -> Iterator[Progress]:
    """One bar under the other on the terminal; silent where stderr is none."""
    bars: dict[str, tqdm[Any]] = {}

    def show(label: str, done: int, total: int) -> None:
        if label not in bars:
            for bar in bars.values():
                bar.close()
            bars[label] = tqdm(total=total, desc=label, disable=None, unit_scale=True)
        bars[label].update(done - bars[label].n)

    try:
        yield show
    finally:
        for bar in bars.values():
            bar.close()


def _summary(run: ImportRun) -> str:
    lines = [_("Import %(run)d has finished. New rows:") % {"run": run.pk}]
    for kind, count in run.created_counts.items():
        lines.append(f"  {apps.get_model('customers', kind)._meta.verbose_name_plural}: {count}")
    if run.rejected_count:
        lines.append(
            _("Rejected rows: %(count)d, listed in %(path)s of the data folder.")
            % {"count": run.rejected_count, "path": run.rejects_path}
        )
    if run.message:
        lines.append(run.message)
    return "\n".join(lines)
