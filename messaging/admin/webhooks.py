"""Endpoints, group robots, and the log of what went out to them: for managers."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_POST
from unfold.paginator import InfinitePaginator

from customers.admin.base import PanelAdmin, ReadOnlyAdmin
from customers.admin.cells import NOTHING, badge, moment
from customers.admin.staff import signed_in
from customers.parts import parts
from messaging.models import Endpoint, Robot, WebhookDelivery, WebhookTarget
from messaging.services import webhooks

from .webhook_forms import EndpointForm, RobotForm, masked_url

State = WebhookDelivery.State
KINDS = {State.WAITING: "info", State.DELIVERED: "success", State.FAILED: "danger"}
# What a manager changes to mend a target: then it is tried again at once.
MENDS = {"is_active", "url", "secret", "style"}


def log_url(target: WebhookTarget) -> str:
    return f"{reverse('admin:messaging_webhookdelivery_changelist')}?{urlencode({'target': target.pk})}"


class TargetAdmin(PanelAdmin):
    """What endpoints and robots have in common."""

    ordering = ("name", "pk")
    change_form_template = "admin/messaging/webhook/target.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        waiting = WebhookDelivery.objects.open().filter(target=OuterRef("pk")).order_by().values("target")
        count = Subquery(waiting.annotate(count=Count("pk")).values("count"))
        rows: QuerySet[Any] = super().get_queryset(request)
        counted: QuerySet[Any] = rows.annotate(waiting_count=Coalesce(count, 0))
        return counted

    def get_urls(self) -> list[URLPattern]:
        name = f"{self.opts.app_label}_{self.opts.model_name}_test"
        test = path("<int:pk>/test/", self.admin_site.admin_view(require_POST(self.test_view)), name=name)
        return [test, *super().get_urls()]

    def test_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Send a made-up event now, and say what came back."""
        target = get_object_or_404(self.model, pk=pk)
        if not self.has_change_permission(request, target):
            raise PermissionDenied
        row = webhooks.test(target, by=signed_in(request), at=timezone.now())
        if row.state == State.DELIVERED:
            messages.success(request, _("The test arrived (HTTP %(code)d).") % {"code": row.response_code or 0})
        else:
            messages.error(request, _("The test did not arrive: %(error)s") % {"error": row.last_error})
        return redirect(target.get_absolute_url())

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        target = self.get_object(request, object_id)
        context: dict[str, Any] = dict(extra_context or {})
        if target and self.has_view_permission(request, target):
            context |= {
                "target": target,
                "state": self.state_badge(target),
                "log_url": log_url(target),
                "failing_since": moment(target.failing_since) if target.failing_since else "",
                "may_test": self.has_change_permission(request, target),
            }
        page: HttpResponse = super().change_view(request, object_id, form_url, context)
        return page

    def save_model(self, request: HttpRequest, obj: Any, form: ModelForm[Any], change: bool) -> None:
        super().save_model(request, obj, form, change)
        if change and MENDS & set(form.changed_data):
            webhooks.resume(obj)
        if made := getattr(form, "made_secret", ""):
            text = _("The secret, shown this once: %(secret)s") % {"secret": made}
            messages.warning(request, text)

    @admin.display(description=gettext_lazy("state"), ordering="is_active")
    def state_badge(self, target: Any) -> SafeString:
        if target.stopped_at and not target.is_active:
            return badge(_("switched off by itself"), kind="danger")
        if not target.is_active:
            return badge(_("off"), kind="plain")
        return badge(_("failing"), kind="warning") if target.failures else badge(_("on"), kind="success")

    @admin.display(description=gettext_lazy("waiting"))
    def waiting_shown(self, target: Any) -> SafeString:
        return format_html('<a class="crm-link" href="{}">{}</a>', log_url(target), target.waiting_count)

    @admin.display(description=gettext_lazy("last error"))
    def error_shown(self, target: Any) -> str:
        return target.last_error or NOTHING


@admin.register(Endpoint)
class EndpointAdmin(TargetAdmin):
    form = EndpointForm
    list_display = ("name", "source", "url", "state_badge", "waiting_shown", "error_shown")
    list_select_related = ("source",)
    fields = ("name", "source", "url", "new_secret", "is_active")
    empty_list_text = gettext_lazy(
        "No endpoints yet. Add the address of your storefront or chat tool, and it is told each answer to a customer."
    )


