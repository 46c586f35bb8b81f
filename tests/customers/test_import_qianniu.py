from decimal import Decimal

import pytest
from django.core.management import CommandError, call_command

from customers.models import Account, ContactValue, Customer, ImportRun, Order, OrderLine, Refund, Source
from tests.customers.qianniu_files import (
    CLOSED,
    DETAILS,
    FIRST,
    HEADERS,
    LINE,
    NO_BUYER,
    ORDERS,
    OTHER_LINE,
    ROWS,
    SECOND,
    SHEET,
    SOLD,
    TEXTS,
    WITH_BUYER,
    WITHOUT_BUYER,
    csv_bytes,
    edited_part,
    everything,
    orders,
    utc,
    xlsx_bytes,
)
from tests.factories import SourceFactory

# Every variant of the header


@pytest.mark.parametrize("make", [csv_bytes, xlsx_bytes])
@pytest.mark.parametrize("variant", WITH_BUYER)
def test_order_file_of_each_variant_is_taken_over(load, variant, make):
    columns = {name.strip() for name in HEADERS[variant]}

    run = load(make(variant, [SOLD, CLOSED]))

    assert (run.state, run.message, run.rejected_count) == ("finished", "", 0)
    found = Order.objects.order_by("ordered_at").values_list(
        "number", "customer__accounts__nick", "status", "close_reason", "amount", "postage", "paid_amount",
        "ordered_at", "paid_at", "sent_at", "done_at", "closed_at", "buyer_message", "memo", "flag", "source__code",
    )  # fmt: skip
    sent_at = utc(2017, 5, 31) if "发货时间" in columns else None
    done_at = utc(2017, 6, 2, 1) if "确认收货时间" in columns else None
    assert list(found) == [
        (FIRST, "小红", "done", "", Decimal("122.30"), Decimal("10.00"), Decimal("122.30"), utc(2017, 5, 30, 15, 18, 5),
         utc(2017, 5, 30, 15, 19), sent_at, done_at, None, "快点发货", "送礼", 0, "taobao"),
        (SECOND, "阿明", "closed", "买家未付款", Decimal("1020.00"), Decimal("0.00"), Decimal("0.00"),
         utc(2018, 1, 30, 16, 30), None, None, None, None, "", "", 0, "taobao"),
    ]  # fmt: skip
    lines = OrderLine.objects.order_by("order__ordered_at", "line_number")
    assert list(lines.values_list("order__number", "title", "product__name", "quantity", "price")) == [
        (FIRST, "连衣裙", "连衣裙", 1, Decimal("0.00")),
        (FIRST, "短袖", "短袖", 1, Decimal("0.00")),
        (SECOND, "外套", "外套", 3, Decimal("340.00")),
    ]


@pytest.mark.parametrize("make", [csv_bytes, xlsx_bytes])
@pytest.mark.parametrize("variant", WITHOUT_BUYER)
def test_order_file_without_buyers_is_taken_over_with_a_warning(load, variant, make):
    run = load(make(variant, [SOLD, CLOSED]))

    assert (run.state, run.rejected_count) == ("finished", 0)
    assert run.message == f"{NO_BUYER}\n2 new orders have no known buyer."
    found = Order.objects.order_by("ordered_at").values_list("number", "customer", "status", "paid_amount")
    assert list(found) == [
        (FIRST, None, "done", Decimal("122.30")),
        (SECOND, None, "closed", Decimal("0.00")),
    ]
    assert [model.objects.count() for model in (Customer, Account, ContactValue)] == [0, 0, 0]


@pytest.mark.parametrize("make", [csv_bytes, xlsx_bytes])
@pytest.mark.parametrize("variant", DETAILS)
def test_line_file_of_each_variant_is_joined_by_order_number(load, variant, make):
    load(orders(SOLD))

    run = load(make(variant, [LINE, OTHER_LINE]))

    assert (run.state, run.rejected_count) == ("finished", 0)
    lines = OrderLine.objects.order_by("line_number")
    assert list(lines.values_list("order__number", "line_number", "title", "product__name", "quantity", "price")) == [
        (FIRST, 1, "连衣裙", "连衣裙", 1, Decimal("60.00")),
        (FIRST, 2, "短袖", "短袖", 2, Decimal("26.15")),
    ]
    assert Customer.objects.get().item_count == 3
    assert Order.objects.count() == 1
    refunds = [] if variant == "detail_2016_2020" else [(Decimal("26.15"), "paid")]
    assert list(Refund.objects.values_list("amount", "status")) == refunds


@pytest.mark.parametrize("variant", [*ORDERS, *DETAILS])
def test_same_file_twice_changes_nothing(load, variant):
    load(orders(SOLD, CLOSED))
    data = csv_bytes(variant, [SOLD, CLOSED] if variant in ORDERS else [LINE, OTHER_LINE])
    load(data)
    before = everything()

    again = load(data)

    assert (again.state, set(again.created_counts.values())) == ("finished", {0})
    assert "updated." not in again.message
    assert everything() == before


