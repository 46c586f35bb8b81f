import re
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from blocklist.models import Attempt
from customers.identity import Identity
from customers.imports.runs import import_shop
from customers.models import Account, ContactValue, Customer, ImportRun, Order, OrderLine, Product, Refund, Source
from customers.services.orders import OrderFacts, take_order, update_order
from customers.services.people import find_customer
from customers.signals import orders_identified, orders_imported
from tests.customers.qianniu_files import (
    CLOSED,
    DETAILS,
    FIRST,
    HEADERS,
    LINE,
    ORDERS,
    OTHER_LINE,
    SECOND,
    SHEET,
    SOLD,
    TEXTS,
    WITH_BUYER,
    csv_bytes,
    edited_part,
    inline_xlsx_bytes,
    xlsx_bytes,
)
from tests.factories import BanFactory, CustomerFactory, OrderFactory, OrderLineFactory, SourceFactory

ROWS = (Customer, Account, ContactValue, Product, Order, OrderLine, Refund)
WITHOUT_BUYER = [key for key in ORDERS if key not in WITH_BUYER]
NO_BUYER = (
    "ExportOrderList1.csv has no column 买家会员名, so nobody knows who bought: orders that are known already were "
    "updated, others are kept without a customer until a file or call names him."
)
SENT = {**SOLD, "订单状态": "卖家已发货，等待买家确认", "确认收货时间": ""}


@pytest.fixture
def write(tmp_path):
    def _write(data, name="ExportOrderList1.csv"):
        path = tmp_path / name
        path.write_bytes(data)
        return path

    return _write


@pytest.fixture
def load(db, write):
    """Import a file of these bytes and return the run."""

    def _load(data, **options):
        return import_shop("qianniu", write(data), by=None, now=timezone.now, progress=lambda *told: None, **options)

    return _load


def orders(*rows, variant="order_2022"):
    return csv_bytes(variant, rows)


def everything():
    return [list(model.objects.order_by("pk").values()) for model in ROWS]


def rejected(run, settings):
    text = (settings.DATA_DIR / run.rejects_path).read_text(encoding="utf-8-sig") if run.rejects_path else ""
    return [tuple(line.split(",", 3)[1:]) for line in text.splitlines()[1:]]


def utc(*parts):
    return datetime(*parts, tzinfo=UTC)


def facts(order, *names):
    return Order.objects.values_list(*names).get(pk=order.pk)


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


# Encodings and cells


@pytest.mark.parametrize("encoding", ["gb18030", "gbk", "utf-8-sig", "utf-8"])
def test_file_is_read_in_each_encoding(load, encoding):
    run = load(csv_bytes("order_2016", [{**SOLD, "总金额": "￥122.30"}], encoding))

    assert (run.state, list(Account.objects.values_list("nick", flat=True))) == ("finished", ["小红"])


@pytest.mark.parametrize(("encoding", "broken"), [("gb18030", "GB18030"), ("utf-8-sig", "UTF-8")])
def test_row_of_broken_characters_is_rejected(load, settings, encoding, broken):
    data = csv_bytes("order_2016", [SOLD, CLOSED], encoding).replace(
        "阿明".encode(encoding.removesuffix("-sig")), b"\xff"
    )

    run = load(data)

    assert rejected(run, settings) == [("3", "", f"This row has characters that are not {broken}.")]
    assert list(Order.objects.values_list("number", flat=True)) == [FIRST]


@pytest.mark.parametrize(
    "number", ["1234567890123456", "12345678901234567", "1234567890123456789", "'1234567890123456"]
)
def test_order_number_stays_text(load, number):
    load(orders({**SOLD, "订单编号": number}))

    assert Order.objects.get().number == number.removeprefix("'")


ROUNDED = "was rounded by Excel (1.23E+18); take the file as it was exported"
BAD_CELLS = [
    ("订单编号", "1.23E+18", ROUNDED),
    ("订单编号", "1.23457E+15", ROUNDED),
    ("订单编号", "合计", "is no order number"),
    ("订单编号", "", "is missing"),
    (
        "订单状态",
        "等待天亮",
        '"is none of: 等待买家付款, 买家已付款，等待卖家发货, 卖家已发货，等待买家确认, 交易成功, 交易关闭"',
    ),
    ("订单创建时间", "", "is missing"),
    ("订单创建时间", "2017-02-30 10:00:00", "is no date and time like 2018-01-31 23:59:59"),
    ("总金额", "十元", "is no amount of money"),
    ("总金额", "1.234", "is no amount of money"),
    ("宝贝总数量", "1.5", "is no whole number"),
]


