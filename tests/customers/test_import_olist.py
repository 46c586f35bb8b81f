import csv
import gzip
import os
import resource
import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from customers.identity import Identity
from customers.imports import runs
from customers.imports.runs import import_shop
from customers.models import Account, Customer, Event, ImportRun, Job, Order, OrderLine, Product, Review
from customers.services.people import find_customer
from customers.signals import orders_imported
from tests.conftest import OLIST
from tests.factories import AccountFactory, OrderFactory, SourceFactory, UserFactory

SHOP = {
    "olist_customers_dataset.csv": """\
"customer_id","customer_unique_id","customer_zip_code_prefix","customer_city","customer_state"
c1,ana,"01001",sao paulo,SP
c2,bia,"02002",rio de janeiro,RJ
c3,ana,"03003",campinas,SP
c4,caio,"04004",salvador,BA
""",
    "olist_orders_dataset.csv": """\
"order_id","customer_id","order_status","order_purchase_timestamp","order_approved_at","order_delivered_carrier_date",\
"order_delivered_customer_date","order_estimated_delivery_date"
o1,c1,delivered,2017-01-10 10:00:00,2017-01-10 11:00:00,2017-01-11 12:00:00,2017-01-15 13:00:00,2017-02-01 00:00:00
o2,c2,canceled,2017-06-10 10:00:00,,,,2017-07-01 00:00:00
o3,c3,shipped,2018-06-10 23:30:00,2018-06-11 00:30:00,2018-06-12 12:00:00,,2018-07-01 00:00:00
o4,c4,created,2018-07-01 08:00:00,,,,2018-08-01 00:00:00
""",
    "olist_products_dataset.csv": """\
"product_id","product_category_name","product_name_lenght","product_description_lenght","product_photos_qty",\
"product_weight_g","product_length_cm","product_height_cm","product_width_cm"
p1111111111,beleza_saude,40,287,1,225,16,10,14
p2222222222,pc_gamer,40,287,1,225,16,10,14
p3333333333,,,,,225,16,10,14
""",
    "product_category_name_translation.csv": """\
\ufeffproduct_category_name,product_category_name_english
beleza_saude,health_beauty
""",
    "olist_order_items_dataset.csv": """\
"order_id","order_item_id","product_id","seller_id","shipping_limit_date","price","freight_value"
o1,1,p1111111111,s1,2017-01-13 00:00:00,0.10,0.05
o1,2,p1111111111,s1,2017-01-13 00:00:00,0.10,0.05
o1,3,p2222222222,s1,2017-01-13 00:00:00,58.90,13.29
o3,1,p1111111111,s1,2018-06-13 00:00:00,0.20,7.00
""",
    "olist_order_payments_dataset.csv": """\
"order_id","payment_sequential","payment_type","payment_installments","payment_value"
o1,1,credit_card,8,70.00
o1,2,voucher,1,2.49
o2,1,boleto,1,99.90
o3,1,boleto,1,7.20
""",
    "olist_order_reviews_dataset.csv": """\
"review_id","order_id","review_score","review_comment_title","review_comment_message","review_creation_date",\
"review_answer_timestamp"
r1,o1,5,,"otimo
produto",2017-01-16 00:00:00,2017-01-17 08:00:00
r1,o3,1,nunca,,2018-06-20 00:00:00,2018-06-20 21:00:00
r2,o2,3,,,,
""",
}
NEW = {
    "customer": 3, "account": 3, "contactvalue": 0, "product": 3, "order": 4, "orderline": 4, "refund": 0, "review": 3,
}  # fmt: skip
NOTHING = dict.fromkeys(NEW, 0)
ROWS = (Customer, Account, Product, Order, OrderLine, Review)


