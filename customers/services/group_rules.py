"""Rule-driven groups: whoever matches a saved filter is in, everybody else is out, and nobody is put in by hand.

Membership is computed in SQL, in both directions. A rule whose filter no longer holds stops: its members stay as they
are until a person mends the rule or has it refreshed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from customers.bulk import in_batches, insert_from
from customers.filters import InvalidFilter
from customers.filters.customers import named_groups
from customers.models import Customer, Group, Job, SavedFilter, User
from customers.parts import NotificationKind

from . import audit
from .jobs import CannotGoOn, JobKind, renew, start, start_once
from .notifications import notify
from .saved_filters import customers_in
from .set_aside import set_aside
from .staff import who_may

if TYPE_CHECKING:
    from customers.models.customer import CustomerQuerySet

MEMBERSHIP = Customer.groups.through


class MayNotRule(PermissionDenied):
    """The staff user may not change groups. The message says so."""


class RuleStopped(Exception):
    """The rule does not say any more who is meant. The message says why."""


def _tell_stop(parameters: Mapping[str, Any]) -> str:
    return _("The rule of the group “%(group)s” has stopped; its members stay as they are.") % parameters


RULE_STOPPED = NotificationKind("group_rule_stopped", gettext_lazy("the rule of a group has stopped"), _tell_stop)


def set_rule(group: Group, rule: SavedFilter | None, *, by: User, at: datetime) -> Job | None:
    """Let a saved filter decide who is in the group, and return the job that computes it; or let people decide again.

    Without a rule the members stay as they are. Raises MayNotRule without the right, ValidationError (`rule`) for a
    filter that is not valid, is not his to see, or refers to this group.
    """
    if not by.has_perm("customers.change_group"):
        raise MayNotRule(_("You may not change groups."))
    if group.rule == rule:
        return None
    with transaction.atomic():
        group.rule, group.rule_by = rule, by if rule else None
        group.refreshed_at, group.rule_error = None, ""
        if rule is not None:
            check(group, rule, by=by)
        group.save(update_fields=["rule", "rule_by", "refreshed_at", "rule_error"])
        audit.record("group.rule_set", Group.objects.filter(pk=group.pk), by=by, at=at, fields=["rule"])
        return ask_for_refresh(group, by=by, at=at) if rule else None


def ask_for_refresh(group: Group, *, by: User, at: datetime) -> Job:
    """Have the members computed in the background, also where the rule has stopped. Raises MayNotRule."""
    if not by.has_perm("customers.change_group"):
        raise MayNotRule(_("You may not change groups."))
    return start(RefreshGroups.name, by=by, at=at, groups=[group.pk])


def refresh_due(*, at: datetime) -> Job | None:
    """Ask in nobody's name for a refresh of the groups that are due, unless one is under way. Stopped rules wait."""
    due = Group.objects.filter(rule__isnull=False, rule_error="")
    due = due.filter(Q(refreshed_at__isnull=True) | Q(refreshed_at__lte=at - settings.GROUPS_REFRESHED_EVERY))
    ids = list(due.order_by("pk").values_list("pk", flat=True))
    return start_once(RefreshGroups.name, at=at, groups=ids) if ids else None


def refresh(group: Group, *, at: datetime, progress: Callable[[int], None] = lambda changed: None) -> int:
    """Put in who matches the rule and is missing, take out who no longer matches; return how many changed.

    The rule is evaluated once, then the changes are written in short transactions; `progress(changed)` is called in
    each. May be stopped and repeated at any time. A rule that no longer holds is noted at the group, told to whoever
    set it and to the managers of groups, and raises RuleStopped.
    """
    try:
        matches = set_aside(_matching(group))
    except RuleStopped as stop:
        _stop(group, str(stop), at=at)
        raise
    members = MEMBERSHIP.objects.filter(group=group)
    missing = matches.exclude(Exists(members.filter(customer=OuterRef("customer"))))
    gone = members.exclude(Exists(matches.filter(customer=OuterRef("customer"))))
    changed = 0
    for new in in_batches(missing):
        with _while_ruled(group):
            _touch(new.values("customer"), at=at)
            changed += insert_from(MEMBERSHIP, new, customer=F("customer"), group=group, ignore_conflicts=True)
            progress(changed)
    for rows in in_batches(gone):
        with _while_ruled(group):
            _touch(rows.values("customer"), at=at)
            changed += rows.delete()[0]
            progress(changed)
    Group.objects.filter(pk=group.pk, rule=group.rule).update(refreshed_at=at, rule_error="")
    return changed


def in_order(groups: Collection[Group]) -> list[Group]:
    """The groups, each behind those that its rule refers to."""
    rules = _rules()
    return sorted(groups, key=lambda group: (len(_reach(rules.get(group.pk, {}), rules)), group.pk))


