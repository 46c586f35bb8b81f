"""What becomes of bans and attempts to buy when one customer is merged into another."""

from __future__ import annotations

from datetime import datetime

from django.db.models import F
from django.utils.translation import gettext_lazy as _

from blocklist.models import (
    AccountLink,
    Appeal,
    Attempt,
    Ban,
    BanChange,
    BanRequest,
    DueChange,
    Exemption,
    LinkMember,
    MarketplaceTask,
    Watch,
)
from customers.models import Customer, User
from customers.parts import MergePart
from customers.services import audit

from .changes import note_changes
from .consequences import follow_lifts
from .expiry import expire
from .links import fold_links
from .marketplace_tasks import add_tasks
from .request_news import overtake, overtake_by

# Why the weaker of two bans was lifted.
STRICTER = _("merged with a customer whose ban is stricter")


def fold_bans(kept: Customer, merged: Customer, by: User, at: datetime) -> None:
    """Of two bans that stand the stricter one stays (`strictest_first`).

    The other one is lifted by whoever merges, and says why. The merged customer's ban binds the kept one from now on.
    """
    both = Ban.objects.filter(customer__in=[kept, merged])
    expire(both, at=at)
    for weaker in both.standing(at).strictest_first()[1:]:
        weaker.ended_at, weaker.lifted_by, weaker.lift_reason = at, by, str(STRICTER)
        weaker.save(update_fields=["ended_at", "lifted_by", "lift_reason"])


def tell_merged_bans(kept: Customer, *, by: User, at: datetime) -> None:
    """Now that accounts and bans are the kept customer's, whoever keeps a copy hears how his ban stands.

    So do those who keep the marketplaces' own lists: his ban is one of all his accounts. A request to ban him is
    overtaken.

    The caller holds the exclusive intake lock.
    """
    bans = Ban.objects.filter(customer=kept)
    told = BanChange.objects.filter(kind=BanChange.Kind.LIFTED, ban__in=bans).values("ban")
    lifted = bans.filter(ended_at=at, lifted_by=by, lift_reason=str(STRICTER)).exclude(pk__in=told)
    if lifted.exists():
        audit.record("ban.lifted", lifted, by=by, at=at, fields=["ended_at"], reason=str(STRICTER))
        follow_lifts(lifted, by=by, at=at)
    note_changes(bans.standing(at), BanChange.Kind.CHANGED, at=at)
    add_tasks(bans.standing(at), MarketplaceTask.Action.BLOCK, at=at)
    overtake_by(bans.standing(at), by=by, at=at)


def fold_watches(kept: Customer, merged: Customer, by: User, at: datetime) -> None:
    """Of two watches that stand the stricter one stays: the confirmed one, then the one that ends later."""
    both = Watch.objects.filter(customer__in=[kept, merged])
    both.run_out(at).update(ended_at=F("until"))
    standing = list(both.standing(at).order_by("pk"))
    if len(standing) == 2:
        weaker = min(standing, key=lambda watch: (watch.confirmed_at is not None, *_end(watch.until, at)))
        weaker.ended_at, weaker.ended_by = at, by
        weaker.end_reason = str(_("merged with a customer who is watched more closely"))
        weaker.save(update_fields=["ended_at", "ended_by", "end_reason"])
        this = Watch.objects.filter(pk=weaker.pk)
        audit.record("watch.ended", this, by=by, at=at, fields=["ended_at"], reason=weaker.end_reason)


def fold_requests(kept: Customer, merged: Customer, by: User, at: datetime) -> None:
    """Of two open requests the kept customer's goes on."""
    if BanRequest.objects.open().filter(customer=kept).exists():
        reason = str(_("merged with a customer whose ban is requested too"))
        overtake(BanRequest.objects.filter(customer=merged), by=by, at=at, reason=reason)


def fold_exemptions(kept: Customer, merged: Customer, by: User, at: datetime) -> None:
    """Of two exemptions the one that ends later stays."""
    both = Exemption.objects.filter(customer__in=[kept, merged])
    both.run_out(at).update(ended_at=F("until"))
    standing = list(both.standing(at).order_by("pk"))
    if len(standing) == 2:
        weaker = min(standing, key=lambda exemption: _end(exemption.until, at))
        weaker.ended_at, weaker.ended_by = at, by
        weaker.save(update_fields=["ended_at", "ended_by"])
        audit.record("exemption.ended", both.filter(pk=weaker.pk), by=by, at=at, fields=["ended_at"])


def _end(until: datetime | None, at: datetime) -> tuple[bool, datetime]:
    """To compare ends by: without end is the latest."""
    return until is None, until or at


MERGE_PARTS = [
    MergePart("bans", _("bans"), lambda customer: Ban.objects.filter(customer=customer), fold=fold_bans),
    MergePart(
        "due_changes", _("due changes of the blocklist"), lambda customer: DueChange.objects.filter(customer=customer)
    ),
    MergePart("watches", _("watch list"), lambda customer: Watch.objects.filter(customer=customer), fold=fold_watches),
    MergePart(
        "ban_requests",
        _("ban requests"),
        lambda customer: BanRequest.objects.filter(customer=customer),
        fold=fold_requests,
    ),
    MergePart("appeals", _("appeals"), lambda customer: Appeal.objects.filter(customer=customer)),
    MergePart(
        "exemptions",
        _("exemptions"),
        lambda customer: Exemption.objects.filter(customer=customer),
        fold=fold_exemptions,
    ),
    # Folding leaves nothing to move: the earlier customer of a link stands first in it.
    MergePart(
        "links",
        _("account links"),
        lambda customer: AccountLink.objects.filter(first=customer),
        column="first",
        fold=fold_links,
    ),
    MergePart(
        "links_of_later_customers",
        _("account links"),
        lambda customer: AccountLink.objects.filter(second=customer),
        column="second",
    ),
    MergePart("link_members", _("linked customers"), lambda customer: LinkMember.objects.filter(customer=customer)),
    MergePart("attempts", _("attempts to buy"), lambda customer: Attempt.objects.filter(customer=customer)),
]