@pytest.fixture
def shop(tmp_path):
    """A folder with a tiny shop; files given by the start of their name's noun replace texts of it."""
    folder = tmp_path / "shop"

    def _shop(packed=True, **replaced):
        folder.mkdir(exist_ok=True)
        for name, content in SHOP.items():
            data = _replaced(content, replaced.get(_noun(name), {})).encode(errors="surrogateescape")
            (folder / f"{name}.gz").write_bytes(gzip.compress(data)) if packed else (folder / name).write_bytes(data)
        return folder

    return _shop


def _replaced(text, changes):
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    return text


def _noun(name):
    return name.removeprefix("olist_").removeprefix("order_").split("_")[0]


def run_import(folder, by=None):
    return import_shop("olist", folder, by=by, now=timezone.now, progress=lambda label, done, total: None)


def rejected(run, settings):
    with (settings.DATA_DIR / run.rejects_path).open(encoding="utf-8-sig", newline="") as file:
        return [
            (row["file"].removesuffix(".gz"), int(row["line"]), row["column"], row["reason"])
            for row in csv.DictReader(file)
        ]


def everything():
    return [list(model.objects.order_by("pk").values()) for model in ROWS]


def utc(*parts):
    return datetime(*parts, tzinfo=UTC)


@pytest.mark.parametrize("packed", [True, False])
def test_import_loads_the_whole_shop(db, shop, packed):
    run = run_import(shop(packed))

    assert (run.state, run.created_counts, run.rejected_count, run.rejects_path) == ("finished", NEW, 0, "")
    assert run.finished_at >= run.started_at
    orders = Order.objects.order_by("number").values_list(
        "number", "customer__accounts__nick", "status", "close_reason", "amount", "postage", "paid_amount",
        "ordered_at", "paid_at", "sent_at", "done_at", "closed_at", "source__code", "import_run",
    )  # fmt: skip
    money = Decimal
    assert list(orders) == [
        ("o1", "ana", "done", "", money("72.49"), money("13.39"), money("72.49"), utc(2017, 1, 10, 12),
         utc(2017, 1, 10, 13), utc(2017, 1, 11, 14), utc(2017, 1, 15, 15), None, "olist", run.pk),
        ("o2", "bia", "closed", "canceled", money("99.90"), money("0.00"), money("99.90"), utc(2017, 6, 10, 13),
         None, None, None, None, "olist", run.pk),
        ("o3", "ana", "sent", "", money("7.20"), money("7.00"), money("7.20"), utc(2018, 6, 11, 2, 30),
         utc(2018, 6, 11, 3, 30), utc(2018, 6, 12, 15), None, None, "olist", run.pk),
        ("o4", "caio", "unpaid", "", money("0.00"), money("0.00"), money("0.00"), utc(2018, 7, 1, 11),
         None, None, None, None, "olist", run.pk),
    ]  # fmt: skip
    lines = OrderLine.objects.order_by("order__number", "line_number")
    assert list(lines.values_list("order__number", "line_number", "product__external_id", "quantity", "price")) == [
        ("o1", 1, "p1111111111", 1, money("0.10")),
        ("o1", 2, "p1111111111", 1, money("0.10")),
        ("o1", 3, "p2222222222", 1, money("58.90")),
        ("o3", 1, "p1111111111", 1, money("0.20")),
    ]


def test_import_names_products_by_category_and_latest_price(db, shop):
    run_import(shop())

    assert list(Product.objects.order_by("pk").values_list("external_id", "name", "category", "price", "is_new")) == [
        ("p1111111111", "health beauty p1111111", "health beauty", Decimal("0.20"), False),
        ("p2222222222", "pc gamer p2222222", "pc gamer", Decimal("58.90"), False),
        ("p3333333333", "product p3333333", "", None, False),
    ]


