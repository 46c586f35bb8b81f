"""Pages of the customer list with all customers, against the same pages with 1,000 of them.

Of the searches, of the filters and of the orders, the one that suffers most from the number is told.
"""

from datetime import timedelta

from django.conf import settings
from django.core.management import call_command
from django.db import connection
from django.db.models import DateTimeField, ExpressionWrapper, F, Value
from django.db.models.functions import Mod
from django.test import Client
from django.utils import timezone

from customers.bulk import insert_from
from customers.models import Customer, Group, Order, Source
from customers.services import saved_filters

from .harness import Result, in_turn, seconds
from .shop import fill, settle_down

FEW = 1_000
# A share of the few fills a page too, so that pages with the same number of rows are compared.
SHARES = 20
LIST = "/admin/customers/customer/"
PAGES = {
    "opening": [""],
    "search": ["q=nick5", "q=buyer500@example.com", "q=nobody", "q=n"],
    "filters": [
        *("agent=mine", "agent=null", "level=4", "level=0", "customer_source=3", "source=bench", "banned=true"),
        *("banned=false", "group=1", "group_all=1", "group_none=1", "flag=1", "flag=5", "province=P1", "city=nowhere"),
        *("nick=nick1", "trade_count_min=2&trade_count_max=3", "trade_amount_min=0", "trade_amount_min=99999"),
        *("avg_price_min=50", "item_count_max=1", "close_trade_count_min=3", "close_trade_amount_min=99"),
        *("last_trade_from=2024-01-01", "traded_within=1", "not_traded_within=30", "registered_from=2020-01-01"),
        "bound_from=2020-01-01",
    ],
    "several filters": ["level=2&trade_amount_min=100&group=1&city=C2", "level=2&trade_amount_min=100&group=1&city=C1"],
    "orders": [f"view=all&o={sign}{column}" for column in range(2, 13) for sign in ("", "-")],
}


def measure(*, customers, rounds):
    settings.STORAGES = {"staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}}
    few = times(FEW, rounds)
    call_command("flush", interactive=False, verbosity=0)
    many = times(customers, rounds)
    for kind, queries in PAGES.items():
        worst = max(queries, key=lambda query: many[query] / few[query])
        yield Result(
            benchmark=f"list, {kind}",
            database=connection.vendor,
            unit="pages",
            speed=1 / many[worst],
            baseline=1 / few[worst],
            baseline_is=f"the same page with {FEW:,} customers ({worst or 'as it opens'})",
            least_share=1 / 3,
        )


def times(customers, rounds):
    """The median seconds of each page in a shop of so many customers."""
    client = shop(customers)
    return {query: page_time(client, query, rounds) for queries in PAGES.values() for query in queries}


def page_time(client, query, rounds):
    def ask():
        return seconds(lambda: client.get(f"{LIST}?{query}"))

    ask()
    return in_turn(ask, ask, rounds)[0]


def shop(customers):
    user = fill(customers)
    user.is_staff = user.is_superuser = True
    user.save()
    at, slot = timezone.now(), Mod(F("pk"), Value(SHARES))
    Customer.objects.update(
        level=Mod(F("pk"), Value(4)),
        trade_count=Mod(F("pk"), Value(5)),
        trade_amount=Mod(F("pk"), Value(500)),
        avg_price=Mod(F("pk"), Value(90)),
        item_count=Mod(F("pk"), Value(9)),
        close_trade_count=Mod(F("pk"), Value(3)),
        last_trade_at=ExpressionWrapper(Value(at) - timedelta(hours=1) * slot, output_field=DateTimeField()),
    )
    Customer.objects.alias(slot=slot).filter(slot=1).update(agent=None, province="P1", city="C1")
    Customer.objects.alias(slot=slot).filter(slot__gt=SHARES / 2).update(province="P2", city="C2", last_trade_at=None)
    members = Customer.objects.alias(slot=slot).filter(slot__lt=SHARES / 3)
    insert_from(Customer.groups.through, members, group=Group.objects.create(pk=1, name="bench"), customer=F("pk"))
    source = Source.objects.get(code="bench")
    insert_from(
        Order,
        members,
        source=source,
        number=F("pk"),
        customer=F("pk"),
        flag=Mod(F("pk"), Value(2)),
        ordered_at=at,
        created_at=at,
        updated_at=at,
    )
    saved_filters.choose_columns(saved_filters.column_names(), by=user)
    settle_down()
    client = Client(SERVER_NAME="127.0.0.1")
    client.force_login(user)
    return client
