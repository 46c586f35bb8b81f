"""Account links in the panel: the list, the page that puts two customers side by side, the customer page's box."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import F, Prefetch, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST
from unfold.widgets import UnfoldAdminTextInputWidget

from blocklist.models import AccountLink, bannable_by
from blocklist.services import links
from blocklist.services.link_proposals import FindLinks
from customers.admin.base import Chip, PanelChangeList, ReadOnlyAdmin
from customers.admin.cells import NOTHING, badge, moment, staff_name
from customers.admin.customer_rows import customer_name, linked_name, with_columns, with_names
from customers.admin.sides import sides_of
from customers.admin.staff import came_from, signed_in
from customers.models import Customer
from customers.row_ids import row_id
from customers.services import jobs

from .ban_pages import show_errors

State = AccountLink.State
TONES = {State.PROPOSED: "warning", State.CONFIRMED: "danger", State.DENIED: "plain"}
DECIDE = {State.CONFIRMED.value: links.confirm_link, State.DENIED.value: links.deny_link}
# On the customer's page, and of what a search finds.
SHOWN_LINKS, SHOWN_MATCHES = 5, 8


class DecisionForm(forms.Form):
    note = forms.CharField(
        label=gettext_lazy("Reason"), max_length=200, required=False, widget=UnfoldAdminTextInputWidget
    )


class SearchForm(forms.Form):
    q = forms.CharField(max_length=200, required=False)


class ShownFilter(admin.SimpleListFilter):
    """What waits for a decision and concerns somebody banned or watched comes first: nothing else is urgent."""

    title = gettext_lazy("show")
    parameter_name = "show"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(State.PROPOSED, _("all proposed")), (State.CONFIRMED, _("confirmed")), (State.DENIED, _("denied"))]

    def choices(self, changelist: Any) -> Any:
        first, *others = super().choices(changelist)
        return [{**first, "display": _("proposed, somebody banned or watched")}, *others]

    def queryset(self, request: HttpRequest, queryset: QuerySet[AccountLink]) -> QuerySet[AccountLink]:
        if self.value() in State.values:
            return queryset.filter(state=self.value())
        urgent = AccountLink.objects.proposed().with_suspect(timezone.now())
        return queryset.filter(pk__in=urgent.values("pk"))


class LinkChangeList(PanelChangeList):
    """The list with its quick choices."""

    chips: list[Chip]

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        choices: list[tuple[str, dict[str, str]]] = [
            (_("Somebody is banned or watched"), {}),
            (_("All proposed"), {"show": State.PROPOSED}),
            (_("Confirmed"), {"show": State.CONFIRMED}),
            (_("Denied"), {"show": State.DENIED}),
        ]
        shown = {name: values[-1] for name, values in self.get_filters_params().items()}
        self.chips = [Chip(label, f"?{urlencode(query)}", is_on=shown == query) for label, query in choices]


@admin.register(AccountLink)
class AccountLinkAdmin(ReadOnlyAdmin):
    """The list of links. They are decided on a page of their own, by the services, and edited nowhere."""

    list_display = (
        "first_shown",
        "second_shown",
        "reasons_shown",
        "confidence_shown",
        "state_shown",
        "decision",
        "compare",
    )
    list_filter = (ShownFilter,)
    list_select_related = ("decided_by",)
    list_display_links = None
    ordering = ("-confidence", "pk")
    empty_list_text = gettext_lazy(
        "No such link. “Look for links” compares the phones, e-mails, addresses and nicks of everybody."
    )

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[LinkChangeList]:
        return LinkChangeList

    def get_queryset(self, request: HttpRequest) -> QuerySet[AccountLink]:
        people = with_names(Customer.objects.all(), request, timezone.now())
        seen = AccountLink.objects.visible_to(signed_in(request))
        return seen.prefetch_related(Prefetch("first", people), Prefetch("second", people))

    def get_urls(self) -> list[URLPattern]:
        doors: list[tuple[str, str, Any]] = [
            ("find/", "blocklist_accountlink_find", find_view),
            ("of/<int:pk>/", "blocklist_accountlink_partner", partner_view),
            ("pair/<int:first>/<int:second>/", "blocklist_accountlink_pair", pair_view),
            ("<int:pk>/compare/", "blocklist_accountlink_compare", compare_view),
        ]
        own = [path(route, self.admin_site.admin_view(view), name=name) for route, name, view in doors]
        return own + super().get_urls()

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        return compare_view(request, row_id(object_id) or 0)

    @admin.display(description=gettext_lazy("customer"))
    def first_shown(self, link: AccountLink) -> SafeString | str:
        return linked_name(link.first)

    @admin.display(description=gettext_lazy("other customer"))
    def second_shown(self, link: AccountLink) -> SafeString | str:
        return linked_name(link.second)

    @admin.display(description=gettext_lazy("reasons"))
    def reasons_shown(self, link: AccountLink) -> str:
        return ", ".join(link.reason_labels())

    @admin.display(description=gettext_lazy("confidence"), ordering="confidence")
    def confidence_shown(self, link: AccountLink) -> str:
        return f"{link.confidence} %"

    @admin.display(description=gettext_lazy("state"))
    def state_shown(self, link: AccountLink) -> SafeString:
        return state_badge(link)

    @admin.display(description=gettext_lazy("decided"))
    def decision(self, link: AccountLink) -> str:
        return f"{staff_name(link.decided_by)}, {moment(link.decided_at)}" if link.decided_by else NOTHING

    @admin.display(description=gettext_lazy("decide"))
    def compare(self, link: AccountLink) -> SafeString:
        return format_html(
            '<a class="crm-button is-small is-plain" href="{}">{}</a>', link.get_absolute_url(), _("Compare")
        )


def state_badge(link: AccountLink) -> SafeString:
    return badge(link.get_state_display(), kind=TONES[State(link.state)], title=link.note)


def _require_view(request: HttpRequest) -> None:
    if not request.user.has_perm("blocklist.view_accountlink"):
        raise PermissionDenied


@require_POST
def find_view(request: HttpRequest) -> HttpResponse:
    """Look through the whole shop in the background."""
    if not request.user.has_perm("customers.merge_customer"):
        raise PermissionDenied(_("Only a lead or a manager looks through the whole shop."))
    return redirect(jobs.start(FindLinks.name, by=signed_in(request), at=timezone.now()))


def compare_view(request: HttpRequest, pk: int) -> HttpResponse:
    """The two customers of a link side by side; posted with a decision, it is confirmed or denied."""
    _require_view(request)
    at, user = timezone.now(), signed_in(request)
    seen = AccountLink.objects.visible_to(user).select_related("decided_by")
    link = get_object_or_404(seen, pk=pk)
    form = DecisionForm(request.POST or None)
    decide = DECIDE.get(request.POST.get("decision", ""))
    if decide and form.is_valid():
        try:
            decide(link, by=user, at=at, note=form.cleaned_data["note"])
        except ValidationError as error:
            show_errors(form, error)
        except links.MayNotDecideLink as refusal:
            messages.error(request, str(refusal))
            return redirect(link)
        else:
            messages.success(request, _said(decide))
            return redirect(came_from(request, default=reverse("admin:blocklist_accountlink_changelist")))
    why_not = links.why_may_not_decide(link, user, at=at)
    return _side_by_side(request, link.first_id, link.second_id, at, form=form, link=link, why_not=why_not)


def _said(decide: Any) -> str:
    if decide is links.confirm_link:
        return _("They are one person: a ban of either stops both.")
    return _("They are not one person. This link is not proposed again.")


def pair_view(request: HttpRequest, first: int, second: int) -> HttpResponse:
    """Two customers whom no link ties yet, side by side; posted with a reason, they are linked."""
    _require_view(request)
    at, user = timezone.now(), signed_in(request)
    two = _seen_pair(request, first, second)
    if link := AccountLink.objects.filter(first=two[0], second=two[1]).first():
        return redirect(link)
    form = DecisionForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            links.link_customers(two[0], two[1], by=user, at=at, note=form.cleaned_data["note"])
        except ValidationError as error:
            show_errors(form, error)
        except links.MayNotDecideLink as refusal:
            messages.error(request, str(refusal))
            return redirect(request.path)
        else:
            messages.success(request, _said(links.confirm_link))
            return redirect(came_from(request, default=two[0].get_absolute_url()))
    may = bannable_by(user, at=at).filter(pk__in=[customer.pk for customer in two]).count() == 2
    why_not = "" if may else links.why_only_some_decide()
    return _side_by_side(request, two[0].pk, two[1].pk, at, form=form, link=None, why_not=why_not)


def _seen_pair(request: HttpRequest, first: int, second: int) -> list[Customer]:
    """Both customers, the earlier one first; 404 where one is not there or not seen."""
    ids = {row_id(first) or 0, row_id(second) or 0}
    two = list(Customer.objects.visible_to(signed_in(request)).filter(pk__in=ids).order_by("pk"))
    if len(two) < 2:
        raise Http404
    return two


def _side_by_side(
    request: HttpRequest, first: int, second: int, at: datetime, *, link: AccountLink | None, **context: Any
) -> TemplateResponse:
    rows = with_columns(Customer.objects.filter(pk__in=[first, second]), request, at).in_bulk()
    shown = {
        **admin.site.each_context(request),
        "title": _("Are these two one person?"),
        "sides": sides_of([rows[first], rows[second]]),
        "link": link,
        "state": state_badge(link) if link else "",
        "actor": staff_name(link.decided_by) if link else "",
        "next": came_from(request, default=reverse("admin:blocklist_accountlink_changelist")),
        **context,
    }
    return TemplateResponse(request, "admin/blocklist/link/compare.html", shown)


def partner_view(request: HttpRequest, pk: int) -> HttpResponse:
    """With whom a customer could be linked: whoever a search finds."""
    _require_view(request)
    at = timezone.now()
    seen = Customer.objects.visible_to(signed_in(request))
    customer = get_object_or_404(with_names(seen, request, at), pk=row_id(pk) or 0)
    form = SearchForm(request.GET)
    text = form.cleaned_data["q"].strip() if form.is_valid() else ""
    named = seen.search(text).exclude(pk=customer.pk) if text else seen.none()
    found = list(with_names(named, request, at).order_by("pk")[: SHOWN_MATCHES + 1])
    shown = {
        **admin.site.each_context(request),
        "title": _("Link with another customer"),
        "customer": customer,
        "customer_name": customer_name(customer),
        "query": text,
        "matches": [
            (reverse("admin:blocklist_accountlink_pair", args=[customer.pk, row.pk]), customer_name(row))
            for row in found[:SHOWN_MATCHES]
        ],
        "has_more": len(found) > SHOWN_MATCHES,
    }
    return TemplateResponse(request, "admin/blocklist/link/partner.html", shown)


def links_of(customer: Customer, request: HttpRequest, at: datetime) -> dict[str, Any]:
    """What the box on his page shows: the confirmed and proposed links first, and the door to another."""
    if not request.user.has_perm("blocklist.view_accountlink"):
        return {"may_see_links": False}
    people = with_names(Customer.objects.all(), request, at)
    seen = AccountLink.objects.visible_to(signed_in(request)).of(customer)
    in_order = seen.order_by(F("decided_at").desc(nulls_first=True), "-confidence", "-pk")
    rows = list(in_order.prefetch_related(Prefetch("first", people), Prefetch("second", people))[: SHOWN_LINKS + 1])
    return {
        "may_see_links": True,
        "links": [
            (link, linked_name(link.second if link.first_id == customer.pk else link.first), state_badge(link))
            for link in rows[:SHOWN_LINKS]
        ],
        "has_more_links": len(rows) > SHOWN_LINKS,
        "link_address": reverse("admin:blocklist_accountlink_partner", args=[customer.pk]),
    }
