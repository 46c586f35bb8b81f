"""The field of a form that takes evidence: several files, checked by their content."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from blocklist.services.evidence import MOST_FILES, evidence_rules
from customers.services.files import CheckedFile, checked


class EvidenceInput(forms.FileInput):
    allow_multiple_selected = True

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        return super().get_context(
            name, value, {"accept": evidence_rules().accept(), "class": "crm-file"} | (attrs or {})
        )


class EvidenceField(forms.FileField):
    """Its value is a list of checked files, for the services that keep evidence; empty where none was chosen."""

    widget = EvidenceInput

    def __init__(self, *, required: bool = False) -> None:
        super().__init__(label=gettext_lazy("Evidence"), required=required)

    def clean(self, data: Any, initial: Any = None) -> list[CheckedFile]:
        files = [file for file in data or [] if file]
        if self.required and not files:
            raise ValidationError(self.error_messages["required"], code="required")
        try:
            return checked(files, evidence_rules())
        except ValidationError as error:
            raise ValidationError(error.messages, code="file_refused") from error


def evidence_help() -> str:
    """What the field takes, in a sentence."""
    return _("Screenshots (PNG, JPEG, WEBP, GIF), PDF or text: at most %(files)d files of %(most)d MB each.") % {
        "files": MOST_FILES,
        "most": settings.EVIDENCE_BYTES // 1_000_000,
    }
