"""The jobs of the staff: their list, and the page of one with its progress, its report and its file."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.paginator import Paginator
from django.db.models import Count, Prefetch, QuerySet
from django.http import (
    FileResponse,
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseRedirect,
    JsonResponse,
    StreamingHttpResponse,
)
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy
from django.views.decorators.http import require_POST

from customers.models import Customer, Job, JobRow
from customers.parts import parts
from customers.row_ids import row_id
from customers.services import approvals, customer_jobs, jobs
from customers.services.sheets import BOM, safe_text

from .base import Doors, ReadOnlyAdmin
from .cells import NOTHING, badge, moment, number, staff_name
from .customer_rows import called, linked_name, with_names
from .list_address import query_of
from .progress import held_up
from .staff import came_from, signed_in

KINDS = {
    Job.State.WAITING: "plain",
    Job.State.RUNNING: "info",
    Job.State.APPROVAL: "warning",
    Job.State.FINISHED: "success",
    Job.State.FAILED: "danger",
    Job.State.CANCELLED: "warning",
}
REFUSED_PER_PAGE = 50
# Rows of a download that are fetched at a time.
STRETCH = 2_000


class Echo:
    """A file that gives back what is written: what `csv` needs to make one line after the other."""

    def write(self, line: str) -> str:
        return line


@admin.register(Job)
class JobAdmin(ReadOnlyAdmin):
    list_display = (
        "kind_shown",
        "state_badge",
        "total_shown",
        "done_shown",
        "refused_shown",
        "actor",
        "created",
        "ended",
    )
    list_select_related = ("by",)
    list_filter = ("state",)
    ordering = ("-pk",)
    empty_list_text = gettext_lazy("No jobs yet. A bulk action or an export on the customer list makes one.")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Job]:
        return Job.objects.visible_to(signed_in(request))

    def doors(self) -> Doors:
        return {
            "progress": self.progress_view,
            "cancel": require_POST(self.cancel_view),
            "approve": require_POST(self.approve_view),
            "decline": require_POST(self.decline_view),
            "refused": self.refused_view,
            "file": self.file_view,
        }

    # The page of a job -------------------------------------------------------------------------------------------

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        job = self._find(request, object_id)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": capfirst(_described(job)),
            "job": job,
            "actor": staff_name(job.by),
            "created": moment(job.created_at),
            "figures": figures(job),
            "refused": self._refused_page(request, job) if job.refused_count else None,
            "file": _file(job),
            "approval": _approval(job, request),
            "boxes": _boxes(job, request),
            "back": came_from(request, default=_list_url(job)),
        }
        return TemplateResponse(request, "admin/customers/job/page.html", context)

    def progress_view(self, request: HttpRequest, pk: int) -> JsonResponse:
        """The figures of the page as JSON; its script asks every second."""
        return JsonResponse(figures(self._find(request, pk)))

    def cancel_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        job = self._find(request, pk)
        if jobs.cancel(job, at=timezone.now()):
            messages.success(request, _("The job was cancelled. What it did until then stays."))
        else:
            messages.info(request, _("The job had ended already."))
        return HttpResponseRedirect(came_from(request, default=job.get_absolute_url()))

    def approve_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Let a job that waits for a second person go on."""
        job = self._find(request, pk)
        if approvals.approve(job, by=signed_in(request), at=timezone.now()):
            messages.success(request, _("Approved; it goes on in the background."))
        else:
            messages.info(request, _("This does not wait for approval any more."))
        return HttpResponseRedirect(job.get_absolute_url())

    def decline_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        job = self._find(request, pk)
        reason = request.POST.get("reason", "")[:200]
        try:
            declined = approvals.decline(job, reason=reason, by=signed_in(request), at=timezone.now())
        except ValidationError as error:
            messages.error(request, " ".join(error.messages))
        else:
            messages.info(request, _("Declined.") if declined else _("This does not wait for approval any more."))
        return HttpResponseRedirect(job.get_absolute_url())

    def refused_view(self, request: HttpRequest, pk: int) -> StreamingHttpResponse:
        """The refused customers with their reasons, as a CSV file."""
        job = self._find(request, pk)
        lines = _refused_lines(_refused_rows(request, job), job, request)
        answer = StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8")
        answer["Content-Disposition"] = f'attachment; filename="refused-{job.pk}.csv"'
        return answer

    def file_view(self, request: HttpRequest, pk: int) -> FileResponse:
        """The file that the job made, for whoever may see the job."""
        file = file_of(self._find(request, pk))
        if file is None:
            raise Http404(_("This job has no file, or it was removed after 7 days."))
        return file

    def _find(self, request: HttpRequest, pk: str | int) -> Job:
        """The job, for somebody who may see it; 404 for everybody else."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        rows = Job.objects.visible_to(signed_in(request)).select_related("by")
        return get_object_or_404(rows, pk=row_id(pk))

    def _refused_page(self, request: HttpRequest, job: Job) -> Any:
        rows = _refused_rows(request, job).order_by("customer")
        page = Paginator(rows, REFUSED_PER_PAGE).get_page(request.GET.get("p"))
        shown = [(linked_name(row.customer), customer_jobs.refusal_sentence(job.kind, row.refusal)) for row in page]
        counts = rows.order_by().values_list("refusal").annotate(count=Count("pk")).order_by("-count", "refusal")
        reasons = [(number(count), customer_jobs.refusal_sentence(job.kind, code)) for code, count in counts]
        return {"page": page, "rows": shown, "reasons": reasons}

    # The list ----------------------------------------------------------------------------------------------------

    @admin.display(description=gettext_lazy("kind"), ordering="kind")
    def kind_shown(self, job: Job) -> str:
        kind = parts.job_kinds.get(job.kind)
        return str(kind.label) if kind else job.kind

    @admin.display(description=gettext_lazy("state"), ordering="state")
    def state_badge(self, job: Job) -> SafeString:
        return badge(job.get_state_display(), kind=KINDS[Job.State(job.state)], title=job.message)

    @admin.display(description=gettext_lazy("rows in all"), ordering="total")
    def total_shown(self, job: Job) -> str:
        return NOTHING if job.total is None else number(job.total)

    @admin.display(description=gettext_lazy("rows done"), ordering="done_count")
    def done_shown(self, job: Job) -> str:
        return number(job.done_count)

    @admin.display(description=gettext_lazy("rows refused"), ordering="refused_count")
    def refused_shown(self, job: Job) -> str:
        return number(job.refused_count)

    @admin.display(description=gettext_lazy("by"), ordering="by")
    def actor(self, job: Job) -> str:
        return staff_name(job.by)

    @admin.display(description=gettext_lazy("created"), ordering="created_at")
    def created(self, job: Job) -> str:
        return moment(job.created_at)

    @admin.display(description=pgettext_lazy("time", "finished"), ordering="finished_at")
    def ended(self, job: Job) -> str:
        return moment(job.finished_at)


def figures(job: Job) -> dict[str, Any]:
    """What moves on the page of a job: the same when it opens and every second after."""
    passed = job.done_count + job.refused_count
    return {
        "is_moving": job.is_under_way(),
        "done": passed,
        "total": job.total or 0,
        "state_kind": KINDS[Job.State(job.state)],
        "texts": {
            "state": job.get_state_display(),
            "step": _step(job, passed),
            "held_up": held_up(job, at=timezone.now()),
            "total": NOTHING if job.total is None else number(job.total),
            "done": number(job.done_count),
            "refused": number(job.refused_count),
            "finished": moment(job.finished_at),
        },
    }


def _step(job: Job, passed: int) -> str:
    """What is going on, in words."""
    if job.state == Job.State.WAITING:
        return _("Waits for its turn")
    if job.state == Job.State.APPROVAL:
        return _("Waits for a second person; nothing was done yet")
    if not job.is_under_way():
        return ""
    if job.total is None:
        return _("Looking who is meant")
    return _("%(done)s of %(total)s rows have passed") % {"done": number(passed), "total": number(job.total)}


def _approval(job: Job, request: HttpRequest) -> dict[str, Any] | None:
    """Who decides on a job that waits for a second person, or has decided; None where nobody had to."""
    if job.state == Job.State.APPROVAL:
        return {"waits": True, "why_not": approvals.why_may_not_approve(job, signed_in(request))}
    if job.approved_at is None:
        return None
    return {"user": staff_name(job.approved_by), "at": moment(job.approved_at), "alone": job.is_decided_alone}


def _boxes(job: Job, request: HttpRequest) -> list[tuple[str, dict[str, Any]]]:
    at = timezone.now()
    found = [(box.template, box.context(job, request, at)) for box in parts.job_boxes]
    return [(template, context) for template, context in found if context is not None]


def _described(job: Job) -> str:
    kind = parts.job_kinds.get(job.kind)
    return kind().describe(job) if kind else job.kind


def file_of(job: Job) -> FileResponse | None:
    """What the job made, as a download; None where it made nothing, or its file was removed."""
    file = _file(job)
    if file is None:
        return None
    return FileResponse(file.open("rb"), as_attachment=True, filename=f"{job.kind}-{job.pk}{file.suffix}")


def _file(job: Job) -> Path | None:
    file = Path(settings.DATA_DIR) / job.result_path
    return file if job.result_path and file.is_file() else None


def _list_url(job: Job) -> str:
    """The customer list, narrowed as it was when the job was asked for."""
    address = reverse("admin:customers_customer_changelist")
    return f"{address}?{query_of(job.parameters['filter'])}" if "filter" in job.parameters else address


def _refused_rows(request: HttpRequest, job: Job) -> QuerySet[JobRow]:
    """The refused rows whose customers the signed-in user sees, with what their names need."""
    visible = Customer.objects.visible_to(signed_in(request))
    rows = JobRow.objects.filter(job=job, state=JobRow.State.REFUSED, customer__in=visible.order_by().values("pk"))
    customers = with_names(Customer.objects.all(), request, timezone.now())
    return rows.prefetch_related(Prefetch("customer", customers))


def _refused_lines(rows: QuerySet[JobRow], job: Job, request: HttpRequest) -> Iterator[str]:
    """The lines of the CSV file, in stretches of rows, so that memory stays flat."""
    write = csv.writer(Echo()).writerow
    yield BOM + write([_("customer"), _("number"), _("why refused"), _("page")])
    passed = 0
    while stretch := list(rows.filter(customer__gt=passed).order_by("customer")[:STRETCH]):
        for row in stretch:
            reason = str(customer_jobs.refusal_sentence(job.kind, row.refusal))
            page = request.build_absolute_uri(row.customer.get_absolute_url())
            yield write([safe_text(called(row.customer)), row.customer_id, safe_text(reason), page])
        passed = stretch[-1].customer_id
