"""The pages of an import: upload, columns, what will change, progress, report."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from django import forms
from django.apps import apps
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.auth.decorators import permission_required
from django.core.files.uploadedfile import UploadedFile
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.defaultfilters import filesizeformat
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import get_language, gettext_lazy, pgettext
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST
from unfold.widgets import UnfoldAdminFileFieldWidget

from customers.identity import masked
from customers.imports import csv_mapping, uploads, work
from customers.imports.csv_kinds import KINDS
from customers.imports.files import WrongFile
from customers.models import ImportRun, Source
from customers.services.reverts import RevertImport, reason_label

from .cells import badge, moment, staff_name
from .progress import held_up
from .staff import signed_in

State = ImportRun.State
TONES = {
    State.UPLOADED: "plain",
    State.RUNNING: "info",
    State.FINISHED: "success",
    State.REFUSED: "warning",
    State.FAILED: "danger",
    State.REVERTED: "plain",
}
SHOWN_REJECTS = 10

may_import = permission_required("customers.add_importrun", raise_exception=True)


class UploadForm(forms.Form):
    source = forms.ModelChoiceField(
        queryset=Source.objects.order_by("name", "pk"),
        label=gettext_lazy("source"),
        help_text=gettext_lazy("Order, customer and product numbers are unique in it."),
    )
    file = forms.FileField(
        label=gettext_lazy("file"), allow_empty_file=True, max_length=None, widget=UnfoldAdminFileFieldWidget()
    )


@may_import
def upload_view(request: HttpRequest) -> HttpResponse:
    """Take a file; what it is, its content tells. Then its columns, or at once what it would change."""
    sources = Source.objects.order_by("pk")
    form = UploadForm(request.POST or None, request.FILES or None, initial={"source": sources.first()})
    if request.method == "POST" and form.is_valid():
        upload: UploadedFile[bytes] = form.cleaned_data["file"]
        at, by = timezone.now(), signed_in(request)
        try:
            run = uploads.keep_upload(upload, source=form.cleaned_data["source"], by=by, at=at)
        except uploads.BadUpload as error:
            form.add_error("file", str(error))
        else:
            if run.format == "csv":
                return redirect("admin:customers_importrun_columns", run.pk)
            work.try_out(run, by=by, at=at)
            return redirect(run)
    context = {
        "form": form,
        "kinds": [(name, kind.label, kind.hint) for name, kind in KINDS.items()],
        "limit": filesizeformat(settings.IMPORT_UPLOAD_LIMIT),
        "days": settings.IMPORT_KEEP_DAYS,
    }
    return _rendered(request, "upload", _("Import a file"), context)


@may_import
def template_view(request: HttpRequest, kind: str) -> HttpResponse:
    """A CSV file to fill in, in the language of the page."""
    if kind not in KINDS:
        raise Http404
    chinese = (get_language() or "").startswith("zh")
    # with a byte order mark, without which Excel garbles Chinese
    content = "\ufeff" + csv_mapping.template(kind, chinese=chinese)
    headers = {"Content-Disposition": f'attachment; filename="{kind}.csv"'}
    return HttpResponse(content, content_type="text/csv; charset=utf-8", headers=headers)


@may_import
def columns_view(request: HttpRequest, pk: int) -> HttpResponse:
    """Which column is which field, over the first rows."""
    run = get_object_or_404(ImportRun.objects.select_related("source"), pk=pk)
    if run.state not in uploads.BEFORE_IT_RUNS:
        messages.warning(request, _("This import was started; its columns stand."))
        return redirect(run)
    try:
        look = uploads.look_into(run)
    except WrongFile as error:
        messages.error(request, str(error))
        return redirect("admin:customers_importrun_add")
    kind = _asked_kind(request, run)
    chosen = _chosen_fields(request, run, kind, look.header)
    errors: list[str] = []
    if request.method == "POST":
        errors = _map(request, run, kind, look.header, chosen)
        if not errors:
            return redirect(run)
    fields = KINDS[kind].fields
    context = {
        "run": run,
        "errors": errors,
        "kinds": [(name, one.label, name == kind) for name, one in KINDS.items()],
        "kind": kind,
        "hint": KINDS[kind].hint,
        "columns": [{"index": index, "name": name, "chosen": chosen[index]} for index, name in enumerate(look.header)],
        "fields": [(name, capfirst(str(field.label)), field.is_required) for name, field in fields.items()],
        "needed": csv_mapping.what_else_is_needed(kind),
        "rows": _shown_rows(request, kind, chosen, look.rows),
        "was_remembered": run.header_key == "" and bool(run.mapping) and request.method == "GET",
    }
    return _rendered(request, "columns", _("Which column is which?"), context)


def _asked_kind(request: HttpRequest, run: ImportRun) -> str:
    asked = request.POST.get("kind") or request.GET.get("kind") or run.kind
    return asked if asked in KINDS else next(iter(KINDS))


def _chosen_fields(request: HttpRequest, run: ImportRun, kind: str, header: list[str]) -> list[str]:
    """The field of each column: as posted, else as the run has it, else guessed."""
    if request.method == "POST":
        return [request.POST.get(f"column-{index}", "") for index in range(len(header))]
    mapping = run.mapping if kind == run.kind and run.mapping else csv_mapping.guess(kind, header)
    by_column = {column: field for field, column in mapping.items()}
    return [by_column.get(name, "") for name in header]


def _map(request: HttpRequest, run: ImportRun, kind: str, header: list[str], chosen: list[str]) -> list[str]:
    """Take the choice over and have it tried; return what is wrong with it."""
    mapping: dict[str, str] = {}
    twice = []
    for name, field in zip(header, chosen, strict=True):
        if field in mapping:
            said = {"field": KINDS[kind].fields[field].label if field in KINDS[kind].fields else field}
            twice.append(_("The field %(field)s is chosen for two columns.") % said)
        elif field:
            mapping[field] = name
    if twice:
        return twice
    try:
        uploads.map_columns(run, kind=kind, mapping=mapping)
        work.try_out(run, by=signed_in(request), at=timezone.now())
    except csv_mapping.WrongMapping as error:
        return str(error).split("\n")
    except (uploads.AlreadyStarted, WrongFile):
        messages.warning(request, _("This import is at work already."))
    return []


def _shown_rows(request: HttpRequest, kind: str, chosen: list[str], rows: list[list[str]]) -> list[list[str]]:
    """The first rows; who may not see contact data sees of them only what is surely none."""
    if request.user.has_perm("customers.view_contact"):
        return rows
    fields = KINDS[kind].fields
    contacts = [fields[field].contact if field in fields else "name" for field in chosen]
    return [
        [masked(contact, value) if contact and value else value for contact, value in zip(contacts, row, strict=True)]
        for row in rows
    ]


@permission_required("customers.revert_importrun", raise_exception=True)
@require_POST
def revert_view(request: HttpRequest, pk: int) -> HttpResponse:
    """Revert the import; without `is_sure`, tell what that would do."""
    return _ask(request, pk, partial(work.revert, is_trial="is_sure" not in request.POST))


@may_import
@require_POST
def try_view(request: HttpRequest, pk: int) -> HttpResponse:
    return _ask(request, pk, work.try_out)


@may_import
@require_POST
def start_view(request: HttpRequest, pk: int) -> HttpResponse:
    return _ask(request, pk, work.start)


def _ask(request: HttpRequest, pk: int, service: Any) -> HttpResponseRedirect:
    run = get_object_or_404(ImportRun, pk=pk)
    try:
        service(run, by=signed_in(request), at=timezone.now())
    except uploads.AlreadyStarted:
        messages.warning(request, _("This import is at work already, or is over, or its file is not kept any more."))
    return redirect(run)


# The page of a run --------------------------------------------------------------------------------------------------


def run_page(request: HttpRequest, run: ImportRun) -> HttpResponse:
    job = run.job
    is_kept = uploads.uploaded_file(run) is not None
    is_moving = bool(job and job.is_under_way())
    may_go_on = request.user.has_perm("customers.add_importrun") and is_kept and not is_moving
    context = {
        "run": run,
        "badge": state_badge(run),
        "figures": _figures(run),
        "is_moving": is_moving,
        "is_stopped": is_stopped(run),
        "job_failed": job.message if job and job.state == job.State.FAILED and run.state == State.UPLOADED else "",
        "may_start": may_go_on and run.state == State.UPLOADED and run.forecast is not None,
        "may_try": may_go_on and run.state == State.UPLOADED and run.forecast is None and is_ready(run),
        "may_map": may_go_on and run.state in uploads.BEFORE_IT_RUNS,
        "may_start_again": may_go_on and (run.state == State.FAILED or is_stopped(run)),
        **_revert(request, run, is_moving=is_moving),
        "forecast": [(kind_label(kind), counts) for kind, counts in (run.forecast or {}).items()],
        "created": counted(run.created_counts),
        "mapping": [(_field_label(run, field), column) for field, column in run.mapping.items()],
        "rejects": first_rejects(run),
        "facts": [
            (_("format"), f"{run.format} ({kind_label(run.kind)})" if run.kind else run.format),
            (_("source"), run.source or "–"),
            (_("by"), staff_name(run.by)),
            (_("uploaded") if run.state == State.UPLOADED else _("started"), moment(run.started_at)),
            (pgettext("time", "finished"), moment(run.finished_at)),
        ],
    }
    return _rendered(request, "page", _("Import of %(file)s") % {"file": run.file_name}, context)


def _revert(request: HttpRequest, run: ImportRun, *, is_moving: bool) -> dict[str, Any]:
    """What a revert deleted and kept, or would, and what may be asked for."""
    told = run.revert_counts
    over = run.state in (State.FINISHED, State.FAILED) and any(run.created_counts.values())
    may = over and not is_moving and request.user.has_perm("customers.revert_importrun")
    is_trial = bool(told) and told["is_trial"]
    kept = [
        (kind_label(kind), reason_label(why), count)
        for kind, reasons in told.get("kept", {}).items()
        for why, count in reasons.items()
    ]
    return {
        "gone": counted(told.get("gone", {})),
        "kept": kept,
        "was_reverted": bool(told) and not is_trial,
        "is_revert_told": is_trial and run.state != State.REVERTED,
        "may_ask_revert": may,
        "may_revert": may and is_trial and bool(told["gone"]),
    }


def progress_as_json(run: ImportRun) -> JsonResponse:
    """What the page of a run shows while it moves; its script asks every second."""
    return JsonResponse(_figures(run))


def _figures(run: ImportRun) -> dict[str, Any]:
    job = run.job
    return {
        "is_moving": bool(job and job.is_under_way()),
        "done": job.done_count + (job.refused_count if job.kind == RevertImport.name else 0) if job else 0,
        "total": (job.total or 0) if job else 0,
        "texts": {"step": _step(run), "held_up": held_up(job, at=timezone.now()) if job else ""},
    }


def _step(run: ImportRun) -> str:
    if run.job and run.job.kind == RevertImport.name:
        return _("looking through the rows of this import")
    return run.get_step_display() if run.step else _("waiting for a worker")


def is_ready(run: ImportRun) -> bool:
    """Whether it is known how the file is to be read."""
    return run.format != "csv" or bool(run.kind and run.mapping)


def is_stopped(run: ImportRun) -> bool:
    """Whether a run that was started in the panel is not over, and nothing works on it."""
    return bool(run.state == State.RUNNING and run.job and not run.job.is_under_way())


def state_badge(run: ImportRun) -> SafeString:
    if is_stopped(run):
        return badge(_("stopped"), kind="danger")
    return badge(run.get_state_display(), kind=TONES[State(run.state)])


def kind_label(kind: str) -> str:
    """`kind` is the name of a model of this app, or a kind of rows of a table."""
    if kind in KINDS:
        return str(KINDS[kind].label)
    return str(apps.get_model("customers", kind)._meta.verbose_name_plural)


def counted(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    """The kinds of which there are some, by their names."""
    return [(kind_label(kind), count) for kind, count in counts.items() if count]


def first_rejects(run: ImportRun) -> list[list[str]]:
    """Line, column and reason of the first rejected rows."""
    file = Path(settings.DATA_DIR) / run.rejects_path
    if not run.rejects_path or not file.is_file():
        return []
    with file.open(encoding="utf-8-sig", newline="") as rows:
        return [row[1:] for row in islice(csv.reader(rows), 1, SHOWN_REJECTS + 1)]


def _field_label(run: ImportRun, field: str) -> str:
    fields = KINDS[run.kind].fields if run.kind in KINDS else {}
    return str(fields[field].label) if field in fields else field


def _rendered(request: HttpRequest, page: str, title: str, context: dict[str, Any]) -> TemplateResponse:
    everywhere = {**admin.site.each_context(request), "opts": ImportRun._meta, "title": title}
    return TemplateResponse(request, f"admin/customers/importrun/{page}.html", {**everywhere, **context})
