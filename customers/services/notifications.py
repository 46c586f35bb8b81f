"""News for the staff (the bell). A service tells them in the transaction of what happened."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Exists, F, OuterRef, QuerySet

from customers.bulk import in_batches, insert_from
from customers.models import Notification, UnwantedNews, User
from customers.parts import parts
from customers.signals import news_told

# What somebody has read is kept for so long.
KEPT_READ = timedelta(days=30)


class UnknownKind(Exception):
    """Nothing of this name is ever told."""


def notify(
    users: QuerySet[User], kind: str, *, at: datetime, url: str = "", parameters: Mapping[str, str | int] | None = None
) -> int:
    """Tell each of the users who wants to know; return how many. Runs in the transaction of what happened.

    `kind` is one of `parts.notification_kinds`, which tells the `parameters`: ids, codes and the staff's names only.
    Who has not read the same news of the same page yet finds it refreshed, not twice. Raises KeyError for an unknown
    kind.
    """
    known, told = parts.notification_kinds[kind].name, dict(parameters or {})
    staff = User.objects.filter(pk__in=users.order_by().values("pk"), is_active=True, is_staff=True)
    unwanted = UnwantedNews.objects.filter(user=OuterRef("pk"), kind=known)
    receiving = staff.filter(~Exists(unwanted))
    refreshed = 0
    if url:
        same = Notification.objects.unread().filter(kind=known, url=url)
        refreshed = same.filter(user__in=receiving.values("pk")).update(created_at=at, parameters=told)
        receiving = receiving.filter(~Exists(same.filter(user=OuterRef("pk"))))
    added = insert_from(Notification, receiving, user=F("pk"), kind=known, parameters=told, url=url, created_at=at)
    news_told.send(sender=Notification, kind=known, parameters=told, url=url, at=at)
    return refreshed + added


def sentence(notification: Notification) -> str:
    """What it says, in the language that is active."""
    return tell(notification.kind, notification.parameters)


def tell(kind: str, parameters: Mapping[str, str | int]) -> str:
    """News in the language that is active. An unknown kind (of an app that is gone) says its name."""
    known = parts.notification_kinds.get(kind)
    return known.tell(parameters) if known else kind


def mark_read(notifications: QuerySet[Notification], *, at: datetime) -> int:
    """Note that these were read; return how many were not yet. Repeating is safe: the first time stays."""
    return notifications.filter(read_at__isnull=True).update(read_at=at)


def unwanted_kinds(user: User) -> set[str]:
    return set(UnwantedNews.objects.filter(user=user).values_list("kind", flat=True))


def choose_kinds(user: User, wanted: Collection[str]) -> None:
    """Ring this user's bell for these kinds only. Kinds that come with a later version ring. Raises UnknownKind."""
    unknown = sorted(set(wanted) - parts.notification_kinds.keys())
    if unknown:
        raise UnknownKind(", ".join(unknown))
    unwanted = parts.notification_kinds.keys() - set(wanted)
    with transaction.atomic():
        UnwantedNews.objects.filter(user=user).delete()
        UnwantedNews.objects.bulk_create(UnwantedNews(user=user, kind=kind) for kind in sorted(unwanted))


def delete_read(*, at: datetime) -> None:
    """Delete what was read so long ago that nobody looks for it. The scheduler calls it; repeating is safe."""
    for stretch in in_batches(Notification.objects.read_before(at - KEPT_READ)):
        stretch.delete()
