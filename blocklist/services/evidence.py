"""Evidence: files that show why a ban was set, requested or appealed against. Kept for good, with their sum."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.utils.translation import gettext as _

from blocklist.models import Appeal, Ban, BanRequest, Evidence
from customers.models import Customer, User
from customers.services import audit
from customers.services.files import IMAGES, PDF, CheckedFile, FileRules, kept

MOST_FILES = 5
# An excerpt of a chat comes as plain text.
ENDINGS = {**IMAGES, **PDF, "text/plain": ("txt",)}
PIECE = 1 << 20


class MayNotAddEvidence(PermissionDenied):
    """The staff user may not add evidence here. The message says why."""


def evidence_rules() -> FileRules:
    return FileRules(ENDINGS, most_bytes=settings.EVIDENCE_BYTES, most_files=MOST_FILES)


def add_evidence(
    owner: Ban | BanRequest | Appeal, *, files: Sequence[CheckedFile], by: User | None, at: datetime
) -> list[Evidence]:
    """Keep the checked files as evidence of what is recorded already. `by` is None where the storefront brings them.

    Raises MayNotAddEvidence.
    """
    if by is not None and (reason := why_may_not_add(owner, by)):
        raise MayNotAddEvidence(reason)
    with kept(files, Evidence) as rows, transaction.atomic():
        return attach_evidence(rows, owner, by=by, at=at)


def attach_evidence(
    rows: list[Evidence], owner: Ban | BanRequest | Appeal, *, by: User | None, at: datetime
) -> list[Evidence]:
    """Save the rows of files that are `kept`, in the transaction that makes their owner. Rights are the caller's."""
    if not rows:
        return []
    for row in rows:
        row.ban = owner if isinstance(owner, Ban) else None
        row.ban_request = owner if isinstance(owner, BanRequest) else None
        row.appeal = owner if isinstance(owner, Appeal) else None
        row.added_by, row.added_at = by, at
        row.sha256 = sum_of(row)
    saved = Evidence.objects.bulk_create(rows)
    told_of = type(owner)._default_manager.filter(pk=owner.pk)
    audit.record("evidence.added", told_of, by=by, at=at, fields=["evidence"])
    return saved


def hand_on_evidence(request: BanRequest, ban: Ban) -> int:
    """The evidence of a request that was approved belongs to the ban as well; return how much there is."""
    return Evidence.objects.filter(ban_request=request, ban__isnull=True).update(ban=ban)


def why_may_not_add(owner: Ban | BanRequest | Appeal, user: User) -> str:
    """The sentence for somebody who may not add evidence here; empty where he may."""
    if not user.has_perm("blocklist.add_evidence"):
        return _("You lack the right to add evidence.")
    if not Customer.objects.editable_by(user).filter(pk=owner.customer_id).exists():
        return _("This is the customer of another agent.")
    return ""


def sum_of(row: Evidence) -> str:
    """The SHA-256 of the file as it lies on the disk. Raises FileNotFoundError."""
    found = hashlib.sha256()
    with row.file.storage.open(str(row.file), "rb") as content:
        for piece in content.chunks(PIECE):
            found.update(piece)
    return found.hexdigest()


def is_unchanged(row: Evidence) -> bool:
    """Whether the file on the disk is still the one that was added."""
    try:
        return sum_of(row) == row.sha256
    except FileNotFoundError:
        return False
