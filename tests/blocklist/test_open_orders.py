"""What becomes of a buyer's open orders when he is banned."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.core.exceptions import ValidationError
from django.urls import reverse

from blocklist.models import Attempt, Ban, OrderChoice
from blocklist.services import open_orders, undo
from blocklist.services.bans import ban_purchase, ban_purchases, lift_ban
from customers.models import Customer, EventRow, Order, OrderHold, Refund
from customers.services import jobs, order_holds
from tests.factories import NOON, AccountFactory, CustomerFactory, HeldOrderFactory, OrderFactory, SourceFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def customer(agent):
    return CustomerFactory(agent=agent, nick="mallory")


@pytest.fixture
def unpaid(customer):
    return OrderFactory(customer=customer, number="U1")


@pytest.fixture
def paid(customer):
    return OrderFactory(customer=customer, number="P1", status="paid", paid_amount=Decimal("9.00"))


def ban(customer, by, **chosen):
    return ban_purchase(customer, type="other", by=getattr(by, "user", by), at=NOON, **chosen)


def statuses():
    return dict(Order.objects.values_list("number", "status"))


def choices():
    return dict(OrderChoice.objects.values_list("order__number", "choice"))


def refusal(customer, by, orders):
    """The sentences with which the ban is refused; nothing has happened then."""
    before = statuses()
    with pytest.raises(ValidationError) as error:
        ban(customer, by, orders=orders)
    assert (Ban.objects.count(), OrderHold.objects.filter(code="banned").count(), statuses()) == (0, 0, before)
    assert (OrderChoice.objects.count(), EventRow.objects.count(), Refund.objects.count()) == (0, 0, 0)
    return error.value.message_dict


def test_open_orders_are_kept_unless_something_else_is_chosen(customer, agent, unpaid, paid):
    OrderFactory(customer=customer, number="S1", status="sent")
    OrderFactory(number="X1")

    ban(customer, agent)

    assert statuses() == {"U1": "unpaid", "P1": "paid", "S1": "sent", "X1": "unpaid"}
    assert choices() == {"U1": "keep", "P1": "keep"}


def test_orders_are_held_and_closed_as_chosen_and_it_is_recorded(customer, agent, unpaid, paid):
    third = OrderFactory(customer=customer, number="U2")

    banned = ban(customer, agent, orders={unpaid.pk: "close", paid.pk: "hold"})

    assert statuses() == {"U1": "closed", "P1": "held", "U2": "unpaid"}
    assert choices() == {"U1": "close", "P1": "hold", "U2": "keep"}
    assert set(banned.order_choices.values_list("order", flat=True)) == {unpaid.pk, paid.pk, third.pk}
    hold = OrderHold.objects.values_list("order", "code", "status_before", "held_at", "held_by").get()
    assert hold == (paid.pk, "banned", "paid", NOON, agent.user.pk)
    assert Order.objects.get(number="U1").close_reason == "closed by the shop"
    assert Customer.objects.get(pk=customer.pk).close_trade_count == 1
    verbs = EventRow.objects.filter(model="customers.order").values_list("event__verb", "row_id")
    assert set(verbs) == {("order.held", paid.pk), ("order.closed", unpaid.pk)}


def test_one_choice_is_for_all_that_are_not_named(customer, agent, unpaid, paid):
    ban(customer, agent, orders={unpaid.pk: "keep"}, open_orders="hold")

    assert statuses() == {"U1": "unpaid", "P1": "held"}


def test_paid_order_is_closed_with_a_refund_by_a_manager(customer, manager, paid):
    ban(customer, manager, orders={paid.pk: "refund"})

    assert (statuses(), choices()) == ({"P1": "closed"}, {"P1": "refund"})
    assert Refund.objects.values_list("order", "amount", "status").get() == (paid.pk, Decimal("9.00"), "asked")


def test_agent_closes_no_paid_order_and_the_ban_is_not_set_either(customer, agent, manager, unpaid, paid):
    orders = {unpaid.pk: "close", paid.pk: "refund"}
    assert refusal(customer, agent, orders) == {
        "orders": ["Order P1 is paid, so only a manager closes it, with a refund."]
    }
    told = "Order P1 is paid: keep it, hold it, or have a manager close it with a refund."
    assert refusal(customer, agent, {paid.pk: "close"}) == {"orders": [told]}
    assert refusal(customer, manager, {paid.pk: "close"}) == {"orders": [told]}
    assert refusal(customer, manager, {unpaid.pk: "refund"}) == {
        "orders": ["Order U1 is not paid: there is nothing to refund."]
    }


def test_orders_of_nobody_of_others_and_on_their_way_are_named(customer, manager):
    foreign, sent = OrderFactory(), OrderFactory(customer=customer, number="S1", status="sent")
    unknown = 10**17

    assert refusal(customer, manager, {foreign.pk: "keep", unknown: "hold", sent.pk: "hold"}) == {
        "orders": [
            f"This customer has no order #{foreign.pk}.",
            f"This customer has no order #{unknown}.",
            "Order S1 is left alone: it is sent.",
        ]
    }
    assert refusal(customer, manager, {sent.pk: "destroy"}) == {"orders": ["There is no such choice: destroy."]}


def test_order_sent_meanwhile_is_no_mistake_where_it_is_kept(customer, agent):
    sent = OrderFactory(customer=customer, status="sent")

    assert ban(customer, agent, orders={sent.pk: "keep"})
    assert choices() == {}


def test_order_that_waits_for_review_goes_on_waiting_or_is_closed(customer, manager):
    first, second = HeldOrderFactory(customer=customer, number="1"), HeldOrderFactory(customer=customer, number="2")

    ban(customer, manager, orders={first.pk: "hold", second.pk: "close"})

    assert (statuses(), OrderHold.objects.open().get().code) == ({"1": "held", "2": "closed"}, "address")


def test_who_is_banned_already_keeps_his_orders(customer, agent, unpaid):
    ban(customer, agent)

    ban(customer, agent, orders={unpaid.pk: "close"}, open_orders="hold")

    assert (statuses(), choices()) == ({"U1": "unpaid"}, {"U1": "keep"})


# Many ---------------------------------------------------------------------------------------------------------------


def test_bulk_ban_holds_the_open_orders_of_those_whom_it_bans(customer, agent, manager, unpaid, paid):
    others = OrderFactory(customer=CustomerFactory(), number="O1"), OrderFactory(number="X1")
    ban(others[0].customer, manager)

    ban_purchases(Customer.objects.all(), type="other", by=manager, at=NOON, open_orders="hold")

    assert statuses() == {"U1": "held", "P1": "held", "O1": "unpaid", "X1": "unpaid"}
    assert choices() == {"U1": "hold", "P1": "hold", "O1": "keep"}


def test_bulk_ban_closes_nothing(customer, manager, unpaid):
    with pytest.raises(ValidationError, match="keep or hold"):
        ban_purchases(Customer.objects.all(), type="other", by=manager, at=NOON, open_orders="close")
    assert not Ban.objects.exists()


def test_bulk_ban_costs_as_many_statements_for_many_as_for_one(manager, count_queries):
    def bulk(count):
        for number in range(count):
            OrderFactory(customer=CustomerFactory(nick=f"{count}-{number}"))
        chosen = {"type": "other", "by": manager, "at": NOON, "open_orders": "hold"}
        return count_queries(lambda: ban_purchases(Customer.objects.all(), **chosen))

    manager.get_all_permissions()  # read once and kept
    assert bulk(1) == bulk(3)


def test_job_of_several_stretches_holds_the_orders_of_all(manager, settings, customer, unpaid):
    settings.WRITE_BATCH = 1
    OrderFactory(customer=CustomerFactory(), number="O1")
    asked = {"type": "other", "note": "", "until": "", "open_orders": "hold"}
    ids = list(Customer.objects.values_list("pk", flat=True))

    job = jobs.run_now("ban_purchases", by=manager, clock=lambda: NOON, ids=ids, **asked)

    assert (job.state, job.done_count, statuses()) == ("finished", 2, {"U1": "held", "O1": "held"})
    assert EventRow.objects.filter(event__verb="order.held").count() == 2


# Lifted and undone --------------------------------------------------------------------------------------------------


def test_lifting_leaves_the_held_orders_to_a_person(customer, agent, unpaid):
    ban(customer, agent, open_orders="hold")

    lift_ban(customer, reason="a mistake", by=agent.user, at=NOON + timedelta(hours=1))

    assert statuses() == {"U1": "held"}


def test_undoing_releases_what_the_ban_held_and_nothing_else(customer, agent, manager, unpaid, paid):
    HeldOrderFactory(customer=customer, number="H1")
    ban(customer, agent, open_orders="hold")
    order_holds.release(unpaid, by=agent.user, at=NOON + timedelta(minutes=1))
    order_holds.hold_orders(
        Order.objects.filter(number="U1"), code="banned", by=manager, at=NOON + timedelta(minutes=2)
    )

    at = NOON + timedelta(minutes=3)
    count = open_orders.release_held_by(Ban.objects.all(), by=manager, at=at, reason="undone")
    again = open_orders.release_held_by(Ban.objects.all(), by=manager, at=at, reason="undone")

    assert (count, again) == (1, 0)
    assert statuses() == {"U1": "held", "P1": "paid", "H1": "held"}


def test_undo_of_a_bulk_ban_releases_what_it_held(manager, customer, unpaid):
    asked = {"ids": [customer.pk], "type": "other", "note": "", "until": "", "open_orders": "hold"}
    job = jobs.run_now("ban_purchases", by=manager, clock=lambda: NOON, **asked)
    held = statuses()

    undo.undo(job, by=manager, clock=lambda: NOON + timedelta(minutes=1))

    assert (held, statuses()) == ({"U1": "held"}, {"U1": "unpaid"})
    assert OrderHold.objects.get().reason == "The bulk ban was undone."


# What made an order wait --------------------------------------------------------------------------------------------


def test_hold_leads_to_the_ban_that_made_it(customer, agent, unpaid):
    banned = ban(customer, agent, open_orders="hold")
    hold = OrderHold.objects.get()

    entry = order_holds.entries([hold.pk])[hold.pk]

    assert (entry.text, entry.url) == ("ban: other, by ming", banned.get_absolute_url())
    assert order_holds.hold_words(hold.code) == "the buyer was banned"


def test_hold_of_the_gate_leads_to_the_ban_that_hit(customer, agent):
    banned = ban(customer, agent)
    held = HeldOrderFactory(number="A1", hold__code="address_banned", hold__held_at=NOON)
    HeldOrderFactory(number="B1")
    facts = {"at": NOON, "door": "order", "source": held.source, "customer": customer, "code": "address_banned"}
    Attempt.objects.create(outcome="review", order_number="A1", ban=banned, **facts)
    Attempt.objects.create(outcome="refuse", order_number="B1", ban=banned, **facts)

    entries = order_holds.entries([hold.pk for hold in OrderHold.objects.all()])

    assert {pk: entry.url for pk, entry in entries.items()} == {held.holds.get().pk: banned.get_absolute_url()}


# The API ------------------------------------------------------------------------------------------------------------


def api(client, customer, **body):
    return client.post(f"/api/v1/customers/{customer.pk}/ban/", {"type": "other", **body})


def test_api_names_orders_by_id_or_number(key_client, agent, customer, unpaid, paid):
    orders = [{"id": unpaid.pk, "choice": "close"}, {"number": "P1", "choice": "hold"}]

    answer = api(key_client(user=agent.user), customer, orders=orders)

    assert (answer.status_code, statuses()) == (201, {"U1": "closed", "P1": "held"})


def test_api_holds_all_open_orders(key_client, agent, customer, unpaid, paid):
    answer = api(key_client(user=agent.user), customer, open_orders="hold")

    assert (answer.status_code, statuses()) == (201, {"U1": "held", "P1": "held"})


@pytest.mark.parametrize(
    ("orders", "pointer", "said"),
    [
        ([{"number": "nope", "choice": "hold"}], "/orders", "This customer has no order nope."),
        ([{"number": "P1", "choice": "refund"}], "/orders", "Order P1 is paid, so only a manager closes it"),
        ([{"number": "S1", "choice": "hold"}], "/orders", "Order S1 is left alone: it is sent."),
        ([{"number": "F1", "choice": "hold"}], "/orders", "This customer has no order F1."),
        ([{"number": "P1", "choice": "hold"}, {"number": "P1", "choice": "keep"}], "/orders", "is named twice"),
        ([{"choice": "hold"}], "/orders/0", "Name the order by its id or by its number."),
        ([{"id": 10**30, "choice": "hold"}], "/orders/0/id", "less than or equal"),
        ([{"id": 1, "choice": "eat"}], "/orders/0/choice", "is not a valid choice"),
        (["P1"], "/orders/0", ""),
        ("all", "/orders", ""),
    ],
)
def test_api_names_the_order_that_is_wrong_and_bans_nobody(key_client, agent, customer, paid, orders, pointer, said):
    OrderFactory(customer=customer, number="S1", status="sent")
    OrderFactory(customer=CustomerFactory(), number="F1")

    answer = api(key_client(user=agent.user), customer, orders=orders)

    error = answer.json()["errors"][0]
    assert (answer.status_code, error["pointer"]) == (400, pointer)
    assert said in error["detail"]
    assert not Ban.objects.exists()


def test_key_names_orders_of_its_own_source_only(key_client, manager, customer):
    AccountFactory(customer=customer, source=SourceFactory(code="other"))
    mine = OrderFactory(customer=customer, number="1")
    OrderFactory(customer=customer, number="2", source=SourceFactory(code="other"))
    client = key_client(user=manager, source="other")

    refused = api(client, customer, orders=[{"id": mine.pk, "choice": "hold"}])
    done = api(client, customer, orders=[{"number": "2", "choice": "hold"}])

    assert (refused.status_code, done.status_code, statuses()) == (400, 201, {"1": "unpaid", "2": "held"})


def test_number_that_two_sources_use_needs_its_source(sign_in, manager, customer):
    for code in ("own", "other"):
        OrderFactory(customer=customer, number="1", source=SourceFactory(code=code))
    path, client = f"/api/v1/customers/{customer.pk}/ban/", sign_in(manager)

    def post(order):
        return client.post(path, {"type": "other", "orders": [order]}, content_type="application/json").status_code

    assert post({"number": "1", "choice": "hold"}) == 400
    assert post({"number": "1", "source": "other", "choice": "hold"}) == 201
    assert set(Order.objects.values_list("source__code", "status")) == {("own", "unpaid"), ("other", "held")}


def test_api_tells_of_a_ban_what_was_decided_about_which_order(key_client, sign_in, agent, customer, unpaid, paid):
    OrderFactory(customer=customer, number="O1", source=SourceFactory(code="other"))
    banned = ban(customer, agent, orders={unpaid.pk: "close"}, open_orders="hold")
    path = f"/api/v1/bans/{banned.pk}/"

    told = [
        {"order": unpaid.pk, "number": "U1", "choice": "close", "status": "closed"},
        {"order": paid.pk, "number": "P1", "choice": "hold", "status": "held"},
    ]
    assert key_client("bans:read").get(path).json()["orders"] == told
    assert [row["number"] for row in sign_in(agent.user).get(path).json()["orders"]] == ["U1", "P1", "O1"]


# The pages ----------------------------------------------------------------------------------------------------------


def form_of(customer):
    return reverse("admin:blocklist_ban_customer", args=[customer.pk])


def test_form_lists_open_orders_with_what_may_be_chosen(sign_in, agent, manager, customer, unpaid, paid):
    OrderFactory(customer=customer, number="S1", status="sent")

    def offered(user):
        rows = sign_in(user).get(form_of(customer)).context["orders_form"].rows()
        return {row.order.number: [value for value, _label in row.field.field.choices] for row in rows}

    assert offered(agent.user) == {"U1": ["keep", "hold", "close"], "P1": ["keep", "hold"]}
    assert offered(manager) == {"U1": ["keep", "hold", "close"], "P1": ["keep", "hold", "refund"]}


def test_form_bans_and_does_what_was_chosen(sign_in, agent, customer, unpaid, paid):
    body = {"type": "other", f"order-{unpaid.pk}": "close", f"order-{paid.pk}": "hold"}

    answer = sign_in(agent.user).post(form_of(customer), body)

    assert (answer.status_code, statuses()) == (302, {"U1": "closed", "P1": "held"})


def test_form_says_which_order_is_wrong_and_bans_nobody(sign_in, agent, customer, paid):
    OrderFactory(customer=customer, number="S1", status="sent")
    sent = Order.objects.get(number="S1")
    client = sign_in(agent.user)

    for field, choice, said in (
        (paid.pk, "refund", "Order P1 is paid, so only a manager closes it"),
        (sent.pk, "hold", "Order S1 is left alone: it is sent."),
        (10**17, "hold", "This customer has no order"),
    ):
        answer = client.post(form_of(customer), {"type": "other", f"order-{field}": choice})
        assert (answer.status_code, said in answer.content.decode()) == (200, True)
    assert not Ban.objects.exists()


def test_form_bans_without_a_word_about_orders(sign_in, agent, customer, unpaid):
    assert sign_in(agent.user).post(form_of(customer), {"type": "other"}).status_code == 302
    assert (choices(), statuses()) == ({"U1": "keep"}, {"U1": "unpaid"})


def test_form_takes_one_choice_for_the_older_of_many_orders(sign_in, agent, customer):
    OrderFactory.create_batch(23, customer=customer)
    client = sign_in(agent.user)

    form = client.get(form_of(customer)).context["orders_form"]
    client.post(form_of(customer), {"type": "other", "open_orders": "hold", f"order-{form.rows()[0].order.pk}": "keep"})

    assert (len(form.rows()), form.further_count) == (20, 3)
    assert sorted(Order.objects.values_list("status", flat=True)) == ["held"] * 22 + ["unpaid"]


def test_form_costs_as_many_queries_for_three_orders_as_for_one(sign_in, agent, customer, count_queries):
    client = sign_in(agent.user)
    OrderFactory(customer=customer)
    client.get(form_of(customer))
    one = count_queries(lambda: client.get(form_of(customer)))
    HeldOrderFactory.create_batch(2, customer=customer)

    assert count_queries(lambda: client.get(form_of(customer))) == one


def test_page_of_the_ban_tells_what_was_decided_about_which_order(sign_in, agent, customer, unpaid, count_queries):
    banned = ban(customer, agent, open_orders="hold")
    client = sign_in(agent.user)

    page = client.get(banned.get_absolute_url()).content.decode()
    one = count_queries(lambda: client.get(banned.get_absolute_url()))
    for _number in range(2):
        OrderChoice.objects.create(ban=banned, order=OrderFactory(customer=customer), choice="keep")

    assert ("U1" in page, "hold for review" in page) == (True, True)
    assert count_queries(lambda: client.get(banned.get_absolute_url())) == one
