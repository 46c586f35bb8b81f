"""What becomes of this app's own rows when one customer is merged into another."""

from __future__ import annotations

from datetime import datetime

from django.db.models import Exists, OuterRef
from django.utils.translation import gettext_lazy as _

from customers.models import (
    Account,
    Binding,
    ContactValue,
    Customer,
    CustomerNote,
    Inquiry,
    InquiryMessage,
    InquiryNote,
    JobRow,
    LevelChange,
    Mute,
    Order,
    Review,
    RfmScore,
    User,
)
from customers.parts import MergePart

GROUPS = Customer.groups.through


def fold_contact_values(kept: Customer, merged: Customer, by: User, at: datetime) -> None:
    """A value that both have stays once, as bad where either knows it to be bad."""
    same = {"kind": OuterRef("kind"), "key": OuterRef("key")}
    of_kept, of_merged = ContactValue.objects.filter(customer=kept), ContactValue.objects.filter(customer=merged)
    bad = of_merged.filter(state=ContactValue.State.BAD, **same)
    of_kept.filter(Exists(bad)).update(state=ContactValue.State.BAD)
    of_merged.filter(Exists(of_kept.filter(**same))).delete()


def fold_bindings(kept: Customer, merged: Customer, by: User, at: datetime) -> None:
    """The kept customer stays with his own agent, if he has one."""
    if kept.agent_id:
        Binding.objects.filter(customer=merged, ended_at__isnull=True).update(ended_at=at)


def fold_inquiries(kept: Customer, merged: Customer, by: User, at: datetime) -> None:
    """Where both have a running inquiry, what was said in the merged one's goes on in the kept one's."""
    running = Inquiry.objects.running()
    stays, goes = running.filter(customer=kept).first(), running.filter(customer=merged).first()
    if stays is None or goes is None:
        return
    said = InquiryMessage.objects.filter(inquiry=stays).exclude(automatic_kind="").values("automatic_kind")
    InquiryMessage.objects.filter(inquiry=goes, automatic_kind__in=said).update(automatic_kind="")
    InquiryMessage.objects.filter(inquiry=goes).update(inquiry=stays)
    InquiryNote.objects.filter(inquiry=goes).update(inquiry=stays)
    stays.last_message_at = max(stays.last_message_at, goes.last_message_at)
    waiting = [inquiry.waiting_since for inquiry in (stays, goes) if inquiry.waiting_since]
    stays.waiting_since = min(waiting, default=None)
    stays.save(update_fields=["last_message_at", "waiting_since"])
    goes.state, goes.closed_at, goes.waiting_since = Inquiry.State.CLOSED, at, None
    goes.save(update_fields=["state", "closed_at", "waiting_since"])


def fold_mutes(kept: Customer, merged: Customer, by: User, at: datetime) -> None:
    """Of two open mutes of one agent the longer one stays."""
    for goes in Mute.objects.open().filter(customer=merged):
        if stays := Mute.objects.open().filter(customer=kept, agent=goes.agent_id).first():
            stays.until = max(stays.until, goes.until)
            stays.save(update_fields=["until"])
            goes.ended_at = at
            goes.save(update_fields=["ended_at"])


def fold_score(kept: Customer, merged: Customer, by: User, at: datetime) -> None:
    """The kept customer is scored anew with all that was bought, the next time that everybody is."""
    RfmScore.objects.filter(customer=merged).delete()


def fold_groups(kept: Customer, merged: Customer, by: User, at: datetime) -> None:
    has = GROUPS.objects.filter(customer=kept, group=OuterRef("group"))
    GROUPS.objects.filter(Exists(has), customer=merged).delete()


def fold_job_rows(kept: Customer, merged: Customer, by: User, at: datetime) -> None:
    has = JobRow.objects.filter(customer=kept, job=OuterRef("job"))
    JobRow.objects.filter(Exists(has), customer=merged, state=JobRow.State.WAITING).delete()


MERGE_PARTS = [
    MergePart("accounts", _("accounts"), lambda customer: Account.objects.filter(customer=customer)),
    MergePart(
        "contact_values",
        _("contact values"),
        lambda customer: ContactValue.objects.filter(customer=customer),
        fold=fold_contact_values,
    ),
    MergePart("orders", _("orders"), lambda customer: Order.objects.filter(customer=customer)),
    MergePart("reviews", _("reviews"), lambda customer: Review.objects.filter(customer=customer)),
    MergePart(
        "inquiries", _("inquiries"), lambda customer: Inquiry.objects.filter(customer=customer), fold=fold_inquiries
    ),
    MergePart("notes", _("notes"), lambda customer: CustomerNote.objects.filter(customer=customer)),
    MergePart(
        "bindings", _("bindings"), lambda customer: Binding.objects.filter(customer=customer), fold=fold_bindings
    ),
    MergePart("mutes", _("mutes"), lambda customer: Mute.objects.filter(customer=customer), fold=fold_mutes),
    MergePart("level_changes", _("changes of level"), lambda customer: LevelChange.objects.filter(customer=customer)),
    MergePart("rfm", _("RFM scores"), lambda customer: RfmScore.objects.filter(customer=customer), fold=fold_score),
    MergePart("groups", _("groups"), lambda customer: GROUPS.objects.filter(customer=customer), fold=fold_groups),
    MergePart(
        "waiting_job_rows",
        _("rows of jobs under way"),
        lambda customer: JobRow.objects.filter(customer=customer, state=JobRow.State.WAITING),
        fold=fold_job_rows,
    ),
]
