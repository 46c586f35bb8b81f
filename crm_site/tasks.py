"""The sign of life of the workers: a task, so that it proves that a worker really takes tasks from the queue."""

from django.utils import timezone
from django_tasks import task

from crm_site.models import Heartbeat


@task()
def beat_as_worker() -> None:
    Heartbeat.objects.beat(Heartbeat.Process.WORKER, at=timezone.now())
