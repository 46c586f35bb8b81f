"""Whatever the staff do one after another, in whichever role: the blocklist does what the model says, and nothing else.

The services work on the test database, the clock is the machine's, and each example is rolled back. Others than the
suite tries are tried with STATE_MACHINE_EXAMPLES=5000 pytest tests/blocklist/test_state_machine.py
"""

import os
from datetime import timedelta

import hypothesis
import pytest
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from blocklist.models import AccountLink, Appeal, Ban, BanRequest, Exemption, Watch
from blocklist.services import appeals, ban_requests, confirmations, exemptions, links, undo, watches
from blocklist.services.bans import MayNotBan, NotBanned, ban_purchase, lift_ban
from blocklist.services.changes import read_feed
from blocklist.services.expiry import expire_bans
from customers.filters import CustomerFilter
from customers.gates import Door, Question, ask
from customers.identity import Identity
from customers.models import Customer, EventRow, Job
from customers.services import approvals, jobs
from customers.services.inquiries import receive
from customers.services.merges import MayNotMerge, merge
from customers.services.order_holds import release_overdue
from customers.services.orders import OrderFacts, take_order
from tests.blocklist import blocklist_model as model
from tests.blocklist.blocklist_copy import documented_client
from tests.blocklist.blocklist_shop import BUYERS, OWN, STAFF, Shop, Tables

EXAMPLES = int(os.environ.get("STATE_MACHINE_EXAMPLES", "500"))
# After those with which an example begins.
STEPS = 8
DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)
# Somebody of the staff, or, as often, one of those who have the right to what is tried.
ABLE = ("able", "able too", "able as well")
people = st.sampled_from(STAFF) | st.sampled_from(ABLE)
somebody = st.integers(0, len(BUYERS) - 1)
several = st.sets(somebody, min_size=1, max_size=5)
days = st.sampled_from([None, 1, 7])
some = st.integers(0, 30)


# How an example may begin: some steps with their arguments, refused ones among them, and then one that anybody tries.
BAN_TWO = ("ban_many", {"by": "manager", "who": {0, 3}, "days": None, "orders": "hold"})
BAN_THREE = ("ban_many", {"by": "ming", "who": {0, 1, 2}, "days": 1, "orders": "hold"})
APPROVE = ("decide_on_many", {"by": "manager", "some": 0, "decision": "approve"})
LIFT_TWO = ("lift_many", {"by": "other manager", "who": {0, 3}})
OWN_BAN = ("ban", {"by": "ming", "who": 1, "days": None, "orders": "keep"})
MANAGERS_BAN = ("ban", {"by": "manager", "who": 3, "days": None, "orders": "keep"})
DEPUTYS_BAN = ("ban", {"by": "deputy", "who": 2, "days": 7, "orders": "hold"})
ASK = ("request", {"by": "ming", "who": 4, "days": 1})
DECIDE_OWN = ("decide_request", {"by": "ming", "some": 0, "decision": "approve"})
CONFIRM = ("confirm", {"by": "manager", "some": 0})
APPEAL = ("appeal", {"by": "lan", "some": 0})
UPHOLD = ("decide_appeal", {"by": "manager", "some": 0, "decision": "uphold"})
LINK = ("link", {"by": "manager", "one": 0, "other": 3})
MERGE = ("merge", {"by": "lead", "kept": 0, "merged": 3})
STORIES = (
    ([("request", {"by": "lan", "who": 1, "days": 7})], "decide_request"),
    ([("request", {"by": "deputy", "who": 4, "days": None})], "decide_request"),
    ([ASK, ("merge", {"by": "lead", "kept": 2, "merged": 4}), DECIDE_OWN], "decide_request"),
    ([OWN_BAN, APPEAL], "decide_appeal"),
    ([OWN_BAN, ("lift", {"by": "deputy", "some": 0})], "confirm"),
    ([OWN_BAN, CONFIRM], "lift"),
    ([OWN_BAN, CONFIRM, ("lift_many", {"by": "manager", "who": {0, 1}})], "undo"),
    ([DEPUTYS_BAN, APPEAL, UPHOLD], "lift"),
    ([("buy", {"who": (OWN, "gnu")}), BAN_TWO], "undo"),
    ([BAN_TWO, LIFT_TWO], "undo"),
    ([BAN_TWO, LIFT_TWO, MERGE, ("undo", {"by": "manager", "some": 1})], "undo"),
    ([MANAGERS_BAN, APPEAL, UPHOLD], "decide_appeal"),
    ([BAN_THREE], "decide_on_many"),
    ([("ban_many", {"by": "manager", "who": {2, 3, 4}, "days": None, "orders": "keep"}), APPROVE], "decide_on_many"),
    ([BAN_THREE, APPROVE], "let_the_worker_work"),
    ([LINK, ("exempt", {"by": "manager", "who": 3, "days": 1})], "ban"),
    ([LINK, MANAGERS_BAN, ("decide_link", {"by": "manager", "some": 2, "confirms": False})], "lift"),
)
DECISIONS = {
    "decide_request": ("approve", "decline", "withdraw"),
    "decide_appeal": ("uphold", "overturn", "withdraw"),
    "decide_on_many": ("approve", "decline", "cancel"),
}


