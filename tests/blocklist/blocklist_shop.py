"""The shop of the state machine: who works there and who buys, and what is asked of its tables after every step."""

from datetime import timedelta

from django.db.models import DateTimeField

from blocklist.models import AccountLink, Appeal, Ban, BanRequest, Exemption, Watch, banned
from blocklist.services.link_proposals import propose_links
from customers.models import Customer, Deputyship, Job, Order, OrderHold
from customers.prepared import PreparedValues, Slot
from messaging.channels import get_channel
from messaging.rules import exclusion
from tests.blocklist.blocklist_model import Buyer, Link, Model, Person
from tests.factories import NOON, AccountFactory, AgentFactory, CustomerFactory, SourceFactory, UserFactory

DEPUTY_FOR = timedelta(days=3)
OWN, MARKET = "own", "taobao"
# Of each buyer: the agent, whether he is a good customer, his phone, his account.
BUYERS = (
    ("ming", False, "13800138001", (OWN, "doe")),
    ("ming", True, "13800138001", (MARKET, "elk")),
    ("ming", False, "", (OWN, "fox")),
    ("lan", False, "13800138002", (OWN, "gnu")),
    ("", False, "13800138002", (MARKET, "hen")),
    ("", True, "", (OWN, "ibis")),
)
STAFF = ("ming", "lan", "deputy", "lead", "manager", "other manager", "nobody")


class Shop:
    """The staff and the buyers before anything happens; made once, each example begins with it."""

    def __init__(self):
        users = {
            "ming": AgentFactory(display_name="Ming", user__username="ming").user,
            "lan": AgentFactory(display_name="Lan", user__username="lan").user,
            "deputy": AgentFactory(display_name="Deputy", user__username="deputy").user,
            "lead": UserFactory(username="lead", role="lead"),
            "manager": UserFactory(username="manager", role="manager"),
            "other manager": UserFactory(username="other manager", role="manager"),
            "nobody": UserFactory(username="nobody"),
        }
        roles = {"ming": "agent", "lan": "agent", "deputy": "agent", "nobody": "", "lead": "lead"}
        self.staff = {name: Person(name, roles.get(name, "manager"), user) for name, user in users.items()}
        self.staff["deputy"].stands_in_for = self.staff["ming"]
        self.staff["deputy"].stands_in_until = NOON + DEPUTY_FOR
        Deputyship.objects.create(
            agent=users["ming"].agent,
            deputy=users["deputy"].agent,
            starts_at=NOON,
            ends_at=NOON + DEPUTY_FOR,
            proposed_by=users["lead"],
            proposed_at=NOON,
            approved_by=users["manager"],
            approved_at=NOON,
        )
        self.sources = {code: SourceFactory(code=code, is_marketplace=code == MARKET) for code in (OWN, MARKET)}
        self.customers = [self._customer(*facts) for facts in BUYERS]
        propose_links(Customer.objects.all(), at=NOON)

    def _customer(self, agent, is_good, phone, account):
        source, nick = account
        agent = self.staff[agent].user.agent if agent else None
        customer = CustomerFactory(agent=agent, level=3 if is_good else 1, phone=phone or None)
        AccountFactory(customer=customer, source=self.sources[source], external_id=nick, nick=nick)
        return customer

    def model(self):
        buyers = [
            Buyer(customer.pk, self.staff.get(agent), is_good, {phone} - {""}, {account})
            for customer, (agent, is_good, phone, account) in zip(self.customers, BUYERS, strict=True)
        ]
        made = Model(NOON, buyers)
        of = {buyer.pk: buyer for buyer in buyers}
        for pk, first, second in AccountLink.objects.order_by("pk").values_list("pk", "first", "second"):
            made.links.append(Link(pk, frozenset({of[first], of[second]})))
        return made


class Tables:
    """What is asked after every step; each question is compiled once, which is most of what it costs."""

    def __init__(self):
        at = Slot("at", DateTimeField())
        columns = ("by", "started_at", "until", "type", "note", "by_manager", "confirmed_by", "upheld_at")
        rows = {
            "bans": (Ban.objects, *columns, "job", "restores", "lift_job", "lifted_by", "ended_at"),
            "requests": (BanRequest.objects, "by", "days", "note", "state", "decided_by", "ban"),
            "appeals": (Appeal.objects, "ban", "opened_by", "state", "decided_by"),
            "watches": (Watch.objects.standing(at), "until", "confirmed_by"),
            "exemptions": (Exemption.objects.standing(at), "until"),
            "orders": (Order.objects, "status"),
        }
        self._rows = {name: _prepared(found, "pk", "customer", *more) for name, (found, *more) in rows.items()}
        self._rows["links"] = _prepared(AccountLink.objects, "pk", "first", "second", "state")
        self._rows["holds"] = _prepared(OrderHold.objects.open(), "order", "held_at")
        self._rows["jobs"] = _prepared(Job.objects.exclude(kind__startswith="undo"), "pk", "state", "done_count")
        everybody, inbox = Customer.objects.all(), get_channel("inbox")
        self._banned = _prepared(banned(everybody, at=at), "pk")
        self._excluded = _prepared(everybody.annotate(why=exclusion(inbox, customer="pk", at=at)), "pk", "why")

    def facts(self, *, at):
        """What stands in the tables, as `Model.facts` says it."""
        found = {name: {pk: tuple(facts) for pk, *facts in _all(rows, at)} for name, rows in self._rows.items()}
        found["bans"] = {pk: _facts_of_ban(*facts) for pk, facts in found["bans"].items()}
        return found

    def banned(self, *, at):
        return {pk for (pk,) in _all(self._banned, at)}

    def excluded(self, *, at):
        """Why no message reaches each of the customers, as far as that is the blocklist's doing."""
        ours = ("banned", "linked", "ban_waits")
        return {pk: why if why in ours else "" for pk, why in _all(self._excluded, at)}


def _prepared(rows, *columns):
    return PreparedValues(rows.values(*columns))


def _all(rows, at):
    return [tuple(row.values()) for row in rows.all(at=at)]


def _facts_of_ban(*facts):
    """Nobody has to note the end of a ban that has run out; when it was upheld its appeal tells."""
    *terms, upheld_at, job, restores, lift_job, lifted_by, ended_at = facts
    return *terms, upheld_at is not None, job, restores, lift_job, lifted_by, ended_at if lifted_by else None
