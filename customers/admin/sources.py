"""The shops and storefronts that the facts come from."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from customers.models import Source

from .base import PanelAdmin
from .cells import badge


class SourceForm(forms.ModelForm[Source]):
    class Meta:
        help_texts = {
            "code": _("Short and for good: import files, API keys and filters name the source by it."),
            "is_marketplace": _("A ban is then also to be set by hand in its seller tool; the panel lists what to do."),
        }


@admin.register(Source)
class SourceAdmin(PanelAdmin):
    """An import makes its own source, a marketplace; others are added here. The code stays once it is given."""

    form = SourceForm
    list_display = ("name", "code", "marketplace_badge")
    list_filter = ("is_marketplace",)
    search_fields = ("name", "code")
    ordering = ("name", "pk")
    fields = ("code", "name", "is_marketplace")
    empty_list_text = _("No sources yet. Add one for each storefront or marketplace shop.")

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple[str, ...]:
        return ("code",) if obj else ()

    @admin.display(description=_("marketplace"), ordering="is_marketplace")
    def marketplace_badge(self, source: Any) -> SafeString | str:
        return badge(gettext("marketplace"), kind="info") if source.is_marketplace else ""
