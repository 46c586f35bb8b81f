"""Two customers who are one person: finding them, and merging one into the other (合并)."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.db.models import Case, Exists, F, OuterRef, QuerySet, Subquery, When
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from customers import locks
from customers.bulk import insert_from
from customers.models import ContactValue, Customer, Duplicate, Merge, User
from customers.parts import parts
from customers.signals import customer_merged

from . import audit
from .jobs import SearchKind, start_once
from .levels import take_over_level
from .trade_figures import refresh_trade_figures

if TYPE_CHECKING:
    from customers.models.customer import CustomerQuerySet

# What the kept customer takes over where he has nothing himself.
FACTS = ("language", "time_zone", "province", "city")


class MayNotMerge(PermissionDenied):
    """The staff user may not merge these two. The message says why."""


def preview(merged: Customer) -> list[tuple[str, int]]:
    """What would move, by kind, with the number of rows; kinds without rows are left out."""
    counted = [(str(part.label), part.rows(merged).count()) for part in parts.merge_parts]
    return [(label, count) for label, count in counted if count]


def merge(kept: Customer, merged: Customer, *, by: User, at: datetime, reason: str = "") -> Merge:
    """Make everything that is the merged customer's the kept one's, and return the record of what moved.

    The accounts move, so every old name finds the kept customer. Of two rows that cannot both stay (open bans,
    opt-outs, deliveries of one broadcast) the stricter one does. The merged customer's row remains, without anything,
    and points to the kept one. Orders under way wait, as they do for a ban.

    Raises MayNotMerge without the right or for a customer whom `by` may not change, ValidationError where the two are
    one already or either was merged before.
    """
    if not by.has_perm("customers.merge_customer"):
        raise MayNotMerge(_("Only a lead or a manager merges customers."))
    with transaction.atomic():
        locks.close_intake()
        locks.route_alone()
        both = Customer.objects.select_for_update().filter(pk__in=[kept.pk, merged.pk]).order_by("pk")
        current = {customer.pk: customer for customer in both}
        kept, merged = current[kept.pk], current[merged.pk]
        _check(kept, merged, by=by)
        moved = _move(kept, merged, by=by, at=at)
        take_over_level(kept, merged, by=by, at=at)
        _take_over(kept, merged)
        Duplicate.objects.filter(first=merged).delete()
        Duplicate.objects.filter(second=merged).delete()
        merges = Merge.objects.create(kept=kept, merged=merged, reason=reason[:200], moved=moved, by=by, at=at)
        touched = Customer.objects.filter(pk__in=[kept.pk, merged.pk])
        audit.record("customer.merged", touched, by=by, at=at, fields=["merged_into"], reason=reason)
        refresh_trade_figures(touched, at=at)
        customer_merged.send(sender=Customer, kept=kept, merged=merged, by=by, at=at)
    return merges


def _check(kept: Customer, merged: Customer, *, by: User) -> None:
    if kept.pk == merged.pk:
        raise ValidationError({"merged": _("These two are the same customer.")})
    if kept.merged_into_id or merged.merged_into_id:
        raise ValidationError({"merged": _("One of these customers was merged into another already.")})
    if Customer.objects.editable_by(by).filter(pk__in=[kept.pk, merged.pk]).count() < 2:
        raise MayNotMerge(_("You may not change both of these customers."))


def _move(kept: Customer, merged: Customer, *, by: User, at: datetime) -> dict[str, list[int]]:
    """Fold and move the rows of every part; return their ids by the name of the part."""
    moved = {}
    for part in parts.merge_parts:
        if part.fold:
            part.fold(kept, merged, by, at)
        rows = part.rows(merged)
        if ids := list(rows.order_by("pk").values_list("pk", flat=True)):
            rows.update(**{part.column: kept})
            moved[part.name] = ids
    return moved


def _take_over(kept: Customer, merged: Customer) -> None:
    """What stands on the customer's own row: agent and facts that were missing, the higher level, the earlier day."""
    for name in FACTS:
        setattr(kept, name, getattr(kept, name) or getattr(merged, name))
    kept.agent = kept.agent or merged.agent
    kept.level = max(kept.level, merged.level)
    kept.registered_at = min(kept.registered_at, merged.registered_at)
    kept.save(update_fields=[*FACTS, "agent", "level", "registered_at", "updated_at"])
    merged.agent, merged.level, merged.merged_into = None, Customer.Level.NONE, kept
    merged.save(update_fields=["agent", "level", "merged_into", "updated_at"])
    Customer.objects.filter(merged_into=merged).update(merged_into=kept)


