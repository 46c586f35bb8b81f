import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from blocklist.models import Ban
from crm_site import demo
from customers.models import Agent, Customer, Event, Job, Order, Product
from customers.services.trade_figures import rebuild_trade_figures
from messaging.models import Broadcast
from messaging.services.broadcasts import ledger

pytestmark = pytest.mark.django_db


def test_demo_shop_is_a_working_shop(client):
    call_command("seed_demo", customers=120)

    assert (Customer.objects.count(), Agent.objects.count(), Product.objects.new().count()) == (120, 3, 2)
    assert Ban.objects.count() >= 7
    broadcast = Broadcast.objects.get()
    counted = ledger(broadcast)
    assert broadcast.state == Broadcast.State.FINISHED
    assert counted.total == broadcast.customers().count() == counted.by_state["sent"] + counted.by_state["excluded"]
    assert Event.objects.filter(verb="ban.set").exists()
    assert Job.objects.filter(kind="bind", state="finished").count() == 1


def test_demo_shop_is_the_same_each_time(django_db_blocker):
    def shop():
        return list(Order.objects.order_by("number").values_list("number", "status", "amount", "customer__province"))

    call_command("seed_demo", customers=60)
    first = shop()
    for model in reversed(["Review", "OrderLine", "Order"]):
        assert model
    assert first == sorted(first)
    assert len(first) == Order.objects.count()


def test_demo_trade_figures_are_what_a_rebuild_gives():
    call_command("seed_demo", customers=60)
    figures = list(Customer.objects.order_by("pk").values_list("trade_count", "trade_amount", "avg_price"))

    rebuild_trade_figures(at=timezone.now())

    assert list(Customer.objects.order_by("pk").values_list("trade_count", "trade_amount", "avg_price")) == figures


def test_demo_logins_and_key_work(client):
    call_command("seed_demo", customers=10)

    assert all(Client().login(username=login, password=password) for _role, login, password in demo.LOGINS)
    answer = client.post(
        "/api/v1/purchase-checks/",
        {"nick": demo.BANNED_NICK},
        content_type="application/json",
        headers={"Authorization": f"Bearer {demo.DEMO_API_KEY}"},
    )
    assert (answer.status_code, answer.json()["decision"]) == (200, "refuse")


def test_demo_fills_an_empty_database_only():
    call_command("seed_demo", customers=10)

    with pytest.raises(CommandError, match="already holds customers"):
        call_command("seed_demo")

    assert Customer.objects.count() == 10