def uses(group: Group, *, seen_by: User) -> list[str]:
    """The saved filters that refer to the group: without it they say so and select nobody.

    By their names, those of colleagues that are not shared by their number.
    """
    saved = SavedFilter.objects.order_by("name", "pk")
    found = [row for row in saved if group.pk in named_groups(row.values)]
    seen = set(SavedFilter.objects.visible_to(seen_by).values_list("pk", flat=True))
    names = [row.name for row in found if row.pk in seen]
    if hidden := len(found) - len(names):
        told = ngettext("%(count)d private view of a colleague", "%(count)d private views of colleagues", hidden)
        names.append(told % {"count": hidden})
    return names


class RefreshGroups(JobKind):
    """Computes the members of rule-driven groups; `groups` among the parameters are their ids."""

    name = "refresh_groups"
    label = gettext_lazy("Compute the members of rule-driven groups")
    is_long = True

    def run(self, job: Job, *, clock: Callable[[], datetime]) -> None:
        groups = Group.objects.select_related("rule", "rule_by").filter(pk__in=job.parameters["groups"])
        ruled = in_order(groups.filter(rule__isnull=False))
        stopped = [f"{group}: {why}" for group in ruled if (why := self._refresh(group, job, clock))]
        job.total = job.done_count
        if stopped:
            raise CannotGoOn("\n".join(stopped))
        job.message = ngettext(
            "%(count)d customer has come or gone.", "%(count)d customers have come or gone.", job.done_count
        ) % {"count": job.done_count}

    def _refresh(self, group: Group, job: Job, clock: Callable[[], datetime]) -> str:
        """Refresh one group; return why its rule stopped, or nothing."""
        before = job.done_count

        def progress(changed: int) -> None:
            job.done_count = before + changed
            renew(job, at=clock())

        try:
            refresh(group, at=clock(), progress=progress)
        except RuleStopped as stop:
            return str(stop)
        return ""

    def describe(self, job: Job) -> str:
        names = Group.objects.filter(pk__in=job.parameters["groups"]).order_by("name").values_list("name", flat=True)
        return f"{self.label}: {', '.join(names)}"


def check(group: Group, rule: SavedFilter, *, by: User) -> None:
    """Raises ValidationError (`rule`) where this filter, set by `by`, could not decide who is in the group."""
    if not SavedFilter.objects.visible_to(by).filter(pk=rule.pk).exists():
        raise ValidationError({"rule": _("This view is not yours and is not shared.")})
    try:
        _matching(Group(pk=group.pk, rule=rule, rule_by=by))
    except RuleStopped as stop:
        raise ValidationError({"rule": str(stop)}) from stop


def _matching(group: Group) -> CustomerQuerySet:
    if group.rule is None or group.rule_by is None:
        raise RuleStopped(_("The group has no rule."))
    if not group.rule_by.has_perm("customers.change_group"):
        raise RuleStopped(_("Whoever set the rule may not change groups any more. Set it anew."))
    if group.pk in _reach(group.rule.values, _rules()):
        raise RuleStopped(_("The rule refers to its own group, by itself or by the rule of another group."))
    try:
        return customers_in(group.rule, user=group.rule_by)
    except InvalidFilter as error:
        sentences = [f"{name}: {' '.join(several)}" for name, several in error.errors.items()]
        raise RuleStopped(" ".join(sentences)) from error


def _rules() -> dict[int, Mapping[str, Any]]:
    return dict(Group.objects.filter(rule__isnull=False).values_list("pk", "rule__values"))


def _reach(values: Mapping[str, Any], rules: Mapping[int, Mapping[str, Any]]) -> set[int]:
    """The groups that filter values refer to, by themselves or by the rules of those groups."""
    reached: set[int] = set()
    waiting = named_groups(values)
    while waiting:
        group = waiting.pop()
        reached.add(group)
        waiting |= named_groups(rules.get(group, {})) - reached
    return reached


@contextmanager
def _while_ruled(group: Group) -> Iterator[None]:
    """A transaction in which the group has this rule. Raises CannotGoOn where it was changed meanwhile."""
    with transaction.atomic():
        if not Group.objects.select_for_update().filter(pk=group.pk, rule=group.rule).exists():
            raise CannotGoOn(_("The rule of the group was changed meanwhile."))
        yield


def _touch(customers: QuerySet[Any], *, at: datetime) -> None:
    """Clients that follow what was changed read the groups too."""
    Customer.objects.filter(pk__in=customers).update(updated_at=at)


def _stop(group: Group, why: str, *, at: datetime) -> None:
    with transaction.atomic():
        this = Group.objects.filter(pk=group.pk, rule=group.rule)
        if this.exclude(rule_error=why).update(rule_error=why):
            told = User.objects.filter(
                Q(pk=group.rule_by_id) | Q(pk__in=who_may("customers.change_group").values("pk"))
            )
            url = reverse("admin:customers_group_change", args=[group.pk])
            notify(told, RULE_STOPPED.name, at=at, url=url, parameters={"group": group.name})
