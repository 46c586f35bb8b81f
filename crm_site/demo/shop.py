"""The made-up shop itself: staff, goods, people, what they bought, and who serves or is banned."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import islice
from typing import TypeVar

from django.contrib.auth.models import Group as Role
from django.db import connection, transaction
from django.db.models import F, Model
from django.db.models.functions import Mod
from django.utils.translation import gettext as _

from blocklist.models import AccountLink, Ban
from blocklist.services.bans import ban_purchases
from blocklist.services.link_proposals import propose_links
from blocklist.services.links import confirm_link
from crm_site.roles import AGENT, LEAD, MANAGER
from customers import identity
from customers.bulk import insert_from, insert_rows
from customers.models import (
    Account,
    Agent,
    ApiKey,
    ContactValue,
    Customer,
    Group,
    LevelRule,
    Order,
    OrderLine,
    Product,
    Review,
    Source,
    User,
)
from customers.models.customer import CustomerQuerySet
from customers.services import group_rules, rfm, saved_filters
from customers.services.api_keys import hash_key
from customers.services.bindings import bind
from customers.services.merges import suggest
from customers.services.trade_figures import rebuild_trade_figures
from messaging.models import Broadcast
from messaging.services.broadcasts import save_draft, send
from messaging.services.work import work
from messaging.signals import WorkKind

from .blocklist import seed_blocklist
from .jobs import seed_jobs
from .outbox import seed_outbox
from .reception import seed_inquiries, seed_limits
from .replies import seed_replies
from .words import seed_words

# Only ever valid in a database that seed_demo filled, which listens on this machine alone.
DEMO_API_KEY = "crm_demo-key-of-the-made-up-shop"
DEMO_PASSWORD = "demo"  # noqa: S105
DEMO_SCOPES = [
    "purchase-checks:write",
    "orders:write",
    "orders:read",
    "customers:read",
    "bans:read",
    "inbox:read",
    "inquiries:write",
    "inquiries:read",
    "agents:read",
]
STAFF = [
    (AGENT, "ming", "小明 Ming"),
    (AGENT, "lan", "小兰 Lan"),
    (AGENT, "yue", "小月 Yue"),
    (LEAD, "chen", "Chen"),
    (MANAGER, "lin", "Lin"),
]
LOGINS: list[tuple[str, str, str]] = [(role, login, DEMO_PASSWORD) for role, login, _name in STAFF]
BANNED_NICK, ALLOWED_NICK = "test-banned", "test-allowed"
BATCH = 2_000
Row = TypeVar("Row", bound=Model)

ADJECTIVES = ("青柠", "晚风", "微光", "云朵", "半夏", "橘子", "清晨", "南方", "月亮", "星河", "初雪", "白露", "海盐")
NOUNS = ("小鹿", "麻雀", "书房", "花店", "列车", "邮差", "面包", "旅人", "渔夫", "松鼠", "画师", "木匠", "茶客", "海鸥")
PLACES = [("浙江省", "杭州市"), ("江苏省", "苏州市"), ("广东省", "东莞市"), ("四川省", "成都市"), ("北京", "北京市")]
GOODS = [
    ("亚麻衬衫 Linen shirt", "129.00"),
    ("羊毛围巾 Wool scarf", "89.00"),
    ("帆布背包 Canvas backpack", "199.00"),
    ("陶瓷茶杯 Ceramic tea cup", "39.90"),
    ("竹编收纳篮 Bamboo basket", "59.00"),
    ("香薰蜡烛 Scented candle", "45.50"),
    ("棉麻桌布 Cotton tablecloth", "75.00"),
    ("手工皂 Handmade soap", "19.90"),
]
NEW_GOODS = [("真丝睡衣 Silk pyjamas", "359.00"), ("胡桃木托盘 Walnut tray", "139.00")]
PRAISE = ["很好，下次还来。", "Nice quality, quick parcel.", "包装用心。", "As described.", ""]
COMPLAINTS = ["差评！不给钱就追评。", "Bad. Refund me or I go on.", "和图片不一样。"]


class NotEmpty(Exception):
    """The database holds customers already."""


def is_demo_shop() -> bool:
    """Whether this database holds the demo shop, whose key and passwords everybody can read here."""
    return ApiKey.objects.filter(key_hash=hash_key(DEMO_API_KEY)).exists()


def seed(*, customers: int, at: datetime) -> None:
    """Fill an empty database with a made-up shop, all or nothing. Raises NotEmpty where customers are there already."""
    with transaction.atomic():
        if Customer.objects.exists():
            raise NotEmpty(_("The database already holds customers; the demo shop fills an empty one only."))
        dice = random.Random(20260305)  # noqa: S311  (the shop is the same each time)
        source = Source.objects.get_or_create(code="own", defaults={"name": "Demo shop"})[0]
        staff = _seed_staff(source, at=at)
        products = _seed_products(source)
        _seed_customers(source, dice, count=max(customers - 2, 0), at=at)
        _seed_test_buyers(source, at=at)
        _seed_orders(source, products, dice, at=at)
        _seed_thresholds()
        _count_rows()
        rebuild_trade_figures(at=at)
        rfm.refresh(at=at)
        _seed_groups(staff, at=at)
        _seed_bindings(staff, at=at)
        _seed_bans(staff, at=at)
        _seed_duplicates(at=at)
        _seed_links(staff, at=at)
        _seed_broadcast(staff, at=at)
        seed_words(staff, at=at)
        seed_replies(staff)
        seed_inquiries(staff, source, banned_nick=BANNED_NICK, at=at)
        seed_limits(staff, at=at)
        seed_outbox(staff, source, at=at)
        seed_blocklist(staff, source, tests=(BANNED_NICK, ALLOWED_NICK), at=at)
        seed_jobs(staff, at=at)


def _seed_staff(source: Source, *, at: datetime) -> dict[str, User]:
    staff = {}
    for role, login, name in STAFF:
        user = User.objects.create_user(login, password=DEMO_PASSWORD, is_staff=True, first_name=name)
        user.groups.add(Role.objects.get(name=role))
        if role == AGENT:
            Agent.objects.create(user=user, display_name=name, status=Agent.Status.ONLINE)
        staff[login] = user
    ApiKey.objects.create(
        name="Demo storefront", source=source, key_hash=hash_key(DEMO_API_KEY), scopes=DEMO_SCOPES, created_at=at
    )
    return staff


def _seed_products(source: Source) -> list[Product]:
    goods = [(name, price, False) for name, price in GOODS] + [(name, price, True) for name, price in NEW_GOODS]
    return Product.objects.bulk_create(
        Product(source=source, external_id=f"P{number:03d}", name=name, price=Decimal(price), is_new=is_new)
        for number, (name, price, is_new) in enumerate(goods, start=1)
    )


def _seed_customers(source: Source, dice: random.Random, *, count: int, at: datetime) -> None:
    numbers = iter(range(1, count + 1))
    while batch := list(islice(numbers, BATCH)):
        people = _inserted(Customer, [_person(dice, at=at) for _number in batch])
        named = [
            (person, f"{dice.choice(ADJECTIVES)}{dice.choice(NOUNS)}{number}")
            for person, number in zip(people, batch, strict=True)
            if number % 25  # every 25th is a guest without an account
        ]
        accounts = [
            Account(customer_id=person.pk, source_id=source.pk, external_id=nick, nick=nick) for person, nick in named
        ]
        insert_rows(Account, accounts)
        numbered = list(zip(people, batch, strict=True))
        emails = [
            _contact(person, ContactValue.Kind.EMAIL, f"buyer{number}@example.com")
            for person, number in numbered
            if number % 3 == 0
        ]
        phones = [
            _contact(person, ContactValue.Kind.PHONE, f"1990000{number:04d}")
            for person, number in numbered
            if number < 10_000
        ]
        insert_rows(ContactValue, [*emails, *phones])


def _inserted(model: type[Row], rows: list[Row]) -> list[Row]:
    """Insert the rows and give them their keys, which are the last ones: nobody else writes to an empty shop."""
    insert_rows(model, rows)
    keys = model._default_manager.order_by("-pk").values_list("pk", flat=True)[: len(rows)]
    for row, key in zip(reversed(rows), keys, strict=True):
        row.pk = key
    return rows


def _person(dice: random.Random, *, at: datetime) -> Customer:
    province, city = dice.choice(PLACES)
    known_for = timedelta(days=dice.randint(20, 400), minutes=dice.randint(0, 1440))
    language = "en" if dice.random() < 0.1 else ""
    return Customer(province=province, city=city, registered_at=at - known_for, language=language)


def _contact(person: Customer, kind: str, value: str) -> ContactValue:
    return ContactValue(customer_id=person.pk, kind=kind, value=value, key=identity.contact_key(kind, value))


def _seed_test_buyers(source: Source, *, at: datetime) -> None:
    for nick in (BANNED_NICK, ALLOWED_NICK):
        customer = Customer.objects.create(registered_at=at - timedelta(days=90))
        Account.objects.create(customer=customer, source=source, external_id=nick, nick=nick)


def _count_rows() -> None:
    """Tell the database how many rows there are now: it would plan for empty tables until the transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def _seed_orders(source: Source, products: list[Product], dice: random.Random, *, at: datetime) -> None:
    orders = _orders(source, dice, at=at)
    old = [product for product in products if not product.is_new]
    while batch := list(islice(orders, BATCH)):
        bought = [(dice.choice(old), dice.choice([1, 1, 1, 2, 3])) for _order in batch]
        for order, (product, pieces) in zip(batch, bought, strict=True):
            order.amount = (product.price or Decimal(0)) * pieces
            if order.paid_at:
                order.paid_amount = order.amount
        lines = [
            OrderLine(
                order_id=order.pk,
                line_number=1,
                product_id=product.pk,
                title=product.name,
                quantity=pieces,
                price=product.price or Decimal(0),
            )
            for order, (product, pieces) in zip(_inserted(Order, batch), bought, strict=True)
        ]
        insert_rows(OrderLine, lines)
        insert_rows(Review, list(_reviews(source, batch, lines, dice, at=at)))


