from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from django.db import models
from django.db.models import Exists, Max, OuterRef, Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from customers.models import Account, Customer, Source

from .ban import Ban

if TYPE_CHECKING:
    from .ban import BanQuerySet


class BanChangeQuerySet(models.QuerySet["BanChange"]):
    def told_to(self, source: Source) -> BanChangeQuerySet:
        """What a copy that this source keeps is told: of buyers who have an account there, or had one."""
        accounts = Account.objects.filter(source=source, customer=OuterRef("ban__customer"))
        return self.filter(Q(source=source) | Q(Exists(accounts), source__isnull=True))

    def latest_of(self, bans: BanQuerySet) -> BanChangeQuerySet:
        """Of the lines about each of these bans the last one."""
        numbers = self.filter(ban__in=bans.order_by().values("pk")).values("ban").annotate(number=Max("pk"))
        return self.filter(pk__in=numbers.values("number"))


class BanChange(models.Model):
    """A line of the changes feed: whoever replays the lines in order of their ids ends with the shop's own bans.

    Lines get their id under the exclusive intake lock, so in the order in which they are committed. Append-only. Whose
    ban it is, the ban tells: after a merge that is the kept customer.
    """

    is_append_only: ClassVar[bool] = True

    class Kind(models.TextChoices):
        SET = "set", pgettext_lazy("ban change", "set")
        # It stands as before, but its buyer is known by other accounts.
        CHANGED = "changed", pgettext_lazy("ban change", "changed")
        LIFTED = "lifted", pgettext_lazy("ban change", "lifted")

    kind = models.CharField(_("kind"), max_length=10, choices=Kind.choices)
    ban = models.ForeignKey(Ban, on_delete=models.PROTECT, related_name="changes", verbose_name=_("ban"))
    # As it stood then: copies compare times themselves.
    until = models.DateTimeField(_("until"), null=True, blank=True)
    at = models.DateTimeField(_("at"))
    # Empty: news for every source that knows the buyer.
    source = models.ForeignKey(
        Source,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        db_index=False,
        related_name="+",
        verbose_name=_("source"),
    )

    objects = BanChangeQuerySet.as_manager()

    class Meta:
        verbose_name = _("change of the blocklist")
        verbose_name_plural = _("changes of the blocklist")

    def __str__(self) -> str:
        return f"{self._meta.verbose_name} #{self.pk}"


class DueChange(models.Model):
    """A banned buyer's accounts in a source have changed: a line of the feed that is yet to get its number.

    Whoever changes accounts may hold the intake lock shared, as orders do, and cannot wait for the exclusive one.
    """

    customer = models.ForeignKey(Customer, on_delete=models.CASCADE, related_name="+", verbose_name=_("customer"))
    source = models.ForeignKey(
        Source, on_delete=models.PROTECT, db_index=False, related_name="+", verbose_name=_("source")
    )

    class Meta:
        verbose_name = _("due change of the blocklist")
        verbose_name_plural = _("due changes of the blocklist")

    def __str__(self) -> str:
        return f"{self._meta.verbose_name} #{self.pk}"
