"""The pages by which a blocklist comes in and goes out as a file."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.defaultfilters import filesizeformat
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST
from unfold.widgets import UnfoldAdminFileFieldWidget

from blocklist.models import Ban
from blocklist.services import ban_lists
from blocklist.services.ban_exports import ExportBans
from blocklist.services.ban_imports import BAN_PERMISSION, EXPORT_PERMISSION, start_import
from customers.admin.cells import moment
from customers.admin.customer_rows import called, with_names
from customers.admin.staff import signed_in
from customers.imports.files import WrongFile
from customers.models import Customer, Source
from customers.row_ids import row_id
from customers.services import jobs
from customers.services.sheets import SHEETS

SHOWN = 20

may_import = permission_required(BAN_PERMISSION, raise_exception=True)


class ListForm(forms.Form):
    source = forms.ModelChoiceField(
        queryset=Source.objects.order_by("name", "pk"),
        label=gettext_lazy("source"),
        help_text=gettext_lazy("Of the rows that name none."),
    )
    file = forms.FileField(
        label=gettext_lazy("file"), allow_empty_file=True, max_length=None, widget=UnfoldAdminFileFieldWidget()
    )


@may_import
def upload_view(request: HttpRequest) -> HttpResponse:
    """Take a file, and show what it would do."""
    first = Source.objects.order_by("pk").first()
    form = ListForm(request.POST or None, request.FILES or None, initial={"source": first})
    if request.method == "POST" and form.is_valid():
        try:
            token = ban_lists.keep_list(form.cleaned_data["file"])
        except WrongFile as error:
            form.add_error("file", str(error))
        else:
            return redirect("admin:blocklist_list_preview", form.cleaned_data["source"].pk, token)
    context = {"form": form, "limit": filesizeformat(ban_lists.MOST_BYTES), "most": ban_lists.MOST_LINES}
    return _rendered(request, "upload", _("Import a blocklist"), context)


@may_import
def preview_view(request: HttpRequest, source: int, token: str) -> HttpResponse:
    """What each row would do; posted, it is asked for."""
    by, at = signed_in(request), timezone.now()
    path = ban_lists.kept_list(token)
    if path is None:
        messages.error(request, _("The uploaded file is not kept any more. Upload it again."))
        return redirect("admin:blocklist_list_upload")
    try:
        reading = ban_lists.read_list(path, source=_source(source), by=by, at=at)
    except WrongFile as error:
        messages.error(request, str(error))
        return redirect("admin:blocklist_list_upload")
    if request.method == "POST" and reading.bans:
        job = start_import(reading, by=by, at=at)
        path.unlink(missing_ok=True)
        return redirect(job)
    shown = reading.bans[:SHOWN]
    named = with_names(Customer.objects.filter(pk__in=[ban.customer for ban in shown]), request, at)
    names = {customer.pk: called(customer) for customer in named}
    context = {
        "reading": reading,
        "source": source,
        "token": token,
        "bans": [
            (ban.line, names[ban.customer], Ban.Type(ban.type).label, moment(ban.until) if ban.until else "", ban.note)
            for ban in shown
        ],
        "rejects": reading.rejects[:SHOWN],
        "shown": SHOWN,
    }
    return _rendered(request, "preview", _("What the import would do"), context)


@may_import
def rejects_view(request: HttpRequest, source: int, token: str) -> HttpResponse:
    """The rows that would be left out, as a CSV file."""
    path = ban_lists.kept_list(token)
    if path is None:
        messages.error(request, _("The uploaded file is not kept any more. Upload it again."))
        return redirect("admin:blocklist_list_upload")
    reading = ban_lists.read_list(path, source=_source(source), by=signed_in(request), at=timezone.now())
    rows = [(one.line, one.column, one.reason) for one in reading.rejects]
    return _download("blocklist-rejects", ban_lists.as_csv(("line", "column", "reason"), rows))


@may_import
def template_view(request: HttpRequest) -> HttpResponse:
    """A CSV file to fill in, in the language of the page."""
    chinese = (get_language() or "").startswith("zh")
    return _download("blocklist", ban_lists.template(chinese=chinese))


@permission_required(EXPORT_PERMISSION, raise_exception=True)
@require_POST
def export_view(request: HttpRequest) -> HttpResponse:
    """Ask for the file; its page says when it is there."""
    asked = request.POST.get("format", "")
    form = asked if asked in SHEETS else "csv"
    job = jobs.start(ExportBans.name, by=signed_in(request), at=timezone.now(), format=form)
    return redirect(job)


def _source(pk: int) -> Source:
    return get_object_or_404(Source, pk=row_id(pk))


def _download(name: str, content: str) -> HttpResponse:
    # with a byte order mark, without which Excel garbles Chinese
    headers = {"Content-Disposition": f'attachment; filename="{name}.csv"'}
    return HttpResponse("\ufeff" + content, content_type="text/csv; charset=utf-8", headers=headers)


def _rendered(request: HttpRequest, page: str, title: str, context: dict[str, Any]) -> TemplateResponse:
    everywhere = {**admin.site.each_context(request), "title": title}
    return TemplateResponse(request, f"admin/blocklist/ban_list/{page}.html", {**everywhere, **context})
