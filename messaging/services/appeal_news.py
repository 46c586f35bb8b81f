"""What endpoints are told of appeals: that one was decided, and what the buyer was answered."""

from __future__ import annotations

from datetime import datetime

from blocklist.models import Appeal
from customers.models import Account

from . import outbox

DECIDED = "appeal.decided"


def tell_decided(appeal: Appeal, *, at: datetime) -> None:
    """Tell the endpoints of the sources that know the customer, each with his accounts there."""
    for endpoint in outbox.listening():
        accounts = Account.objects.filter(customer=appeal.customer_id, source=endpoint.source_id).order_by("pk")
        known = list(accounts.values("external_id", "nick"))
        if known or appeal.source_id == endpoint.source_id:
            data = {
                "appeal_id": appeal.pk,
                "ban_id": appeal.ban_id,
                "source": endpoint.source.code,
                "customer": {"id": appeal.customer_id, "accounts": known},
                "outcome": appeal.state,
                "answer": appeal.answer,
                "at": at.isoformat(),
            }
            outbox.tell_endpoint(endpoint, [(DECIDED, data)], at=at)
