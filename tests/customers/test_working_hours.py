from datetime import date, datetime, time
from zoneinfo import ZoneInfo

import pytest
from django.db import IntegrityError

from customers.models import ClosedDay, WorkingHours
from customers.services.working_hours import back_at

pytestmark = pytest.mark.django_db


def shanghai(day, clock):
    """A moment of March 2026, which begins on a Sunday."""
    return datetime.combine(date(2026, 3, day), time.fromisoformat(clock), tzinfo=ZoneInfo("Asia/Shanghai"))


def open_from(starts, ends, weekdays=range(5), agent=None):
    for weekday in weekdays:
        WorkingHours.objects.create(agent=agent, weekday=weekday, starts_at=starts, ends_at=ends)


def test_shop_without_hours_is_always_open(agent):
    assert (back_at(None, at=shanghai(1, "03:00")), back_at(agent, at=shanghai(1, "03:00"))) == (None, None)


@pytest.mark.parametrize(
    ("day", "clock", "back"),
    [
        (2, "08:59", shanghai(2, "09:00")),
        (2, "09:00", None),
        (2, "11:59", None),
        (2, "12:00", shanghai(2, "13:00")),
        (2, "18:00", shanghai(3, "09:00")),
        (6, "18:00", shanghai(9, "09:00")),
    ],
)
def test_shop_is_back_when_its_next_hours_begin(day, clock, back):
    open_from("09:00", "12:00")
    open_from("13:00", "18:00")

    assert back_at(None, at=shanghai(day, clock)) == back


def test_hours_may_go_on_past_midnight():
    open_from("18:00", "00:00", weekdays=[0])
    open_from("00:00", "02:00", weekdays=[1])

    moments = [shanghai(2, "23:59"), shanghai(3, "00:00"), shanghai(3, "02:00")]

    assert [back_at(None, at=at) for at in moments] == [None, None, shanghai(9, "18:00")]


def test_agents_own_hours_stand_for_the_shops(agent, other_agent):
    open_from("09:00", "18:00")
    open_from("12:00", "20:00", agent=agent)
    at = shanghai(2, "19:00")

    assert (back_at(agent, at=at), back_at(other_agent, at=at)) == (None, shanghai(3, "09:00"))


def test_nobody_works_on_a_closed_day_and_an_agent_not_on_his_own(agent, other_agent):
    open_from("09:00", "18:00")
    ClosedDay.objects.create(day=date(2026, 3, 2), name="Holiday")
    ClosedDay.objects.create(day=date(2026, 3, 3), agent=agent)
    at = shanghai(2, "10:00")

    assert [back_at(whom, at=at) for whom in (None, agent, other_agent)] == [
        shanghai(3, "09:00"),
        shanghai(4, "09:00"),
        shanghai(3, "09:00"),
    ]


def test_closed_day_without_hours_ends_at_midnight():
    ClosedDay.objects.create(day=date(2026, 3, 2))

    assert back_at(None, at=shanghai(2, "10:00")) == shanghai(3, "00:00")


def test_hours_that_end_before_they_start_are_refused():
    with pytest.raises(IntegrityError, match="working_hours_end_after_start"):
        open_from("22:00", "06:00", weekdays=[0])