class Blocklist(RuleBasedStateMachine):
    shop: Shop
    tables: Tables

    def __init__(self):
        super().__init__()
        self.atomic = transaction.atomic()
        self.atomic.__enter__()
        self.model = self.shop.model()
        self.compared = None
        self.actors = set()
        self.last_event = EventRow.objects.order_by("-event").values_list("event", flat=True).first() or 0
        self.copies = {code: documented_client()() for code in self.shop.sources}
        self.is_news = False

    def teardown(self):
        try:
            if self.compared == (self.now, self.model.facts()):  # nothing went wrong before
                self.copies, self.is_news = {code: documented_client()() for code in self.shop.sources}, True
                self.copies_of_the_blocklist_are_right()
                self.check_everything()
        finally:
            transaction.set_rollback(True)
            self.atomic.__exit__(None, None, None)

    # What the rules need ----------------------------------------------------------------------------------------------

    @property
    def now(self):
        return self.model.now

    def buyer(self, number):
        return self.model.buyers[number].now()

    def of(self, numbers):
        return {self.buyer(number) for number in numbers}

    def customer(self, buyer):
        return Customer.objects.select_related("agent__user").get(pk=buyer.pk)

    def by(self, name, may):
        """Who acts now, and is recorded as the one who does; the name is that of a person or one of `ABLE`."""
        able = [person for person in self.shop.staff.values() if may(person)]
        person = self.shop.staff.get(name) or _pick(able or list(self.shop.staff.values()), ABLE.index(name))
        self.actors = {person.pk}
        return person

    def does(self, call, refusal):
        """Call it and return what it returns; where it is to be refused, see that nothing is even recorded."""
        if refusal is None:
            return call()
        self.actors = set()
        with pytest.raises(refusal):
            call()
        return None

    @initialize(story=st.sampled_from(STORIES), by=people, number=st.integers(0, 2))
    def begin(self, story, by, number):
        """In the midst of something, because what takes several steps would hardly ever come about by itself."""
        steps, last = story
        self.holds()
        for step, arguments in [*steps, (last, self._tried_by(by, last, number))]:
            getattr(self, step)(**arguments)
            self.holds()

    def _tried_by(self, by, step, number):
        if step == "let_the_worker_work":
            return {}
        if step == "ban":
            return {"by": by, "who": 0, "days": None, "orders": "keep"}
        decisions = DECISIONS.get(step)
        return {"by": by, "some": number, **({"decision": decisions[number]} if decisions else {})}

    # One at a time ----------------------------------------------------------------------------------------------------

    @rule(by=people, who=somebody, days=days, orders=st.sampled_from(["keep", "hold"]))
    def ban(self, by, who, days, orders):
        buyer = self.buyer(who)
        by = self.by(by, lambda person: self.model.may_ban(person, buyer))
        end = days and self.now + days * DAY
        terms = {"type": "other", "note": "one", "until": end, "open_orders": orders}
        may = self.model.may_ban(by, buyer)
        standing = self.model.ban_of(buyer)
        row = self.does(
            lambda: ban_purchase(self.customer(buyer), by=by.user, at=self.now, **terms), None if may else MayNotBan
        )
        if may:
            self.model.ban(buyer, by, until=end, words=("other", "one"), holds_orders=orders == "hold")
            assert standing is None or standing.pk == row.pk

    @precondition(lambda self: self.model.bans)
    @rule(by=people, some=some)
    def lift(self, by, some):
        buyer = _pick(_first(self.model.bans, lambda ban: ban.stands(self.now)), some).buyer
        ban = self.model.ban_of(buyer)
        by = self.by(by, lambda person: ban and self.model.may_lift(person, ban))
        refusal = NotBanned if ban is None else None if self.model.may_lift(by, ban) else MayNotBan
        self.does(lambda: lift_ban(self.customer(buyer), reason="x", by=by.user, at=self.now), refusal)
        if not refusal:
            self.model.lift(ban, by)

    @precondition(lambda self: self.model.bans)
    @rule(by=people, some=some)
    def confirm(self, by, some):
        ban = _pick(_first(self.model.bans, lambda ban: ban.is_to_confirm), some)
        by = self.by(by, lambda person: self.model.may_confirm(person, ban))
        if ban.confirmed_by:
            refusal = None
        elif not self.model.may_confirm(by, ban):
            refusal = confirmations.MayNotConfirm
        else:
            refusal = None if ban.is_to_confirm and ban.stands(self.now) else confirmations.NotToConfirm
        row = Ban.objects.get(pk=ban.pk)
        self.does(lambda: confirmations.confirm_ban(row, by=by.user, at=self.now), refusal)
        if not refusal and not ban.confirmed_by:
            self.model.confirm(ban, by)

    # Time -------------------------------------------------------------------------------------------------------------

    @rule(passes=st.sampled_from([MINUTE, 31 * MINUTE, DAY / 2, DAY, 7 * DAY]), is_on_duty=st.booleans())
    def wait(self, passes, is_on_duty):
        """Whether the scheduler looks then makes no difference, but for held orders, which it releases."""
        self.model.now += passes
        if is_on_duty:
            self.actors = {None}
            expire_bans(at=self.now)
            release_overdue(at=self.now)
            self.model.release_overdue()

    # Many at once -----------------------------------------------------------------------------------------------------

    def bulk(self, kind, by, buyers, **asked):
        ids = sorted(buyer.pk for buyer in buyers)
        return jobs.run_now(kind, by=by.user, clock=lambda: self.now, ids=ids, **asked)

    @rule(by=people, who=several, days=days, orders=st.sampled_from(["keep", "hold"]))
    def ban_many(self, by, who, days, orders):
        buyers = self.of(who)
        by = self.by(by, lambda person: self.model.bannable(buyers, person))
        end = days and self.now + days * DAY
        asked = {"type": "other", "note": "bulk", "until": end.isoformat() if end else "", "open_orders": orders}
        row = self.bulk("ban_purchases", by, buyers, **asked)
        job = model.Job(row.pk, by, lifts=False, until=end, holds_orders=orders == "hold")
        self.model.bulk_ban(job, buyers)
        assert (row.state, row.done_count) == (model.STATES[job.state], job.done)

    @rule(by=people, who=several)
    def lift_many(self, by, who):
        buyers = self.of(who)
        by = self.by(by, lambda person: self.model.liftable(buyers, person))
        row = self.bulk("lift_bans", by, buyers, reason="x")
        job = model.Job(row.pk, by, lifts=True)
        self.model.bulk_lift(job, buyers)
        assert (row.state, row.done_count) == (Job.State.FINISHED, job.done)

    @precondition(lambda self: any(not job.lifts for job in self.model.jobs))
    @rule(by=people, some=some, decision=st.sampled_from(DECISIONS["decide_on_many"]))
    def decide_on_many(self, by, some, decision):
        job = _pick(_first([job for job in self.model.jobs if not job.lifts], lambda job: job.waits_for), some)
        row = Job.objects.get(pk=job.pk)
        if decision == "cancel":
            assert jobs.cancel(row, at=self.now) == bool(job.waits_for)  # whether one may is the page's to ask
            self.model.cancel(job)
            return
        by = self.by(by, lambda person: self.model.may_approve(person, job))
        refusal = None if self.model.may_approve(by, job) else approvals.MayNotApprove
        reason = {"reason": "x"} if decision == "decline" else {}
        decide = getattr(approvals, decision)
        decided = self.does(lambda: decide(row, by=by.user, at=self.now, **reason), refusal)
        if not refusal:
            assert decided == (job.state == "asks")
            self.model.decide(job, by, approves=decision == "approve")

    @precondition(lambda self: any(job.state == "approved" for job in self.model.jobs))
    @rule()
    def let_the_worker_work(self):
        waiting = [job for job in self.model.jobs if job.state == "approved"]
        self.actors = {job.by.pk for job in waiting}
        for job in waiting:
            row = jobs.run_to_end(Job.objects.get(pk=job.pk), clock=lambda: self.now)
            self.model.work_on(job)
            assert (row.state, row.done_count) == (model.STATES[job.state], job.done)

    @precondition(lambda self: self.model.jobs)
    @rule(by=people, some=some)
    def undo(self, by, some):
        job = _pick(_first(self.model.jobs, self.model.is_undoable), some)
        by = self.by(by, lambda person: self.model.may_undo(person, job))
        refusal = None if self.model.may_undo(by, job) else undo.CannotUndo
        row = Job.objects.get(pk=job.pk)
        done = self.does(lambda: undo.undo(row, by=by.user, clock=lambda: self.now), refusal)
        if not refusal:
            self.model.undo(job, by)
            assert done.state == Job.State.FINISHED

    # Asking for bans --------------------------------------------------------------------------------------------------

    @rule(by=people, who=somebody, days=days)
    def request(self, by, who, days):
        buyer = self.buyer(who)
        by = self.by(by, lambda person: self.model.needs_to_ask(person, buyer))
        refusal = None if self.model.needs_to_ask(by, buyer) else ban_requests.NothingToAsk
        refusal = refusal if by.role else ban_requests.MayNotAsk
        asked = {"type": "abuse", "note": "asked", "days": days}
        row = self.does(
            lambda: ban_requests.request_ban(self.customer(buyer), by=by.user, at=self.now, **asked), refusal
        )
        if not refusal:
            assert self.model.request(buyer, by, pk=row.pk, days=days).pk == row.pk

    @precondition(lambda self: self.model.requests)
    @rule(by=people, some=some, decision=st.sampled_from(DECISIONS["decide_request"]))
    def decide_request(self, by, some, decision):
        request = _pick(_first(self.model.requests, lambda request: request.state == "open"), some)
        by = self.by(by, lambda person: self.model.may_decide(person, request, decision))
        row = BanRequest.objects.get(pk=request.pk)
        may_not = ban_requests.MayNotAsk if decision == "withdraw" else ban_requests.MayNotDecide
        refusal = None if request.state == "open" else ban_requests.NotOpen
        refusal = refusal if self.model.may_decide(by, request, decision) else may_not
        reason = {"reason": "x"} if decision == "decline" else {}
        self.does(lambda: getattr(ban_requests, decision)(row, by=by.user, at=self.now, **reason), refusal)
        if not refusal:
            self.model.decide_request(request, by, decision)

    # Appeals ----------------------------------------------------------------------------------------------------------

    @precondition(lambda self: self.model.bans)
    @rule(by=people, some=some)
    def appeal(self, by, some):
        ban = _pick(_first(self.model.bans, lambda ban: ban.stands(self.now)), some)
        by = self.by(by, lambda person: person.role)
        refusal = None if ban.stands(self.now) else appeals.CannotAppeal
        refusal = refusal if by.role else appeals.MayNotAppeal
        row = Ban.objects.get(pk=ban.pk)
        made = self.does(lambda: appeals.open_appeal(row, text="Please", by=by.user, at=self.now), refusal)
        if not refusal:
            assert self.model.appeal(ban, by, pk=made.pk).pk == made.pk

    @precondition(lambda self: self.model.appeals)
    @rule(by=people, some=some, decision=st.sampled_from(DECISIONS["decide_appeal"]))
    def decide_appeal(self, by, some, decision):
        appeal = _pick(_first(self.model.appeals, lambda appeal: appeal.state == "open"), some)
        by = self.by(by, lambda person: self.model.may_decide_appeal(person, appeal, decision))
        row = Appeal.objects.select_related("ban").get(pk=appeal.pk)
        answer = {} if decision == "withdraw" else {"answer": "We have looked again."}
        refusal = None if appeal.state == "open" else appeals.AppealDecided
        refusal = refusal if self.model.may_decide_appeal(by, appeal, decision) else appeals.MayNotAppeal
        self.does(lambda: getattr(appeals, decision)(row, by=by.user, at=self.now, **answer), refusal)
        if not refusal:
            self.model.decide_appeal(appeal, by, decision)

    # Exemptions, watches, links ---------------------------------------------------------------------------------------

    @rule(by=people, who=somebody, days=days)
    def exempt(self, by, who, days):
        buyer, by = self.buyer(who), self.by(by, _is_manager)
        end = days and self.now + days * DAY
        refusal = None if _is_manager(by) else exemptions.MayNotExempt
        row = self.does(
            lambda: exemptions.set_exemption(self.customer(buyer), reason="x", by=by.user, at=self.now, until=end),
            refusal,
        )
        if not refusal:
            assert self.model.exempt(buyer, pk=row.pk, until=end).pk == row.pk

    @precondition(lambda self: self.model.exemptions)
    @rule(by=people, some=some)
    def end_exemption(self, by, some):
        exemption, by = _pick(self.model.exemptions, some), self.by(by, _is_manager)
        refusal = None if _is_manager(by) else exemptions.MayNotExempt
        row = Exemption.objects.get(pk=exemption.pk)
        self.does(lambda: exemptions.end_exemption(row, by=by.user, at=self.now), refusal)
        if not refusal:
            self.model.end("exemption", exemption)

    @rule(by=people, who=somebody, passes=st.sampled_from([None, DAY / 2, 7 * DAY]))
    def watch(self, by, who, passes):
        buyer = self.buyer(who)
        by = self.by(by, lambda person: self.model.may_watch(person, buyer))
        end = passes and self.now + passes
        is_short = end is not None and end <= self.now + model.BRIEFLY
        may = self.model.may_watch(by, buyer)
        too_long = ValidationError if not (is_short or self.model.may_ban(by, buyer)) else None
        refusal = too_long if may else watches.MayNotWatch
        row = self.does(
            lambda: watches.watch(self.customer(buyer), type="abuse", by=by.user, at=self.now, until=end), refusal
        )
        if not refusal:
            assert self.model.watch(buyer, by, pk=row.pk, until=end).pk == row.pk

    @rule(who=somebody, days=days)
    def propose_watch(self, who, days):
        buyer, end = self.buyer(who), days and self.now + days * DAY
        self.actors = {None}
        row = watches.propose_watch(self.customer(buyer), rule="many refunds", type="abuse", at=self.now, until=end)
        assert self.model.watch(buyer, None, pk=row.pk, until=end).pk == row.pk

    @precondition(lambda self: self.model.watches)
    @rule(by=people, some=some)
    def confirm_watch(self, by, some):
        watch = _pick(self.model.watches, some)
        by = self.by(by, lambda person: self.model.may_watch(person, watch.buyer))
        row = Watch.objects.get(pk=watch.pk)
        over = None if watch.stands(self.now) else watches.WatchIsOver
        refusal = over if self.model.may_watch(by, watch.buyer) else watches.MayNotWatch
        self.does(lambda: watches.confirm_watch(row, by=by.user, at=self.now), refusal)
        if not refusal:
            self.model.confirm_watch(watch, by)

    @precondition(lambda self: self.model.watches)
    @rule(by=people, some=some)
    def end_watch(self, by, some):
        watch = _pick(self.model.watches, some)
        by = self.by(by, lambda person: self.model.may_end_watch(person, watch))
        row = Watch.objects.get(pk=watch.pk)
        refusal = None if self.model.may_end_watch(by, watch) else watches.MayNotWatch
        self.does(lambda: watches.end_watch(row, reason="x", by=by.user, at=self.now), refusal)
        if not refusal:
            self.model.end("watch", watch)

    @rule(by=people, one=somebody, other=somebody)
    def link(self, by, one, other):
        one, other = self.buyer(one), self.buyer(other)
        by = self.by(by, lambda person: self.model.may_link(person, {one, other}))
        refusal = None if self.model.may_link(by, {one, other}) else links.MayNotDecideLink
        refusal = ValidationError if one is other else refusal
        pair = self.customer(one), self.customer(other)
        row = self.does(lambda: links.link_customers(*pair, by=by.user, at=self.now, note="x"), refusal)
        if not refusal:
            self.model.decide_link(self.model.link(one, other, pk=row.pk), model.CONFIRMED)

    @precondition(lambda self: self.model.links)
    @rule(by=people, some=some, confirms=st.booleans())
    def decide_link(self, by, some, confirms):
        link = _pick(self.model.links, some)
        by = self.by(by, lambda person: self.model.may_link(person, link.buyers))
        row = AccountLink.objects.get(pk=link.pk)
        decide = links.confirm_link if confirms else links.deny_link
        refusal = None if self.model.may_link(by, link.buyers) else links.MayNotDecideLink
        self.does(lambda: decide(row, by=by.user, at=self.now, note="x"), refusal)
        if not refusal:
            self.model.decide_link(link, model.CONFIRMED if confirms else model.DENIED)

    # Merging, buying, asking ------------------------------------------------------------------------------------------

    @rule(by=people, kept=somebody, merged=somebody)
    def merge(self, by, kept, merged):
        kept, merged = self.buyer(kept), self.buyer(merged)
        by = self.by(by, self.model.may_merge)
        refusal = ValidationError if kept is merged else None
        refusal = refusal if self.model.may_merge(by) else MayNotMerge
        pair = self.customer(kept), self.customer(merged)
        self.does(lambda: merge(*pair, by=by.user, at=self.now), refusal)
        if not refusal:
            self.model.merge(kept, merged, by)
            self.is_news = True

    @rule(who=st.sampled_from([facts[3] for facts in BUYERS]))
    def buy(self, who):
        source, nick = self.shop.sources[who[0]], who[1]
        facts = OrderFacts(number=str(len(self.model.orders)), amount=10, ordered_at=self.now)
        identity = Identity(source.pk, nick=nick, external_id=nick)
        answer = self.model.answer(account=who)
        self.actors = {None}
        taken = take_order(facts, source=source, buyer=identity, at=self.now)
        assert (taken.decision.outcome.name.lower(), taken.order is None) == (answer, answer == model.REFUSE)
        if taken.order:
            self.model.order(taken.order.pk, who, is_held=answer == model.REVIEW)

    @precondition(lambda self: any(ban.stands(self.now) for ban in self.model.bans))
    @rule(some=some)
    def ask_something(self, some):
        """A banned buyer reaches his agent like any other."""
        ban = _pick([ban for ban in self.model.bans if ban.stands(self.now)], some)
        code, nick = sorted(ban.buyer.accounts)[0]
        source = self.shop.sources[code]
        with transaction.atomic():
            reception = receive(Identity(source.pk, nick=nick), source=source, text="Hello", at=self.now)
            agent, own = reception.inquiry.agent, ban.buyer.agent
            assert reception.inquiry.customer_id == ban.buyer.pk
            assert agent is not None and (own is None or agent.user == own.user)
            transaction.set_rollback(True)

    # What holds after every step --------------------------------------------------------------------------------------

    @invariant()
    def holds(self):
        self.rows_are_what_the_model_says()
        self.everything_that_changed_is_recorded_with_its_actor()
        state = self.now, self.model.facts()
        if state != self.compared:
            self.banned_are_the_same_for_all_who_ask()
            self.copies_of_the_blocklist_are_right()
        self.compared = state

    def rows_are_what_the_model_says(self):
        """So no row is ever lost, and of a ban nothing changes but how it ended and what managers decided about it."""
        self._number_new_bans()
        assert self.tables.facts(at=self.now) == self.model.facts()

    def everything_that_changed_is_recorded_with_its_actor(self):
        rows = EventRow.objects.filter(event__gt=self.last_event).order_by("event", "pk")
        recorded = list(rows.values_list("event", "event__by", "event__verb", "model", "row_id"))
        self.last_event = max((row[0] for row in recorded), default=self.last_event)
        assert {actor for _event, actor, _verb, _model, _row in recorded} <= self.actors
        of_blocklist = [(verb, row) for _event, _actor, verb, model, row in recorded if model in RECORDED]
        assert sorted(of_blocklist) == sorted((verb, row.pk) for verb, row in self.model.told)
        self.is_news |= any(verb.startswith("ban.") for verb, _row in self.model.told)
        self.model.told, self.actors = [], set()

    def banned_are_the_same_for_all_who_ask(self):
        assert self.tables.banned(at=self.now) == self._banned()
        assert self.tables.excluded(at=self.now) == {
            buyer.pk: self.model.excluded(buyer) for buyer in self.model.buyers
        }
        for buyer in self.model.buyers:
            for account in buyer.accounts:
                self._check_gate(account=account)

    def copies_of_the_blocklist_are_right(self):
        """A storefront that asks for the changes now knows the accounts of the banned in its source."""
        for code, copy in self.copies.items() if self.is_news else ():
            copy.poll(lambda cursor, source=self.shop.sources[code]: self._page(source, cursor))
        self.is_news = False
        for code, copy in self.copies.items():
            known = {nick for buyer in self.model.buyers if self.model.is_banned(buyer) for nick in buyer.nicks(code)}
            assert copy.banned(self.now) == known

    def check_everything(self):
        """What is too slow for every step."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(timezone, "now", lambda: self.now)  # the one that the list reads
            found = list(CustomerFilter({"banned": "true"}, queryset=Customer.objects.all(), user=None).qs)
        assert {customer.pk for customer in found} == self._banned()
        for phone in {facts[2] for facts in BUYERS} - {""}:
            self._check_gate(phone=phone)
            for buyer in self.model.buyers:
                for account in buyer.accounts:
                    self._check_gate(account=account, phone=phone)

    def _banned(self):
        return {buyer.pk for buyer in self.model.buyers if self.model.is_banned(buyer)}

    def _number_new_bans(self):
        new = {ban.buyer.pk: ban for ban in self.model.bans if ban.pk is None}
        if new:
            known = [ban.pk for ban in self.model.bans if ban.pk]
            rows = Ban.objects.filter(customer__in=list(new)).exclude(pk__in=known)
            for pk, customer in rows.values_list("pk", "customer"):
                new[customer].pk = pk

    def _check_gate(self, *, account=(OWN, ""), phone=""):
        source, nick = self.shop.sources[account[0]], account[1]
        question = Question(Identity(source.pk, nick=nick, phone=phone), door=Door.CHECK, at=self.now)
        found = ask(question).outcome.name.lower()
        assert found == self.model.answer(account=account if nick else None, phone=phone), (account, phone)

    def _page(self, source, cursor):
        page = read_feed(source, cursor=cursor, size=100, at=self.now)
        return {"results": page.lines, "next": page.next, "has_more": page.has_more}


RECORDED = {row._meta.label_lower for row in (Ban, BanRequest, Appeal, Exemption, Watch, AccountLink)}


def _pick(rows, number):
    return rows[number % len(rows)]


def _first(rows, is_preferred):
    """Those that are preferred, where there are any: what is decided already is tried when nothing else is left."""
    return [row for row in rows if is_preferred(row)] or rows


def _is_manager(person):
    return person.role == "manager"


def test_blocklist_does_what_the_model_says_whoever_does_what(db, settings):
    settings.BANS_AT_ONCE = model.AT_ONCE
    Blocklist.shop, Blocklist.tables = Shop(), Tables()
    run_state_machine_as_test(
        Blocklist,
        settings=hypothesis.settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            derandomize="STATE_MACHINE_EXAMPLES" not in os.environ,  # the suite tries the same ones every time
            database=None,
            report_multiple_bugs=False,
            deadline=None,
            suppress_health_check=list(hypothesis.HealthCheck),
        ),
    )
