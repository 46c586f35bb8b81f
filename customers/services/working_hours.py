"""When the shop and its agents work, in the shop's time zone."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, datetime, time, timedelta

from django.db.models import Q
from django.utils import timezone

from customers.models import Agent, ClosedDay, WorkingHours

# Nobody is closed for longer; whoever is gets the end of this as his answer.
FORESEEN = timedelta(days=366)


def back_at(agent: Agent | None, *, at: datetime) -> datetime | None:
    """When the agent (None: the shop) works again; None while he works at that moment.

    An agent without hours of his own works when the shop does, and a shop without hours always. On a closed day of the
    shop nobody works, on one of an agent he does not. Two queries.
    """
    hours, closed = _hours(agent), _closed_days(agent, at=at)
    today = timezone.localdate(at)
    for number in range(FORESEEN.days):
        day = today + timedelta(days=number)
        for starts, ends in _stretches(day, hours, closed):
            if starts <= at < ends:
                return None
            if starts > at:
                return starts
    return at + FORESEEN


def _stretches(
    day: date, hours: dict[int, list[tuple[time, time]]] | None, closed: set[date]
) -> list[tuple[datetime, datetime]]:
    """The working hours of one day, in their order. Without any known, all of it."""
    if day in closed:
        return []
    of_day = [(time.min, time.min)] if hours is None else sorted(hours[day.weekday()])
    return [(_moment(day, starts), _moment(day + timedelta(ends == time.min), ends)) for starts, ends in of_day]


def _moment(day: date, clock: time) -> datetime:
    return timezone.make_aware(datetime.combine(day, clock))


def _hours(agent: Agent | None) -> dict[int, list[tuple[time, time]]] | None:
    """From and until by weekday: the agent's own, else the shop's, else None."""
    rows = list(WorkingHours.objects.filter(Q(agent=agent) | Q(agent=None)))
    rows = [row for row in rows if row.agent_id is not None] or rows
    by_weekday: dict[int, list[tuple[time, time]]] = defaultdict(list)
    for row in rows:
        by_weekday[row.weekday].append((row.starts_at, row.ends_at))
    return by_weekday if rows else None


def _closed_days(agent: Agent | None, *, at: datetime) -> set[date]:
    ahead = ClosedDay.objects.filter(Q(agent=agent) | Q(agent=None), day__gte=timezone.localdate(at))
    return set(ahead.values_list("day", flat=True))
