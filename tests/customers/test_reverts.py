from datetime import timedelta
from decimal import Decimal

import pytest
from django.urls import reverse
from django.utils import timezone

from customers.identity import Identity
from customers.imports import work
from customers.imports.runs import import_shop
from customers.models import (
    Account,
    ContactValue,
    Customer,
    CustomerNote,
    Event,
    FormerNick,
    ImportRun,
    Job,
    JobRow,
    Order,
    OrderLine,
    Product,
    Refund,
)
from customers.services import bindings, contacts, groups, jobs
from customers.services.orders import update_order
from customers.services.people import keep_customer
from tests.customers.qianniu_files import CLOSED, LINE, OTHER_LINE, SOLD, csv_bytes, everything
from tests.customers.qianniu_files import orders as seller_tool
from tests.factories import (
    AgentFactory,
    BanFactory,
    BroadcastFactory,
    CustomerFactory,
    GroupFactory,
    InquiryFactory,
    OrderFactory,
    OrderLineFactory,
    ReviewFactory,
    SourceFactory,
    UserFactory,
)

TABLE = """订单号,下单时间,订单状态,昵称,手机,金额,商品编号,商品标题
A-1,2026-03-01,交易成功,小红,13800138000,129.00,P-1,衬衫
A-2,2026-03-02,待发货,小红,,50.00,P-2,皂
A-3,2026-03-03,交易成功,阿明,,20.00,P-2,皂
"""
ALL_GONE = {"order": 3, "orderline": 3, "customer": 2, "account": 2, "contactvalue": 1, "product": 2}


@pytest.fixture
def source(db):
    return SourceFactory(code="own")


@pytest.fixture
def load(source, write):
    def _load(table=TABLE, *, format="csv"):
        data = table if isinstance(table, bytes) else table.encode()
        return import_shop(
            format, write(data), by=None, now=timezone.now, progress=lambda *told: None, source_code="own"
        )

    return _load


@pytest.fixture
def revert(manager):
    """Revert a run, after a trial, which must have foretold the same; return what went and what stayed."""

    def _revert(run, by=manager):
        told = []
        for is_trial in (True, False):
            before = everything()
            job = work.revert(run, by=by, at=timezone.now(), is_trial=is_trial)
            jobs.run_to_end(job)
            run.refresh_from_db()
            told.append((run.revert_counts["gone"], run.revert_counts["kept"]))
            assert not is_trial or everything() == before
        assert told[0] == told[1]
        return told[1]

    return _revert


def order(number):
    return Order.objects.get(number=number)


def customer(nick):
    return Customer.objects.get(accounts__nick=nick)


# What goes


def test_everything_that_nobody_touched_goes(load, revert, manager):
    run = load()

    assert revert(run) == (ALL_GONE, {})

    run.refresh_from_db()
    assert run.state == "reverted"
    assert [model.objects.count() for model in (Order, OrderLine, Customer, Account, ContactValue, Product)] == [0] * 6
    assert [(event.verb, event.by) for event in Event.objects.filter(verb="import.reverted")] == [
        ("import.reverted", manager)
    ]


@pytest.mark.parametrize("batch", [1, 2, 1000])
def test_stretches_of_any_size_do_the_same(load, revert, settings, batch):
    run = load()
    settings.WRITE_BATCH = batch

    assert revert(run) == (ALL_GONE, {})


def test_reverting_twice_does_nothing_more(load, revert):
    run = load()
    revert(run)

    assert revert(run) == ({}, {})


def test_import_after_a_revert_makes_the_same_again(load, revert):
    revert(load())

    again = load()

    assert again.created_counts == {
        "customer": 2, "account": 2, "contactvalue": 1, "product": 2, "order": 3, "orderline": 3, "refund": 0,
        "review": 0,
    }  # fmt: skip


def test_refunds_of_the_seller_tool_go_with_their_orders(load, revert):
    run = load(seller_tool({**SOLD, "退款金额": "10.00"}, CLOSED), format="qianniu")
    assert Refund.objects.count() == 1

    gone, kept = revert(run)

    assert (gone["order"], gone["refund"], kept) == (2, 1, {})


