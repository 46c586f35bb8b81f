"""What is to be done by hand in marketplaces: when it is, when it is not, who ticks it, and where it is shown."""

from datetime import timedelta

import pytest
from django.db.models import F
from django.utils import timezone
from django.utils.translation import override

from blocklist.models import Ban, MarketplaceTask
from blocklist.services.bans import ban_purchase, ban_purchases, lift_ban
from blocklist.services.expiry import expire_bans
from blocklist.services.marketplace_steps import steps
from blocklist.services.marketplace_tasks import MayNotTick, tick, untick
from crm_site.duties import DUTIES
from customers.models import Customer, Event, Source
from customers.services.merges import merge
from tests.factories import NOON, AccountFactory, CustomerFactory, SourceFactory, UserFactory

LIST = "/admin/blocklist/marketplacetask/"
DAY = timedelta(days=1)


@pytest.fixture
def taobao(db):
    return SourceFactory(code="taobao", name="Taobao", is_marketplace=True)


@pytest.fixture
def account(taobao, agent):
    return AccountFactory(customer=CustomerFactory(agent=agent), source=taobao, nick="willow")


def ban(account, by, at=NOON, **facts):
    return ban_purchase(account.customer, type="abuse", by=by, at=at, **facts)


def lift(account, by, at=NOON):
    return lift_ban(account.customer, reason="x", by=by, at=at)


def last(account):
    return MarketplaceTask.objects.filter(account=account).latest("pk")


def told():
    """Of each task: what is to do, and whether it is open, done or needless."""
    return [
        (row.action, "done" if row.done_at else "needless" if row.needless_at else "open")
        for row in MarketplaceTask.objects.order_by("pk")
    ]


def test_ban_asks_for_each_account_that_a_marketplace_has(account, taobao, agent, manager):
    AccountFactory(customer=account.customer, source=SourceFactory(code="own"))
    second = AccountFactory(customer=account.customer, source=SourceFactory(code="tmall", is_marketplace=True))
    AccountFactory(source=taobao)

    row = ban(account, agent.user)

    assert list(MarketplaceTask.objects.order_by("account").values_list("ban", "account", "action")) == [
        (row.pk, account.pk, "block"),
        (row.pk, second.pk, "block"),
    ]


def test_tick_keeps_the_first_who_and_when(account, agent, manager):
    ban(account, agent.user)

    tick(last(account), by=agent.user, at=NOON + DAY)
    tick(last(account), by=manager, at=NOON + 2 * DAY)

    assert (last(account).done_by, last(account).done_at) == (agent.user, NOON + DAY)
    assert list(Event.objects.filter(verb__startswith="marketplace").values_list("verb", "by", "fields")) == [
        ("marketplace_task.ticked", agent.user.pk, ["done_at"])
    ]


def test_lift_and_end_of_a_ban_that_was_done_ask_to_unblock(account, agent):
    ban(account, agent.user)
    tick(last(account), by=agent.user, at=NOON)
    lift(account, agent.user)
    assert told() == [("block", "done"), ("unblock", "open")]

    tick(last(account), by=agent.user, at=NOON)
    ban(account, agent.user, until=NOON + DAY)
    tick(last(account), by=agent.user, at=NOON)
    expire_bans(at=NOON + DAY)

    assert told() == [("block", "done"), ("unblock", "done"), ("block", "done"), ("unblock", "open")]


@pytest.mark.parametrize("is_lifted", [True, False])
def test_ban_that_is_over_before_anybody_blocked_leaves_nothing_to_do(account, agent, is_lifted):
    ban(account, agent.user, until=NOON + DAY)

    if is_lifted:
        lift(account, agent.user)
    else:
        expire_bans(at=NOON + DAY)

    assert told() == [("block", "needless"), ("unblock", "needless")]


def test_ban_before_anybody_unblocked_leaves_nothing_to_do_and_its_lift_asks_again(account, agent):
    ban(account, agent.user)
    tick(last(account), by=agent.user, at=NOON)
    lift(account, agent.user)

    ban(account, agent.user)
    assert told()[1:] == [("unblock", "needless"), ("block", "needless")]
    lift(account, agent.user)

    assert told()[3:] == [("unblock", "open")]


