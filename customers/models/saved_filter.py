from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from .user import User


class SavedFilterQuerySet(models.QuerySet["SavedFilter"]):
    def visible_to(self, user: User) -> SavedFilterQuerySet:
        """His own, and those that are shared."""
        return self.filter(Q(owner=user) | Q(is_shared=True))

    def editable_by(self, user: User) -> SavedFilterQuerySet:
        """His own, and every shared one for who may change those of others."""
        if user.has_perm("customers.change_any_savedfilter"):
            return self.visible_to(user)
        return self.filter(owner=user)


class SavedFilter(models.Model):
    """Stored filter values (筛选): as a saved view with columns and an order, and what groups and audiences refer to.

    Read strictly when it is used: a value that is no longer valid is an error that names its filter.
    """

    name = models.CharField(_("name"), max_length=60)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        db_index=False,
        related_name="+",
        verbose_name=_("owner"),
    )
    is_shared = models.BooleanField(_("shared with all staff"), default=False)
    values = models.JSONField(_("filter values"), default=dict, help_text=_("A list of values by the filter's name."))
    columns = models.JSONField(_("columns"), default=list, blank=True, help_text=_("Empty: the usual ones."))
    order = models.CharField(_("order"), max_length=40, blank=True, help_text=_("Empty: by last trade."))
    created_at = models.DateTimeField(_("created"))
    updated_at = models.DateTimeField(_("changed"))

    objects = SavedFilterQuerySet.as_manager()

    class Meta:
        verbose_name = _("saved view")
        verbose_name_plural = _("saved views")
        constraints = [
            models.UniqueConstraint(
                fields=["owner", "name"],
                name="saved_filter_name_once",
                violation_error_message=_("You already have a view of this name."),
            ),
        ]
        permissions = [("change_any_savedfilter", _("May change and delete the shared views of others"))]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return f"{reverse('admin:customers_customer_changelist')}?view={self.pk}"


class ListPreference(models.Model):
    """How the customer list opens for one of the staff."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+", verbose_name=_("user")
    )
    columns = models.JSONField(_("columns"), default=list, help_text=_("Empty: the usual ones."))
    default_view = models.ForeignKey(
        SavedFilter,
        on_delete=models.SET_NULL,
        null=True,
        related_name="+",
        verbose_name=_("the list opens with"),
    )

    class Meta:
        verbose_name = _("list preference")
        verbose_name_plural = _("list preferences")

    def __str__(self) -> str:
        return f"{self._meta.verbose_name} #{self.pk}"
