"""What the blocklist promises, said once more in plain Python: the model that the state machine compares it with.

It knows nothing of the database. Its rights are rule 2 of the house, written down anew and not taken from the services.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

UNDONE_WITHIN = timedelta(minutes=30)
HELD_FOR = timedelta(hours=12)
BRIEFLY = timedelta(hours=24)
AT_ONCE = 2
ALLOW, REVIEW, REFUSE = "allow", "review", "refuse"
PROPOSED, DENIED, CONFIRMED = "proposed", "denied", "confirmed"
STATES = {
    "asks": "approval",
    "approved": "waiting",
    "ended": "finished",
    "failed": "failed",
    "cancelled": "cancelled",
}
STRENGTH = {PROPOSED: 0, DENIED: 1, CONFIRMED: 2}


@dataclass(eq=False)
class Person:
    """A member of the staff; `role` is agent, lead, manager or empty. A deputy stands in for an agent for a while."""

    name: str
    role: str
    user: Any
    stands_in_for: Person | None = None
    stands_in_until: datetime | None = None

    @property
    def pk(self) -> int:
        return self.user.pk


@dataclass(eq=False)
class Buyer:
    pk: int
    agent: Person | None
    is_good: bool
    phones: set[str]
    accounts: set[tuple[str, str]]
    into: Buyer | None = None

    def nicks(self, source: str) -> set[str]:
        return {nick for known_to, nick in self.accounts if known_to == source}

    def now(self) -> Buyer:
        """Who he is after all merges."""
        return self.into.now() if self.into else self


@dataclass(eq=False)
class Ban:
    """`words` are its type and note; `pk` is None until the row is seen."""

    buyer: Buyer
    by: Person
    at: datetime
    until: datetime | None
    words: tuple[str, str]
    by_manager: bool
    is_to_confirm: bool = False
    confirmed_by: Person | None = None
    is_upheld: bool = False
    job: Job | None = None
    restores: Ban | None = None
    lifted_by: Person | None = None
    lifted_at: datetime | None = None
    lift_job: Job | None = None
    pk: int | None = None

    @property
    def is_for_managers(self) -> bool:
        return self.by_manager or self.confirmed_by is not None or self.is_upheld

    def stands(self, at: datetime) -> bool:
        return self.lifted_by is None and (self.until is None or self.until > at)


@dataclass(eq=False)
class Request:
    pk: int
    buyer: Buyer
    by: Person
    days: int | None
    note: str
    state: str = "open"
    decided_by: Person | None = None
    ban: Ban | None = None


@dataclass(eq=False)
class Appeal:
    pk: int
    ban: Ban
    by: Person | None
    state: str = "open"
    decided_by: Person | None = None


@dataclass(eq=False)
class Watch:
    pk: int
    buyer: Buyer
    until: datetime | None
    confirmed_by: Person | None
    is_ended: bool = False

    def stands(self, at: datetime) -> bool:
        return not self.is_ended and (self.until is None or self.until > at)


@dataclass(eq=False)
class Exemption:
    pk: int
    buyer: Buyer
    until: datetime | None
    is_ended: bool = False

    def stands(self, at: datetime) -> bool:
        return not self.is_ended and (self.until is None or self.until > at)


@dataclass(eq=False)
class Link:
    pk: int
    buyers: frozenset[Buyer]
    state: str = PROPOSED


@dataclass(eq=False)
class Job:
    """A bulk ban, or a bulk lift where it `lifts`. `waits_for` are the buyers of a ban that is not carried out yet."""

    pk: int
    by: Person
    lifts: bool
    until: datetime | None = None
    holds_orders: bool = False
    waits_for: set[Buyer] = field(default_factory=set)
    # asks (for a second person), approved, ended, and cancelled or failed: ended without having done all
    state: str = "ended"
    approved_by: Person | None = None
    ended_at: datetime | None = None
    done: int = 0
    is_undone: bool = False


@dataclass(eq=False)
class Order:
    pk: int
    buyer: Buyer
    held_at: datetime | None = None
    held_by: Ban | None = None


class Model:
    """The rules. A method that changes something notes the audit events that must tell of it in `told`."""

    def __init__(self, now: datetime, buyers: list[Buyer]) -> None:
        self.now, self.buyers = now, buyers
        self.bans: list[Ban] = []
        self.requests: list[Request] = []
        self.appeals: list[Appeal] = []
        self.watches: list[Watch] = []
        self.exemptions: list[Exemption] = []
        self.links: list[Link] = []
        self.jobs: list[Job] = []
        self.orders: list[Order] = []
        self.told: list[tuple[str, Any]] = []

    # Who may ----------------------------------------------------------------------------------------------------------

    def serves(self, person: Person, buyer: Buyer) -> bool:
        return person.role == "agent" and buyer.agent is person

    def deputises(self, person: Person, buyer: Buyer) -> bool:
        is_agents = buyer.agent is not None and buyer.agent is person.stands_in_for
        return is_agents and person.stands_in_until is not None and self.now < person.stands_in_until

    def may_ban(self, person: Person, buyer: Buyer) -> bool:
        if buyer.into:
            return False
        return person.role == "manager" or self.serves(person, buyer) or self.deputises(person, buyer)

    def may_lift(self, person: Person, ban: Ban) -> bool:
        if person.role == "manager":
            return True
        own = self.serves(person, ban.buyer) or (self.deputises(person, ban.buyer) and ban.by is person)
        return own and not ban.is_for_managers

    def may_confirm(self, person: Person, ban: Ban) -> bool:
        return person.role == "manager" and person is not ban.by

    def may_approve(self, person: Person, job: Job) -> bool:
        return person.role == "manager" and person is not job.by

    def may_link(self, person: Person, buyers: set[Buyer] | frozenset[Buyer]) -> bool:
        return all(self.may_ban(person, buyer) for buyer in buyers)

    def may_merge(self, person: Person) -> bool:
        return person.role in ("lead", "manager")

    # What stands ------------------------------------------------------------------------------------------------------

    def ban_of(self, buyer: Buyer) -> Ban | None:
        standing = [ban for ban in self.bans if ban.buyer is buyer and ban.stands(self.now)]
        assert len(standing) <= 1
        return standing[0] if standing else None

    def is_banned(self, buyer: Buyer) -> bool:
        return self.ban_of(buyer) is not None

    def open_request(self, buyer: Buyer) -> Request | None:
        return next((row for row in self.requests if row.buyer is buyer and row.state == "open"), None)

    def watch_of(self, buyer: Buyer) -> Watch | None:
        return next((row for row in self.watches if row.buyer is buyer and row.stands(self.now)), None)

    def exemption_of(self, buyer: Buyer) -> Exemption | None:
        return next((row for row in self.exemptions if row.buyer is buyer and row.stands(self.now)), None)

    def awaits_ban(self, buyer: Buyer) -> bool:
        return any(buyer in job.waits_for for job in self.jobs)

    def one_person_with(self, buyer: Buyer) -> set[Buyer]:
        reached, edge = {buyer}, {buyer}
        while edge:
            linked = [link.buyers for link in self.links if link.state == CONFIRMED and link.buyers & edge]
            edge = {other for buyers in linked for other in buyers} - reached
            reached |= edge
        return reached - {buyer}

    def is_linked_to_banned(self, buyer: Buyer) -> bool:
        return any(self.is_banned(other) for other in self.one_person_with(buyer))

    def excluded(self, buyer: Buyer) -> str:
        """Why no proactive message reaches him; empty where the blocklist has nothing against it."""
        if self.is_banned(buyer):
            return "banned"
        if self.is_linked_to_banned(buyer) and not self.exemption_of(buyer):
            return "linked"
        return "ban_waits" if self.awaits_ban(buyer) else ""

    def answer(self, *, account: tuple[str, str] | None = None, phone: str = "") -> str:
        """What the gate says to whoever tells this account, this phone, or both."""
        owners = {buyer for buyer in self.buyers if account in buyer.accounts}
        sharing = {buyer for buyer in self.buyers if phone in buyer.phones}
        himself = owners or sharing
        if any(self.is_banned(buyer) for buyer in himself):
            return REFUSE
        is_exempt = any(self.exemption_of(buyer) for buyer in himself)
        others = set() if is_exempt else sharing - himself
        suspects = {buyer for buyer in himself if not self.exemption_of(buyer)} | others
        if any(self.is_banned(buyer) or self.is_linked_to_banned(buyer) for buyer in suspects):
            return REFUSE
        watched = any((watch := self.watch_of(buyer)) and watch.confirmed_by for buyer in suspects)
        return REVIEW if watched or any(self.awaits_ban(buyer) for buyer in suspects) else ALLOW

    # Bans -------------------------------------------------------------------------------------------------------------

    def ban(
        self,
        buyer: Buyer,
        by: Person,
        *,
        until: datetime | None,
        words: tuple[str, str],
        job: Job | None = None,
        holds_orders: bool = False,
    ) -> Ban:
        if standing := self.ban_of(buyer):
            return standing
        approver = job.approved_by if job else None
        is_manager = by.role == "manager"
        ban = Ban(buyer, by, self.now, until, words, by_manager=is_manager, confirmed_by=approver, job=job)
        ban.is_to_confirm = buyer.is_good and not is_manager and approver is None
        self._add(ban, "ban.set", by)
        for order in self.orders:
            if holds_orders and order.buyer is buyer and order.held_at is None:
                order.held_at, order.held_by = self.now, ban
        return ban

    def _add(self, ban: Ban, verb: str, by: Person) -> None:
        self.bans.append(ban)
        self.told.append((verb, ban))
        self._overtake(ban.buyer, by, ban=ban)

    def _overtake(self, buyer: Buyer, by: Person, *, ban: Ban | None) -> None:
        if request := self.open_request(buyer):
            request.state, request.decided_by, request.ban = "overtaken", by, ban
            self.told.append(("ban_request.overtaken", request))

    def lift(self, ban: Ban, by: Person, *, job: Job | None = None) -> None:
        ban.lifted_by, ban.lifted_at, ban.lift_job = by, self.now, job
        self.told.append(("ban.lifted", ban))
        for appeal in self.appeals:
            if appeal.ban is ban and appeal.state == "open":
                appeal.state, appeal.decided_by = "withdrawn", by
                self.told.append(("appeal.withdrawn", appeal))

    def restore(self, ban: Ban, by: Person) -> None:
        same = {
            "until": ban.until,
            "words": ban.words,
            "by_manager": ban.by_manager,
            "is_to_confirm": ban.is_to_confirm,
        }
        decided = {"confirmed_by": ban.confirmed_by, "is_upheld": ban.is_upheld}
        again = Ban(ban.buyer, ban.by, self.now, **same, **decided, job=ban.job, restores=ban)
        self._add(again, "ban.restored", by)

    def confirm(self, ban: Ban, by: Person) -> None:
        ban.confirmed_by = by
        self.told.append(("ban.confirmed", ban))

    # Many at once -----------------------------------------------------------------------------------------------------

    def bannable(self, buyers: set[Buyer], by: Person) -> set[Buyer]:
        return {buyer for buyer in buyers if self.may_ban(by, buyer) and not self.is_banned(buyer)}

    def bulk_ban(self, job: Job, buyers: set[Buyer]) -> None:
        allowed = self.bannable(buyers, job.by)
        self.jobs.append(job)
        if len(allowed) > AT_ONCE:
            job.waits_for, job.state = allowed, "asks"
        else:
            self._carry_out(job, allowed)

    def decide(self, job: Job, by: Person, *, approves: bool) -> None:
        if job.state == "asks" and approves:
            job.state, job.approved_by = "approved", by
        elif job.state == "asks":
            self.cancel(job)

    def cancel(self, job: Job) -> None:
        if job.waits_for:
            job.state, job.waits_for = "cancelled", set()

    def work_on(self, job: Job) -> None:
        """A worker comes to an approved bulk ban: it does what whoever asked may do now."""
        allowed = self.bannable(job.waits_for, job.by)
        if allowed and job.until is not None and job.until <= self.now:
            job.state, job.waits_for = "failed", set()
        else:
            self._carry_out(job, allowed)

    def _carry_out(self, job: Job, buyers: set[Buyer]) -> None:
        for buyer in buyers:
            self.ban(buyer, job.by, until=job.until, words=("other", "bulk"), job=job, holds_orders=job.holds_orders)
        job.waits_for, job.state, job.ended_at, job.done = set(), "ended", self.now, len(buyers)

    def liftable(self, buyers: set[Buyer], by: Person) -> list[Ban]:
        return [ban for buyer in buyers if (ban := self.ban_of(buyer)) and self.may_lift(by, ban)]

    def bulk_lift(self, job: Job, buyers: set[Buyer]) -> None:
        self.jobs.append(job)
        standing = self.liftable(buyers, job.by)
        for ban in standing:
            self.lift(ban, job.by, job=job)
        job.ended_at, job.done = self.now, len(standing)

    def is_undoable(self, job: Job) -> bool:
        is_in_time = job.ended_at is not None and self.now <= job.ended_at + UNDONE_WITHIN
        return is_in_time and job.done > 0 and not job.is_undone

    def may_undo(self, person: Person, job: Job) -> bool:
        return self.is_undoable(job) and (person is job.by or person.role == "manager")

    def undo(self, job: Job, by: Person) -> None:
        """Where nothing comes of it somebody else may still undo it."""
        job.is_undone = self._undo_lift(job, by) if job.lifts else self._undo_ban(job, by)

    def _undo_ban(self, job: Job, by: Person) -> bool:
        standing = [ban for ban in self.bans if ban.job is job and ban.stands(self.now) and self.may_lift(by, ban)]
        for ban in standing:
            self.lift(ban, by)
        freed = {ban.buyer for ban in standing}
        for order in self.orders:
            if order.held_by and order.held_by.job is job and order.buyer in freed:
                order.held_at = order.held_by = None
        return bool(standing)

    def _undo_lift(self, job: Job, by: Person) -> bool:
        due = [ban for ban in self.bans if ban.lift_job is job and (ban.until is None or ban.until > self.now)]
        is_restored = False
        for ban in sorted(due, key=strictness, reverse=True):
            if self.may_ban(by, ban.buyer) and not self.is_banned(ban.buyer):
                self.restore(ban, by)
                is_restored = True
        return is_restored

    # Requests and appeals ---------------------------------------------------------------------------------------------

    def request(self, buyer: Buyer, by: Person, *, pk: int, days: int | None) -> Request:
        request = self.open_request(buyer)
        if request is None:
            request = Request(pk, buyer, by, days, "asked")
            self.requests.append(request)
            self.told.append(("ban_request.filed", request))
        else:
            request.note += f"\n\n{by.name}: asked"
            self.told.append(("ban_request.joined", request))
        return request

    def needs_to_ask(self, person: Person, buyer: Buyer) -> bool:
        return bool(person.role) and not self.is_banned(buyer) and not self.may_ban(person, buyer)

    def may_decide(self, person: Person, request: Request, decision: str) -> bool:
        """Who asked withdraws; he does not decide himself, for there are others."""
        if decision == "withdraw":
            return person is request.by
        return self.may_ban(person, request.buyer) and person is not request.by

    def decide_request(self, request: Request, by: Person, decision: str) -> None:
        states = {"approve": "approved", "decline": "declined", "withdraw": "withdrawn"}
        request.state, request.decided_by = states[decision], by
        self.told.append((f"ban_request.{request.state}", request))
        if decision == "approve":
            until = self.now + timedelta(days=request.days) if request.days else None
            request.ban = self.ban(request.buyer, by, until=until, words=("abuse", request.note))

    def appeal(self, ban: Ban, by: Person, *, pk: int) -> Appeal:
        appeal = next((row for row in self.appeals if row.ban is ban and row.state == "open"), None)
        if appeal is None:
            appeal = Appeal(pk, ban, by)
            self.appeals.append(appeal)
            self.told.append(("appeal.opened", appeal))
        return appeal

    def may_decide_appeal(self, person: Person, appeal: Appeal, decision: str) -> bool:
        """Another manager than the one who banned."""
        if decision == "withdraw":
            return person is appeal.by or person.role == "manager"
        return person.role == "manager" and person is not appeal.ban.by

    def decide_appeal(self, appeal: Appeal, by: Person, decision: str) -> None:
        states = {"uphold": "upheld", "overturn": "overturned", "withdraw": "withdrawn"}
        appeal.state, appeal.decided_by = states[decision], by
        self.told.append((f"appeal.{appeal.state}", appeal))
        if decision == "uphold":
            appeal.ban.is_upheld = True
        elif decision == "overturn" and appeal.ban.stands(self.now):
            self.lift(appeal.ban, by)

    # Exemptions, watches, links ---------------------------------------------------------------------------------------

    def exempt(self, buyer: Buyer, *, pk: int, until: datetime | None) -> Exemption:
        exemption = self.exemption_of(buyer)
        if exemption is None:
            exemption = Exemption(pk, buyer, until)
            self.exemptions.append(exemption)
            self.told.append(("exemption.set", exemption))
        return exemption

    def end(self, noun: str, row: Exemption | Watch) -> None:
        if row.stands(self.now):
            row.is_ended = True
            self.told.append((f"{noun}.ended", row))

    def may_watch(self, person: Person, buyer: Buyer) -> bool:
        """Be it only briefly."""
        return self.may_ban(person, buyer) or person.role in ("lead", "manager")

    def may_end_watch(self, person: Person, watch: Watch) -> bool:
        is_own = person.role == "lead" and watch.confirmed_by is person
        return is_own or self.may_ban(person, watch.buyer)

    def watch(self, buyer: Buyer, by: Person | None, *, pk: int, until: datetime | None) -> Watch:
        """Without `by` a rule proposes it."""
        watch = self.watch_of(buyer)
        if watch and (watch.confirmed_by or by is None):
            return watch
        if watch:
            self.end("watch", watch)
        watch = Watch(pk, buyer, until, confirmed_by=by)
        self.watches.append(watch)
        self.told.append(("watch.set" if by else "watch.proposed", watch))
        return watch

    def confirm_watch(self, watch: Watch, by: Person) -> None:
        if watch.confirmed_by is None:
            watch.confirmed_by = by
            if not self.may_ban(by, watch.buyer):
                watch.until = min(watch.until or self.now + BRIEFLY, self.now + BRIEFLY)
            self.told.append(("watch.confirmed", watch))

    def link(self, one: Buyer, other: Buyer, *, pk: int) -> Link:
        link = next((row for row in self.links if row.buyers == {one, other}), None)
        if link is None:
            link = Link(pk, frozenset({one, other}))
            self.links.append(link)
        return link

    def decide_link(self, link: Link, state: str) -> None:
        if link.state != state:
            link.state = state
            self.told.append((f"link.{state}", link))

    # Orders -----------------------------------------------------------------------------------------------------------

    def order(self, pk: int, account: tuple[str, str], *, is_held: bool) -> None:
        [buyer] = [buyer for buyer in self.buyers if account in buyer.accounts]
        self.orders.append(Order(pk, buyer, held_at=self.now if is_held else None))

    def release_overdue(self) -> None:
        for order in self.orders:
            if order.held_at and order.held_at + HELD_FOR <= self.now:
                order.held_at = order.held_by = None

    # Merging ----------------------------------------------------------------------------------------------------------

    def merge(self, kept: Buyer, merged: Buyer, by: Person) -> None:
        self._fold_bans(kept, merged, by)
        if self.open_request(kept):
            self._overtake(merged, by, ban=None)
        self._fold_by_time(kept, merged)
        self._fold_links(kept, merged)
        for row in (*self.bans, *self.requests, *self.watches, *self.exemptions, *self.orders):
            row.buyer = row.buyer if row.buyer is not merged else kept
        for job in self.jobs:
            job.waits_for = {kept if buyer is merged else buyer for buyer in job.waits_for}
        if standing := self.ban_of(kept):
            self._overtake(kept, by, ban=standing)
        kept.phones, kept.accounts = kept.phones | merged.phones, kept.accounts | merged.accounts
        kept.agent, kept.is_good = kept.agent or merged.agent, kept.is_good or merged.is_good
        merged.phones, merged.accounts, merged.agent, merged.is_good, merged.into = set(), set(), None, False, kept

    def _fold_bans(self, kept: Buyer, merged: Buyer, by: Person) -> None:
        """The stricter of two bans stays."""
        first, second = self.ban_of(kept), self.ban_of(merged)
        if first and second:
            self.lift(min(first, second, key=strictness), by)

    def _fold_by_time(self, kept: Buyer, merged: Buyer) -> None:
        watches = [self.watch_of(kept), self.watch_of(merged)]
        if watches[0] and watches[1]:
            weaker = min(watches, key=lambda row: (row.confirmed_by is not None, *_end(row.until), row.pk))
            weaker.is_ended = True
            self.told.append(("watch.ended", weaker))
        exemptions = [self.exemption_of(kept), self.exemption_of(merged)]
        if exemptions[0] and exemptions[1]:
            weaker = min(exemptions, key=lambda row: (*_end(row.until), row.pk))
            weaker.is_ended = True
            self.told.append(("exemption.ended", weaker))

    def _fold_links(self, kept: Buyer, merged: Buyer) -> None:
        """The link between the two has come true; of two with the same third customer the stronger stays."""
        for link in [link for link in self.links if merged in link.buyers]:
            [other] = link.buyers - {merged}
            same = next((row for row in self.links if row.buyers == {kept, other}), None)
            if other is kept or (same and STRENGTH[same.state] >= STRENGTH[link.state]):
                self.links.remove(link)
                continue
            if same:
                self.links.remove(same)
            link.buyers = frozenset({kept, other})

    # What must stand in the tables ------------------------------------------------------------------------------------

    def facts(self) -> dict[str, dict[int | None, tuple[Any, ...]]]:
        """The rows of each table by id, a person and another row as the id, and what has run out left out."""
        watches = [row for row in self.watches if row.stands(self.now)]
        exemptions = [row for row in self.exemptions if row.stands(self.now)]
        return {
            "bans": {row.pk: _facts_of_ban(row) for row in self.bans},
            "requests": {
                row.pk: (row.buyer.pk, _pk(row.by), row.days, row.note, row.state, _pk(row.decided_by), _pk(row.ban))
                for row in self.requests
            },
            "appeals": {
                row.pk: (row.ban.buyer.pk, row.ban.pk, _pk(row.by), row.state, _pk(row.decided_by))
                for row in self.appeals
            },
            "watches": {row.pk: (row.buyer.pk, row.until, _pk(row.confirmed_by)) for row in watches},
            "exemptions": {row.pk: (row.buyer.pk, row.until) for row in exemptions},
            "orders": {row.pk: (row.buyer.pk, "held" if row.held_at else "unpaid") for row in self.orders},
            "links": {row.pk: (*sorted(buyer.pk for buyer in row.buyers), row.state) for row in self.links},
            "holds": {row.pk: (row.held_at,) for row in self.orders if row.held_at},
            "jobs": {row.pk: (STATES[row.state], row.done) for row in self.jobs},
        }


def _pk(row: Any) -> int | None:
    return row.pk if row else None


def _facts_of_ban(ban: Ban) -> tuple[Any, ...]:
    terms = (ban.buyer.pk, _pk(ban.by), ban.at, ban.until, *ban.words, ban.by_manager)
    decided = (_pk(ban.confirmed_by), ban.is_upheld, _pk(ban.job), _pk(ban.restores))
    return *terms, *decided, _pk(ban.lift_job), _pk(ban.lifted_by), ban.lifted_at


def strictness(ban: Ban) -> tuple[bool, datetime, bool, int]:
    """By which of two bans is the stricter: the one that ends later, one for managers, else the later one."""
    return *_end(ban.until), ban.is_for_managers, ban.pk or 0


def _end(until: datetime | None) -> tuple[bool, datetime]:
    return until is None, until or datetime.max.replace(tzinfo=UTC)
