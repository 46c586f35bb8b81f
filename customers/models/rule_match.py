from __future__ import annotations

from django.db import models

from .customer import Customer


class RuleMatch(models.Model):
    """Who matches the rule of a group: a temporary table of one connection, made by services.group_rules."""

    customer = models.OneToOneField(
        Customer, on_delete=models.DO_NOTHING, primary_key=True, db_constraint=False, related_name="+"
    )

    class Meta:
        managed = False
        db_table = "customers_rule_match"
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self._meta.verbose_name} #{self.pk}"
