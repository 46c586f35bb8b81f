"""Opting out of broadcasts. The customer's own wish outranks whatever the staff or an import says."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from customers.models import Customer, User
from customers.services import audit
from messaging.models import OptOut


def opt_out(customer: Customer, *, channel: str, source: OptOut.Source, at: datetime, by: User | None = None) -> OptOut:
    """Send this customer no more broadcasts on the channel (empty: on any). Effective with the next group of messages.

    Repeating is safe: the first one stays. One that the staff had noted becomes the customer's own when he says it
    himself.
    """
    with transaction.atomic():
        standing, is_new = OptOut.objects.standing().get_or_create(
            customer=customer, channel=channel, defaults={"source": source, "at": at}
        )
        if is_new:
            verb = "opt_out.recorded"
        elif source != OptOut.Source.STAFF and standing.source == OptOut.Source.STAFF:
            standing.source = source
            standing.save(update_fields=["source"])
            verb = "opt_out.confirmed"
        else:
            return standing
        audit.record(verb, OptOut.objects.filter(pk=standing.pk), by=by, at=at)
    return standing