def test_import_makes_one_customer_per_unique_id(db, shop):
    run_import(shop())

    found = Customer.objects.order_by("registered_at").values_list(
        "accounts__external_id", "accounts__nick", "province", "city", "registered_at", "customer_source",
        "trade_count", "trade_amount", "item_count", "avg_price", "close_trade_count", "close_trade_amount",
        "last_trade_at",
    )  # fmt: skip
    assert list(found) == [
        ("ana", "ana", "SP", "campinas", utc(2017, 1, 10, 12), 1, 1, Decimal("72.49"), 3, Decimal("72.49"), 0,
         Decimal("0.00"), utc(2017, 1, 10, 12)),
        ("bia", "bia", "RJ", "rio de janeiro", utc(2017, 6, 10, 13), 2, 0, Decimal("0.00"), 0, Decimal("0.00"), 1,
         Decimal("99.90"), None),
        ("caio", "caio", "BA", "salvador", utc(2018, 7, 1, 11), 2, 0, Decimal("0.00"), 0, Decimal("0.00"), 0,
         Decimal("0.00"), None),
    ]  # fmt: skip


def test_import_keeps_reviews_without_a_time_and_with_line_breaks(db, shop):
    run_import(shop())

    found = Review.objects.order_by("pk").values_list(
        "external_id", "order__number", "customer__accounts__nick", "score", "title", "text", "asked_at", "reviewed_at"
    )
    assert list(found) == [
        ("r1-o1", "o1", "ana", 5, "", "otimo\nproduto", utc(2017, 1, 16, 2), utc(2017, 1, 17, 10)),
        ("r1-o3", "o3", "ana", 1, "nunca", "", utc(2018, 6, 20, 3), utc(2018, 6, 21, 0)),
        ("r2-o2", "o2", "bia", 3, "", "", None, None),
    ]


def test_imported_customer_is_found_by_nick(db, shop):
    run_import(shop())
    source = Account.objects.first().source

    assert find_customer(Identity(source.pk, nick="bia")) == Customer.objects.get(accounts__external_id="bia")


def test_import_twice_changes_nothing(db, shop):
    run_import(shop())
    before = everything()

    second = run_import(shop())

    assert (second.state, second.created_counts) == ("finished", NOTHING)
    assert everything() == before


def test_import_leaves_known_rows_alone(db, shop):
    source = SourceFactory(code="olist", name="My Olist")
    account = AccountFactory(source=source, external_id="ana", nick="Ana")
    order = OrderFactory(source=source, number="o1", customer=account.customer, amount=Decimal("1.00"))

    run = run_import(shop())

    assert run.created_counts == {**NEW, "customer": 2, "account": 2, "order": 3, "orderline": 1}
    order.refresh_from_db()
    assert (order.amount, order.import_run, order.lines.count()) == (Decimal("1.00"), None, 0)
    assert set(account.customer.orders.values_list("number", flat=True)) == {"o1", "o3"}


def test_every_imported_row_carries_its_run(db, shop):
    run = run_import(shop())

    assert [set(model.objects.values_list("import_run", flat=True)) for model in ROWS] == [{run.pk}] * len(ROWS)


def test_import_is_audited(db, shop):
    manager = UserFactory(username="boss", role="manager")

    run = run_import(shop(), by=manager)

    events = Event.objects.filter(verb__startswith="import.").values_list("verb", "by", "rows__model", "rows__row_id")
    assert list(events) == [("import.finished", manager.pk, "customers.importrun", run.pk)]
    assert run.by == manager


