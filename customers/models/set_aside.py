from __future__ import annotations

from django.db import models

from .customer import Customer


class SetAside(models.Model):
    """Customers set aside while a job changes something of theirs: a temporary table of one connection.

    services.set_aside makes it.
    """

    customer = models.OneToOneField(
        Customer, on_delete=models.DO_NOTHING, primary_key=True, db_constraint=False, related_name="+"
    )

    class Meta:
        managed = False
        db_table = "customers_set_aside"
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self._meta.verbose_name} #{self.pk}"