def test_what_was_done_all_the_same_is_ticked_and_then_to_be_undone(account, agent):
    ban(account, agent.user)
    block = last(account)
    lift(account, agent.user)

    tick(block, by=agent.user, at=NOON)

    assert told() == [("block", "done"), ("unblock", "open")]


def test_account_of_what_became_a_marketplace_since_is_asked_for_once(account, agent, taobao):
    Source.objects.update(is_marketplace=False)
    row = ban(account, agent.user)
    ban(AccountFactory(customer=CustomerFactory(agent=agent), source=taobao), agent.user, until=NOON + DAY)
    assert told() == []
    Source.objects.update(is_marketplace=True)
    [duty] = [duty for duty in DUTIES if duty.name == "ask for bans in marketplaces"]

    duty.do(NOON + DAY)
    duty.do(NOON + DAY)

    assert MarketplaceTask.objects.values_list("ban", "account", "action").get() == (row.pk, account.pk, "block")
    assert told() == [("block", "open")]


def test_bulk_ban_asks_in_a_fixed_number_of_queries(taobao, manager, count_queries):
    def banning(customers):
        return count_queries(lambda: ban_purchases(customers, type="abuse", by=manager, at=NOON))

    manager.has_perm("blocklist.ban_any_customer")  # his rights are looked up once
    one = banning(Customer.objects.filter(pk=AccountFactory(source=taobao).customer_id))
    three = banning(Customer.objects.filter(pk__in=[AccountFactory(source=taobao).customer_id for _number in range(3)]))

    assert (three, MarketplaceTask.objects.count()) == (one, 4)


def test_merged_buyer_is_not_unblocked_while_the_stricter_ban_stands_and_all_accounts_are_blocked(
    account, taobao, manager
):
    kept = AccountFactory(source=taobao)
    ban(account, manager, until=NOON + DAY)
    tick(last(account), by=manager, at=NOON)
    stricter = ban(kept, manager)

    merge(kept.customer, account.customer, by=manager, at=NOON)

    assert Ban.objects.standing(NOON).get() == stricter
    assert not MarketplaceTask.objects.filter(action="unblock").exists()
    of_kept_ban = MarketplaceTask.objects.filter(ban=stricter).order_by("account")
    assert [(row.account_id, row.is_open()) for row in of_kept_ban] == [(account.pk, False), (kept.pk, True)]


def test_ticking_needs_the_right_and_to_see_the_customer(account, agent, other_agent, settings):
    ban(account, agent.user)
    with pytest.raises(MayNotTick, match="no right"):
        tick(last(account), by=UserFactory(), at=NOON)
    settings.AGENTS_SEE_CUSTOMERS = "own"
    with pytest.raises(MayNotTick, match="another agent"):
        tick(last(account), by=other_agent.user, at=NOON)
    assert told() == [("block", "open")]


def test_tick_is_taken_back_by_the_same_person_on_the_same_day_before_a_later_task(account, agent, manager):
    ban(account, agent.user)
    tick(last(account), by=agent.user, at=NOON)
    evening = NOON.replace(hour=15, minute=59)  # one minute to midnight in Shanghai

    for by, at in ((manager, NOON), (agent.user, evening + timedelta(minutes=1))):
        with pytest.raises(MayNotTick, match="on the same day"):
            untick(last(account), by=by, at=at)
    untick(last(account), by=agent.user, at=evening)
    assert told() == [("block", "open")]
    with pytest.raises(MayNotTick, match="not ticked"):
        untick(last(account), by=agent.user, at=evening)

    block = tick(last(account), by=agent.user, at=NOON)
    lift(account, agent.user)
    with pytest.raises(MayNotTick, match="later task"):
        untick(block, by=agent.user, at=NOON)


def test_steps_are_those_of_qianniu_for_taobao_and_tmall_and_plain_ones_elsewhere(taobao):
    other = Source(code="amazon", name="Amazon DE", is_marketplace=True)

    assert any("千牛" in step for step in steps("block", taobao))
    assert any("千牛" in step for step in steps("unblock", Source(code="tmall-2")))
    assert "Amazon DE" in steps("block", other)[0]
    assert any("He may still ask" in step or "he may still ask" in step for step in steps("block", other))
    with override("zh-hans"):
        assert steps("block", taobao)


