"""A task for the test of the worker's log."""

from django_tasks import task


@task()
def fail():
    raise RuntimeError("this task fails")