def _orders(source: Source, dice: random.Random, *, at: datetime) -> Iterator[Order]:
    status = Order.Status
    number = 0
    people = Customer.objects.order_by("pk").values_list("pk", "registered_at")
    for customer, known_since in people.iterator(chunk_size=BATCH):
        for _time in range(dice.choice([0, 1, 1, 1, 2, 3])):
            number += 1
            ordered_at = known_since + (at - known_since) * dice.random()
            state = dice.choices(
                [status.DONE, status.CLOSED, status.SENT, status.PAID, status.UNPAID], [70, 10, 8, 8, 4]
            )[0]
            yield Order(
                source_id=source.pk,
                number=f"{3_000_000_000_000_000 + number}",
                customer_id=customer,
                status=state,
                close_reason="买家未付款" if state == status.CLOSED else "",
                ordered_at=ordered_at,
                paid_at=None if state in (status.UNPAID, status.CLOSED) else ordered_at + timedelta(minutes=3),
                sent_at=ordered_at + timedelta(days=1) if state in (status.SENT, status.DONE) else None,
                done_at=ordered_at + timedelta(days=6) if state == status.DONE else None,
                closed_at=ordered_at + timedelta(days=1) if state == status.CLOSED else None,
                flag=dice.choice([0, 0, 0, 0, 1, 3]),
            )


