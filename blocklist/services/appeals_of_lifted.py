"""Appeals against bans that were lifted otherwise: there is nothing left to decide."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _

from blocklist.models import Appeal
from customers.models import User

if TYPE_CHECKING:
    from blocklist.models.ban import BanQuerySet


def close_appeals(bans: BanQuerySet, *, by: User, at: datetime) -> int:
    """Close the open appeals against these bans, which were lifted just now; return how many. Repeating is safe."""
    return (
        Appeal.objects.open()
        .filter(ban__in=bans.values("pk"))
        .update(state=Appeal.State.WITHDRAWN, decided_at=at, decided_by=by, note=_("The ban was lifted meanwhile."))
    )
