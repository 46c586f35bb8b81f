from __future__ import annotations

from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import FileResponse, Http404, HttpRequest
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from customers.models import ImportRun

from .base import ReadOnlyAdmin
from .cells import NOTHING, badge, moment, staff_name

KINDS = {
    ImportRun.State.RUNNING: "info",
    ImportRun.State.FINISHED: "success",
    ImportRun.State.REFUSED: "warning",
    ImportRun.State.FAILED: "danger",
}


@admin.register(ImportRun)
class ImportRunAdmin(ReadOnlyAdmin):
    list_display = ("started", "state_badge", "format", "file_name", "created_shown", "rejects", "finished", "actor")
    list_select_related = ("by",)
    list_filter = ("state", "format")
    ordering = ("-pk",)
    fields = (
        "format",
        "file_name",
        "state_badge",
        "message",
        "created_shown",
        "rejects",
        "started_at",
        "finished_at",
        "actor",
    )
    empty_list_text = gettext_lazy("Nothing was imported yet: python manage.py import_shop FORMAT PATH")

    def get_urls(self) -> list[URLPattern]:
        download = self.admin_site.admin_view(self.download_rejects)
        own = [path("<int:pk>/rejects/", download, name="customers_importrun_rejects")]
        return own + super().get_urls()

    def download_rejects(self, request: HttpRequest, pk: int) -> FileResponse:
        """The rows that were not imported, with line, column and reason, for whoever may see the run."""
        run = get_object_or_404(ImportRun, pk=pk)
        if not self.has_view_permission(request, run):
            raise PermissionDenied
        file = Path(settings.DATA_DIR) / run.rejects_path
        if not run.rejects_path or not file.is_file():
            raise Http404(_("This run has no rejects file."))
        return FileResponse(file.open("rb"), as_attachment=True, filename=f"rejects-{run.pk}{file.suffix}")

    @admin.display(description=gettext_lazy("state"), ordering="state")
    def state_badge(self, run: ImportRun) -> SafeString:
        return badge(run.get_state_display(), kind=KINDS[ImportRun.State(run.state)])

    @admin.display(description=gettext_lazy("created"))
    def created_shown(self, run: ImportRun) -> str:
        counts: dict[str, Any] = run.created_counts
        return ", ".join(f"{kind} {count}" for kind, count in counts.items()) or NOTHING

    @admin.display(description=gettext_lazy("rejected rows"), ordering="rejected_count")
    def rejects(self, run: ImportRun) -> SafeString | str:
        if not run.rejects_path:
            return str(run.rejected_count)
        link = reverse("admin:customers_importrun_rejects", args=[run.pk])
        return format_html('{} · <a class="crm-link" href="{}">{}</a>', run.rejected_count, link, _("download"))

    @admin.display(description=gettext_lazy("started"), ordering="started_at")
    def started(self, run: ImportRun) -> str:
        return moment(run.started_at)

    @admin.display(description=gettext_lazy("finished"), ordering="finished_at")
    def finished(self, run: ImportRun) -> str:
        return moment(run.finished_at)

    @admin.display(description=gettext_lazy("by"))
    def actor(self, run: ImportRun) -> str:
        return staff_name(run.by)