# the line is where the row starts: the text of the first review has two lines
BAD_ROWS = [
    ("customers", "c4,caio", "c4,", 5, "customer_unique_id", "is missing"),
    ("customers", "c4,caio", "c1,caio", 5, "customer_id", "has come in an earlier row already"),
    ("customers", "salvador", "s" * 81, 5, "customer_city", "is longer than 80 characters"),
    ("customers", "salvador", "salva\udcff", 5, "", "This row has characters that are not UTF-8."),
    ("customers", "salvador", "salva\0", 5, "", "This row has characters that are not UTF-8."),
    ("customers", "salvador,BA", "salvador", 5, "", "This row has 4 columns in place of 5."),
    ("customers", '"04004",salvador', '"04004,salvador', 5, "", "The quotation marks of this row are wrong."),
    ("orders", "o4,c4,created", "o4,c4,bought", 5, "order_status", "is none of: created, approved, invoiced, "
     "processing, shipped, delivered, canceled, unavailable"),
    ("orders", "o4,c4", "o4,c9", 5, "customer_id", "names a row that is not there"),
    ("orders", "2018-07-01 08:00:00", "2018-07-32 08:00:00", 5, "order_purchase_timestamp",
     "is no date and time like 2018-01-31 23:59:59"),
    ("orders", "2018-07-01 08:00:00", "2018-07-01", 5, "order_purchase_timestamp",
     "is no date and time like 2018-01-31 23:59:59"),
    ("orders", "2018-07-01 08:00:00", "", 5, "order_purchase_timestamp", "is missing"),
    ("items", "0.20,7.00", "0.20,NaN", 5, "freight_value", "is no amount of money"),
    ("items", "0.20,7.00", "-0.20,7.00", 5, "price", "is no amount of money"),
    ("items", "o3,1,p1", "o3,x,p1", 5, "order_item_id", "is no whole number"),
    ("items", "o3,1,p1111111111", "o3,1,p9", 5, "product_id", "names a row that is not there"),
    ("items", "o3,1,p1111111111", "o9,1,p1111111111", 5, "order_id", "names a row that is not there"),
    ("payments", "o3,1", "o9,1", 5, "order_id", "names a row that is not there"),
    ("reviews", "r2,o2,3", "r2,o2,6", 5, "review_score", "is not between 1 and 5"),
    ("reviews", "r2,o2,3", "r2,o9,3", 5, "order_id", "names a row that is not there"),
    ("reviews", "r2,o2,3", "r1,o3,3", 5, "review_id, order_id", "has come in an earlier row already"),
]  # fmt: skip


@pytest.mark.parametrize(("noun", "old", "new", "line", "column", "reason"), BAD_ROWS)
def test_bad_row_is_rejected_and_the_rest_imported(db, shop, settings, noun, old, new, line, column, reason):
    folder = shop(**{noun: {old: new}})

    run = run_import(folder)

    first, *consequences = rejected(run, settings)
    assert (_noun(first[0]), *first[1:]) == (noun, line, column, reason)
    assert run.rejected_count == 1 + len(consequences)
    assert {reason for *_place, reason in consequences} <= {"names a row that is not there"}
    assert run.rejects_path == f"imports/{run.pk}.csv"
    assert run.state == "finished"
    assert (
        Order.objects.filter(number__in=["o1", "o2"]).count(),
        Review.objects.filter(order__number="o1").count(),
    ) == (2, 1)


def test_open_quote_loses_only_its_own_line(db, shop, settings):
    run = run_import(shop(customers={'c2,bia,"02002"': 'c2,bia,"02002'}))

    assert rejected(run, settings)[0][1:] == (3, "", "The quotation marks of this row are wrong.")
    assert set(Account.objects.values_list("nick", flat=True)) == {"ana", "caio"}


def test_rejects_file_repeats_nothing_of_the_row(db, shop, settings):
    run = run_import(shop(customers={'c4,caio,"04004",salvador': 'c4,caio,"04004",secret street,'}))

    assert "secret" not in (settings.DATA_DIR / run.rejects_path).read_text()


def test_mended_row_comes_in_with_the_next_import(db, shop):
    run_import(shop(items={"58.90,13.29": "58.90,x"}))
    assert Order.objects.get(number="o1").amount == Decimal("0.30")

    mended = run_import(shop())

    assert mended.created_counts == {**NOTHING, "orderline": 1}
    assert Order.objects.get(number="o1").amount == Decimal("72.49")
    assert Customer.objects.get(accounts__nick="ana").item_count == 3


