import re
from datetime import datetime
from decimal import Decimal

import pytest

from customers.models import Account, ContactValue, Customer, Order, OrderLine
from tests.customers.qianniu_files import (
    CLOSED,
    FIRST,
    HEADERS,
    SECOND,
    SHEET,
    SOLD,
    csv_bytes,
    edited_part,
    inline_xlsx_bytes,
    orders,
    rejected,
    utc,
    xlsx_bytes,
)

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
