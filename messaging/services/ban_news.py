"""What endpoints are told of the blocklist: the lines of the changes feed as they are written, and that a ban is over.

A storefront that is told needs no answer by return; whatever goes astray it finds in the feed.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from django.conf import settings

from blocklist.models import BanChange
from blocklist.services import changes
from customers.bulk import stretch_end
from messaging.models import Endpoint

from . import outbox

if TYPE_CHECKING:
    from blocklist.models.ban import BanQuerySet
    from blocklist.models.change import BanChangeQuerySet

EVENTS = {
    BanChange.Kind.SET.value: "ban.created",
    BanChange.Kind.CHANGED.value: "ban.changed",
    BanChange.Kind.LIFTED.value: "ban.lifted",
}
EXPIRED = "ban.expired"


def tell_changes(lines: BanChangeQuerySet, *, at: datetime) -> None:
    """Tell each active endpoint those of the lines that concern its source, in the transaction of the change."""
    for endpoint in outbox.listening():
        _tell(lines.told_to(endpoint.source), endpoint, at=at)


def tell_expired(bans: BanQuerySet, *, at: datetime) -> None:
    """Tell each active endpoint which bans have run out, by the last line that its source was told of each."""
    for endpoint in outbox.listening():
        _tell(BanChange.objects.told_to(endpoint.source).latest_of(bans), endpoint, event=EXPIRED, at=at)


def _tell(lines: BanChangeQuerySet, endpoint: Endpoint, *, at: datetime, event: str = "") -> None:
    """Three statements for each stretch of lines, however many customers a bulk action banned."""
    passed = 0
    while (last := stretch_end(lines.filter(pk__gt=passed), settings.WRITE_BATCH)) is not None:
        stretch = lines.filter(pk__gt=passed, pk__lte=last)
        told = [(event or EVENTS[line["kind"]], line) for line in changes.told(stretch, source=endpoint.source)]
        outbox.tell_endpoint(endpoint, told, at=at)
        passed = last
