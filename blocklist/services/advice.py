"""The advice that the product comes with: what the staff does, and does not do, about each malicious type."""

from __future__ import annotations

from collections.abc import Callable

from django.utils.translation import gettext as _

from blocklist.models import MaliciousType

DEFAULT_ADVICE: dict[MaliciousType, Callable[[], str]] = {
    MaliciousType.MALICIOUS_ORDER: lambda: _(
        "Keep the order numbers and the times. Close unpaid orders so that the stock is free again; do not ship "
        "before the address and the phone are confirmed. If several accounts order alike, propose them as linked."
    ),
    MaliciousType.BAD_REVIEWER: lambda: _(
        "Stay polite and in the platform's chat. Never offer money or goods for a review. Keep the review, the "
        "chat and the order together, and report the review through the marketplace's own form."
    ),
    MaliciousType.EXTORTION: lambda: _(
        "Do not pay and do not promise anything. Let him write down what he demands, in the platform's chat; take "
        "screenshots with date and nick. Tell your lead today: the marketplace, and if need be the police, want "
        "the originals."
    ),
    MaliciousType.ABUSE: lambda: _(
        "Answer once, calmly and to the point, then stop answering insults. You need not read on: mute him, a "
        "colleague takes over. Attach the conversation; questions about orders still get an answer."
    ),
    MaliciousType.CLAIMANT: lambda: _(
        "Answer facts only: labels, test reports, invoices. Admit nothing and promise nothing about a claim; pass "
        "it on to a manager the same day, with the order and the product page as it stood at the time of sale."
    ),
    MaliciousType.MALICIOUS_REFUND: lambda: _(
        "Ask for photos of the parcel label and the goods before any refund. Let the return be weighed and filmed "
        "when it is opened. Refund only by the platform's own process, never outside of it."
    ),
    MaliciousType.REFUSED_PARCEL: lambda: _(
        "Ask the carrier for the reason of the refusal and keep it. Before the next parcel confirm the order by "
        "phone and ship prepaid orders only. Check first whether we were late or sent the wrong thing."
    ),
    MaliciousType.COUPON_HUNTER: lambda: _(
        "Check which rule let the coupon be used so often and tell marketing: the rule is what needs mending. "
        "Orders that keep to the rules are shipped. Look for accounts with the same phone or address."
    ),
    MaliciousType.COMPETITOR: lambda: _(
        "Tell what every buyer can read, no prices for quantities, no suppliers, no figures. Keep questions that "
        "no buyer asks. Be sure before you ban: a curious buyer asks much too."
    ),
    MaliciousType.OTHER: lambda: _(
        "Write down in the note what happened, when and on which order, so that a colleague who knows nothing of "
        "it understands the ban in half a year. Attach what shows it."
    ),
}
