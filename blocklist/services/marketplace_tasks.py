"""What is to be done by hand in the marketplaces' own seller tools when a ban is set, lifted or over."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Case, DateTimeField, Exists, F, OuterRef, Subquery, Value, When
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.translation import gettext as _

from blocklist.models import Ban, MarketplaceTask
from customers import locks
from customers.bulk import in_batches, insert_from
from customers.models import Account, Customer, User
from customers.services import audit

if TYPE_CHECKING:
    from blocklist.models.ban import BanQuerySet

TICK = "blocklist.change_marketplacetask"
Action = MarketplaceTask.Action


class MayNotTick(PermissionDenied):
    """The staff user may not tick this task, or not take the tick back. The message says why."""


def add_tasks(bans: BanQuerySet, action: MarketplaceTask.Action, *, at: datetime) -> int:
    """A task for each account that a marketplace has of the bans' customers; return how many. Repeating is safe.

    What was to be done before for these accounts is needless from now on, and so is the new task where the marketplace
    stands so already, as far as tasks were ticked. So a lift before anybody blocked the buyer leaves nothing to do.
    Nobody is unblocked whom another ban keeps from buying.
    """
    of_customer = bans.filter(customer=OuterRef("customer")).order_by("-pk")
    accounts = Account.objects.filter(source__is_marketplace=True, customer__in=bans.values("customer"))
    if action == Action.UNBLOCK:
        accounts = accounts.exclude(customer__in=Ban.objects.standing(at).values("customer"))
    last_done = MarketplaceTask.objects.done().filter(account=OuterRef("pk")).order_by("-pk").values("action")[:1]
    stands_so = When(stands=action, then=Value(at, output_field=DateTimeField()))
    count = insert_from(
        MarketplaceTask,
        accounts.annotate(
            ban_id=Subquery(of_customer.values("pk")[:1]), stands=Coalesce(Subquery(last_done), Value(Action.UNBLOCK))
        ),
        ban=F("ban_id"),
        account=F("pk"),
        action=action,
        created_at=at,
        needless_at=Case(stands_so, output_field=DateTimeField()),
        ignore_conflicts=True,
    )
    MarketplaceTask.objects.overtaken().filter(account__in=accounts.values("pk")).update(needless_at=at)
    return count


def add_missing_tasks(*, at: datetime) -> None:
    """Ask for what no ban asked for when it was set: of accounts, or marketplaces, that became known as such since.

    The scheduler calls it; repeating is safe.
    """
    asked = MarketplaceTask.objects.filter(ban=OuterRef(OuterRef("pk")), account=OuterRef("pk"), action=Action.BLOCK)
    accounts = Account.objects.filter(~Exists(asked), source__is_marketplace=True, customer=OuterRef("customer"))
    for stretch in in_batches(Ban.objects.standing(at).filter(Exists(accounts))):
        locks.close_intake()
        bans = list(stretch.values_list("pk", flat=True))
        add_tasks(Ban.objects.filter(pk__in=bans), Action.BLOCK, at=at)


def why_may_not_tick(task: MarketplaceTask, user: User) -> str:
    """Why this staff user may not tick the task; empty where he may: who has the right and may change the customer."""
    if not user.has_perm(TICK):
        return _("You have no right to tick what was done in a marketplace.")
    if not Customer.objects.editable_by(user).filter(pk=task.account.customer_id).exists():
        return _("This is the customer of another agent.")
    return ""


def tick(task: MarketplaceTask, *, by: User, at: datetime) -> MarketplaceTask:
    """Note that it was done in the marketplace, by whom and when; the first tick stays, so repeating is safe.

    One that had become needless may have been done all the same; what undoes it is then to be done after all. Raises
    MayNotTick without the right.
    """
    with transaction.atomic():
        locks.close_intake()
        if why_not := why_may_not_tick(task, by):
            raise MayNotTick(why_not)
        this = MarketplaceTask.objects.filter(pk=task.pk)
        if this.filter(done_at__isnull=True).update(done_at=at, done_by=by, needless_at=None):
            audit.record("marketplace_task.ticked", this, by=by, at=at, fields=["done_at"])
            _reopen_what_undoes(task)
    task.refresh_from_db()
    return task


def _reopen_what_undoes(task: MarketplaceTask) -> None:
    last = MarketplaceTask.objects.filter(account=task.account_id).order_by("-pk")[0]
    if last.pk != task.pk and last.action != task.action:
        MarketplaceTask.objects.needless().filter(pk=last.pk).update(needless_at=None)


def why_may_not_untick(task: MarketplaceTask, user: User, *, at: datetime, has_later: bool | None = None) -> str:
    """Why this staff user may not take the tick back; empty where he may.

    `has_later`: whether the account has a later task; where it is not told it is looked up (one query).
    """
    if task.done_at is None:
        return _("This task is not ticked.")
    if task.done_by_id != user.pk or timezone.localdate(task.done_at) != timezone.localdate(at):
        return _("Only whoever ticked it takes the tick back, on the same day.")
    if has_later is None:
        has_later = MarketplaceTask.objects.filter(account=task.account_id, pk__gt=task.pk).exists()
    if has_later:
        return _("A later task builds on this tick.")
    return ""


def untick(task: MarketplaceTask, *, by: User, at: datetime) -> MarketplaceTask:
    """Take back a tick that was a mistake. Raises MayNotTick for others, on another day, and before a later task."""
    with transaction.atomic():
        locks.close_intake()
        task.refresh_from_db()
        if why_not := why_may_not_untick(task, by, at=at):
            raise MayNotTick(why_not)
        this = MarketplaceTask.objects.filter(pk=task.pk)
        this.update(done_at=None, done_by=None)
        audit.record("marketplace_task.unticked", this, by=by, at=at, fields=["done_at"])
    task.refresh_from_db()
    return task
