"""News for the staff (the bell). A service tells them in the transaction of what happened."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from django.db.models import F, QuerySet

from customers.bulk import insert_from
from customers.models import Notification, User
from customers.parts import parts


def notify(
    users: QuerySet[User], kind: str, *, at: datetime, url: str = "", parameters: Mapping[str, str | int] | None = None
) -> int:
    """Tell each of the users, in one statement; return how many. Runs in the transaction of what happened.

    `kind` is one of `parts.notification_kinds`, which tells the `parameters`: ids, codes and the staff's names only.
    Raises KeyError for an unknown kind.
    """
    known = parts.notification_kinds[kind]
    return insert_from(
        Notification,
        users.filter(is_active=True, is_staff=True),
        user=F("pk"),
        kind=known.name,
        parameters=dict(parameters or {}),
        url=url,
        created_at=at,
    )


def sentence(notification: Notification) -> str:
    """What it says, in the language that is active. An unknown kind (of an app that is gone) says its name."""
    kind = parts.notification_kinds.get(notification.kind)
    return kind.tell(notification.parameters) if kind else notification.kind
