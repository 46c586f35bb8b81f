"""Importing a blocklist: a bulk ban whose type, note and end stand in the rows of a file."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from customers.imports.rejects import Rejects
from customers.models import Customer, Job, User
from customers.services import jobs
from customers.services.exports import FOLDER

from .ban_lists import ListedBan, Reading, Reject
from .bans import ban_purchases
from .bulk_actions import BanPurchases
from .open_orders import KEEP_ALL

if TYPE_CHECKING:
    from customers.models.customer import CustomerQuerySet

BAN_PERMISSION, EXPORT_PERMISSION = "blocklist.import_bans", "blocklist.export_bans"


class ImportBans(BanPurchases):
    """Parameters: `bans`, the rows as `start_import` stores them, and `rejects`, the rows that were left out.

    A second person approves it as he does a bulk ban, and it is undone like one.
    """

    name = "import_bans"
    label = gettext_lazy("Import a blocklist")
    refusals = {**BanPurchases.refusals, "past": gettext_lazy("the end of this ban has passed meanwhile")}
    # Each row may be a ban unlike the others, and orders wait while they are set.
    stretch = 50

    def chosen(self, job: Job, *, by: User) -> CustomerQuerySet:
        if not by.has_perm(BAN_PERMISSION):
            raise PermissionDenied(_("You may not import a blocklist."))
        return Customer.objects.visible_to(by).filter(pk__in=[ban.customer for ban in listed(job)])

    def refused(self, customers: CustomerQuerySet, *, job: Job, by: User, at: datetime) -> dict[str, CustomerQuerySet]:
        past = [ban.customer for ban in listed(job) if ban.until and ban.until <= at]
        return {**super().refused(customers, job=job, by=by, at=at), "past": customers.filter(pk__in=past)}

    def apply(self, customers: CustomerQuerySet, *, job: Job, by: User, at: datetime) -> None:
        wanted = set(customers.values_list("pk", flat=True))
        alike: dict[tuple[str, str, datetime | None], list[int]] = defaultdict(list)
        for ban in listed(job):
            if ban.customer in wanted:
                alike[ban.type, ban.note, ban.until].append(ban.customer)
        for (type_, note, until), ids in alike.items():
            those = Customer.objects.filter(pk__in=ids)
            choice = job.parameters.get("open_orders", KEEP_ALL.others)
            ban_purchases(those, type=type_, note=note, until=until, by=by, at=at, job=job, open_orders=choice)

    def step(self, job: Job, *, at: datetime) -> bool:
        goes_on = super().step(job, at=at)
        if not goes_on and job.parameters["rejects"]:
            job.result_path = f"{FOLDER}/{job.pk}-rejects.csv"
            path = Path(settings.DATA_DIR) / job.result_path
            write_rejects(path, [Reject(*reject) for reject in job.parameters["rejects"]])
            job.message = _("Rows of the file that were left out: %(count)d. The file here names them.") % {
                "count": len(job.parameters["rejects"])
            }
        return goes_on

    def describe(self, job: Job) -> str:
        return str(self.label)


def start_import(reading: Reading, *, by: User, at: datetime) -> Job:
    """Ask for the bans of a list that was read, in the background. The rows that cannot be taken over are reported.

    Raises PermissionDenied.
    """
    if not by.has_perm(BAN_PERMISSION):
        raise PermissionDenied(_("You may not import a blocklist."))
    rows = [[ban.line, ban.customer, ban.type, ban.note, ban.until and ban.until.isoformat()] for ban in reading.bans]
    rejects = [[reject.line, reject.column, reject.reason] for reject in reading.rejects]
    return jobs.start(ImportBans.name, by=by, at=at, bans=rows, rejects=rejects)


def listed(job: Job) -> list[ListedBan]:
    """The rows that the job is to take over."""
    return [
        ListedBan(line, customer, type_, note, parse_datetime(until) if until else None)
        for line, customer, type_, note, until in job.parameters["bans"]
    ]


def write_rejects(path: Path, rejects: Sequence[Reject]) -> None:
    """The rejected rows as a file for a spreadsheet."""
    with Rejects(path) as file:
        for one in rejects:
            file.add("", one.line, one.column, one.reason)
