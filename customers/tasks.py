"""The wake task of this app's jobs: argument-free. The rows are the truth; it wakes a worker to look at them."""

from django.utils import timezone
from django_tasks import task

from .services.jobs import work


@task()
def work_on_jobs() -> None:
    if work(clock=timezone.now):
        work_on_jobs.enqueue()
