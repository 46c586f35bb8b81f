"""May he buy? The rule of the purchase gate, for what was asked about and for what a customer's page shows."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from blocklist.models import Attempt, candidates
from blocklist.models.standing import by_customer
from customers.gates import Outcome
from customers.models import Customer

Code = Attempt.Code

# What each rule answers, the strictest first. A ban found by an old nick or an address alone never refuses.
OUTCOMES = {
    Code.PURCHASE_BANNED: Outcome.REFUSE,
    Code.SHARED_CONTACT_BANNED: Outcome.REFUSE,
    Code.LINKED_CUSTOMER_BANNED: Outcome.REFUSE,
    Code.BAN_PENDING: Outcome.REVIEW,
    Code.FORMER_NICK_BANNED: Outcome.REVIEW,
    Code.ADDRESS_BANNED: Outcome.REVIEW,
    Code.CUSTOMER_WATCHED: Outcome.REVIEW,
}
_STRICTNESS = {code: rank for rank, code in enumerate(OUTCOMES)}


@dataclass(frozen=True)
class Finding:
    """One thing against a purchase: the rule, who buys, which customer it was found at, and the entry that hit."""

    code: Attempt.Code
    buyer_id: int
    found_at_id: int
    ban_id: int | None = None
    watch_id: int | None = None

    @property
    def outcome(self) -> Outcome:
        return OUTCOMES[self.code]


def findings(found: Collection[dict[str, Any]]) -> list[Finding]:
    """All that is against a purchase by these candidates (`models.candidates`), the strictest first.

    The buyer himself is whom an account names; where none does, whoever has the phone or e-mail that was told. His own
    ban always counts. Where he is exempt, nothing else does.
    """
    has_account = any(row["is_account"] for row in found)
    himself = [row for row in found if row["is_account"] or (row["is_contact"] and not has_account)]
    are_others_let_off = any(row["is_exempt"] for row in himself)
    against = []
    for row in found:
        is_himself = row in himself
        is_let_off = row["is_exempt"] if is_himself else are_others_let_off
        buyer = row if is_himself or not himself else himself[0]
        for code, entry in _against(row, is_himself=is_himself, is_let_off=is_let_off):
            against.append(Finding(code=code, buyer_id=buyer["pk"], found_at_id=row["pk"], **entry))
    return sorted(against, key=lambda finding: _STRICTNESS[finding.code])


def _against(
    row: dict[str, Any], *, is_himself: bool, is_let_off: bool
) -> Iterator[tuple[Attempt.Code, dict[str, Any]]]:
    if is_himself and row["ban"]:
        yield Code.PURCHASE_BANNED, {"ban_id": row["ban"]}
    if is_let_off:
        return
    if not (row["is_account"] or row["is_contact"]):
        if ban := row["ban"] or row["linked_ban"]:
            yield Code.FORMER_NICK_BANNED if row["is_former_nick"] else Code.ADDRESS_BANNED, {"ban_id": ban}
        return
    if row["ban"] and not is_himself:
        yield Code.SHARED_CONTACT_BANNED, {"ban_id": row["ban"]}
    if row["linked_ban"]:
        yield Code.LINKED_CUSTOMER_BANNED, {"ban_id": row["linked_ban"]}
    if row["awaits_ban"]:
        yield Code.BAN_PENDING, {}
    if row["watch"]:
        yield Code.CUSTOMER_WATCHED, {"watch_id": row["watch"]}


def findings_of(customer: Customer, *, at: datetime) -> list[Finding]:
    """What the gate would find against an order that tells all that is known of the customer. One query."""
    return findings(list(candidates(by_customer(customer), at=at)))