def test_line_file_does_not_hang_on_the_order_of_columns(load):
    load(orders(SOLD))

    load(csv_bytes(HEADERS["detail_2022"][::-1], [LINE, OTHER_LINE]))

    assert set(OrderLine.objects.values_list("title", "quantity")) == {("连衣裙", 1), ("短袖", 2)}


# Files that are refused


def refused(error, model=Order):
    run = ImportRun.objects.get()
    return (run.state, run.message) == ("refused", str(error.value)) and not any(rows.objects.exists() for rows in ROWS)


OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504)
GOOD = xlsx_bytes("order_2022", [SOLD])
BOMB = (
    '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">'
    + "".join(f'<!ENTITY {new} "{f"&{old};" * 10}">' for old, new in zip("abcdefgh", "bcdefghi", strict=True))
    + "]><x>&i;</x>"
).encode()
REFUSED = [
    (OLE, "is encrypted. Open it with its password, save it without one, and import that."),
    (OLE + "Workbook".encode("utf-16-le") + "EncryptedPackage".encode("utf-16-le"),
     "is encrypted. Open it with its password, save it without one, and import that."),
    (OLE + "Workbook".encode("utf-16-le"), "is an old .xls workbook. Save it as .xlsx and import that."),
    (b"", "is empty."),
    ("订单编号\t订单状态".encode("utf-16"), "is UTF-16 text. Save it as “CSV UTF-8” or as .xlsx and import that."),
    (GOOD[:-200], "is cut off or damaged: it is no sound workbook."),
    (GOOD[:200], "is cut off or damaged: it is no sound workbook."),
    (edited_part(GOOD, "xl/workbook.xml", lambda xml: xml[:100]), "is cut off or damaged: it is no sound workbook."),
    (edited_part(GOOD, SHEET, lambda xml: xml[:-300]),
     "is cut off or damaged: it is no sound workbook."),
    (edited_part(GOOD, TEXTS, lambda xml: BOMB), "is cut off or damaged: it is no sound workbook."),
    (edited_part(GOOD, TEXTS, lambda xml: bytes(130 << 20)), "is too large when it is unpacked."),
    (edited_part(GOOD, SHEET, lambda xml: xml.replace(b'<row r="2"', b'<row r="99999999999"')),
     "has more rows than a workbook can have."),
    (b"\x89PNG\r\n\x1a\n" + bytes(100),
     "is no such file: these columns are missing: 订单编号, 订单状态, 订单创建时间."),
    ("编号,状态\r\n1,2\r\n".encode("gb18030"),
     "is no such file: these columns are missing: 订单编号, 订单状态, 订单创建时间."),
    (csv_bytes(["订单编号", "订单状态", "买家会员名"], [SOLD]),
     "is no such file: these columns are missing: 订单创建时间."),
    (csv_bytes(["子订单编号", "标题", "价格"], [LINE]),
     "is no such file: these columns are missing: 主订单编号, 购买数量."),
    (xlsx_bytes([], []), "is no such file: these columns are missing: 订单编号, 订单状态, 订单创建时间."),
]  # fmt: skip


@pytest.mark.parametrize(("data", "sentence"), REFUSED, ids=range(len(REFUSED)))
def test_file_of_another_kind_is_refused_in_one_sentence(db, write, data, sentence):
    with pytest.raises(CommandError) as error:
        call_command("import_shop", "qianniu", write(data, "file.bin"))

    assert str(error.value) == f"file.bin {sentence}"
    assert refused(error)


def test_missing_file_and_folder_are_refused(db, tmp_path):
    for path, sentence in (
        (tmp_path / "nowhere", f"{tmp_path / 'nowhere'} does not exist."),
        (tmp_path, f"{tmp_path} is a folder; this format reads one file."),
    ):
        with pytest.raises(CommandError) as error:
            call_command("import_shop", "qianniu", path)
        assert str(error.value) == sentence


# The command


def test_command_prints_the_warning(db, write, capsys):
    call_command("import_shop", "qianniu", write(csv_bytes("order_2026_custom14", [SOLD])))

    run = ImportRun.objects.get()
    assert capsys.readouterr().out.splitlines() == [
        f"Import {run.pk} has finished. New rows:",
        "  customers: 0",
        "  accounts: 0",
        "  contact values: 0",
        "  products: 0",
        "  orders: 1",
        "  order lines: 0",
        "  refunds: 0",
        "  reviews: 0",
        NO_BUYER,
        "1 new order has no known buyer.",
    ]


def test_source_is_taobao_unless_another_is_named(db, write):
    SourceFactory(code="tmall")
    path = write(orders(SOLD))

    call_command("import_shop", "qianniu", path)
    call_command("import_shop", "qianniu", path, source="tmall")
    with pytest.raises(CommandError, match=r"^There is no source tmal\. Known: taobao, tmall\.$"):
        call_command("import_shop", "qianniu", path, source="tmal")

    assert set(Order.objects.values_list("number", "source__code")) == {(FIRST, "taobao"), (FIRST, "tmall")}
    assert Source.objects.get(code="taobao").is_marketplace
    assert Account.objects.count() == Customer.objects.count() == 2
