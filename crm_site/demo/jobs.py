"""A bulk action of the made-up shop, with its report."""

from __future__ import annotations

from datetime import datetime

from django.utils.translation import gettext as _

from customers.models import Customer, Job, User
from customers.services import jobs


def seed_jobs(staff: dict[str, User], *, at: datetime) -> Job:
    """The lead gives the best customers who have no agent to one; those who have one are refused."""
    best = {"level": [str(Customer.Level.SUPREME.value)]}
    agent = staff["lan"].agent.pk
    return jobs.run_now(
        "bind", by=staff["chen"], clock=lambda: at, filter=best, agent=agent, reason=_("Our best customers first.")
    )