def test_what_was_there_before_stays(load, revert):
    known = CustomerFactory(nick="小红", phone="13900139000")
    OrderFactory(
        source=SourceFactory(code="other"), number="B-1", customer=known, status="done", paid_amount=Decimal(5)
    )
    run = load()

    gone, kept = revert(run)

    assert (gone["customer"], gone["contactvalue"], kept) == (1, 1, {})
    known.refresh_from_db()
    assert (known.trade_count, known.trade_amount) == (1, Decimal("5.00"))
    assert set(known.contact_values.values_list("value", flat=True)) == {"13900139000"}
    assert list(Order.objects.values_list("number", flat=True)) == ["B-1"]


def test_looking_at_contact_data_touches_nobody(load, revert, manager, now):
    run = load()
    contacts.reveal(customer("小红"), kinds=["phone"], by=manager, at=now)

    assert revert(run) == (ALL_GONE, {})


# What stays, and why


def test_order_that_was_edited_stays_with_its_lines_and_its_buyer(load, revert, manager):
    run = load()
    update_order(order("A-1"), at=timezone.now(), by=manager, memo="gift")

    assert revert(run) == (
        {"order": 2, "orderline": 2, "customer": 1, "account": 1, "product": 1},
        {
            "order": {"edited": 1},
            "customer": {"customers.order": 1},
            "product": {"customers.orderline": 1},
        },
    )
    assert list(OrderLine.objects.values_list("order__number", flat=True)) == ["A-1"]
    kept = customer("小红")
    assert (kept.trade_count, kept.trade_amount, kept.contact_values.count()) == (1, Decimal("129.00"), 1)


def test_order_whose_status_the_api_changed_stays(load, revert):
    run = load()
    update_order(order("A-2"), at=timezone.now(), status="sent")

    assert revert(run)[1]["order"] == {"edited": 1}


def a_ban(buyer, manager):
    BanFactory(customer=buyer)


def an_inquiry(buyer, manager):
    InquiryFactory(customer=buyer)


def a_note(buyer, manager):
    CustomerNote.objects.create(customer=buyer, text="x", by=manager, at=timezone.now())


def a_binding(buyer, manager):
    bindings.bind(Customer.objects.filter(pk=buyer.pk), agent=AgentFactory(), by=manager, at=timezone.now())


def a_group(buyer, manager):
    groups.add_to_groups(Customer.objects.filter(pk=buyer.pk), groups=[GroupFactory()], by=manager, at=timezone.now())


def an_order_by_the_api(buyer, manager):
    OrderFactory(customer=buyer, number="C-1")


def a_further_phone(buyer, manager):
    ContactValue.objects.create(customer=buyer, kind="phone", value="13700137000", key="x")


def a_bulk_action(buyer, manager):
    job = Job.objects.create(kind="x", created_at=timezone.now(), by=manager, state="finished")
    JobRow.objects.create(job=job, customer=buyer, state="done")


def a_new_nick(buyer, manager):
    account = buyer.accounts.get()
    FormerNick.objects.create(account=account, nick="old", until_at=timezone.now())


@pytest.mark.parametrize(
    ("touch", "why"),
    [
        (a_ban, "blocklist.ban"),
        (an_inquiry, "customers.inquiry"),
        (a_note, "customers.customernote"),
        (a_binding, "edited"),
        (a_group, "edited"),
        (an_order_by_the_api, "customers.order"),
        (a_further_phone, "customers.contactvalue"),
        (a_bulk_action, "customers.jobrow"),
        (a_new_nick, "customers.account"),
    ],
)
def test_customer_who_was_touched_stays_and_his_untouched_orders_go(load, revert, manager, touch, why):
    run = load()
    touch(customer("小红"), manager)

    gone, kept = revert(run)

    assert (gone["order"], gone["customer"], kept) == (3, 1, {"customer": {why: 1}})
    assert customer("小红").trade_count == 0


def test_order_with_a_review_from_elsewhere_stays(load, revert):
    run = load()
    ReviewFactory(order=order("A-3"), source=order("A-3").source)

    assert revert(run)[1]["order"] == {"customers.review": 1}


