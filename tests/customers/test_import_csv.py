import csv
import io
from decimal import Decimal

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone
from openpyxl import Workbook

from customers.imports.base import ImportedFile
from customers.imports.csv_format import CsvFormat
from customers.imports.csv_kinds import KINDS
from customers.imports.csv_mapping import guess, guess_kind, template
from customers.imports.forecasts import Forecast
from customers.imports.rejects import Rejects
from customers.imports.runs import import_shop
from customers.models import Account, ContactValue, Customer, ImportRun, Order, OrderLine, Product
from customers.services.audit import record
from tests.customers.qianniu_files import everything, utc
from tests.factories import CustomerFactory, OrderFactory, ProductFactory, SourceFactory

CUSTOMERS = """nick,phone,email,name,address,province,city,level,registered
小红,13800138000,hong@example.com,王小红,文三路1号,浙江省,杭州市,1,2025-03-31
阿明,,ming@example.com,,,,,,2025/4/1 08:30
"""
ORDERS = """订单号,下单时间,订单状态,昵称,订单金额,运费,商品标题,数量,单价
A-1,2026-03-01 20:15:00,交易成功,小红,138.00,9.00,亚麻衬衫,1,129.00
A-2,2026-03-02,待发货,小红,50.00,0,皂,2,20.00
A-2,2026-03-02,待发货,小红,50.00,0,茶,1,10.00
"""
PRODUCTS = """sku,name,category,price
P-1,Linen shirt,Shirts,129.00
P-2,Soap,,
"""


@pytest.fixture
def load(db, write):
    """Import a table that has this text (or these bytes), and return the run."""
    SourceFactory(code="own")

    def _load(table, *, name="table.csv", **options):
        data = table if isinstance(table, bytes) else table.encode()
        return import_shop(
            "csv",
            write(data, name),
            by=None,
            now=timezone.now,
            progress=lambda *told: None,
            source_code="own",
            **options,
        )

    return _load


@pytest.fixture
def foretell(db, write, tmp_path):
    def _foretell(table, **options):
        file = ImportedFile(write(table.encode()), **options)
        with Rejects(tmp_path / "rejects.csv") as rejects:
            reading = CsvFormat(file, rejects=rejects, progress=lambda *told: None)
            reading.read()
            forecast = Forecast(SourceFactory(code="own"), at=timezone.now())
            reading.foretell(forecast)
        return forecast.counts()

    return _foretell


@pytest.fixture
def rejects_of(settings):
    def _rejects(run):
        rows = csv.reader(io.StringIO((settings.DATA_DIR / run.rejects_path).read_text("utf-8-sig")))
        return [(int(line), column, reason) for _file, line, column, reason in list(rows)[1:]]

    return _rejects


def xlsx(table):
    book = Workbook()
    for row in csv.reader(io.StringIO(table)):
        book.active.append(row)
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


def counts(run):
    return {kind: count for kind, count in run.created_counts.items() if count}


# What is taken over


def test_customers_are_made_with_all_that_is_told(load):
    run = load(CUSTOMERS)

    assert (run.state, run.message, run.rejected_count) == ("finished", "", 0)
    people = Customer.objects.order_by("registered_at").values_list(
        "accounts__nick", "province", "city", "level", "level_basis", "registered_at"
    )
    assert list(people) == [
        ("小红", "浙江省", "杭州市", 1, "by_hand", utc(2025, 3, 30, 16)),
        ("阿明", "", "", 0, "figures", utc(2025, 4, 1, 0, 30)),
    ]
    contacts = ContactValue.objects.order_by("customer__registered_at", "kind")
    assert list(contacts.values_list("kind", "value")) == [
        ("address", "文三路1号"), ("email", "hong@example.com"), ("name", "王小红"), ("phone", "13800138000"),
        ("email", "ming@example.com"),
    ]  # fmt: skip