@pytest.mark.parametrize(("column", "value", "reason"), BAD_CELLS)
def test_bad_cell_rejects_its_row_alone(load, settings, column, value, reason):
    run = load(orders({**SOLD, column: value}, CLOSED))

    assert rejected(run, settings) == [("2", column, reason)]
    assert list(Order.objects.values_list("number", flat=True)) == [SECOND]


def test_order_number_that_a_workbook_keeps_as_a_number_is_refused(load, settings):
    run = load(xlsx_bytes("order_2022", [{**SOLD, "订单编号": 1234567890123456789}]))

    assert rejected(run, settings) == [("2", "订单编号", ROUNDED)]


@pytest.mark.parametrize(
    ("told", "moment"),
    [
        ("2017-05-30 23:18:05", utc(2017, 5, 30, 15, 18, 5)),
        ("\t2017-05-30 23:18:05 ", utc(2017, 5, 30, 15, 18, 5)),
        ("2017/5/30 23:18", utc(2017, 5, 30, 15, 18)),
        ("2017/5/3 1:02:03", utc(2017, 5, 2, 17, 2, 3)),
        ("42885.97089120370", utc(2017, 5, 30, 15, 18, 5)),
    ],
)
def test_time_is_that_of_shanghai(load, told, moment):
    load(orders({**SOLD, "订单创建时间": told}))

    assert Order.objects.get().ordered_at == moment


def test_workbook_cells_of_numbers_and_dates_are_read(load):
    row = {
        **SOLD,
        "订单创建时间": datetime(2017, 5, 30, 23, 18, 5),  # noqa: DTZ001
        "总金额": 122.3,
        "宝贝种类": 2,
        "宝贝总数量": 2.0,
        "联系手机": 13800138000,
    }

    run = load(xlsx_bytes("order_2022", [row]))

    assert run.rejected_count == 0
    order = Order.objects.get()
    assert (order.ordered_at, order.amount) == (utc(2017, 5, 30, 15, 18, 5), Decimal("122.30"))
    assert ContactValue.objects.get(kind="phone").value == "13800138000"


def test_formula_of_a_workbook_stands_for_its_value(load):
    told = r'\1 t="str"><f>1+1</f><v>交易关闭</v>'.encode()
    data = edited_part(
        xlsx_bytes("order_2022", [{**SOLD, "订单状态": "=1+1"}]),
        SHEET,
        lambda xml: re.sub(rb'(<c r="\w+")><f>1\+1</f><v ?/>', told, xml),
    )

    load(data)

    assert Order.objects.get().status == "closed"


def test_workbook_with_texts_in_its_cells_is_read(load):
    load(inline_xlsx_bytes("order_2022", [SOLD, CLOSED]))

    assert Order.objects.count() == 2


def test_workbook_that_understates_its_size_is_read_whole(load):
    data = edited_part(
        xlsx_bytes("order_2022", [SOLD, CLOSED]),
        SHEET,
        lambda xml: xml.replace(b'<dimension ref="A1:BS3"', b'<dimension ref="A1"'),
    )

    load(data)

    assert Order.objects.count() == 2


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("等待买家付款", "unpaid"),
        ("买家已付款，等待卖家发货", "paid"),
        ("买家已付款,等待卖家发货", "paid"),
        ("卖家已发货,等待买家确认", "sent"),
        (" 交易成功\t", "done"),
        ("交易关闭", "closed"),
    ],
)
def test_status_word_is_understood(load, word, status):
    load(
        orders({**SOLD, "订单状态": word}, variant="order_2016").replace(word.encode("gb18030"), word.encode("gb18030"))
    )

    assert Order.objects.get().status == status


@pytest.mark.parametrize(
    ("address", "place", "kept"),
    [
        ("浙江省 杭州市 西湖区 文三路1号(310000)", ("浙江省", "杭州市"), "浙江省 杭州市 西湖区 文三路1号"),
        ("上海 上海市 徐汇区 漕溪路 2号（200030）", ("上海", "上海市"), "上海 上海市 徐汇区 漕溪路 2号"),
        ("广东省 东莞市 南城街道 鸿福路3号", ("广东省", "东莞市"), "广东省 东莞市 南城街道 鸿福路3号"),
        ("浙江省 杭州市 西湖区 文*路**号", ("浙江省", "杭州市"), None),
        ("文三路1号", ("", ""), "文三路1号"),
        ("null", ("", ""), None),
    ],
)
def test_address_tells_province_and_city(load, address, place, kept):
    load(orders({**SOLD, "收货地址": address}))

    assert Customer.objects.values_list("province", "city").get() == place
    assert ContactValue.objects.filter(kind="address").values_list("value", flat=True).first() == kept


