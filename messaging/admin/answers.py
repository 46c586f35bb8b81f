"""Can this customer be messaged now? By the claim's own expressions, each asked by itself."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from blocklist.models import Ban
from customers.admin.cells import staff_name
from customers.models import Customer
from customers.parts import Answer, Contactability, Reason
from messaging.channels import channel_label, get_channel
from messaging.models import Delivery, OptOut
from messaging.rules import all_exclusions

if TYPE_CHECKING:
    from customers.models.customer import CustomerQuerySet

SENTENCES = {
    Delivery.Reason.BANNED: gettext_lazy("Banned: a banned customer gets no broadcasts."),
    Delivery.Reason.LINKED: gettext_lazy("Linked to a banned customer: he gets no broadcasts either, unless exempt."),
    Delivery.Reason.BAN_WAITS: gettext_lazy("A ban of this customer waits for a second person."),
    Delivery.Reason.OPTED_OUT: gettext_lazy("Opted out: %(source)s."),
    Delivery.Reason.NO_ACCOUNT: gettext_lazy("No account: there is no inbox that he could read."),
    Delivery.Reason.NO_ADDRESS: gettext_lazy("No address is known."),
    Delivery.Reason.BAD_ADDRESS: gettext_lazy("The address that is known does not work."),
}


def can_be_messaged(customer: Customer, seen: CustomerQuerySet, at: datetime) -> list[Answer]:
    """Three queries for all channels."""
    channels = [get_channel(name) for name in settings.CHANNELS]
    found = all_exclusions(Customer.objects.filter(pk=customer.pk), channels, at=at)
    ban = Ban.objects.standing(at).filter(customer=customer).select_related("by").first()
    opt_outs = {row.channel: row for row in OptOut.objects.standing().filter(customer=customer)}
    return [
        Answer(
            question=f"message.{name}",
            label=_("Message: %(channel)s") % {"channel": channel_label(name)},
            reasons=[_reason(code, ban, opt_outs.get(name) or opt_outs.get("")) for code in codes],
        )
        for name, codes in found.items()
    ]


def _reason(code: str, ban: Ban | None, opt_out: OptOut | None) -> Reason:
    sentence = str(SENTENCES.get(Delivery.Reason(code), Delivery.Reason(code).label))
    if code == Delivery.Reason.BANNED and ban:
        return Reason(
            code=code, sentence=sentence, by=staff_name(ban.by), at=ban.started_at, url=ban.get_absolute_url()
        )
    if code == Delivery.Reason.OPTED_OUT and opt_out:
        return Reason(code=code, sentence=sentence % {"source": opt_out.get_source_display()}, at=opt_out.at)
    return Reason(code=code, sentence=sentence)


CAN_BE_MESSAGED = Contactability(name="message", answers=can_be_messaged)
