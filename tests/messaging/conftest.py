from datetime import timedelta

import pytest

from messaging.channels import locmem
from messaging.services.work import work
from messaging.signals import WorkKind
from tests.factories import NOON
from tests.messaging.webhook_sink import Sink


@pytest.fixture(autouse=True)
def outbox(settings):
    settings.CHANNELS = {
        **settings.CHANNELS,
        "locmem": "messaging.channels.locmem.LocmemChannel",
        "failing": "messaging.channels.locmem.FailingChannel",
    }
    locmem.outbox.clear()
    return locmem.outbox


class Clock:
    """A clock that tests move. Each look at it moves it on a little, so that working loops end."""

    def __init__(self, now=NOON):
        self.now = now

    def __call__(self):
        self.now += timedelta(milliseconds=1)
        return self.now

    def forward(self, **amount):
        self.now += timedelta(**amount)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def run_work(clock):
    """Do all waiting work of one kind, as workers would."""

    def _run(kind):
        while work(kind, clock=clock):
            pass

    return _run


@pytest.fixture
def plan(run_work):
    return lambda: run_work(WorkKind.PLAN)


@pytest.fixture
def deliver(run_work):
    return lambda: run_work(WorkKind.SEND)


@pytest.fixture
def told(run_work):
    """Deliver all webhooks that are due."""
    return lambda: run_work(WorkKind.DELIVER)


@pytest.fixture
def sink(settings):
    """A receiver of webhooks, whose address is allowed."""
    settings.WEBHOOK_ALLOWED_HOSTS = ["127.0.0.1"]
    sink = Sink()
    yield sink
    sink.close()
