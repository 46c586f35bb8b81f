"""What the blocklist of the made-up shop shows besides bans: few rows of each kind, whatever the size of the shop."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from blocklist.models import AccountLink, Ban, MaliciousType, MarketplaceTask, banned
from blocklist.services import appeals, ban_requests, bans, evidence, exemptions, marketplace_tasks, watches
from blocklist.services.excerpts import excerpt
from customers.identity import Identity
from customers.models import Account, Customer, Inquiry, Source, User
from customers.services.orders import OrderFacts, take_order

if TYPE_CHECKING:
    from customers.models.customer import CustomerQuerySet

MARKETPLACE = ("taobao", "淘宝店 Taobao")
MARKETPLACE_NICKS = ("tb青瓷小铺", "tb_night_owl", "tb晚安河马", "tb_lemon_tea", "tb秋刀鱼")
RULE = "3 unpaid orders in a week"
FIRST_ORDER = 3_900_000_000_000_001


def seed_blocklist(staff: Mapping[str, User], source: Source, *, tests: tuple[str, ...], at: datetime) -> None:
    """`tests`: the nicks of the buyers whom the printed commands ask about; they stay as they are."""
    _seed_evidence_and_appeals(staff, at=at)
    quiet = _quiet(tests, at=at)
    _seed_marketplace(staff, quiet.served_by(staff["ming"]), at=at)
    _seed_watches(staff, quiet, source, at=at)
    _seed_requests(staff, quiet, at=at)


def _quiet(tests: tuple[str, ...], *, at: datetime) -> CustomerQuerySet:
    """Who stands in no other part of the demo, with one account, the latest first."""
    customers = Customer.objects.filter(accounts__isnull=False).exclude(accounts__nick__in=tests)
    customers = customers.exclude(pk__in=banned(customers, at=at).values("pk"))
    for side in ("first", "second"):
        customers = customers.exclude(pk__in=AccountLink.objects.values(side))
    return customers.exclude(pk__in=Inquiry.objects.values("customer")).order_by("-pk")


def _seed_evidence_and_appeals(staff: Mapping[str, User], *, at: datetime) -> None:
    """The conversation of the banned buyer who asked why, his appeal, and one that a manager has decided."""
    asked = Inquiry.objects.filter(customer__in=banned(Customer.objects.all(), at=at).values("pk")).order_by("pk")
    for inquiry in asked[:1]:
        ban = Ban.objects.standing(at).get(customer=inquiry.customer)
        evidence.add_evidence(ban, files=excerpt(inquiry, at=at), by=staff["ming"], at=at)
        text = "我没有威胁任何人，请再看一下聊天记录。 I threatened nobody; please read the chat again."
        appeals.open_appeal(ban, text=text, by=staff["ming"], at=at, inquiry=inquiry)
    for ban in Ban.objects.standing(at).filter(by=staff["lan"]).order_by("pk")[:1]:
        opened_at = at - timedelta(hours=5)
        appeal = appeals.open_appeal(ban, text="The parcel was broken.", by=staff["lan"], at=opened_at)
        answer = "我们核对了订单，决定不变。 We have checked your orders; our decision stays."
        appeals.uphold(appeal, answer=answer, by=staff["lin"], at=opened_at + timedelta(hours=2))


def _seed_marketplace(staff: Mapping[str, User], customers: CustomerQuerySet, *, at: datetime) -> None:
    """Buyers of a marketplace: one blocked there, one to be blocked, one to be unblocked, the others not banned."""
    code, name = MARKETPLACE
    source = Source.objects.get_or_create(code=code, defaults={"name": name, "is_marketplace": True})[0]
    ming, banned_at = staff["ming"], at - timedelta(hours=6)
    for number, (customer, nick) in enumerate(zip(list(customers[:5]), MARKETPLACE_NICKS, strict=False)):
        account = Account.objects.create(customer=customer, source=source, external_id=nick, nick=nick)
        if number > 2:
            continue
        bans.ban_purchase(customer, type=MaliciousType.REFUSED_PARCEL, by=ming, at=banned_at + timedelta(hours=number))
        if number != 1:
            task = MarketplaceTask.objects.get(account=account)
            marketplace_tasks.tick(task, by=ming, at=at - timedelta(hours=3))
        if number == 2:
            reason = "他道歉并付了运费。 He apologised and paid the postage."
            bans.lift_ban(customer, reason=reason, by=staff["lin"], at=at - timedelta(hours=1))


def _seed_watches(staff: Mapping[str, User], quiet: CustomerQuerySet, source: Source, *, at: datetime) -> None:
    """Two that people set, whose orders are held; two that a rule proposes; and who is exempt."""
    lan, yue, set_at = staff["lan"], staff["yue"], at - timedelta(hours=2)
    of_lan, of_yue = list(quiet.served_by(lan)[:3]), list(quiet.served_by(yue)[:2])
    for customer in of_lan[:1]:
        until = at + timedelta(days=30)
        note = "三次拒收 Refused three parcels."
        watches.watch(customer, type=MaliciousType.REFUSED_PARCEL, note=note, until=until, by=lan, at=set_at)
    for customer in of_yue[:1]:
        until, lead = set_at + watches.BRIEFLY, staff["chen"]
        watches.watch(customer, type=MaliciousType.COUPON_HUNTER, until=until, by=lead, at=set_at)
    for customer in (*of_lan[1:2], *of_yue[1:2]):
        watches.propose_watch(customer, rule=RULE, type=MaliciousType.MALICIOUS_ORDER, at=at - timedelta(minutes=40))
    for number, customer in enumerate((*of_lan[:1], *of_yue[:1])):
        _order(customer, source, number=FIRST_ORDER + number, at=at - timedelta(minutes=30 + number))
    for customer in of_lan[2:3]:
        reason = "和被禁止购买的弟弟同住。 Lives with a brother who is banned."
        exemptions.set_exemption(customer, reason=reason, by=staff["lin"], at=set_at)


def _order(customer: Customer, source: Source, *, number: int, at: datetime) -> None:
    nick = customer.accounts.filter(source=source).values_list("nick", flat=True)[0]
    facts = OrderFacts(number=str(number), amount=Decimal("129.00"), ordered_at=at)
    take_order(facts, source=source, buyer=Identity(source_id=source.pk, nick=nick), at=at)


def _seed_requests(staff: Mapping[str, User], quiet: CustomerQuerySet, *, at: datetime) -> None:
    """One that waits, one that a manager has declined, one that a rule files."""
    of_yue = list(quiet.served_by(staff["yue"])[2:5])
    kinds = [MaliciousType.ABUSE, MaliciousType.COMPETITOR, MaliciousType.MALICIOUS_ORDER]
    for number, (customer, type_) in enumerate(zip(of_yue, kinds, strict=False)):
        asked_at = at - timedelta(minutes=50 - 10 * number)
        if number == 2:
            ban_requests.propose_by_rule(customer, rule=RULE, type=type_, at=asked_at)
            continue
        note = "昨晚一直在群里骂人。 Insults in the chat all night."
        asked = ban_requests.request_ban(customer, type=type_, note=note, by=staff["lan"], at=asked_at)
        if number == 1:
            reason = "先加观察名单。 Watch him first."
            ban_requests.decline(asked, reason=reason, by=staff["lin"], at=at - timedelta(minutes=10))
