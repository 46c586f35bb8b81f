from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, ClassVar

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from .agent import Agent

if TYPE_CHECKING:
    from .user import User

PLACEHOLDER = re.compile(r"\{(\w*)\}")
LONGEST_REPLY = 2000


class ReplyTexts(models.Model):
    """A text that is prepared in both languages. The placeholders are a closed list, nothing in it is ever run."""

    placeholders: ClassVar[tuple[str, ...]]

    text_zh = models.TextField(_("text in Chinese"), max_length=LONGEST_REPLY, blank=True)
    text_en = models.TextField(_("text in English"), max_length=LONGEST_REPLY, blank=True)

    class Meta:
        abstract = True

    def clean(self) -> None:
        super().clean()
        if not (self.text_zh.strip() or self.text_en.strip()):
            raise ValidationError({"text_zh": gettext("Write the text in one language at least.")})
        for name in ("text_zh", "text_en"):
            unknown = sorted(set(PLACEHOLDER.findall(getattr(self, name))) - set(self.placeholders))
            if unknown:
                sentence = gettext("There is no placeholder {%(name)s}. Use %(known)s.")
                known = ", ".join(f"{{{each}}}" for each in self.placeholders)
                raise ValidationError({name: sentence % {"name": unknown[0], "known": known}})

    def text_in(self, language: str) -> str:
        """The text for somebody of that language; where it is not written, the other one."""
        first, second = (self.text_zh, self.text_en) if language.startswith("zh") else (self.text_en, self.text_zh)
        return first if first.strip() else second


class QuickReplyQuerySet(models.QuerySet["QuickReply"]):
    def usable_by(self, user: User) -> QuickReplyQuerySet:
        """The shop's and his own."""
        return self.filter(Q(owner=None) | Q(owner=user))

    def visible_to(self, user: User) -> QuickReplyQuerySet:
        """What he may use; whoever may write the shop's sees everybody's."""
        return self if user.has_perm("customers.change_shop_replies") else self.usable_by(user)

    def editable_by(self, user: User) -> QuickReplyQuerySet:
        """Everybody his own; whoever may write the shop's, all."""
        if user.has_perm("customers.change_shop_replies"):
            return self
        return self.filter(owner=user)


class QuickReply(ReplyTexts):
    """A sentence that the staff often needs; at the desk `/` and its code put it into the answer."""

    placeholders = ("nick", "agent", "shop", "order")

    code = models.CharField(
        pgettext_lazy("quick reply", "code"),
        max_length=30,
        validators=[RegexValidator(r"^[\w-]+\Z", _("A code has letters, digits, - and _ only."))],
        help_text=_("What is typed after / to find it."),
    )
    title = models.CharField(_("title"), max_length=60)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("owner"),
        help_text=_("Empty: everybody in the shop has it."),
    )

    objects = QuickReplyQuerySet.as_manager()

    class Meta:
        verbose_name = _("quick reply")
        verbose_name_plural = _("quick replies")
        constraints = [
            models.UniqueConstraint(
                fields=["owner", "code"],
                name="quick_reply_code_per_owner",
                violation_error_message=_("You already have a quick reply with this code."),
            ),
            models.UniqueConstraint(
                fields=["code"],
                condition=Q(owner__isnull=True),
                name="quick_reply_code_of_shop",
                violation_error_message=_("The shop already has a quick reply with this code."),
            ),
        ]
        permissions = [
            ("change_shop_replies", _("May write the quick and automatic replies of the shop and of anybody"))
        ]

    def __str__(self) -> str:
        return f"/{self.code}"


class AutoReplyQuerySet(models.QuerySet["AutoReply"]):
    def editable_by(self, user: User) -> AutoReplyQuerySet:
        """Each agent his own; whoever may write the shop's, all."""
        if user.has_perm("customers.change_shop_replies"):
            return self
        return self.filter(agent__user=user)

    def visible_to(self, user: User) -> AutoReplyQuerySet:
        if user.has_perm("customers.change_shop_replies"):
            return self
        return self.filter(Q(agent=None) | Q(agent__user=user))


class AutoReply(ReplyTexts):
    """What is answered by itself (自动回复). An agent's own, also one that is off, stands in place of the shop's."""

    placeholders = ("nick", "agent", "shop", "back_at")

    class Kind(models.TextChoices):
        GREETING = "greeting", pgettext_lazy("automatic reply", "greeting")
        ALL_BUSY = "all_busy", pgettext_lazy("automatic reply", "all agents are busy")
        OUTSIDE_HOURS = "outside_hours", pgettext_lazy("automatic reply", "outside working hours")

    kind = models.CharField(_("occasion"), max_length=20, choices=Kind.choices)
    agent = models.ForeignKey(
        Agent,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("agent"),
        help_text=_("Empty: the shop's, for every agent who has none of his own."),
    )
    is_on = models.BooleanField(_("on"), default=True)

    objects = AutoReplyQuerySet.as_manager()

    class Meta:
        verbose_name = _("automatic reply")
        verbose_name_plural = _("automatic replies")
        constraints = [
            models.UniqueConstraint(
                fields=["agent", "kind"],
                name="auto_reply_kind_per_agent",
                violation_error_message=_("This agent already has an automatic reply for this occasion."),
            ),
            models.UniqueConstraint(
                fields=["kind"],
                condition=Q(agent__isnull=True),
                name="auto_reply_kind_of_shop",
                violation_error_message=_("The shop already has an automatic reply for this occasion."),
            ),
        ]

    def __str__(self) -> str:
        return self.get_kind_display()


def filled(text: str, values: dict[str, Any]) -> str:
    """The text with each placeholder that has a value filled in."""
    return PLACEHOLDER.sub(lambda found: str(values.get(found[1], found[0])), text)