@pytest.mark.parametrize(
    ("title", "kinds", "pieces", "lines"),
    [
        ("外套", "1", "3", [("外套", 3, "外套")]),
        ("外套，短袖", "2", "2", [("外套", 1, "外套"), ("短袖", 1, "短袖")]),
        ("外套，短袖", "2", "5", [("外套，短袖", 5, None)]),
        ("外套，加厚", "1", "1", [("外套，加厚", 1, "外套，加厚")]),
        ("外套，加厚，短袖", "2", "2", [("外套，加厚，短袖", 2, None)]),
        ("", "", "", []),
    ],
)
def test_joined_titles_become_the_lines_that_can_be_told_apart(load, title, kinds, pieces, lines):
    load(orders({**SOLD, "宝贝标题": title, "宝贝种类": kinds, "宝贝总数量": pieces}))

    found = OrderLine.objects.order_by("line_number").values_list("title", "quantity", "product__name")
    assert list(found) == lines


@pytest.mark.parametrize(
    ("columns", "amount"),
    [
        (["总金额", "买家应付货款", "买家应付邮费"], Decimal("122.30")),
        (["买家应付货款", "买家应付邮费"], Decimal("122.30")),
        (["买家应付货款"], Decimal("112.30")),
        (["买家实付金额"], Decimal("122.30")),
        ([], Decimal("0.00")),
    ],
)
def test_amount_is_with_postage(load, columns, amount):
    load(csv_bytes(["订单编号", "订单状态", "订单创建时间", *columns], [SOLD]))

    assert Order.objects.get().amount == amount


@pytest.mark.parametrize(("cell", "flag"), [("红旗", 1), ("5", 5), ("蓝色", 4), ("", 0), ("null", 0)])
def test_flag_is_filled(load, cell, flag):
    load(csv_bytes([*HEADERS["order_2022"], "插旗"], [{**SOLD, "插旗": cell}]))

    assert Order.objects.get().flag == flag


# Who bought


def test_contact_values_go_to_the_buyer(load):
    load(orders(SOLD, variant="order_2016"))

    customer = find_customer(Identity(Source.objects.get(code="taobao").pk, nick="小红"))
    assert set(customer.contact_values.values_list("kind", "value")) == {
        ("name", "王小红"),
        ("phone", "13800138000"),
        ("email", "hong@example.com"),
        ("address", "浙江省 杭州市 西湖区 文三路1号"),
    }
    assert customer.registered_at == utc(2017, 5, 30, 15, 18, 5)


@pytest.mark.parametrize("nick", ["小**", "", "null"])
def test_buyer_without_a_usable_nick_is_nobody(load, nick):
    CustomerFactory(phone="13800138000")

    run = load(orders({**SOLD, "买家会员名": nick}))

    assert run.message == "1 new order has no known buyer."
    assert (Order.objects.get().customer, Customer.objects.count(), ContactValue.objects.count()) == (None, 1, 1)


@pytest.mark.parametrize("phone", ["138****8000", "'13800138000-1234", "13800138000转1234", "12"])
def test_masked_and_virtual_numbers_are_not_kept(load, phone):
    load(orders({**SOLD, "联系手机": phone}))

    assert not ContactValue.objects.filter(kind="phone").exists()


def test_receiver_does_not_name_the_buyer(load):
    load(orders({**SOLD, "买家会员名": "甲"}, {**CLOSED, "买家会员名": "乙", "联系手机": "13800138000"}))

    assert Customer.objects.count() == 2


def test_known_buyer_is_found_by_nick_and_by_alipay_account(load):
    source = SourceFactory(code="taobao")
    known = CustomerFactory()
    Account.objects.create(customer=known, source=source, external_id="tb-1", nick="小红")
    other = CustomerFactory(email="ming@example.com")

    load(orders(SOLD, {**CLOSED, "买家支付宝账号": "Ming@example.com"}, variant="order_2016"))

    assert dict(Order.objects.values_list("number", "customer")) == {FIRST: known.pk, SECOND: other.pk}
    assert set(Account.objects.values_list("customer", "external_id")) == {(known.pk, "tb-1"), (other.pk, "阿明")}
    known.refresh_from_db()
    assert (known.province, known.trade_count) == ("浙江省", 1)


def test_two_orders_of_a_new_buyer_are_one_customer(load):
    load(orders(SOLD, {**CLOSED, "买家会员名": "小红"}))

    assert Customer.objects.values_list("trade_count", "close_trade_count").get() == (1, 1)


