"""The first person of a new shop, who makes the accounts of all others."""

from __future__ import annotations

from datetime import datetime

from django.contrib.auth.models import Group as Role
from django.contrib.auth.password_validation import validate_password
from django.db import transaction

from customers.models import User
from customers.services import audit

from .roles import MANAGER


def has_first_manager() -> bool:
    """Whether somebody can sign in who may make accounts for the staff."""
    return User.objects.filter(is_superuser=True, is_active=True).exists()


def make_first_manager(login: str, password: str, *, at: datetime) -> User:
    """A manager who may also make accounts and give roles. Raises ValidationError for a bad login or password.

    He is a superuser: whoever may edit accounts could make himself one, so the right to do it is not given as less.
    """
    user = User(username=login, is_staff=True, is_superuser=True)
    user.full_clean(exclude=["password"])
    validate_password(password, user)
    user.set_password(password)
    with transaction.atomic():
        user.save()
        user.groups.add(Role.objects.get(name=MANAGER))
        audit.record("user.created", User.objects.filter(pk=user.pk), by=None, at=at, fields=["is_superuser", "groups"])
    return user