def test_imported_orders_are_told_once_inside_the_transaction(db, shop, settings):
    settings.WRITE_BATCH = 4
    told = []

    def receiver(sender, orders, run, source, **kwargs):
        told.append((source.code, run.format, set(orders.values_list("number", flat=True))))

    orders_imported.connect(receiver)
    try:
        run_import(shop())
        run_import(shop())
    finally:
        orders_imported.disconnect(receiver)

    assert told == [("olist", "olist", {number}) for number in ("o1", "o2", "o3", "o4")]


class Stop(Exception):
    pass


def test_import_that_stopped_half_way_is_completed_by_the_next(transactional_db, shop, settings):
    settings.WRITE_BATCH = 4

    def stop(sender, orders, **kwargs):
        if orders.filter(number="o2").exists():
            raise Stop

    orders_imported.connect(stop)
    with pytest.raises(Stop):
        run_import(shop())
    orders_imported.disconnect(stop)
    failed = ImportRun.objects.get()
    completed = run_import(shop())

    assert failed.state == "failed"
    assert failed.message == "The import stopped half-way. Running it again completes it."
    assert failed.created_counts == {**NEW, "order": 1, "orderline": 3, "review": 0}
    assert completed.created_counts == {**NOTHING, "order": 3, "orderline": 1, "review": 3}
    assert Customer.objects.get(accounts__nick="ana").trade_amount == Decimal("72.49")


def test_killed_import_ends_as_stopped_after_a_long_silence(db, shop, manager, now):
    run = run_import(shop(), by=manager)
    ImportRun.objects.update(state="running", finished_at=None, created_counts={}, progressed_at=now)
    states = []

    for silence in (runs.SILENT, runs.SILENT + timedelta(seconds=1)):
        runs.end_killed(at=now + silence)
        run.refresh_from_db()
        states.append(run.state)
    runs.end_killed(at=now + 2 * runs.SILENT)

    assert (states, run.created_counts) == (["running", "failed"], NEW)
    assert run.message == "The import stopped half-way. Running it again completes it."
    assert list(Event.objects.filter(verb="import.failed").values_list("by", "reason")) == [(manager.pk, run.message)]


def test_import_of_a_job_is_left_to_the_job(db, now):
    job = Job.objects.create(kind="import", created_at=now, state="running")
    ImportRun.objects.create(format="olist", file_name="x", started_at=now, job=job)

    runs.end_killed(at=now + 2 * runs.SILENT)

    assert ImportRun.objects.get().state == "running"


def test_import_writes_down_that_it_is_at_work(db, shop, now):
    moments = (now + number * runs.TELL_EVERY for number in count())

    run = import_shop("olist", shop(), by=None, now=lambda: next(moments), progress=lambda label, done, total: None)

    assert run.started_at < run.progressed_at < run.finished_at


def refused(message):
    run = ImportRun.objects.get()
    return (run.state, run.message, run.created_counts) == ("refused", message, NOTHING) and not any(
        model.objects.exists() for model in ROWS
    )


@pytest.mark.parametrize("packed", [True, False])
def test_folder_without_a_file_is_refused(db, shop, packed):
    folder = shop(packed)
    next(folder.glob("olist_order_items*")).unlink()

    with pytest.raises(CommandError) as error:
        call_command("import_shop", "olist", folder)

    assert str(error.value) == f"These files are missing in {folder}: olist_order_items_dataset.csv."
    assert refused(str(error.value))


def test_path_that_does_not_exist_is_refused(db, tmp_path):
    with pytest.raises(CommandError) as error:
        call_command("import_shop", "olist", tmp_path / "nowhere")

    assert str(error.value) == f"{tmp_path / 'nowhere'} does not exist."
    assert refused(str(error.value))


def test_path_of_a_file_is_refused(db, shop):
    file = next(shop().glob("olist_orders*"))

    with pytest.raises(CommandError) as error:
        call_command("import_shop", "olist", file)

    assert str(error.value) == f"{file} is no folder; this format reads a folder of files."


