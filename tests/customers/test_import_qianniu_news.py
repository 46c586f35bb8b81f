from decimal import Decimal

import pytest
from django.db import connection
from django.utils import timezone

from blocklist.models import Attempt
from customers.identity import Identity
from customers.models import Account, ContactValue, Customer, Order, OrderHold, OrderLine, Product, Refund, Source
from customers.services.orders import OrderFacts, take_order, update_order
from customers.services.people import find_customer
from customers.signals import orders_identified, orders_imported
from tests.customers.qianniu_files import (
    CLOSED,
    FIRST,
    HEADERS,
    LINE,
    NO_BUYER,
    OTHER_LINE,
    SECOND,
    SENT,
    SOLD,
    csv_bytes,
    facts,
    orders,
    rejected,
    utc,
)
from tests.factories import BanFactory, CustomerFactory, HeldOrderFactory, OrderFactory, OrderLineFactory, SourceFactory

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
    HeldOrderFactory(source=SourceFactory(code="taobao"), number=FIRST)

    load(orders({**SOLD, "订单状态": "买家已付款，等待卖家发货"}))
    paid = (Order.objects.get().status, OrderHold.objects.get().status_before)
    load(orders(SENT))

    hold = OrderHold.objects.get()
    assert paid == ("held", "paid")
    assert (Order.objects.get().status, hold.outcome, hold.decided_by) == ("sent", "told", None)


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