def test_orders_with_several_rows_have_several_lines(load):
    run = load(ORDERS)

    assert (run.state, run.rejected_count) == ("finished", 0)
    orders = Order.objects.order_by("number").values_list(
        "number", "customer__accounts__nick", "status", "amount", "postage", "paid_amount", "ordered_at"
    )
    assert list(orders) == [
        ("A-1", "小红", "done", Decimal("138.00"), Decimal("9.00"), Decimal("138.00"), utc(2026, 3, 1, 12, 15)),
        ("A-2", "小红", "paid", Decimal("50.00"), Decimal("0.00"), Decimal("50.00"), utc(2026, 3, 1, 16)),
    ]
    lines = OrderLine.objects.order_by("order__number", "line_number")
    assert list(lines.values_list("order__number", "title", "product__name", "quantity", "price")) == [
        ("A-1", "亚麻衬衫", "亚麻衬衫", 1, Decimal("129.00")),
        ("A-2", "皂", "皂", 2, Decimal("20.00")),
        ("A-2", "茶", "茶", 1, Decimal("10.00")),
    ]
    figures = Customer.objects.values_list("trade_count", "trade_amount", "item_count", "last_trade_at")
    assert list(figures) == [(1, Decimal("138.00"), 1, utc(2026, 3, 1, 12, 15))]


def test_products_are_made_and_later_renewed(load):
    load(PRODUCTS)

    run = load(PRODUCTS.replace("129.00", "99.00"))

    assert (run.state, run.message) == ("finished", "1 known product was updated.")
    found = Product.objects.order_by("external_id").values_list("external_id", "name", "category", "price")
    assert list(found) == [("P-1", "Linen shirt", "Shirts", Decimal("99.00")), ("P-2", "Soap", "", None)]


def test_product_that_was_edited_here_stays(load, manager, now):
    load(PRODUCTS)
    record("product.changed", Product.objects.filter(external_id="P-1"), by=manager, at=now, fields=["name"])

    run = load(PRODUCTS.replace("129.00", "99.00"))

    assert (run.message, Product.objects.get(external_id="P-1").price) == ("", Decimal("129.00"))


@pytest.mark.parametrize("table", [CUSTOMERS, ORDERS, PRODUCTS])
def test_same_table_twice_changes_nothing(load, table):
    load(table)
    before = everything()

    again = load(table)

    assert (again.state, again.message, counts(again)) == ("finished", "", {})
    assert everything() == before


def test_known_customer_keeps_what_he_has_and_gets_what_he_lacks(load):
    known = CustomerFactory(phone="13800138000", province="广东省", city="东莞市", level=3)

    run = load(CUSTOMERS)

    known.refresh_from_db()
    assert (known.province, known.level) == ("广东省", 3)
    assert set(known.accounts.values_list("nick", flat=True)) == {"小红"}
    assert counts(run) == {"customer": 1, "account": 2, "contactvalue": 4}


def test_rows_of_one_account_are_one_customer_though_only_one_tells_the_known_phone(load, foretell):
    known = CustomerFactory(phone="13800138000")
    table = "number,date,status,nick,phone,paid\nA-1,2026-03-01,done,小红,,5\nA-2,2026-03-01,done,小红,13800138000,5\n"

    told = foretell(table)
    load(table)

    assert told["customer"] == {"new": 0, "changed": 1, "unchanged": 0}
    assert set(Order.objects.values_list("customer", flat=True)) == {known.pk}


def test_order_that_was_recorded_later_is_not_set_back(load):
    OrderFactory(source=SourceFactory(code="own"), number="A-2", status="sent", amount=Decimal("50.00"))

    load(ORDERS)

    assert Order.objects.get(number="A-2").status == "sent"


# Any encoding, any separator, any names


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_encoding_and_separator_are_told_by_the_content(load, encoding, separator):
    run = load(CUSTOMERS.replace(",", separator).encode(encoding))

    assert (run.state, run.rejected_count) == ("finished", 0)
    assert set(Account.objects.values_list("nick", flat=True)) == {"小红", "阿明"}


def test_one_broken_line_does_not_change_the_encoding(load, rejects_of):
    data = CUSTOMERS.encode().replace("小红".encode(), b"\xc8\xff", 1) + "小兰,,,,,,,,\n".encode()

    run = load(data)

    assert rejects_of(run) == [(2, "", "This row has characters that are not UTF-8.")]
    assert set(Account.objects.values_list("nick", flat=True)) == {"阿明", "小兰"}


def test_workbook_is_read_like_a_csv_file(load):
    assert (load(xlsx(ORDERS), name="orders.bin").state, OrderLine.objects.count()) == ("finished", 3)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("chinese", [False, True])
def test_templates_are_understood_without_a_word(load, kind, chinese):
    table = template(kind, chinese=chinese)
    header = next(csv.reader(io.StringIO(table)))

    run = load(table.encode("utf-8-sig"))

    assert (guess_kind(header), list(guess(kind, header))) == (kind, list(KINDS[kind].fields))
    assert (run.state, run.message, run.rejected_count) == ("finished", "", 0)
    assert counts(run)[kind.rstrip("s")] == 1