@pytest.mark.parametrize("by_call", [False, True])
def test_order_without_a_buyer_joins_him_when_he_is_told(load, by_call):
    load(csv_bytes("order_2026_custom14", [SOLD]))
    told = []

    def receiver(sender, orders, **kwargs):
        told.extend(orders.values_list("number", flat=True))

    orders_identified.connect(receiver)
    source = Source.objects.get(code="taobao")
    for _ in range(2):
        if by_call:
            call = OrderFacts(number=FIRST, amount=Decimal("1"), ordered_at=utc(2020, 1, 1))
            take_order(call, source=source, buyer=Identity(source.pk, nick="小红"), at=timezone.now())
        else:
            load(orders(SOLD))
    orders_identified.disconnect(receiver)

    customer = Customer.objects.get(accounts__nick="小红")
    assert list(customer.orders.values_list("number", flat=True)) == [FIRST]
    assert (customer.trade_count, told) == (1, [FIRST])


def test_order_of_a_buyer_banned_at_the_time_is_logged_when_he_joins_it(load):
    customer = CustomerFactory()
    Account.objects.create(customer=customer, source=SourceFactory(code="taobao"), external_id="小红", nick="小红")
    BanFactory(customer=customer, started_at=utc(2017, 1, 1))
    load(csv_bytes("order_2026_custom14", [SOLD]))
    assert not Attempt.objects.exists()

    load(orders(SOLD))
    load(orders(SOLD))

    assert list(Attempt.objects.values_list("customer", "order_number", "outcome")) == [
        (customer.pk, FIRST, Attempt.Outcome.DESPITE)
    ]


def test_new_orders_are_told_once(load):
    told = []

    def receiver(sender, orders, **kwargs):
        told.extend(orders.values_list("number", flat=True))

    orders_imported.connect(receiver)
    load(orders(SOLD))
    load(orders(SOLD, CLOSED))
    orders_imported.disconnect(receiver)

    assert told == [FIRST, SECOND]


# Newer facts


def test_known_order_is_updated_by_a_newer_export(load):
    unpaid = {**SOLD, "订单状态": "等待买家付款", "买家实际支付金额": "0.00", "订单付款时间": "", "总金额": "130.00"}
    load(orders({**unpaid, "发货时间": "", "确认收货时间": "", "订单备注": ""}))

    run = load(csv_bytes("order_2026_required10", [{**SOLD, "退款金额": "12.30"}]))

    assert run.message == f"{NO_BUYER}\n1 known order was updated."
    order = Order.objects.get()
    found = facts(order, "status", "amount", "paid_amount", "done_at", "customer__accounts__nick")
    assert found == ("done", Decimal("122.30"), Decimal("122.30"), run.started_at, "小红")
    assert Refund.objects.values_list("order", "amount", "status").get() == (order.pk, Decimal("12.30"), "paid")
    assert Customer.objects.values_list("trade_count", "trade_amount").get() == (1, Decimal("122.30"))


@pytest.mark.parametrize("recorded", ["done", "closed"])
def test_older_export_takes_nothing_back(load, recorded):
    source = SourceFactory(code="taobao")
    OrderFactory(source=source, number=FIRST, status=recorded, amount=Decimal("5.00"), memo="ours")

    load(orders({**SENT, "总金额": "1.00", "退款金额": "3.00"}))

    order = Order.objects.get()
    assert facts(order, "status", "amount", "memo") == (recorded, Decimal("5.00"), "ours")
    assert not Refund.objects.exists()
    assert order.customer == Customer.objects.get()


def test_order_held_here_is_not_released_by_its_payment(load):
    OrderFactory(source=SourceFactory(code="taobao"), number=FIRST, status="held")

    load(orders({**SOLD, "订单状态": "买家已付款，等待卖家发货"}))
    held = Order.objects.get().status
    load(orders(SENT))

    assert (held, Order.objects.get().status) == ("held", "sent")


def test_closed_order_loses_its_reason_when_it_was_done_after_all(load):
    load(orders({**SOLD, "订单状态": "交易关闭", "订单关闭原因": "误关"}))
    closed = Order.objects.get()

    load(orders(SOLD))

    assert (closed.close_reason, facts(closed, "status", "close_reason")) == ("误关", ("done", ""))


def test_memo_is_renewed_until_somebody_edits_it_here(load, agent):
    load(orders(SOLD))
    load(orders({**SOLD, "订单备注": "二次"}))
    renewed = Order.objects.get()
    update_order(renewed, at=timezone.now(), by=agent.user, memo="我们的")

    load(orders({**SOLD, "订单备注": "三次", "买家留言": "新留言"}))

    assert renewed.memo == "我们的"
    assert facts(renewed, "memo", "buyer_message") == ("我们的", "新留言")


