"""Who of the staff has a right: whom news is for, and whether a second person is there to decide."""

from __future__ import annotations

from django.db.models import QuerySet

from customers.models import User

BACKEND = "django.contrib.auth.backends.ModelBackend"


def who_may(permission: str) -> QuerySet[User]:
    """The active members of the staff who have this permission, superusers included."""
    holders: QuerySet[User] = User.objects.with_perm(permission, backend=BACKEND)
    return holders.filter(is_staff=True)