def _reviews(
    source: Source, orders: list[Order], lines: list[OrderLine], dice: random.Random, *, at: datetime
) -> Iterator[Review]:
    for order, line in zip(orders, lines, strict=True):
        reviewed_at = order.ordered_at + timedelta(days=8)
        if order.status != Order.Status.DONE or dice.random() < 0.4 or reviewed_at > at:
            continue
        score = dice.choices([5, 4, 3, 2, 1], [60, 20, 8, 4, 8])[0]
        yield Review(
            source_id=source.pk,
            external_id=f"R{order.number}",
            customer_id=order.customer_id,
            order_id=order.pk,
            product_id=line.product_id,
            score=score,
            text=dice.choice(PRAISE if score > 2 else COMPLAINTS),
            reviewed_at=reviewed_at,
        )


def _seed_thresholds() -> None:
    for level, amount, count in ((1, None, 1), (2, 200, 3), (3, 500, 6), (4, 1000, None)):
        LevelRule.objects.create(level=level, trade_amount=amount, trade_count=count)


def _seed_groups(staff: dict[str, User], *, at: datetime) -> None:
    """Two that people fill, and one that a rule does."""
    for name, condition in (("回头客 Regulars", {"trade_count__gte": 2}), ("杭州 Hangzhou", {"city": "杭州市"})):
        group = Group.objects.create(name=name)
        members = Customer.objects.filter(**condition)
        insert_from(Customer.groups.through, members, customer=F("pk"), group=group)
    leaving = saved_filters.create(
        "要流失的老客 Regulars about to leave",
        by=staff["lin"],
        at=at,
        values={"rfm_segment": ["at_risk", "cannot_lose"]},
        is_shared=True,
    )
    group = Group.objects.create(name="待挽回 To win back", rule=leaving, rule_by=staff["lin"])
    group_rules.refresh(group, at=at)


