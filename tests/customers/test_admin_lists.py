from decimal import Decimal

import pytest
from django.urls import reverse
from django.utils import timezone

from customers.models import Event, ImportRun, Order, Product, Review
from tests.factories import (
    NOON,
    AccountFactory,
    AgentFactory,
    BanFactory,
    CustomerFactory,
    GroupFactory,
    OrderFactory,
    OrderLineFactory,
    ProductFactory,
    ReviewFactory,
    UserFactory,
)


def order():
    line = OrderLineFactory(order__customer=AccountFactory().customer, product=ProductFactory())
    return line.order


def review():
    return ReviewFactory(customer=AccountFactory().customer, product=ProductFactory())


def event():
    return Event.objects.create(at=NOON, by=UserFactory(), verb="ban.set", fields=["type"])


def run(**values):
    return ImportRun.objects.create(format="olist", file_name="olist", started_at=NOON, by=UserFactory(), **values)


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("order", order),
        ("product", ProductFactory),
        ("review", review),
        ("agent", lambda: CustomerFactory(agent=AgentFactory())),
        ("group", lambda: CustomerFactory().groups.add(GroupFactory())),
        ("importrun", run),
        ("event", event),
        ("user", lambda: UserFactory(role="agent")),
    ],
)
def test_list_takes_as_many_queries_for_3_rows_as_for_1(admin_user, sign_in, count_queries, name, make):
    address = reverse(f"admin:customers_{name}_changelist")
    client = sign_in(admin_user)
    make()
    client.get(address)
    one = count_queries(lambda: client.get(address))
    make()
    make()

    three = count_queries(lambda: client.get(address))

    assert client.get(address).context["cl"].result_count >= 3
    assert one == three


@pytest.mark.parametrize("name", ["order", "product", "review", "agent", "importrun", "event", "user"])
def test_nothing_of_these_can_be_deleted_by_anybody(admin_user, sign_in, name):
    row = {
        "order": order,
        "product": ProductFactory,
        "review": review,
        "agent": AgentFactory,
        "importrun": run,
        "event": event,
        "user": UserFactory,
    }[name]()

    answer = sign_in(admin_user).post(reverse(f"admin:customers_{name}_delete", args=[row.pk]), {"post": "yes"})

    assert answer.status_code == 403
    assert type(row).objects.filter(pk=row.pk).exists()


def test_order_page_edits_memo_and_flag_only(agent, sign_in):
    placed = OrderFactory(customer=CustomerFactory(nick="buyer"), number="8800", amount=Decimal("10.00"))
    address = reverse("admin:customers_order_change", args=[placed.pk])
    inlines = {f"{prefix}-{name}": "0" for prefix in ("lines", "refunds") for name in ("TOTAL_FORMS", "INITIAL_FORMS")}
    values = {"flag": "1", "memo": "ring first", "amount": "1", "status": "done", "number": "1", **inlines}

    answer = sign_in(agent.user).post(address, values)

    assert answer.status_code == 302
    kept = Order.objects.values_list("flag", "memo", "amount", "status", "number").get()
    assert kept == (1, "ring first", Decimal("10.00"), "unpaid", "8800")
    assert Event.objects.values_list("verb", "by__username", "fields").get() == (
        "order.changed",
        "ming",
        ["flag", "memo"],
    )


def test_product_page_marks_a_new_arrival_and_nothing_else(agent, sign_in):
    product = ProductFactory(name="Lantern", price=Decimal("19.90"))
    address = reverse("admin:customers_product_change", args=[product.pk])

    sign_in(agent.user).post(address, {"is_new": "on", "name": "Other", "price": "1"})

    assert Product.objects.values_list("is_new", "name", "price").get() == (True, "Lantern", Decimal("19.90"))


def test_order_list_finds_a_whole_number(agent, sign_in):
    OrderFactory(number="8800")
    OrderFactory(number="88001")

    page = sign_in(agent.user).get("/admin/customers/order/?q=8800")

    assert [found.number for found in page.context["cl"].result_list] == ["8800"]


def test_review_of_a_banned_buyer_is_marked(agent, sign_in):
    ReviewFactory(customer=BanFactory(customer__nick="bad").customer)

    page = sign_in(agent.user).get("/admin/customers/review/")

    assert Review.objects.count() == 1
    assert ">banned<" in page.text


def test_rejects_file_is_for_whoever_may_see_the_run(lead, agent, sign_in, settings):
    (settings.DATA_DIR / "imports").mkdir()
    (settings.DATA_DIR / "imports" / "rejects.csv").write_text("file,line,column,reason\n", encoding="utf-8")
    finished = run(state="finished", rejected_count=1, rejects_path="imports/rejects.csv")
    without = run(state="finished")
    addresses = [reverse("admin:customers_importrun_rejects", args=[each.pk]) for each in (finished, without)]

    file = sign_in(lead).get(addresses[0])
    answers = [
        file.status_code,
        sign_in(lead).get(addresses[1]).status_code,
        sign_in(agent.user).get(addresses[0]).status_code,
    ]

    assert b"".join(file.streaming_content) == b"file,line,column,reason\n"
    assert answers == [200, 404, 403]


def test_audit_events_are_found_by_the_number_of_a_touched_row(lead, sign_in):
    first, second = event(), event()
    first.rows.create(model="blocklist.ban", row_id=7)
    second.rows.create(model="blocklist.ban", row_id=8)

    found = [
        [row.pk for row in sign_in(lead).get(f"/admin/customers/event/?q={text}").context["cl"].result_list]
        for text in ("7", "seven")
    ]

    assert found == [[first.pk], []]


def test_amounts_and_times_are_shown_with_2_decimals_in_the_shop_s_zone(agent, sign_in):
    OrderFactory(amount=Decimal("1234.5"), ordered_at=NOON)

    page = sign_in(agent.user).get("/admin/customers/order/")

    assert timezone.get_default_timezone_name() == "Asia/Shanghai"
    assert ("1,234.50" in page.text, "2026-03-05 12:00" in page.text) == (True, True)
