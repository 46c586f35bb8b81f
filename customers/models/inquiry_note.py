from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from .agent import Agent
from .inquiry import Inquiry

if TYPE_CHECKING:
    from .user import User


class InquiryNoteQuerySet(models.QuerySet["InquiryNote"]):
    def visible_to(self, user: User) -> InquiryNoteQuerySet:
        """What is written at a transfer is for the new agent; its author, a lead and a manager see it, too."""
        if user.has_perm("customers.answer_any_inquiry"):
            return self
        return self.filter(~Q(kind=InquiryNote.Kind.TRANSFER) | Q(to_agent__user=user) | Q(by=user))


class InquiryNote(models.Model):
    """What the staff wrote down about an inquiry. The buyer never sees it. Never edited, never deleted."""

    class Kind(models.TextChoices):
        NOTE = "note", pgettext_lazy("inquiry", "internal note")
        TRANSFER = "transfer", pgettext_lazy("inquiry", "transfer")
        RESULT = "result", pgettext_lazy("inquiry", "result")

    inquiry = models.ForeignKey(
        Inquiry, on_delete=models.PROTECT, db_index=False, related_name="notes", verbose_name=_("inquiry")
    )
    kind = models.CharField(_("kind"), max_length=10, choices=Kind.choices)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", verbose_name=_("by"))
    at = models.DateTimeField(_("at"))
    to_agent = models.ForeignKey(
        Agent, on_delete=models.PROTECT, null=True, related_name="+", verbose_name=_("to agent")
    )
    result = models.CharField(_("result"), max_length=20, choices=Inquiry.Result.choices, blank=True)
    text = models.TextField(_("text"), max_length=1000, blank=True)

    objects = InquiryNoteQuerySet.as_manager()

    class Meta:
        verbose_name = _("note on an inquiry")
        verbose_name_plural = _("notes on inquiries")
        constraints = [
            models.CheckConstraint(
                condition=Q(kind="transfer", to_agent__isnull=False) | (~Q(kind="transfer") & Q(to_agent__isnull=True)),
                name="inquiry_note_transfer_has_agent",
                violation_error_message=_("A transfer names the new agent, nothing else does."),
            ),
        ]
        indexes = [
            # the notes of a conversation in their order
            models.Index(fields=["inquiry", "id"], name="inquiry_note_order"),
        ]

    def __str__(self) -> str:
        return f"{self._meta.verbose_name} #{self.pk}"