def test_ban_and_customer_page_show_what_to_do_and_tick_it(sign_in, account, agent):
    row, client = ban(account, agent.user, at=timezone.now()), sign_in(agent.user)
    task = last(account)
    pages = [row.get_absolute_url(), account.customer.get_absolute_url()]

    for page in pages:
        shown = client.get(page).text
        assert 'data-copy="willow"' in shown
        assert "Search its functions for 黑名单" in shown
        assert f"{LIST}{task.pk}/tick/" in shown
    answer = client.post(f"{LIST}{task.pk}/tick/", {"next": pages[1]})

    assert (answer.url, last(account).done_by) == (pages[1], agent.user)
    assert "Done by ming" in client.get(pages[0]).text
    assert "/untick/" in client.get(pages[0]).text
    assert "data-copy" not in client.get(pages[1]).text  # nothing is left to do
    assert client.post(f"{LIST}{task.pk}/untick/").url == row.get_absolute_url()
    assert told() == [("block", "open")]


def test_who_may_not_tick_sees_no_button_and_is_refused(sign_in, account, agent, other_agent, settings):
    ban(account, agent.user)
    task, client = last(account), sign_in(other_agent.user)
    task.done_at, task.done_by = NOON, agent.user
    task.save()
    assert client.post(f"{LIST}{task.pk}/untick/").status_code == 403

    settings.AGENTS_SEE_CUSTOMERS = "own"

    assert client.post(f"{LIST}{task.pk}/tick/").status_code == 404
    assert client.get(f"{LIST}{task.pk}/change/").status_code == 404
    assert client.post(f"{LIST}{10**18}/tick/").status_code == 404
    assert "willow" not in client.get(LIST, {"state": "all"}).text


def test_list_shows_what_is_to_do_oldest_first_and_what_was_done_by_whom(sign_in, agent, manager, taobao):
    first, second, third = (AccountFactory(source=taobao, nick=nick) for nick in ("aa", "bb", "cc"))
    tmall = AccountFactory(source=SourceFactory(code="tmall", is_marketplace=True), nick="dd")
    for number, account in enumerate((second, first, third, tmall)):
        ban(account, manager, at=NOON + number * DAY)
    tick(last(third), by=manager, at=NOON)
    client = sign_in(manager)

    def found(**query):
        return [row.account.nick for row in client.get(LIST, query).context["cl"].result_list]

    assert found() == ["bb", "aa", "dd"]
    assert found(account__source__id__exact=tmall.source_id) == ["dd"]
    assert found(action__exact="unblock") == []
    assert found(q="aa") == ["aa"]
    assert found(mine="yes") == []
    Customer.objects.filter(pk=first.customer_id).update(agent=agent)
    assert found(ban__customer__agent__id__exact=agent.pk) == ["aa"]
    assert found(state="done") == ["cc"]
    assert found(state="all") == ["bb", "aa", "cc", "dd"]
    lift(tmall, manager)
    assert found(state="needless") == ["dd", "dd"]
    assert f"{LIST}{last(second).pk}/tick/" in client.get(LIST).text
    assert "manager, " in client.get(LIST, {"state": "done"}).text


def test_list_takes_as_many_queries_for_three_as_for_one(sign_in, agent, manager, taobao, count_queries):
    client = sign_in(manager)
    ban(AccountFactory(source=taobao), manager)
    client.get(LIST)
    one = count_queries(lambda: client.get(LIST))
    for _number in range(2):
        ban(AccountFactory(source=taobao, customer=CustomerFactory(agent=agent)), manager)

    assert count_queries(lambda: client.get(LIST)) == one


def test_ban_page_takes_as_many_queries_for_three_tasks_as_for_one(sign_in, manager, account, count_queries):
    row, client = ban(account, manager, at=timezone.now()), sign_in(manager)
    MarketplaceTask.objects.update(done_at=F("created_at"), done_by=manager)
    client.get(row.get_absolute_url())
    one = count_queries(lambda: client.get(row.get_absolute_url()))
    for _number in range(2):
        more = AccountFactory(customer=account.customer, source=account.source)
        MarketplaceTask.objects.create(
            ban=row, account=more, action="block", created_at=NOON, done_at=timezone.now(), done_by=manager
        )

    assert count_queries(lambda: client.get(row.get_absolute_url())) == one