def test_mapping_names_columns_of_any_name(load):
    run = load("wer,wo\n小红,杭州市\n", kind="customers", mapping={"nick": "wer", "city": "wo"})

    assert run.state == "finished"
    assert list(Customer.objects.values_list("accounts__nick", "city")) == [("小红", "杭州市")]


def test_mapped_field_ignores_another_column_of_its_own_name(load):
    run = load("nick,login\nwrong,right\n", kind="customers", mapping={"nick": "login"})

    assert (run.state, Account.objects.get().nick) == ("finished", "right")


# Rows that are bad

BAD_ROWS = [
    ("phone", "123", "is no complete phone number"),
    ("email", "hong", "is no e-mail address"),
    ("level", "9", "is none of: 0, 1, 2, 3, 4, 店铺客户, 普通会员, 高级会员, VIP会员, 至尊VIP会员"),
    ("registered", "1/2/2018", "is no date like 2018-01-31 or 2018-01-31 23:59:59"),
    ("registered", "2018-02-30", "is no date like 2018-01-31 or 2018-01-31 23:59:59"),
    ("registered", "43131", "is no date like 2018-01-31 or 2018-01-31 23:59:59"),
    ("city", "x" * 81, "is longer than 80 characters"),
    ("nick", "x" * 101, "is longer than 100 characters"),
]


@pytest.mark.parametrize(("column", "value", "reason"), BAD_ROWS)
def test_bad_customer_goes_to_the_rejects_with_line_and_column(load, rejects_of, column, value, reason):
    row = {"nick": "someone", column: value}
    header = CUSTOMERS.splitlines()[0]
    bad = ",".join(row.get(name, "") for name in header.split(","))

    run = load(f"{header}\nfirst,,,,,,,,\n{bad}\nlast,,,,,,,,\n")

    assert rejects_of(run) == [(3, column, reason)]
    assert set(Account.objects.values_list("nick", flat=True)) == {"first", "last"}


@pytest.mark.parametrize("value", ["1,20", "1.234,50", "-5", "1.005", "abc", "1e3"])
def test_amount_that_could_mean_two_things_is_refused(load, rejects_of, value):
    run = load(f'number,date,status,amount\nA-1,2026-03-01,done,"{value}"\n')

    assert rejects_of(run) == [(2, "amount", "is no amount of money")]


@pytest.mark.parametrize(
    ("value", "amount"), [("1,234.50", "1234.50"), ("¥12.3", "12.30"), ("12元", "12.00"), ("$5", "5.00")]
)
def test_amount_may_have_a_unit_and_thousands(load, value, amount):
    load(f'number,date,status,amount\nA-1,2026-03-01,done,"{value}"\n')

    assert Order.objects.get().amount == Decimal(amount)


def test_row_that_names_nobody_is_rejected(load, rejects_of):
    run = load("nick,phone,city\n小***,138****0000,杭州市\n小红,,\n")

    assert rejects_of(run) == [(2, "", "names nobody: nick, id, phone and e-mail are empty or starred out")]


def test_formulas_nul_bytes_and_huge_cells_cost_only_their_rows(load, rejects_of):
    huge = "x" * 200_000
    run = load(f'nick,city\n"=""小红""",杭州市\na\0b,\n{huge},\n"quoted" wrong,\nlast,\n')

    assert [line for line, _column, _reason in rejects_of(run)] == [3, 4, 5]
    assert set(Account.objects.values_list("nick", flat=True)) == {"小红", "last"}


def test_product_listed_twice_is_rejected_once(load, rejects_of):
    run = load("sku,name\nP-1,a\nP-1,b\n")

    assert rejects_of(run) == [(3, "sku", "has come in an earlier row already")]


# Files that are refused

