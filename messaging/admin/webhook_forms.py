"""The forms of endpoints and group robots. What opens a door is written only: it is never shown again."""

from __future__ import annotations

import base64
from typing import Any, ClassVar
from urllib.parse import urlsplit

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.functional import cached_property
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminPasswordWidget,
    UnfoldAdminTextInputWidget,
)

from customers.parts import parts
from messaging.models import Endpoint, Robot, WebhookTarget
from messaging.webhooks import AddressRefused, check_address, new_secret
from messaging.webhooks.styles import PREFIX

Style = WebhookTarget.Style
# What the form calls a new value of a field that it never shows.
WRITTEN_ONLY = {"new_url": "url", "new_secret": "secret"}
SECRET_BYTES = range(24, 65)


def masked_url(url: str) -> str:
    """The address without what may be a key: its host and its last signs."""
    return f"{urlsplit(url).hostname or ''}/…{url[-4:]}" if url else ""


def masked_secret(secret: str) -> str:
    return f"…{secret[-4:]}" if secret else ""


class TargetForm(forms.ModelForm[Any]):
    # of an endpoint, the address is no secret
    hides_url: ClassVar[bool] = False

    new_secret = forms.CharField(
        label=gettext_lazy("Secret"),
        required=False,
        max_length=200,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}),
    )

    # What was made here, to be shown this once.
    made_secret = ""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk and self.instance.secret:
            self.fields["new_secret"].help_text = _("Stored: %(secret)s. Leave empty to keep it.") % {
                "secret": masked_secret(self.instance.secret)
            }

    @cached_property
    def changed_data(self) -> list[str]:
        return [WRITTEN_ONLY.get(name, name) for name in super().changed_data]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        style = cleaned.get("style") if "style" in self.fields else self.instance.style
        secret = cleaned.get("new_secret") or self.instance.secret
        if style == Style.STANDARD:
            if not secret:
                self.made_secret = secret = new_secret()
            elif not _is_standard_secret(secret):
                sentence = _("A secret of Standard Webhooks is whsec_ and 24 to 64 bytes in Base64.")
                self.add_error("new_secret", sentence)
        self.instance.secret = secret
        return cleaned

    def checked_url(self, url: str) -> str:
        try:
            check_address(url)
        except AddressRefused as refusal:
            raise ValidationError(str(refusal)) from refusal
        return url


def _is_standard_secret(secret: str) -> bool:
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except ValueError:
        return False
    return secret.startswith(PREFIX) and len(key) in SECRET_BYTES


class EndpointForm(TargetForm):
    class Meta:
        model = Endpoint
        fields = ("name", "source", "url", "is_active")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not self.instance.pk:
            self.fields["new_secret"].help_text = _("Leave empty: one is made and shown once.")

    def clean_url(self) -> str:
        return self.checked_url(self.cleaned_data["url"])


class RobotForm(TargetForm):
    hides_url = True

    new_url = forms.CharField(
        label=gettext_lazy("Address (webhook)"),
        max_length=500,
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"}),
    )
    kinds = forms.MultipleChoiceField(label=gettext_lazy("Tells"), widget=UnfoldAdminCheckboxSelectMultipleWidget())

    class Meta:
        model = Robot
        fields = ("name", "style", "language", "is_active")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        kinds: Any = self.fields["kinds"]
        kinds.choices = [
            (kind.name, capfirst(str(kind.label))) for kind in parts.notification_kinds.values() if not kind.is_personal
        ]
        self.initial.setdefault("kinds", self.instance.kinds)
        if not self.instance.pk:
            self.initial.update(style=Style.DINGTALK, language=settings.LANGUAGE_CODE)
        self.fields["new_url"].help_text = _("As the chat tool shows it when you add the robot to the group.")
        if self.instance.pk:
            self.fields["new_url"].required = False
            self.fields["new_url"].help_text = _("Stored: %(url)s. Leave empty to keep it.") % {
                "url": masked_url(self.instance.url)
            }
        else:
            self.fields["new_secret"].help_text = _(
                "DingTalk: the one that begins with SEC. Feishu: the one of the signature check. WeCom has none."
            )

    def clean_new_url(self) -> str:
        url: str = self.cleaned_data["new_url"]
        if url:
            self.instance.url = self.checked_url(url)
        return url

    def clean_kinds(self) -> list[str]:
        kinds: list[str] = self.cleaned_data["kinds"]
        self.instance.kinds = kinds
        return kinds
