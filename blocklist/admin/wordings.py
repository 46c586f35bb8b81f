"""The pages of the shop's own wordings: what buyers read at the gate, and the advice to the staff."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.db.models import Model
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.translation import gettext as _
from unfold.widgets import UnfoldAdminTextareaWidget

from blocklist.models import Wording
from blocklist.services import wordings
from blocklist.services.wordings import LONGEST_ADVICE, LONGEST_PUBLIC, Subject
from customers.admin.base import ReadOnlyAdmin
from customers.admin.staff import signed_in

LIST = "admin:blocklist_wording_changelist"


class WordingForm(forms.Form):
    """One field per language, called by it."""

    def __init__(self, data: Any, *, subject: Subject) -> None:
        super().__init__(data)
        longest = LONGEST_PUBLIC if subject.is_public else LONGEST_ADVICE
        for text in subject.texts:
            self.fields[text.language] = forms.CharField(
                label=dict(settings.LANGUAGES)[text.language],
                initial=text.text,
                max_length=longest,
                widget=UnfoldAdminTextareaWidget(attrs={"rows": 2 if subject.is_public else 5, "lang": text.language}),
            )


@admin.register(Wording)
class WordingAdmin(ReadOnlyAdmin):
    """No list of rows: every text there is stands on one page, whether it is the shop's own or not."""

    def get_urls(self) -> list[URLPattern]:
        change = self.admin_site.admin_view(change_wording_view)
        own = [
            path("text/<slug:purpose>/", change, name="blocklist_wording_public"),
            path("text/<slug:purpose>/<slug:type>/", change, name="blocklist_wording_text"),
        ]
        return own + super().get_urls()

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        every = wordings.subjects()
        shown = {
            "public": [subject for subject in every if subject.is_public],
            "advice": [subject for subject in every if not subject.is_public],
            "may_change": request.user.has_perm("blocklist.change_wording"),
        }
        return _page(request, "list.html", _("Wordings"), **shown)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        return redirect(LIST)

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return request.user.has_perm("blocklist.view_wording")


def change_wording_view(request: HttpRequest, purpose: str, type: str = "") -> HttpResponse:
    """Change one text in every language; 403 with the reason for whoever may not."""
    if not request.user.has_perm("blocklist.change_wording"):
        raise PermissionDenied(_("Only a manager changes these texts."))
    subject = next((each for each in wordings.subjects() if (each.purpose, each.type) == (purpose, type)), None)
    if subject is None:
        raise Http404
    form = WordingForm(request.POST or None, subject=subject)
    if request.method == "POST":
        if "reset" in request.POST:
            form = WordingForm(_original(subject), subject=subject)
        if form.is_valid() and _changed(request, form, subject):
            messages.success(request, _("The text is saved; it is read at once."))
            return redirect(LIST)
    longest = LONGEST_PUBLIC if subject.is_public else LONGEST_ADVICE
    return _page(request, "form.html", subject.label, subject=subject, form=form, longest=longest)


def _original(subject: Subject) -> dict[str, str]:
    return {
        text.language: wordings.default_text(subject.purpose, subject.type, text.language) for text in subject.texts
    }


def _changed(request: HttpRequest, form: WordingForm, subject: Subject) -> bool:
    """Save the texts of all languages or none; say at their fields what is wrong with them."""
    at = timezone.now()
    with transaction.atomic():
        for language, text in list(form.cleaned_data.items()):
            place = {"purpose": subject.purpose, "type": subject.type, "language": language}
            try:
                wordings.change_wording(**place, text=text, by=signed_in(request), at=at)
            except ValidationError as error:
                form.add_error(language, error.messages)
        if form.errors:
            transaction.set_rollback(True)
    return not form.errors


def _page(request: HttpRequest, template: str, title: str, **context: Any) -> TemplateResponse:
    shown = {**admin.site.each_context(request), "title": title, **context}
    return TemplateResponse(request, f"admin/blocklist/wording/{template}", shown)
