"""The bell: news for whoever is signed in, on every page, with its list and what each person wants to be told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from customers.models import Notification
from customers.models.notification import NotificationQuerySet
from customers.parts import parts
from customers.row_ids import row_id
from customers.services import notifications

from .base import Chip, PanelChangeList, ReadOnlyAdmin
from .cells import badge, moment
from .staff import came_from, signed_in

# More unread ones than this are not counted: the bell says "99+".
MOST_COUNTED = 99
SHOWN = 20


class PreferencesForm(forms.Form):
    kinds = forms.MultipleChoiceField(
        label=gettext_lazy("Tell me at the bell"), required=False, widget=forms.CheckboxSelectMultiple
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["kinds"]
        assert isinstance(field, forms.MultipleChoiceField)  # noqa: S101  (for the types)
        field.choices = [(kind.name, capfirst(str(kind.label))) for kind in parts.notification_kinds.values()]


def bell(request: HttpRequest) -> dict[str, Callable[[], str]]:
    """For the header of every page: how many are unread. A template that does not show it asks nothing."""
    return {"unread_notifications": lambda: _unread(request)}


def _own(request: HttpRequest) -> NotificationQuerySet:
    return Notification.objects.of(signed_in(request))


def _unread(request: HttpRequest) -> str:
    """How many are unread, as the bell shows it; empty for none."""
    count = _own(request).unread()[: MOST_COUNTED + 1].count()
    return f"{MOST_COUNTED}+" if count > MOST_COUNTED else str(count or "")


@never_cache
@require_safe
def unread_view(request: HttpRequest) -> JsonResponse:
    """The number at the bell; its script asks while the page is in sight."""
    return JsonResponse({"unread": _unread(request)})


@never_cache
@require_safe
def newest_view(request: HttpRequest) -> HttpResponse:
    """What opens under the bell."""
    newest = _own(request).newest_first()[:SHOWN]
    rows = [
        {"notification": row, "sentence": notifications.sentence(row), "at": moment(row.created_at)} for row in newest
    ]
    return TemplateResponse(request, "admin/customers/notification/newest.html", {"rows": rows})


@never_cache
@require_safe
def open_view(request: HttpRequest, pk: int) -> HttpResponse:
    """Go to the page that it is about, and note that it was read: a link, so that it opens in a tab of its own too."""
    chosen = get_object_or_404(_own(request), pk=pk)
    notifications.mark_read(_own(request).filter(pk=chosen.pk), at=timezone.now())
    return redirect(chosen.url or reverse("admin:customers_notification_changelist"))


@require_POST
def read_all_view(request: HttpRequest) -> HttpResponse:
    notifications.mark_read(_own(request), at=timezone.now())
    return redirect(came_from(request, default=reverse("admin:customers_notification_changelist")))


def preferences_view(request: HttpRequest) -> HttpResponse:
    """What I want to be told at the bell."""
    user = signed_in(request)
    unwanted = notifications.unwanted_kinds(user)
    form = PreferencesForm(
        request.POST if request.method == "POST" else None,
        initial={"kinds": [name for name in parts.notification_kinds if name not in unwanted]},
    )
    if form.is_valid():
        notifications.choose_kinds(user, form.cleaned_data["kinds"])
        messages.success(request, _("The bell tells you what you chose."))
        return redirect("admin:customers_notification_preferences")
    context = {**admin.site.each_context(request), "title": _("Notifications"), "form": form}
    return TemplateResponse(request, "admin/customers/notification/preferences.html", context)


class NotificationChangeList(PanelChangeList):
    """The list with its quick choices: all, unread."""

    chips: list[Chip]

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        unread = "read_at__isnull" in request.GET
        self.chips = [
            Chip(_("All"), "?", is_on=not unread),
            Chip(_("Unread"), "?read_at__isnull=True", is_on=unread),
        ]


@admin.register(Notification)
class NotificationAdmin(ReadOnlyAdmin):
    """One's own and nobody else's, whoever asks."""

    list_display = ("told", "kind_shown", "created", "state")
    list_display_links = None
    list_per_page = SHOWN
    ordering = ("-created_at", "-pk")
    actions = None
    empty_list_text = gettext_lazy("Nothing has happened yet that concerns you.")

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.is_active

    def has_module_permission(self, request: HttpRequest) -> bool:
        return False

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[NotificationChangeList]:
        return NotificationChangeList

    def get_queryset(self, request: HttpRequest) -> QuerySet[Notification]:
        return _own(request)

    def get_urls(self) -> list[URLPattern]:
        doors: list[tuple[str, str, Callable[..., HttpResponse]]] = [
            ("unread/", "unread", unread_view),
            ("newest/", "newest", newest_view),
            ("<int:pk>/open/", "open", open_view),
            ("read-all/", "read_all", read_all_view),
            ("preferences/", "preferences", preferences_view),
        ]
        own = [
            path(address, self.admin_site.admin_view(view), name=f"customers_notification_{name}")
            for address, name, view in doors
        ]
        return own + super().get_urls()

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """It has no page of its own: it leads to what it is about."""
        return open_view(request, row_id(object_id) or 0)

    @admin.display(description=gettext_lazy("what happened"))
    def told(self, row: Notification) -> SafeString:
        link = reverse("admin:customers_notification_open", args=[row.pk])
        return format_html('<a class="crm-link" href="{}">{}</a>', link, notifications.sentence(row))

    @admin.display(description=gettext_lazy("kind"))
    def kind_shown(self, row: Notification) -> str:
        kind = parts.notification_kinds.get(row.kind)
        return str(kind.label) if kind else row.kind

    @admin.display(description=gettext_lazy("when"))
    def created(self, row: Notification) -> str:
        return moment(row.created_at)

    @admin.display(description=gettext_lazy("state"))
    def state(self, row: Notification) -> SafeString | str:
        return badge(_("unread"), kind="info") if row.read_at is None else _("read")