REFUSED = [
    ("", {}, "table.csv is empty."),
    ("a,b\n1,2\n", {}, "Nothing tells what the rows of table.csv are. There are: customers, orders, products."),
    ("a,b\n1,2\n", {"kind": "customers"},
     "table.csv: At least one of these fields needs a column: nick (nick, 买家会员名), "
     "customer id of the source (customer id, 客户编号), phone (phone, 手机), e-mail (e-mail, 邮箱)."),
    ("number,date\n1,2\n", {"kind": "orders"},
     "table.csv: No column is the field status (status, 订单状态).\n"
     "At least one of these fields needs a column: amount (amount, 订单金额), amount paid (amount paid, 实付金额), "
     "price of a piece (price of a piece, 单价)."),
    ("nick,nick\na,b\n", {"kind": "customers"}, "table.csv: The column nick stands there twice."),
    ("nick,b\na,b\n", {"kind": "customers", "mapping": {"nick": "c"}},
     "table.csv: There is no column c.\n"),
    ("nick,b\na,b\n", {"kind": "customers", "mapping": {"nick": "b", "city": "b"}},
     "table.csv: The column b is taken for two fields: city and nick."),
    ("nick,b\na,b\n", {"kind": "customers", "mapping": {"nick": "nick", "shoe": "b"}},
     "table.csv: There is no field shoe. There are: nick, external_id, name, phone, email, address, province, city, "
     "level, registered_at."),
    ("nick\na\n".encode("utf-16"), {}, "table.csv is UTF-16 text. Save it as “CSV UTF-8” or as .xlsx and import that."),
]  # fmt: skip


@pytest.mark.parametrize(("table", "options", "sentence"), REFUSED)
def test_table_that_cannot_be_read_changes_nothing(load, table, options, sentence):
    run = load(table, **options)

    assert (run.state, run.message) == ("refused", sentence.strip())
    assert [model.objects.count() for model in (Customer, Order, Product)] == [0, 0, 0]


# The command


@pytest.mark.django_db
def test_command_maps_columns(write, capsys):
    SourceFactory(code="own")
    path = write("wer,wo\n小红,杭州市\n".encode())

    call_command("import_shop", "csv", str(path), source="own", kind="customers", map=["nick=wer", "city=wo"])

    assert "customers: 1" in capsys.readouterr().out
    run = ImportRun.objects.get()
    assert (run.kind, run.mapping, run.source.code) == ("customers", {"nick": "wer", "city": "wo"}, "own")


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({}, "Say which source the rows are of. Known: own."),
        ({"source": "other"}, "There is no source other. Known: own."),
        ({"source": "own", "map": ["nick"]}, "--map nick: write FIELD=COLUMN, each field once."),
        ({"source": "own", "map": ["nick=a", "nick=b"]}, "--map nick=b: write FIELD=COLUMN, each field once."),
    ],
)
def test_command_says_what_it_lacks(write, options, sentence):
    SourceFactory(code="own")

    with pytest.raises(CommandError) as error:
        call_command("import_shop", "csv", str(write(CUSTOMERS.encode())), **options)

    assert (str(error.value), ImportRun.objects.count()) == (sentence, 0)


# What would change


def test_forecast_counts_what_the_import_then_does(load, foretell):
    CustomerFactory(nick="小红")
    SourceFactory(code="own")

    assert foretell(ORDERS) == {
        "customer": {"new": 0, "changed": 0, "unchanged": 1},
        "order": {"new": 2, "changed": 0, "unchanged": 0},
        "product": {"new": 3, "changed": 0, "unchanged": 0},
    }
    assert (Order.objects.count(), Product.objects.count()) == (0, 0)

    load(ORDERS)

    assert foretell(ORDERS) == {
        "customer": {"new": 0, "changed": 0, "unchanged": 1},
        "order": {"new": 0, "changed": 0, "unchanged": 2},
    }
    assert foretell(ORDERS.replace("待发货", "已发货").replace("129.00", "128.00"))["order"] == {
        "new": 0, "changed": 2, "unchanged": 0,
    }  # fmt: skip


def test_forecast_of_customers_knows_who_is_completed_and_who_comes_twice(load, foretell):
    CustomerFactory(phone="13800138000")
    CustomerFactory(email="ming@example.com", nick="阿明")

    twice = "新人,,new@example.com,,,,,,\n别名,,new@example.com,,,,,,\n"

    assert foretell(CUSTOMERS + twice) == {"customer": {"new": 1, "changed": 1, "unchanged": 1}}


def test_forecast_of_products_knows_what_is_renewed(load, foretell):
    ProductFactory(source=SourceFactory(code="own"), external_id="P-1", name="Linen shirt", price=Decimal("1.00"))

    assert foretell(PRODUCTS) == {"product": {"new": 1, "changed": 1, "unchanged": 0}}
