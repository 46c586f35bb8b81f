from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from django.conf import settings
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from customers.models import ImportRun

from . import import_pages as pages
from .base import ReadOnlyAdmin
from .cells import NOTHING, moment, staff_name


@admin.register(ImportRun)
class ImportRunAdmin(ReadOnlyAdmin):
    list_display = (
        "started",
        "state_badge",
        "format",
        "file_name",
        "source",
        "created_shown",
        "rejects",
        "finished",
        "actor",
    )
    list_select_related = ("by", "source", "job")
    list_filter = ("state", "format")
    ordering = ("-pk",)
    empty_list_text = gettext_lazy("Nothing was imported yet. Import a file; larger shops come by import_shop.")
    add_text = gettext_lazy("Import a file")

    show_add_link = False  # the list has a button with words

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("customers.add_importrun")

    def get_urls(self) -> list[URLPattern]:
        doors: dict[str, tuple[Callable[..., HttpResponseBase], str]] = {
            "add/": (pages.upload_view, "add"),
            "template/<str:kind>/": (pages.template_view, "template"),
            "<int:pk>/change/": (self.page_view, "change"),
            "<int:pk>/columns/": (pages.columns_view, "columns"),
            "<int:pk>/try/": (pages.try_view, "try"),
            "<int:pk>/start/": (pages.start_view, "start"),
            "<int:pk>/revert/": (pages.revert_view, "revert"),
            "<int:pk>/progress/": (self.progress_view, "progress"),
            "<int:pk>/rejects/": (self.download_rejects, "rejects"),
        }
        own = [
            path(route, self.admin_site.admin_view(view), name=f"customers_importrun_{name}")
            for route, (view, name) in doors.items()
        ]
        return own + super().get_urls()

    def page_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        return pages.run_page(request, self._find(request, pk))

    def progress_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        return pages.progress_as_json(self._find(request, pk))

    def download_rejects(self, request: HttpRequest, pk: int) -> FileResponse:
        """The rows that were not imported, with line, column and reason, for whoever may see the run."""
        run = self._find(request, pk)
        file = Path(settings.DATA_DIR) / run.rejects_path
        if not run.rejects_path or not file.is_file():
            raise Http404(_("This run has no rejects file."))
        return FileResponse(file.open("rb"), as_attachment=True, filename=f"rejects-{run.pk}{file.suffix}")

    def _find(self, request: HttpRequest, pk: int) -> ImportRun:
        """The run, for somebody who may see it; 404 where there is none, 403 for everybody else."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        return get_object_or_404(ImportRun.objects.select_related("by", "source", "job"), pk=pk)

    @admin.display(description=gettext_lazy("state"), ordering="state")
    def state_badge(self, run: ImportRun) -> SafeString:
        return pages.state_badge(run)

    @admin.display(description=gettext_lazy("created"))
    def created_shown(self, run: ImportRun) -> str:
        return ", ".join(f"{label} {count}" for label, count in pages.counted(run.created_counts)) or NOTHING

    @admin.display(description=gettext_lazy("rejected rows"), ordering="rejected_count")
    def rejects(self, run: ImportRun) -> SafeString | str:
        if not run.rejects_path:
            return str(run.rejected_count)
        link = reverse("admin:customers_importrun_rejects", args=[run.pk])
        return format_html('{} · <a class="crm-link" href="{}">{}</a>', run.rejected_count, link, _("download"))

    @admin.display(description=gettext_lazy("started"), ordering="started_at")
    def started(self, run: ImportRun) -> str:
        return moment(run.started_at)

    @admin.display(description=pgettext_lazy("time", "finished"), ordering="finished_at")
    def finished(self, run: ImportRun) -> str:
        return moment(run.finished_at)

    @admin.display(description=gettext_lazy("by"))
    def actor(self, run: ImportRun) -> str:
        return staff_name(run.by)
