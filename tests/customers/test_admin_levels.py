from decimal import Decimal

import pytest

from customers.models import Customer, Event, Job, LevelChange, LevelRule
from customers.services import jobs, levels, thresholds
from tests.factories import BanFactory, CustomerFactory

PAGE = "/admin/customers/levelrule/"
ASKED = {
    "trade_amount_1": "",
    "trade_count_1": "1",
    "trade_amount_2": "200",
    "trade_count_2": "3",
    "trade_amount_3": "500.50",
    "trade_count_3": "",
    "trade_amount_4": "",
    "trade_count_4": "",
}


def rules():
    return list(LevelRule.objects.order_by("level").values_list("level", "trade_amount", "trade_count"))


def levels_now():
    return list(Customer.objects.order_by("pk").values_list("level", flat=True))


def shop():
    """One to rise, one to rise by two, one banned, one to fall, one set high by hand, and one who is right."""
    CustomerFactory(trade_count=1)
    CustomerFactory(trade_count=3, level=1)
    BanFactory(customer=CustomerFactory(trade_count=1))
    CustomerFactory(trade_count=0, level=3)
    CustomerFactory(trade_count=0, level=2, level_basis="by_hand")
    CustomerFactory(trade_count=1, level=1)


def test_preview_counts_who_would_change_and_writes_nothing(manager, sign_in):
    shop()
    client = sign_in(manager)

    up = client.post(PAGE, ASKED).context["forecast"]
    both = client.post(PAGE, {**ASKED, "downwards": "on"}).context["forecast"]

    rise = [(0, 1, 1), (1, 2, 1)]
    assert [(move.from_level, move.to_level, move.count) for move in up.moves] == rise
    assert [(move.from_level, move.to_level, move.count) for move in both.moves] == [*rise, (3, 0, 1)]
    assert up.held == {"banned": 1, "set by hand below what was earned": 0}
    assert (rules(), levels_now(), Job.objects.count()) == ([], [0, 1, 0, 3, 2, 1], 0)


@pytest.mark.parametrize(
    ("values", "after", "reason"),
    [({}, [1, 2, 0, 3, 2, 1], ""), ({"downwards": "on"}, [1, 2, 0, 0, 2, 1], "the thresholds were applied downwards")],
)
def test_saved_thresholds_are_applied_to_all_in_the_background(manager, sign_in, settings, values, after, reason):
    settings.WRITE_BATCH = 2
    shop()

    answer = sign_in(manager).post(PAGE, {**ASKED, **values, "save": "yes"})
    job = jobs.run_to_end(Job.objects.get())

    assert answer.url == job.get_absolute_url()
    assert rules() == [(1, None, 1), (2, Decimal("200.00"), 3), (3, Decimal("500.50"), None), (4, None, None)]
    assert levels_now() == after
    changed = LevelChange.objects.count()
    assert (job.state, job.total, job.done_count) == (Job.State.FINISHED, changed, changed)
    assert LevelChange.objects.order_by("pk").last().reason == reason
    assert list(Event.objects.values_list("verb", "by")) == [("levelrule.changed", manager.pk)]


def test_thresholds_must_grow_with_the_level(manager, sign_in):
    wrong = {**ASKED, "trade_amount_3": "200", "trade_count_1": "0", "save": "yes"}

    page = sign_in(manager).post(PAGE, wrong)

    assert page.context["form"].errors == {
        "trade_amount_3": ["This must be more than for the level below."],
        "trade_count_1": ["A threshold is more than zero."],
    }
    assert (rules(), Job.objects.count()) == ([], 0)


def test_thresholds_are_changed_by_managers_only(agent, lead, sign_in, now):
    statuses = []
    for user in (agent.user, lead):
        client = sign_in(user)
        statuses.append([client.get(PAGE).status_code, client.post(PAGE, {**ASKED, "save": "yes"}).status_code])

    assert (statuses, rules()) == ([[200, 403], [200, 403]], [])
    with pytest.raises(thresholds.MayNotChangeThresholds):
        thresholds.save_thresholds([], downwards=False, by=lead, at=now)


def test_nightly_raises_whose_ban_is_over_and_asks_for_no_idle_job(manager, now):
    LevelRule.objects.create(level=1, trade_count=1)
    customer = CustomerFactory(trade_count=1)
    ban = BanFactory(customer=customer)

    idle = thresholds.apply_nightly(at=now)
    ban.ended_at = now
    ban.save()
    job = thresholds.apply_nightly(at=now)
    again = thresholds.apply_nightly(at=now)
    jobs.run_to_end(job)

    assert (idle, again, job.by, levels_now()) == (None, None, None, [1])


def test_customer_page_says_why_the_level(lead, sign_in, now):
    LevelRule.objects.create(level=1, trade_count=1)
    customer = CustomerFactory(trade_count=2, trade_amount=Decimal("30.5"))
    one = Customer.objects.filter(pk=customer.pk)
    levels.raise_levels(one, at=now)
    levels.set_level(one, level=3, by=lead, at=now, reason="a long friendship")

    page = sign_in(lead).get(customer.get_absolute_url())

    texts = ["Why this level", "a long friendship", "by trade figures: 2 trades, 30.50", ">automatic<"]
    assert [text in page.text for text in texts] == [True] * len(texts)


def test_customer_page_lets_trade_figures_decide_again(agent, other_agent, sign_in, settings):
    settings.AGENTS_SEE_CUSTOMERS = "read"
    mine, others = (CustomerFactory(agent=one, level=2, level_basis="by_hand") for one in (agent, other_agent))
    client = sign_in(agent.user)

    offered = ["Let trade figures decide again" in client.get(one.get_absolute_url()).text for one in (mine, others)]
    for customer in (mine, others):
        client.post(f"{PAGE}follow/{customer.pk}/")

    assert (offered, levels_now()) == ([True, False], [0, 2])
