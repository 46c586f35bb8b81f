"""Reverting an import: the one place where customers and orders are deleted, and only those that nobody touched.

What holds a row, its own relations tell: whatever protects it against deletion (PROTECT), from whichever app, and is
not itself an untouched row of the import, holds it. Rows that the house writes about it by itself (CASCADE: scores,
suggestions) go with it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.db import models
from django.db.models import Case, CharField, Exists, OuterRef, ProtectedError, Q, QuerySet, Value, When
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from customers.bulk import stretch_end
from customers.models import (
    Account,
    ContactValue,
    Customer,
    EventRow,
    ImportRun,
    Job,
    Order,
    OrderLine,
    Product,
    Refund,
    Review,
)
from customers.models.import_run import Imported
from customers.signals import accounts_changed

from . import audit
from .contacts import REVEALED
from .jobs import CannotGoOn, JobKind, asker
from .trade_figures import refresh_trade_figures

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

Held = Mapping[str, Q]

ANY = Q(pk__isnull=False)

# Events that tell of looking at a row and not of changing it.
LOOKED_AT = (REVEALED,)
REASONS: dict[str, StrOrPromise] = {
    "edited": gettext_lazy("were changed since"),
    "checked": gettext_lazy("were found good or bad since"),
    "older": gettext_lazy("complete an order that was there before"),
    "needed": gettext_lazy("name a customer who has other orders of this source"),
}


def reason_label(code: str) -> str:
    """Why rows are kept, as a sentence without its subject; a code is one of REASONS or what holds the rows."""
    if code in REASONS:
        return str(REASONS[code])
    return _("have %(rows)s that are kept") % {"rows": apps.get_model(code)._meta.verbose_name_plural}


# What holds a row ---------------------------------------------------------------------------------------------------


def _touched(model: type[models.Model], run: ImportRun) -> dict[str, Q]:
    """Why a row of this run is kept, by code: each a condition on the rows of `model`."""
    events = EventRow.objects.filter(model=model._meta.label_lower, row_id=OuterRef("pk"))
    edited = Q(Exists(events.exclude(event__verb__in=LOOKED_AT)))
    if any(field.name == "updated_at" for field in model._meta.concrete_fields):
        edited |= Q(updated_at__gt=run.finished_at)
    reasons = {"edited": edited}
    if model is ContactValue:
        reasons["checked"] = ~Q(state=ContactValue.State.UNCHECKED)
    for relation in _protecting(model):
        # what refers to its own kind (who was merged into whom) is a person's doing, and would lead round in a circle
        stays = ANY if relation.model is model else _stays(relation.model, run)
        rows = relation.model._default_manager.filter(stays, **{relation.name: OuterRef("pk")})
        code = relation.model._meta.label_lower
        reasons[code] = reasons.get(code, Q()) | Q(Exists(rows))
    return reasons


def _protecting(model: type[models.Model]) -> list[models.ForeignKey[Any, Any]]:
    """The foreign keys of any app that protect a row of this model against deletion."""
    relations = model._meta.get_fields(include_hidden=True)
    keys = [relation.field for relation in relations if isinstance(relation, models.ManyToOneRel)]
    return [key for key in keys if key.remote_field.on_delete is models.PROTECT]


def _stays(model: type[models.Model], run: ImportRun) -> Q:
    """Which rows of `model` are there after the revert, whatever becomes of what they refer to."""
    if not issubclass(model, Imported):
        return ANY
    stays = Q(import_run=None) | ~Q(import_run=run)
    for condition in _touched(model, run).values():
        stays |= condition
    return stays


def _order_stays(run: ImportRun) -> Q:
    return Q(Exists(Order.objects.filter(_stays(Order, run), pk=OuterRef("order"))))


def _why_account_stays(run: ImportRun) -> dict[str, Q]:
    orders = Order.objects.filter(_stays(Order, run), customer=OuterRef("customer"), source=OuterRef("source"))
    return {**_touched(Account, run), "needed": Q(Exists(orders))}


def _why_product_stays(run: ImportRun) -> dict[str, Q]:
    """A line stays with its order."""
    lines = OrderLine.objects.filter(_stays(OrderLine, run) | _order_stays(run), product=OuterRef("pk"))
    return {**_touched(Product, run), OrderLine._meta.label_lower: Q(Exists(lines))}


@dataclass(frozen=True)
class Phase:
    """Rows of one kind. `parts` are deleted with them: models, and the key by which they belong to the row."""

    model: type[Imported]
    why_kept: Callable[[ImportRun], Held]
    parts: tuple[tuple[type[Imported], str], ...] = ()
    # of which rows of the run the phase decides; the others stay or go with what they belong to
    those: Callable[[ImportRun], Q] = lambda run: Q()

    def candidates(self, run: ImportRun) -> QuerySet[Any]:
        return self.model._default_manager.filter(self.those(run), import_run=run)


def _not_of(name: str) -> Callable[[ImportRun], Q]:
    """Rows that belong to a row that another run, or nobody, imported."""
    return lambda run: Q(**{f"{name}__import_run": None}) | ~Q(**{f"{name}__import_run": run})


def _why_touched(model: type[models.Model]) -> Callable[[ImportRun], Held]:
    return lambda run: _touched(model, run)


def _older(run: ImportRun) -> Held:
    return {"older": ANY}


# what refers to something stands before it
PHASES = (
    Phase(Order, _why_touched(Order), ((Review, "order"), (Refund, "order"), (OrderLine, "order"))),
    Phase(Review, _why_touched(Review), those=_not_of("order")),
    Phase(OrderLine, _older, those=_not_of("order")),
    Phase(Refund, _older, those=_not_of("order")),
    Phase(Customer, _why_touched(Customer), ((ContactValue, "customer"), (Account, "customer"))),
    Phase(ContactValue, _why_touched(ContactValue), those=_not_of("customer")),
    Phase(Account, _why_account_stays, those=_not_of("customer")),
    Phase(Product, _why_product_stays),
)


# The job ------------------------------------------------------------------------------------------------------------


class RevertImport(JobKind):
    """Deletes what the run of the parameter `run` made and nobody touched since, in stretches of its rows.

    With `is_trial` it only counts. What it counted goes into the run: {"gone": {kind: n}, "kept": {kind: {why: n}}}.
    """

    name = "revert_import"
    label = gettext_lazy("Revert an import")

    def step(self, job: Job, *, at: datetime) -> bool:
        by = asker(job)
        if not by.has_perm("customers.revert_importrun"):
            raise PermissionDenied(_("You may not revert imports."))
        run = ImportRun.objects.get(pk=job.parameters["run"])
        if run.finished_at is None:
            raise CannotGoOn(_("This import is not over."))
        if job.total is None:
            job.total = sum(phase.candidates(run).count() for phase in PHASES)
        place = job.parameters.setdefault("phase", 0)
        if place == len(PHASES):
            self._finish(job, run, at=at)
            return False
        self._revert_stretch(job, PHASES[place], run, at=at)
        return True

    def _revert_stretch(self, job: Job, phase: Phase, run: ImportRun, *, at: datetime) -> None:
        rest = phase.candidates(run).filter(pk__gt=job.collected_up_to)
        last = stretch_end(rest, settings.WRITE_BATCH)
        if last is None:
            job.parameters["phase"] += 1
            job.collected_up_to = 0
            return
        is_trial = job.parameters["is_trial"]
        rows = phase.model._default_manager.filter(pk__in=list(rest.filter(pk__lte=last).values_list("pk", flat=True)))
        if not is_trial:
            # whoever refers to one of these rows now waits, and then finds it gone or is seen here
            list(rows.select_for_update().order_by("pk").values_list("pk", flat=True))
        reasons = [When(condition, then=Value(code)) for code, condition in phase.why_kept(run).items()]
        why = Case(*reasons, default=Value(""), output_field=CharField())
        told = list(rows.annotate(why=why).values_list("pk", "why"))
        free = [pk for pk, code in told if not code]
        gone = _delete(phase, free, at=at, is_trial=is_trial)
        job.parameters["gone"] = dict(Counter(job.parameters.get("gone", {})) + gone)
        kept = Counter(code for _pk, code in told if code)
        if kept:
            counts = job.parameters.setdefault("kept", {})
            name = str(phase.model._meta.model_name)
            counts[name] = dict(Counter(counts.get(name, {})) + kept)
        job.done_count += len(free)
        job.refused_count += len(told) - len(free)
        job.collected_up_to = last

    def _finish(self, job: Job, run: ImportRun, *, at: datetime) -> None:
        is_trial = job.parameters["is_trial"]
        run.revert_counts = {
            "is_trial": is_trial,
            "gone": job.parameters.get("gone", {}),
            "kept": job.parameters.get("kept", {}),
        }
        run.save(update_fields=["revert_counts"])
        if not is_trial:
            rows = ImportRun.objects.filter(pk=run.pk)
            rows.update(state=ImportRun.State.REVERTED)
            audit.record("import.reverted", rows, by=job.by, at=at)


def _delete(phase: Phase, ids: list[int], *, at: datetime, is_trial: bool) -> Counter[str]:
    """Delete rows with their parts and refresh the figures of who keeps other orders; return how many, by kind."""
    gone: Counter[str] = Counter()
    buyers = list(Order.objects.filter(pk__in=ids).values_list("customer", flat=True)) if phase.model is Order else []
    owners = Account.objects.filter(pk__in=ids if phase.model is Account else [])
    lost = list(owners.values_list("source", "customer"))
    try:
        for model, key in (*phase.parts, (phase.model, "pk")):
            rows = model._default_manager.filter(**{f"{key}__in": ids})
            count = rows.count()
            if count:
                gone[str(model._meta.model_name)] += count
            if not is_trial:
                rows.delete()
    except ProtectedError as error:
        raise CannotGoOn(_("Somebody is at work on these rows. Revert the import once more.")) from error
    if not is_trial and (customers := {buyer for buyer in buyers if buyer}):
        refresh_trade_figures(Customer.objects.filter(pk__in=customers), at=at)
    for source in {source for source, _owner in lost} if not is_trial else ():
        who = {owner for where, owner in lost if where == source}
        accounts_changed.send(sender=Account, customers=who, source_id=source)
    return gone
