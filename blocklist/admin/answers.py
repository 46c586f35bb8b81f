"""Can this customer buy now? What the gate would say to an order that tells all that is known of him."""

from __future__ import annotations

from datetime import datetime

from django.utils.translation import gettext as _

from blocklist.models import Ban
from blocklist.services.attempts import PURCHASE_BANNED
from customers.admin.cells import moment, staff_name
from customers.models import Customer
from customers.parts import Answer, Contactability, Reason

# Somebody else is banned who has the same phone, e-mail or address: an order that tells it is refused.
SHARED_CONTACT_BANNED = "shared_contact_banned"


def can_buy(customer: Customer, at: datetime) -> list[Answer]:
    """Two queries."""
    standing = Ban.objects.standing(at).select_related("by").order_by("pk")
    own = standing.filter(customer=customer)
    others = standing.filter(customer__in=Customer.objects.sharing_contacts_with(customer))
    reasons = [_reason(ban, PURCHASE_BANNED, _("Banned from buying (%(type)s), %(until)s.")) for ban in own]
    reasons += [_reason(ban, SHARED_CONTACT_BANNED, _shared()) for ban in others]
    return [Answer(question="buy", label=_("Buy"), reasons=reasons)]


def _shared() -> str:
    return _(
        "Customer #%(customer)d has the same phone, e-mail or address and is banned (%(type)s), %(until)s: an order "
        "that tells it is refused."
    )


def _reason(ban: Ban, code: str, sentence: str) -> Reason:
    until = _("until %(date)s") % {"date": moment(ban.until)} if ban.until else _("without end")
    told = {"type": ban.get_type_display(), "until": until, "customer": ban.customer_id}
    return Reason(code=code, sentence=sentence % told, by=staff_name(ban.by), at=ban.started_at)


CAN_BUY = Contactability(name="buy", answers=can_buy)