def test_memo_edited_in_the_panel_stays(load, sign_in, manager):
    load(orders(SOLD))
    order = Order.objects.get()
    lines = {f"{name}-{field}": 0 for name in ("lines", "refunds") for field in ("TOTAL_FORMS", "INITIAL_FORMS")}
    answer = sign_in(manager).post(order.get_absolute_url() + "", {"flag": 3, "memo": "我们的", **lines})
    assert answer.status_code == 302

    load(csv_bytes([*HEADERS["order_2022"], "插旗"], [{**SOLD, "插旗": "1"}]))

    assert facts(order, "memo", "flag") == ("我们的", 3)


@pytest.mark.parametrize(
    ("before", "after", "refund"),
    [
        ({**SENT, "退款金额": "3.00"}, {**SENT, "退款金额": "4.00"}, ("4.00", "asked")),
        ({**SENT, "退款金额": "3.00"}, {**SOLD, "退款金额": "3.00"}, ("3.00", "paid")),
        ({**SENT, "退款金额": "3.00"}, {**SOLD, "退款金额": "无退款申请"}, ("3.00", "refused")),
        ({**SOLD, "退款金额": "3.00"}, {**SOLD, "退款金额": "0"}, ("3.00", "paid")),
    ],
)
def test_refund_follows_the_newer_export(load, before, after, refund):
    load(orders(before))
    load(orders(after))

    (found,) = Refund.objects.values_list("amount", "status")
    assert found == (Decimal(refund[0]), refund[1])


def test_order_file_keeps_the_lines_of_the_line_file(load):
    load(orders(SOLD))
    load(csv_bytes("detail_2026", [LINE, OTHER_LINE]))

    load(orders({**SOLD, "宝贝标题": "别的"}))

    assert set(OrderLine.objects.values_list("title", "quantity")) == {("连衣裙", 1), ("短袖", 2)}


def test_line_file_keeps_lines_that_the_storefront_told(load):
    OrderLineFactory(order=OrderFactory(source=SourceFactory(code="taobao"), number=FIRST), title="own")

    load(csv_bytes("detail_2026", [LINE]))

    assert OrderLine.objects.get().title == "own"


def test_product_known_by_its_title_gets_its_number(load):
    load(orders(SOLD))

    load(csv_bytes("detail_2026", [LINE, OTHER_LINE]))

    assert set(Product.objects.values_list("external_id", "name")) == {("600001", "连衣裙"), ("600002", "短袖")}


def test_line_file_of_unknown_orders(load, settings):
    dated = load(csv_bytes("detail_2026", [LINE, OTHER_LINE]))
    undated = load(csv_bytes("detail_2016_2020", [{**LINE, "主订单编号": SECOND}]))

    assert dated.message == "1 new order has no known buyer."
    found = Order.objects.values_list("number", "status", "amount", "paid_amount", "customer")
    assert list(found) == [(FIRST, "done", Decimal("112.30"), Decimal("112.30"), None)]
    assert rejected(undated, settings) == [("2", "订单编号", "names an unknown order; import the order file first")]


def test_lines_closed_alone_do_not_close_their_order(load):
    load(csv_bytes("detail_2026", [LINE, {**OTHER_LINE, "订单状态": "交易关闭"}]))

    assert Order.objects.get().status == "done"


@pytest.mark.parametrize("variant", ["order_2022", "detail_2026"])
def test_number_of_queries_does_not_grow_with_the_rows(load, variant):
    def rows(start, count):
        row = SOLD if variant == "order_2022" else LINE
        numbers = [f"{start + n}" * 16 for n in range(count)]
        names = {"订单编号": 1, "主订单编号": 1, "子订单编号": 1}
        return [
            {**row, **dict.fromkeys(names, number), "买家会员名": f"n{number}", "宝贝标题": f"t{number}",
             "标题": f"t{number}", "商品ID": number, "退款金额": "1.00", "宝贝种类": "1"}
            for number in numbers
        ]  # fmt: skip

    def statements_of(data):
        run = []

        def count(execute, sql, params, many, context):
            run.append(sql)
            return execute(sql, params, many, context)

        with connection.execute_wrapper(count):
            load(data)
        return len(run)

    load(csv_bytes(variant, rows(1, 1)))
    one_new, three_new = statements_of(csv_bytes(variant, rows(1, 2))), statements_of(csv_bytes(variant, rows(1, 5)))

    assert three_new == one_new


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
