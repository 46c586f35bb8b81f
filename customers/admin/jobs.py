from __future__ import annotations

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from customers.models import Job

from .base import ReadOnlyAdmin
from .staff import signed_in


@admin.register(Job)
class JobAdmin(ReadOnlyAdmin):
    list_display = ("kind", "state", "total", "done_count", "refused_count", "created_at", "finished_at")
    ordering = ("-pk",)
    fields = ("kind", "state", "total", "done_count", "refused_count", "message", "created_at", "finished_at")
    empty_list_text = _("No jobs yet. A bulk action or an export on the customer list makes one.")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Job]:
        return Job.objects.visible_to(signed_in(request))
