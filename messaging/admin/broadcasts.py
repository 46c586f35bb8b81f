from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from blocklist.admin.why import standing_bans_url
from customers.admin.base import PanelAdmin
from customers.admin.cells import NOTHING, moment, staff_name
from customers.admin.staff import signed_in
from customers.models import Customer, Product
from customers.row_ids import row_id
from messaging.channels import get_channel
from messaging.models import Broadcast, Delivery
from messaging.rendering import called, fill, title
from messaging.services import broadcasts

from .announcing import AnnounceForm, default_text
from .figures import figures, figures_as_json, ledger_url, number, state_badge

if TYPE_CHECKING:
    from typing import TypedDict

    from django_stubs_ext import WithAnnotations

    class Counts(TypedDict):
        waiting_count: int
        sent_count: int
        excluded_count: int
        failed_count: int

    CountedBroadcast = WithAnnotations[Broadcast, Counts]


def nick_of(customer: Customer) -> str:
    """The nick that a message calls him by: that of his first account, or its number; empty for a guest."""
    account = customer.accounts.order_by("pk").first()
    return (account.nick or account.external_id) if account else ""


@admin.register(Broadcast)
class BroadcastAdmin(PanelAdmin):
    """Announcing a product: a draft, its preview, sending, watching it. Nothing is edited once it has started."""

    form = AnnounceForm
    list_display = (
        "title_shown",
        "state_badge",
        "product",
        "audience_column",
        "audience_size",
        "sent",
        "excluded",
        "failed",
        "sender",
        "started",
    )
    list_select_related = ("product", "by", "agent", "group")
    list_filter = ("state", "channel")
    list_per_page = 20  # each line counts its ledger
    ordering = ("-pk",)
    search_fields = ("subject", "product__name")
    search_help_text = gettext_lazy("Subject or product")
    actions = None
    empty_list_text = gettext_lazy("No broadcasts yet. Mark a product as new, then announce it.")
    show_facets = admin.ShowFacets.NEVER
    warn_unsaved_form = True
    show_add_link = False  # the list has a button with words
    fields = ("product", "audience", "agent", "level", "group", "channel", "subject", "body")
    change_form_template = "admin/messaging/broadcast/announce.html"

    # Who may -----------------------------------------------------------------------------------------------------

    def has_add_permission(self, request: HttpRequest) -> bool:
        return bool(super().has_add_permission(request)) and broadcasts.may_announce(signed_in(request))

    def has_change_permission(self, request: HttpRequest, obj: Broadcast | None = None) -> bool:
        if obj is None:
            return bool(super().has_change_permission(request))
        return obj.is_draft() and not broadcasts.why_may_not_send(obj, signed_in(request))

    # The list ----------------------------------------------------------------------------------------------------

    def get_queryset(self, request: HttpRequest) -> QuerySet[Broadcast]:
        return Broadcast.objects.with_counts()

    @admin.display(description=gettext_lazy("subject"), ordering="subject")
    def title_shown(self, broadcast: Broadcast) -> str:
        return title(broadcast)

    @admin.display(description=gettext_lazy("state"), ordering="state")
    def state_badge(self, broadcast: Broadcast) -> SafeString:
        return state_badge(broadcast)

    @admin.display(description=gettext_lazy("audience"))
    def audience_column(self, broadcast: Broadcast) -> str:
        return broadcast.audience_name()

    @admin.display(description=gettext_lazy("audience size"))
    def audience_size(self, broadcast: CountedBroadcast) -> str:
        settled = broadcast.sent_count + broadcast.excluded_count + broadcast.failed_count
        return self._count(broadcast, broadcast.waiting_count + settled)

    @admin.display(description=gettext_lazy("sent"))
    def sent(self, broadcast: CountedBroadcast) -> str:
        return self._count(broadcast, broadcast.sent_count, state__exact=Delivery.State.SENT)

    @admin.display(description=gettext_lazy("excluded"))
    def excluded(self, broadcast: CountedBroadcast) -> str:
        return self._count(broadcast, broadcast.excluded_count, state__exact=Delivery.State.EXCLUDED)

    @admin.display(description=gettext_lazy("failed"))
    def failed(self, broadcast: CountedBroadcast) -> str:
        return self._count(broadcast, broadcast.failed_count, state__exact=Delivery.State.FAILED)

    def _count(self, broadcast: Broadcast, count: int, **lookups: str) -> str:
        if broadcast.is_draft():
            return NOTHING
        return format_html('<a href="{}">{}</a>', ledger_url(broadcast, **lookups), number(count))

    @admin.display(description=gettext_lazy("by"), ordering="by")
    def sender(self, broadcast: Broadcast) -> str:
        return staff_name(broadcast.by)

    @admin.display(description=gettext_lazy("started"), ordering="started_at")
    def started(self, broadcast: Broadcast) -> str:
        return moment(broadcast.started_at)

    # Writing a draft ---------------------------------------------------------------------------------------------

    def get_form(self, request: HttpRequest, obj: Broadcast | None = None, change: bool = False, **kwargs: Any) -> Any:
        form: Any = super().get_form(request, obj, change=change, **kwargs)
        form.user = signed_in(request)
        return form

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        asked = row_id(request.GET.get("product"))
        product = Product.objects.filter(pk=asked).first() if asked else None
        return {**default_text(product), "product": product.pk if product else None}

    def save_model(self, request: HttpRequest, obj: Any, form: ModelForm[Any], change: bool) -> None:
        store = broadcasts.change_draft if change else broadcasts.save_draft
        store(obj, by=signed_in(request), at=timezone.now())

    def response_add(self, request: HttpRequest, obj: Broadcast, post_url_continue: str | None = None) -> HttpResponse:
        return HttpResponseRedirect(reverse("admin:messaging_broadcast_preview", args=[obj.pk]))

    def response_change(self, request: HttpRequest, obj: Broadcast) -> HttpResponse:
        return HttpResponseRedirect(reverse("admin:messaging_broadcast_preview", args=[obj.pk]))

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        try:
            page: HttpResponse = super().changeform_view(request, object_id, form_url, extra_context)
        except broadcasts.MayNotSend as refusal:
            return self._refused(request, str(refusal))
        except broadcasts.AlreadyStarted as late:
            messages.warning(request, str(late))
            return HttpResponseRedirect(reverse("admin:messaging_broadcast_changelist"))
        return page

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        if not broadcasts.may_announce(signed_in(request)):
            return self._refused(request, broadcasts.why_may_not_send(Broadcast(), signed_in(request)))
        context = {"title": _("Announce a new product"), **(extra_context or {})}
        page: HttpResponse = super().add_view(request, form_url, context)
        return page

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """A draft is edited; whatever has been started is looked at."""
        broadcast = self._find(request, object_id)
        if not broadcast.is_draft():
            return self._page(request, broadcast)
        if why := broadcasts.why_may_not_send(broadcast, signed_in(request)):
            return self._refused(request, why)
        context = {"title": _("Edit the draft"), **(extra_context or {})}
        page: HttpResponse = super().change_view(request, object_id, form_url, context)
        return page

    # Preview, sending, progress ----------------------------------------------------------------------------------

    def get_urls(self) -> list[URLPattern]:
        doors = {"preview": self.preview_view, "send": require_POST(self.send_view), "progress": self.progress_view}
        return [
            *(
                path(f"<int:object_id>/{name}/", self.admin_site.admin_view(view), name=f"messaging_broadcast_{name}")
                for name, view in doors.items()
            ),
            *super().get_urls(),
        ]

    def preview_view(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """The exact counts, the text as one receiver will see it, and the button that sends."""
        broadcast = self._find(request, object_id)
        if not broadcast.is_draft():
            return HttpResponseRedirect(broadcast.get_absolute_url())
        if why := broadcasts.why_may_not_send(broadcast, signed_in(request)):
            return self._refused(request, why)
        at = timezone.now()
        counts = broadcasts.preview(broadcast, at=at)
        receiver = broadcasts.a_receiver(broadcast, at=at)
        context = {
            "title": _("Preview: %(subject)s") % {"subject": title(broadcast)},
            "counts": counts,
            "audience": number(counts.audience),
            "receiving": number(counts.receiving),
            "excluded": [_excluded(reason, count) for reason, count in counts.excluded.items()],
            "sample": filled_for(broadcast, called(nick_of(receiver)) if receiver else "{nick}"),
        }
        return self._render(request, "preview", broadcast, context)

    def send_view(self, request: HttpRequest, object_id: int) -> HttpResponse:
        broadcast = self._find(request, object_id)
        try:
            broadcasts.send(broadcast, by=signed_in(request), at=timezone.now())
        except broadcasts.MayNotSend as refusal:
            return self._refused(request, str(refusal))
        except broadcasts.AlreadyStarted as late:
            messages.warning(request, str(late))
        else:
            messages.success(request, _("The broadcast is on its way."))
        return HttpResponseRedirect(broadcast.get_absolute_url())

    def progress_view(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """The figures of the page as JSON; its script asks every second."""
        return JsonResponse(figures_as_json(self._find(request, object_id), at=timezone.now()))

    def _page(self, request: HttpRequest, broadcast: Broadcast) -> HttpResponse:
        if request.method == "POST":
            # an edit form that was still open when somebody sent the draft
            messages.warning(request, _("This broadcast has been started already; nothing was changed."))
        return self._render(
            request,
            "page",
            broadcast,
            {
                "title": title(broadcast),
                "figures": figures(broadcast, at=timezone.now()),
                "ledger_url": ledger_url(broadcast),
                "text": filled_for(broadcast, "{nick}"),
            },
        )

    # What they share ---------------------------------------------------------------------------------------------

    def _find(self, request: HttpRequest, object_id: str | int) -> Broadcast:
        """The broadcast, for somebody who may see it; 404 where there is none, 403 for everybody else."""
        rows = Broadcast.objects.select_related("product", "by", "agent", "group")
        broadcast = get_object_or_404(rows, pk=row_id(object_id))
        if not self.has_view_permission(request, broadcast):
            raise PermissionDenied
        return broadcast

    def _render(
        self, request: HttpRequest, page: str, broadcast: Broadcast, context: dict[str, Any]
    ) -> TemplateResponse:
        return TemplateResponse(
            request,
            f"admin/messaging/broadcast/{page}.html",
            {
                **self.admin_site.each_context(request),
                "opts": self.opts,
                "broadcast": broadcast,
                "channel": get_channel(broadcast.channel).label,
                **context,
            },
        )

    def _refused(self, request: HttpRequest, why: str) -> TemplateResponse:
        context = {**self.admin_site.each_context(request), "opts": self.opts, "title": _("Not allowed"), "why": why}
        return TemplateResponse(request, "admin/messaging/broadcast/refused.html", context, status=403)


def _excluded(reason: str, count: int) -> tuple[str, str, str]:
    """Why so many get nothing, and where one finds out more."""
    url = standing_bans_url() if reason == Delivery.Reason.BANNED else ""
    return str(Delivery.Reason(reason).label), number(count), url


def filled_for(broadcast: Broadcast, nick: str) -> dict[str, str]:
    """Subject and text as a customer of this nick will see them."""
    return {
        "nick": nick,
        "subject": fill(broadcast.subject, broadcast=broadcast, nick=nick),
        "body": fill(broadcast.body, broadcast=broadcast, nick=nick),
    }
