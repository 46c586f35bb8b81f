"""What stands from one moment to another: a ban, a watch, an exemption. Nothing has to run when it ends."""

from __future__ import annotations

from datetime import datetime
from typing import Self, TypeVar

from django.db import models
from django.db.models import Expression, OuterRef, Q

Row = TypeVar("Row", bound=models.Model)


class PeriodQuerySet(models.QuerySet[Row]):
    def open(self) -> Self:
        """Not ended by anybody. One that is past its end may still be open."""
        return self.filter(ended_at__isnull=True)

    def standing(self, at: datetime | Expression | OuterRef) -> Self:
        """In force at that moment."""
        return self.open().filter(Q(until__isnull=True) | Q(until__gt=at))

    def run_out(self, at: datetime) -> Self:
        """Open, but past their end."""
        return self.open().filter(until__lte=at)


class Period(models.Model):
    """`until` and `ended_at` belong to the model itself."""

    until: models.DateTimeField[datetime | None, datetime | None]
    ended_at: models.DateTimeField[datetime | None, datetime | None]

    class Meta:
        abstract = True

    def is_standing(self, at: datetime) -> bool:
        return self.ended_at is None and (self.until is None or self.until > at)