def test_product_with_an_announcement_or_another_order_stays(load, revert):
    run = load()
    BroadcastFactory(product=Product.objects.get(external_id="P-1"))
    OrderLineFactory(order=OrderFactory(number="C-1"), product=Product.objects.get(external_id="P-2"))

    assert revert(run)[1] == {"product": {"messaging.broadcast": 1, "customers.orderline": 1}}


def test_lines_of_older_orders_stay(load, revert):
    load(seller_tool({**SOLD, "宝贝标题": "", "宝贝总数量": "", "宝贝种类": ""}), format="qianniu")

    run = load(csv_bytes("detail_2022", [LINE, OTHER_LINE]), format="qianniu")

    _gone, kept = revert(run)

    assert kept["orderline"] == {"older": 2}
    assert OrderLine.objects.count() == 2


def test_account_that_names_the_buyer_of_other_orders_stays(load, revert, now):
    known = CustomerFactory(phone="13800138000")
    run = load()
    OrderFactory(customer=known, source=SourceFactory(code="own"), number="C-1")

    _gone, kept = revert(run)

    assert kept == {"account": {"needed": 1}}
    assert list(known.accounts.values_list("nick", flat=True)) == ["小红"]


def test_later_import_of_the_same_table_holds_only_what_it_changed(load, revert):
    run = load()
    load(TABLE.replace("待发货", "已发货"))

    gone, kept = revert(run)

    assert kept["order"] == {"edited": 1}
    assert (gone["order"], gone["customer"]) == (2, 1)


def test_buyer_known_again_by_the_api_stays(load, revert, source, now):
    run = load()
    keep_customer(Identity(source.pk, nick="阿明", phone="13600136000"), at=now)

    assert revert(run)[1] == {"customer": {"customers.contactvalue": 1}}


# The pages, and who may


def address(run, page="revert"):
    return reverse(f"admin:customers_importrun_{page}", args=[run.pk])


def test_page_tells_first_and_deletes_then(load, sign_in, manager):
    run = load()
    update_order(order("A-1"), at=timezone.now(), by=manager, memo="gift")
    client = sign_in(manager)

    client.post(address(run))
    jobs.run_to_end(Job.objects.latest("pk"))
    page = client.get(address(run, "change")).content.decode()

    assert "What a revert would do" in page
    assert "were changed since" in page
    assert "have orders that are kept" in page
    assert Order.objects.count() == 3

    client.post(address(run), {"is_sure": "1"})
    jobs.run_to_end(Job.objects.latest("pk"))
    page = client.get(address(run, "change")).content.decode()

    assert "What the revert did" in page
    assert "Revert: delete these rows" not in page
    assert Order.objects.count() == 1


@pytest.mark.parametrize("role", ["agent", "lead"])
def test_only_managers_revert(load, sign_in, role):
    run = load()

    answer = sign_in(UserFactory(role=role)).post(address(run), {"is_sure": "1"})

    assert (answer.status_code, Job.objects.count()) == (403, 0)


def test_job_of_who_lost_the_right_deletes_nothing(load, manager, now):
    job = work.revert(load(), by=manager, at=now)
    manager.groups.clear()

    jobs.run_to_end(job)

    assert (job.state, job.message, Order.objects.count()) == ("failed", "You may not revert imports.", 3)


def test_import_that_runs_is_not_reverted(load, sign_in, manager):
    run = load()
    ImportRun.objects.filter(pk=run.pk).update(state="running")

    answer = sign_in(manager).post(address(run), {"is_sure": "1"}, follow=True)

    assert "This import is at work already" in answer.content.decode()
    assert Job.objects.count() == 0


def test_queries_of_a_stretch_do_not_depend_on_its_rows(load, manager, count_queries):
    header = TABLE.splitlines()[0]

    def reverting(rows):
        run = load("\n".join([header, *(f"N-{n},2026-03-01,done,nick-{n},,5.00,P-{n},x" for n in range(rows))]))
        job = work.revert(run, by=manager, at=timezone.now() + timedelta(seconds=1))
        return count_queries(lambda: jobs.run_to_end(job))

    assert reverting(1) == reverting(3)