def share(rows: CustomerQuerySet, part: int, parts: int) -> CustomerQuerySet:
    """One of `parts` even shares of the customers, by their ids."""
    return rows.alias(part=Mod(F("pk"), parts)).filter(part=part)


def _seed_bindings(staff: dict[str, User], *, at: datetime) -> None:
    customers = Customer.objects.exclude(accounts__nick__in=[BANNED_NICK, ALLOWED_NICK])
    for part, login in enumerate(("ming", "lan", "yue")):
        # one share in ten stays without an agent
        for slot in range(part * 3, part * 3 + 3):
            bind(share(customers, slot, 10), agent=staff[login].agent, by=staff["lin"], at=at - timedelta(days=10))
    tests = Customer.objects.filter(accounts__nick__in=[BANNED_NICK, ALLOWED_NICK])
    bind(tests, agent=staff["ming"].agent, by=staff["lin"], at=at - timedelta(days=9))


def _seed_bans(staff: dict[str, User], *, at: datetime) -> None:
    ming, lan, lin = staff["ming"], staff["lan"], staff["lin"]
    test = Customer.objects.filter(accounts__nick=BANNED_NICK)
    ban_purchases(test, type=Ban.Type.EXTORTION, by=ming, at=at - timedelta(days=3), note="Made-up test buyer.")
    bad = Customer.objects.filter(reviews__score=1).order_by("pk")
    for customers, type_, user, days, until in (
        (bad.filter(agent__user=ming), Ban.Type.BAD_REVIEWER, ming, 5, None),
        (bad.filter(agent__user=lan), Ban.Type.MALICIOUS_REFUND, lan, 2, at + timedelta(days=28)),
        (Customer.objects.unbound().order_by("pk"), Ban.Type.COMPETITOR, lin, 1, None),
    ):
        chosen = list(customers.values_list("pk", flat=True)[:3])
        ban_purchases(
            Customer.objects.filter(pk__in=chosen), type=type_, by=user, at=at - timedelta(days=days), until=until
        )


def _seed_duplicates(*, at: datetime) -> None:
    """Guests who gave the phone or the e-mail of a customer with an account: perhaps the same people."""
    guests = list(Customer.objects.filter(accounts__isnull=True).order_by("pk").values_list("pk", flat=True)[:4])
    known = ContactValue.objects.filter(customer__accounts__isnull=False, kind__in=["phone", "email"]).order_by("pk")
    for guest, value in zip(guests, known[: len(guests)], strict=False):
        ContactValue.objects.get_or_create(
            customer_id=guest, kind=value.kind, key=value.key, defaults={"value": value.value}
        )
    suggest(ContactValue.objects.filter(customer__in=guests), at=at)


def _seed_links(staff: dict[str, User], *, at: datetime) -> None:
    """Two who share an e-mail with somebody banned, one of them confirmed to be the same person; the rest proposed."""
    banned = Ban.objects.standing(at).values("customer")
    value = ContactValue.objects.filter(customer__in=banned, kind=ContactValue.Kind.EMAIL).order_by("pk").first()
    if value is None:  # a shop of a handful
        return
    unbanned = Customer.objects.with_account().exclude(pk__in=banned).exclude(accounts__nick=ALLOWED_NICK)
    others = list(unbanned.order_by("-pk")[:2])
    same = {"kind": value.kind, "value": value.value, "key": value.key}
    insert_rows(ContactValue, [ContactValue(customer_id=other.pk, **same) for other in others])
    guests = Customer.objects.filter(accounts__isnull=True)
    propose_links(guests, at=at)
    propose_links(Customer.objects.filter(pk__in=[other.pk for other in others]), at=at)
    link = AccountLink.objects.of(others[0]).order_by("-confidence", "pk")[0]
    confirm_link(link, by=staff["lin"], at=at, note="同一个人，同一个邮箱 Same person, same e-mail")


def _seed_broadcast(staff: dict[str, User], *, at: datetime) -> None:
    product = Product.objects.new().order_by("pk")[0]
    broadcast = Broadcast(
        product=product,
        channel="inbox",
        subject="上新 New: {product}",
        body="{nick}，新品 {product} 上架了，¥{price}。 It has just arrived.",
    )
    yesterday = at - timedelta(days=1)
    save_draft(broadcast, by=staff["lin"], at=yesterday)
    send(broadcast, by=staff["lin"], at=yesterday)
    for kind in (WorkKind.PLAN, WorkKind.SEND):
        while work(kind, clock=lambda: yesterday, stretch=timedelta(seconds=1)):
            pass
