"""What the customers app itself puts into the registry that upper apps fill too."""

from .parts import parts
from .services import jobs


def register() -> None:
    parts.notification_kinds[jobs.JOB_ENDED.name] = jobs.JOB_ENDED