def test_file_with_a_wrong_header_is_refused(db, shop):
    folder = shop(packed=False, reviews={'"review_score","review_comment_title"': '"stars","title"'})

    with pytest.raises(CommandError) as error:
        call_command("import_shop", "olist", folder)

    missing = "review_score, review_comment_title"
    sentence = f"olist_order_reviews_dataset.csv is no such file: these columns are missing: {missing}."
    assert str(error.value) == sentence
    assert refused(sentence)


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (lambda data: data[:-12], "is cut off: the gzip file has no end."),
        (lambda data: b"not gzip at all", "is no sound gzip file."),
        (lambda data: data[:30] + bytes(20) + data[50:], "is no sound gzip file."),
        (lambda data: b"", "is no such file: these columns are missing: review_id, order_id, review_score, "
         "review_comment_title, review_comment_message, review_creation_date, review_answer_timestamp."),
    ],
)  # fmt: skip
def test_damaged_file_is_refused_before_anything_is_written(db, shop, damage, sentence):
    file = next(shop().glob("olist_order_reviews*"))
    file.write_bytes(damage(file.read_bytes()))

    with pytest.raises(CommandError) as error:
        call_command("import_shop", "olist", file.parent)

    assert str(error.value) == f"olist_order_reviews_dataset.csv.gz {sentence}"
    assert refused(str(error.value))


def test_command_tells_what_is_new_and_what_was_rejected(db, shop, capsys):
    UserFactory(username="boss", role="manager")

    call_command("import_shop", "olist", shop(reviews={"r2,o2,3": "r2,o2,6"}), by="boss")

    run = ImportRun.objects.get()
    written = capsys.readouterr()
    assert written.out.splitlines() == [
        f"Import {run.pk} has finished. New rows:",
        "  customers: 3",
        "  accounts: 3",
        "  contact values: 0",
        "  products: 3",
        "  orders: 4",
        "  order lines: 4",
        "  refunds: 0",
        "  reviews: 2",
        f"Rejected rows: 1, listed in imports/{run.pk}.csv of the data folder.",
    ]
    assert written.err == ""
    assert run.by.username == "boss"


def test_command_names_the_formats_for_an_unknown_one(db, shop):
    with pytest.raises(CommandError, match=r"^Unknown format shopify\. There are: olist, qianniu, csv\.$"):
        call_command("import_shop", "shopify", shop())

    assert not ImportRun.objects.exists()


def test_command_refuses_an_unknown_login(db, shop):
    with pytest.raises(CommandError, match=r"^There is no active staff user nobody\.$"):
        call_command("import_shop", "olist", shop(), by="nobody")


def test_command_asks_for_migrations_first(manage, shop, tmp_path):
    empty = {"DATABASE_URL": f"sqlite:///{tmp_path / 'empty.sqlite3'}", "DATA_DIR": str(tmp_path)}

    finished = manage("import_shop", "olist", str(shop()), env=empty)

    assert (finished.returncode, finished.stdout) == (1, "")
    assert finished.stderr == (
        "CommandError: The database is not up to date. Run this first: python manage.py migrate\n"
    )


@pytest.mark.real_shop
@pytest.mark.skipif(not os.environ.get("REAL_SHOP"), reason="takes minutes; REAL_SHOP=1 runs it")
@pytest.mark.skipif(not OLIST.is_dir(), reason="the Olist shop does not lie beside the project")
def test_import_of_the_real_shop_is_whole_and_repeatable(transactional_db):
    started = time.process_time()
    first = run_import(OLIST)
    worked = time.process_time() - started  # not by the clock, which tells what else the machine does
    second = run_import(OLIST)

    assert first.created_counts == {
        "customer": 96_096, "account": 96_096, "contactvalue": 0, "product": 32_951, "order": 99_441,
        "orderline": 112_650, "refund": 0, "review": 99_224,
    }  # fmt: skip
    assert (first.rejected_count, second.created_counts) == (0, NOTHING)
    assert Review.objects.filter(reviewed_at=None).count() == 49
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert (worked < 180, peak // 1024 < 300) == (True, True)
