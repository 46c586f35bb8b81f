"""Possible duplicates, the page that puts two customers side by side, and the record of what was merged."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Prefetch, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from customers.models import ContactValue, Customer, Duplicate, Merge
from customers.services import jobs, merges
from customers.services.merges import FindDuplicates

from .base import ReadOnlyAdmin
from .cells import NOTHING, moment, staff_name
from .customer_rows import customer_name, linked_name, with_columns, with_names
from .sides import sides_of
from .staff import signed_in

SHOWN_MATCHES = 8


class MergeForm(forms.Form):
    """Which of the two stays, and why they are one."""

    kept = forms.IntegerField()
    reason = forms.CharField(label=gettext_lazy("reason"), max_length=200, required=False)


class SearchForm(forms.Form):
    q = forms.CharField(max_length=200, required=False)


@admin.register(Duplicate)
class DuplicateAdmin(ReadOnlyAdmin):
    list_display = ("first_shown", "second_shown", "shared_shown", "found", "compare")
    list_display_links = None
    ordering = ("-found_at", "-pk")
    empty_list_text = gettext_lazy(
        "No possible duplicates. “Look for duplicates” compares the phones, e-mails, names and addresses of everybody."
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        people = with_names(Customer.objects.all(), request, timezone.now())
        seen = Duplicate.objects.undecided().visible_to(signed_in(request))
        with_people = seen.prefetch_related(Prefetch("first", people), Prefetch("second", people))
        return merges.with_shared_kinds(with_people)

    def get_urls(self) -> list[URLPattern]:
        own = [
            path("find/", self.admin_site.admin_view(find_view), name="customers_duplicate_find"),
            path(
                "compare/<int:first>/<int:second>/",
                self.admin_site.admin_view(compare_view),
                name="customers_duplicate_compare",
            ),
            path("<int:pk>/dismiss/", self.admin_site.admin_view(dismiss_view), name="customers_duplicate_dismiss"),
            path("of/<int:pk>/", self.admin_site.admin_view(partner_view), name="customers_duplicate_partner"),
        ]
        return own + super().get_urls()

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        found = self.get_object(request, object_id)
        if found is None:
            raise Http404
        return redirect("admin:customers_duplicate_compare", found.first_id, found.second_id)

    @admin.display(description=gettext_lazy("customer"))
    def first_shown(self, found: Duplicate) -> SafeString | str:
        return linked_name(found.first)

    @admin.display(description=gettext_lazy("perhaps the same"))
    def second_shown(self, found: Duplicate) -> SafeString | str:
        return linked_name(found.second)

    @admin.display(description=gettext_lazy("both have"))
    def shared_shown(self, found: Any) -> str:
        kinds = [kind for kind in ContactValue.Kind if getattr(found, f"shares_{kind.value}")]
        return ", ".join(str(kind.label) for kind in kinds) or NOTHING

    @admin.display(description=gettext_lazy("found"), ordering="found_at")
    def found(self, found: Duplicate) -> str:
        return moment(found.found_at)

    @admin.display(description=gettext_lazy("decide"))
    def compare(self, found: Duplicate) -> SafeString:
        url = reverse("admin:customers_duplicate_compare", args=[found.first_id, found.second_id])
        return format_html('<a class="crm-button is-small is-plain" href="{}">{}</a>', url, _("Compare"))


@admin.register(Merge)
class MergeAdmin(ReadOnlyAdmin):
    list_display = ("at_shown", "kept_shown", "merged_shown", "moved_shown", "actor", "reason")
    list_display_links = None
    list_select_related = ("by",)
    ordering = ("-pk",)
    empty_list_text = gettext_lazy("Nobody was merged yet. Begin with the possible duplicates.")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Merge]:
        people = with_names(Customer.objects.all(), request, timezone.now())
        seen = Customer.objects.visible_to(signed_in(request))
        return Merge.objects.filter(kept__in=seen).prefetch_related(Prefetch("kept", people))

    @admin.display(description=gettext_lazy("at"), ordering="at")
    def at_shown(self, done: Merge) -> str:
        return moment(done.at)

    @admin.display(description=gettext_lazy("kept customer"))
    def kept_shown(self, done: Merge) -> SafeString | str:
        return linked_name(done.kept)

    @admin.display(description=gettext_lazy("merged customer"))
    def merged_shown(self, done: Merge) -> str:
        return f"#{done.merged_id}"

    @admin.display(description=gettext_lazy("what moved"))
    def moved_shown(self, done: Merge) -> str:
        return ", ".join(f"{label} {count}" for label, count in merges.moved_counts(done)) or NOTHING

    @admin.display(description=gettext_lazy("by"))
    def actor(self, done: Merge) -> str:
        return staff_name(done.by)


def _require_right(request: HttpRequest) -> None:
    if not request.user.has_perm("customers.merge_customer"):
        raise PermissionDenied(_("Only a lead or a manager merges customers."))


@require_POST
def find_view(request: HttpRequest) -> HttpResponse:
    """Look through the whole shop in the background."""
    _require_right(request)
    return redirect(jobs.start(FindDuplicates.name, by=signed_in(request), at=timezone.now()))


@require_POST
def dismiss_view(request: HttpRequest, pk: int) -> HttpResponse:
    _require_right(request)
    found = get_object_or_404(Duplicate.objects.visible_to(signed_in(request)), pk=pk)
    merges.dismiss(found, by=signed_in(request), at=timezone.now())
    messages.success(request, _("These two are not suggested again."))
    return redirect("admin:customers_duplicate_changelist")


def compare_view(request: HttpRequest, first: int, second: int) -> HttpResponse:
    """Two customers side by side, with what would move; posted with the one who stays, they are merged."""
    _require_right(request)
    at, user = timezone.now(), signed_in(request)
    if first == second:
        raise Http404
    two = Customer.objects.visible_to(user).filter(Q(pk=first) | Q(pk=second))
    rows = with_columns(two, request, at).in_bulk()
    if len(rows) < 2:
        raise Http404
    form = MergeForm(request.POST or None)
    if request.method == "POST" and form.is_valid() and form.cleaned_data["kept"] in rows:
        kept = rows.pop(form.cleaned_data["kept"])
        (merged,) = rows.values()
        try:
            merges.merge(kept, merged, by=user, at=at, reason=form.cleaned_data["reason"])
        except (merges.MayNotMerge, ValidationError) as error:
            messages.error(request, _sentence(error))
            return redirect(request.path)
        messages.success(request, _("They are one customer now."))
        return redirect(kept)
    if request.method == "POST":
        messages.error(request, _("Choose which of the two stays."))
        return redirect(request.path)
    shown = {
        **admin.site.each_context(request),
        "title": _("Compare two customers"),
        "sides": [(side, merges.preview(side.customer)) for side in sides_of([rows[first], rows[second]])],
        "suggestion": Duplicate.objects.undecided().filter(first=min(rows), second=max(rows)).first(),
        "form": form,
    }
    return TemplateResponse(request, "admin/customers/duplicate/compare.html", shown)


def _sentence(error: Exception) -> str:
    return " ".join(error.messages) if isinstance(error, ValidationError) else str(error)


def partner_view(request: HttpRequest, pk: int) -> HttpResponse:
    """Whom a customer could be merged with: the suggestions about him, and whoever a search finds."""
    _require_right(request)
    at, user = timezone.now(), signed_in(request)
    seen = Customer.objects.visible_to(user)
    customer = get_object_or_404(with_names(seen, request, at), pk=pk)
    form = SearchForm(request.GET)
    text = form.cleaned_data["q"].strip() if form.is_valid() else ""
    named = seen.search(text).exclude(pk=pk) if text else merges.suggested_with(customer, among=seen)
    found = list(with_names(named, request, at).order_by("pk")[: SHOWN_MATCHES + 1])
    shown = {
        **admin.site.each_context(request),
        "title": _("Merge with another customer"),
        "customer": customer,
        "customer_name": customer_name(customer),
        "query": text,
        "matches": [
            (reverse("admin:customers_duplicate_compare", args=[pk, row.pk]), customer_name(row))
            for row in found[:SHOWN_MATCHES]
        ],
        "has_more": len(found) > SHOWN_MATCHES,
    }
    return TemplateResponse(request, "admin/customers/duplicate/partner.html", shown)


def merge_box(customer: Customer, request: HttpRequest, at: datetime) -> dict[str, Any]:
    """The box of the customer page, for whoever may merge: how many he may be the same as."""
    if not request.user.has_perm("customers.merge_customer"):
        return {"may_merge": False}
    seen = Customer.objects.visible_to(signed_in(request))
    return {
        "may_merge": True,
        "suggested_count": merges.suggested_with(customer, among=seen).count(),
        "partner_url": reverse("admin:customers_duplicate_partner", args=[customer.pk]),
    }
