import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from blocklist.models import (
    AccountLink,
    Appeal,
    Ban,
    BanRequest,
    Evidence,
    Exemption,
    MarketplaceTask,
    Watch,
)
from crm_site import demo
from customers.models import Agent, Customer, Event, Job, Order, OrderHold, Product
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


def test_demo_shop_shows_the_whole_blocklist_in_few_rows_whatever_its_size():
    call_command("seed_demo", customers=200)
    at = timezone.now()

    tasks, watches = MarketplaceTask.objects, Watch.objects.standing(at)
    assert {
        "to block": tasks.open().filter(action="block").count(),
        "to unblock": tasks.open().filter(action="unblock").count(),
        "ticked": tasks.done().count(),
        "watched": watches.confirmed().count(),
        "proposed watches": watches.proposed().count(),
        "requests": sorted(BanRequest.objects.values_list("state", flat=True)),
        "links": sorted(set(AccountLink.objects.values_list("state", flat=True))),
        "held": OrderHold.objects.open().count(),
        "appeals": sorted(Appeal.objects.values_list("state", flat=True)),
        "evidence": Evidence.objects.count(),
        "exempt": Exemption.objects.standing(at).count(),
    } == {
        "to block": 1,
        "to unblock": 1,
        "ticked": 2,
        "watched": 2,
        "proposed watches": 2,
        "requests": ["declined", "open", "open"],
        "links": ["confirmed", "proposed"],
        "held": 2,
        "appeals": ["open", "upheld"],
        "evidence": 1,
        "exempt": 1,
    }


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