@admin.register(Robot)
class RobotAdmin(TargetAdmin):
    form = RobotForm
    list_display = ("name", "style", "url_shown", "kinds_shown", "state_badge", "waiting_shown", "error_shown")
    fields = ("name", "style", "new_url", "new_secret", "kinds", "language", "is_active")
    empty_list_text = gettext_lazy(
        "No group robots yet. Add a robot to your group in DingTalk, WeCom or Feishu and paste its address here."
    )

    @admin.display(description=gettext_lazy("address"))
    def url_shown(self, robot: Robot) -> str:
        return masked_url(robot.url)

    @admin.display(description=gettext_lazy("tells"))
    def kinds_shown(self, robot: Robot) -> str:
        labels = (parts.notification_kinds[name].label for name in robot.kinds if name in parts.notification_kinds)
        return ", ".join(str(label) for label in labels) or NOTHING


@admin.register(WebhookDelivery)
class WebhookDeliveryAdmin(ReadOnlyAdmin):
    """The log: opened for one target (`?target=`), or all of them."""

    list_display = (
        "created",
        "target_link",
        "event_shown",
        "state_badge",
        "attempts",
        "answer",
        "error",
        "next_attempt",
    )
    list_filter = ("state",)
    list_select_related = ("target",)
    ordering = ("-pk",)
    show_facets = admin.ShowFacets.NEVER
    actions = ("replay",)
    fields = (
        "target_link",
        "event_shown",
        "webhook_id",
        "state_badge",
        "attempts",
        "answer",
        "error",
        "created",
        "content",
    )
    empty_list_text = gettext_lazy("Nothing went out yet.")

    def get_paginator(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Paginator[WebhookDelivery]:
        """Rows of all times are not counted."""
        without_count: Paginator[WebhookDelivery] = InfinitePaginator(*args, **kwargs)
        return without_count

    def has_replay_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("messaging.change_endpoint")

    @admin.action(description=gettext_lazy("Send again"), permissions=["replay"])
    def replay(self, request: HttpRequest, rows: QuerySet[WebhookDelivery]) -> None:
        chosen = WebhookDelivery.objects.filter(pk__in=rows.order_by().values("pk"))
        count = webhooks.replay(chosen, by=signed_in(request), at=timezone.now())
        if count:
            sentence = ngettext("%(count)d goes out again.", "%(count)d go out again.", count)
            messages.success(request, sentence % {"count": count})
        else:
            messages.warning(
                request, _("None of these can be sent again: only settled ones of an endpoint that is switched on.")
            )

    @admin.display(description=gettext_lazy("created"))
    def created(self, row: WebhookDelivery) -> str:
        return moment(row.created_at)

    @admin.display(description=gettext_lazy("target"))
    def target_link(self, row: WebhookDelivery) -> SafeString:
        return format_html(
            '<a class="crm-link" href="{}">{}</a>', f"?{urlencode({'target': row.target_id})}", row.target
        )

    @admin.display(description=gettext_lazy("event"))
    def event_shown(self, row: WebhookDelivery) -> str:
        """By its name for software, in words where it is news for people."""
        kind = parts.notification_kinds.get(row.event)
        return str(kind.label) if kind else row.event

    @admin.display(description=gettext_lazy("state"))
    def state_badge(self, row: WebhookDelivery) -> SafeString:
        return badge(row.get_state_display(), kind=KINDS[State(row.state)])

    @admin.display(description=gettext_lazy("answer"))
    def answer(self, row: WebhookDelivery) -> str:
        return f"HTTP {row.response_code}" if row.response_code else NOTHING

    @admin.display(description=gettext_lazy("last error"))
    def error(self, row: WebhookDelivery) -> str:
        return row.last_error or NOTHING

    @admin.display(description=gettext_lazy("next attempt"))
    def next_attempt(self, row: WebhookDelivery) -> str:
        return moment(row.next_at)

    @admin.display(description=gettext_lazy("content"))
    def content(self, row: WebhookDelivery) -> SafeString:
        text = json.dumps(row.payload, ensure_ascii=False, indent=2)
        return format_html('<pre class="crm-code">{}</pre>', text)
