"""Can this customer buy now? What the gate would say to an order that tells all that is known of him, and why."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.urls import reverse
from django.utils.translation import gettext as _

from blocklist.models import Attempt, Ban, Watch
from blocklist.services.verdicts import Finding, findings_of
from customers.admin.cells import moment, staff_name
from customers.gates import Decision, Outcome
from customers.models import Customer, User
from customers.parts import Answer, Contactability, DecisionPart, Reason

if TYPE_CHECKING:
    from customers.models.customer import CustomerQuerySet

Code = Attempt.Code


def can_buy(customer: Customer, seen: CustomerQuerySet, at: datetime) -> list[Answer]:
    """Four queries at most."""
    against = findings_of(customer, at=at)
    is_review = bool(against) and against[0].outcome is Outcome.REVIEW
    return [Answer(question="buy", label=_("Buy"), reasons=_reasons(against, seen), is_review=is_review)]


def why_decided(decision: Decision, user: User) -> list[Reason]:
    """The entry behind the gate's answer. Of customers whom the user does not see, only the rule is told."""
    if decision.code not in Code.values or decision.customer_id is None:
        return []
    code, entry = Code(decision.code), {"ban_id": decision.ban_id, "watch_id": decision.watch_id}
    finding = Finding(code=code, buyer_id=decision.customer_id, found_at_id=decision.customer_id, **entry)
    return _reasons([finding], Customer.objects.visible_to(user))


def _reasons(against: Sequence[Finding], seen: CustomerQuerySet) -> list[Reason]:
    """Each with who set the entry, when, and its page; the rule alone where it concerns others than those seen.

    Three queries.
    """
    bans = _entries(Ban, [finding.ban_id for finding in against])
    watches = _entries(Watch, [finding.watch_id for finding in against])
    told = [(finding, bans.get(finding.ban_id), watches.get(finding.watch_id)) for finding in against]
    concerned = {finding: _concerned(finding, ban or watch) for finding, ban, watch in told}
    known = set(seen.filter(pk__in=set().union(*concerned.values())).values_list("pk", flat=True)) if told else set()
    return [
        _reason(finding, ban, watch)
        if concerned[finding] <= known
        else Reason(code=finding.code.value, sentence=finding.code.label)
        for finding, ban, watch in told
    ]


def _concerned(finding: Finding, entry: Ban | Watch | None) -> set[int]:
    """Whom the reason names: the buyer, and whose entry it is."""
    return {finding.buyer_id, entry.customer_id if entry else finding.found_at_id}


def _entries(model: type[Any], ids: Collection[int | None]) -> dict[int | None, Any]:
    known = [pk for pk in ids if pk]
    return {row.pk: row for row in model.objects.filter(pk__in=known).select_related("by")} if known else {}


def _reason(finding: Finding, ban: Ban | None, watch: Watch | None) -> Reason:
    entry = ban or watch
    if entry is None:
        url = reverse("admin:customers_customer_change", args=[finding.found_at_id])
        return Reason(code=finding.code.value, sentence=_sentences()[finding.code], url=url)
    until = _("until %(date)s") % {"date": moment(entry.until)} if entry.until else _("without end")
    told = {"type": entry.get_type_display(), "until": until, "customer": entry.customer_id}
    by = "" if entry.by is None else staff_name(entry.by)
    url = ban.get_absolute_url() if ban else reverse("admin:customers_customer_change", args=[entry.customer_id])
    return Reason(
        code=finding.code.value, sentence=_sentences()[finding.code] % told, by=by, at=entry.started_at, url=url
    )


def _sentences() -> dict[Attempt.Code, str]:
    return {
        Code.PURCHASE_BANNED: _("Banned from buying (%(type)s), %(until)s."),
        Code.SHARED_CONTACT_BANNED: _(
            "Customer #%(customer)d has the same phone or e-mail and is banned (%(type)s), %(until)s: an order that "
            "tells it is refused."
        ),
        Code.LINKED_CUSTOMER_BANNED: _(
            "Customer #%(customer)d is the same person by a confirmed link and is banned (%(type)s), %(until)s."
        ),
        Code.BAN_PENDING: _("A bulk ban of this customer waits for a second person: his orders are held."),
        Code.FORMER_NICK_BANNED: _(
            "Customer #%(customer)d had this nick before and is banned (%(type)s), %(until)s: orders are held."
        ),
        Code.ADDRESS_BANNED: _(
            "Customer #%(customer)d has the same address and is banned (%(type)s), %(until)s: an order that tells it "
            "is held."
        ),
        Code.CUSTOMER_WATCHED: _("On the watch list (%(type)s), %(until)s: orders are held."),
    }


CAN_BUY = Contactability(name="buy", answers=can_buy)
WHY_DECIDED = DecisionPart(name="blocklist", reasons=why_decided)
