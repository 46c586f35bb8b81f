"""Wake tasks: argument-free, one per kind of work. The rows are the truth; a task wakes a worker to look at them."""

from django.utils import timezone
from django_tasks import task

from .services.work import work
from .signals import WorkKind


@task()
def plan() -> None:
    if work(WorkKind.PLAN, clock=timezone.now):
        plan.enqueue()


@task()
def send() -> None:
    if work(WorkKind.SEND, clock=timezone.now):
        send.enqueue()


@task()
def deliver() -> None:
    if work(WorkKind.DELIVER, clock=timezone.now):
        deliver.enqueue()


WAKES = {WorkKind.PLAN: plan, WorkKind.SEND: send, WorkKind.DELIVER: deliver}
