from enum import StrEnum

from django.dispatch import Signal


class WorkKind(StrEnum):
    PLAN = "plan"
    SEND = "send"
    DELIVER = "deliver"


# Rows wait for background work. Sent when the transaction that wrote them has committed; carries `kind`, a WorkKind.
work_waiting = Signal()