def dismiss(duplicate: Duplicate, *, by: User, at: datetime) -> None:
    """Say that these two are not the same person: they are not suggested again. Repeating is safe."""
    if not by.has_perm("customers.merge_customer"):
        raise MayNotMerge(_("Only a lead or a manager decides this."))
    with transaction.atomic():
        this = Duplicate.objects.undecided().filter(pk=duplicate.pk)
        if this.update(dismissed_at=at, dismissed_by=by):
            rows = Duplicate.objects.filter(pk=duplicate.pk)
            audit.record("duplicate.dismissed", rows, by=by, at=at, fields=["dismissed_at"])


def moved_counts(done: Merge) -> list[tuple[str, int]]:
    """How many rows of each kind a merge moved."""
    labels = {part.name: str(part.label) for part in parts.merge_parts}
    return [(labels.get(name, name), len(ids)) for name, ids in done.moved.items()]


def suggested_with(customer: Customer, *, among: CustomerQuerySet) -> CustomerQuerySet:
    """Who of these customers may be the same person as this one."""
    undecided = Duplicate.objects.undecided()
    others = undecided.filter(first=customer).values("second").union(undecided.filter(second=customer).values("first"))
    return among.filter(pk__in=others)


class FindDuplicates(SearchKind):
    """Looks through all contact values for customers who share one, in stretches of their ids.

    Each is suggested together with the earliest customer who has the same value, so that a value which a thousand
    customers share makes a thousand suggestions and not half a million. What was dismissed stays dismissed.
    """

    name = "find_duplicates"
    label = gettext_lazy("Look for duplicates")

    def rows(self) -> QuerySet[ContactValue]:
        return ContactValue.objects.exclude(kind=ContactValue.Kind.NAME)

    def begin(self) -> None:
        Duplicate.objects.outdated().delete()

    def search(self, stretch: QuerySet[ContactValue], *, at: datetime) -> None:
        suggest(stretch, at=at)

    def found(self) -> str:
        count = Duplicate.objects.undecided().count()
        return _("%(count)d possible duplicates are waiting for a decision.") % {"count": count}


def look_for_duplicates(*, at: datetime) -> None:
    """Ask for the job in nobody's name, unless one is under way."""
    start_once(FindDuplicates.name, at=at)


def suggest(values: QuerySet[ContactValue], *, at: datetime) -> int:
    """Suggest the owners of these contact values as duplicates of whoever has the same value and came first.

    A phone or an e-mail alone is enough, an address only together with the same name. Repeating is safe.
    """
    earlier = ContactValue.objects.filter(
        kind=OuterRef("kind"), key=OuterRef("key"), customer__lt=OuterRef("customer")
    ).order_by("customer")
    names = ContactValue.objects.filter(kind=ContactValue.Kind.NAME)
    own_names = names.filter(customer=OuterRef(OuterRef(OuterRef("customer"))))
    namesakes = earlier.filter(Exists(names.filter(customer=OuterRef("customer"), key__in=own_names.values("key"))))
    first = Case(
        When(kind=ContactValue.Kind.ADDRESS, then=Subquery(namesakes.values("customer")[:1])),
        default=Subquery(earlier.values("customer")[:1]),
    )
    found = values.annotate(first_id=first).filter(first_id__isnull=False)
    return insert_from(Duplicate, found, first=F("first_id"), second=F("customer"), found_at=at, ignore_conflicts=True)


def with_shared_kinds(duplicates: QuerySet[Duplicate]) -> QuerySet[Duplicate]:
    """Adds for each kind of contact value whether both customers share one: `shares_phone`, `shares_email`, …"""

    def shared(kind: str) -> Exists:
        of_second = ContactValue.objects.filter(customer=OuterRef(OuterRef("second")), kind=kind, key=OuterRef("key"))
        return Exists(ContactValue.objects.filter(Exists(of_second), customer=OuterRef("first"), kind=kind))

    return duplicates.annotate(**{f"shares_{kind}": shared(kind) for kind in ContactValue.Kind.values})
