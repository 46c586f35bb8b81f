"""Appeals in the panel: the list with its figures, the page that opens one, and the page that decides it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Prefetch, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy
from django.views.decorators.http import require_POST
from unfold.widgets import UnfoldAdminTextareaWidget

from blocklist.models import Appeal, Ban, Evidence
from blocklist.services import appeal_figures, appeals
from customers.admin.base import ReadOnlyAdmin
from customers.admin.cells import badge, day, moment, staff_name
from customers.admin.customer_page import figures
from customers.admin.customer_rows import customer_name, linked_name, with_columns, with_names
from customers.admin.staff import came_from, of_seen_customers, signed_in
from customers.models import Customer, Inquiry

from .ban_pages import asked_inquiry, evidence_of_form, show_errors, talk_of
from .evidence_fields import EvidenceField
from .why import why

KINDS = {
    Appeal.State.OPEN: "warning",
    Appeal.State.UPHELD: "danger",
    Appeal.State.OVERTURNED: "success",
    Appeal.State.WITHDRAWN: "plain",
}
VIEW = "blocklist.view_appeal"


def _text(label: Any, help_text: Any, *, required: bool = True) -> forms.CharField:
    widget = UnfoldAdminTextareaWidget(attrs={"rows": 4})
    return forms.CharField(
        label=label, help_text=help_text, required=required, max_length=appeals.LONGEST_TEXT, widget=widget
    )


class AppealForm(forms.Form):
    text = _text(gettext_lazy("What the buyer says"), gettext_lazy("In his own words where you have them."))
    evidence = EvidenceField()
    without_talk = forms.BooleanField(label=gettext_lazy("Leave the conversation out"), required=False)


class DecisionForm(forms.Form):
    answer = _text(
        gettext_lazy("Answer to the buyer"),
        gettext_lazy("He reads it in his conversation with the shop: what was decided and why, in neutral words."),
    )
    note = _text(gettext_lazy("Note for colleagues"), gettext_lazy("The buyer never sees it."), required=False)


@admin.register(Appeal)
class AppealAdmin(ReadOnlyAdmin):
    """Opened from a ban or a conversation and decided on a page of their own, by the service; edited nowhere."""

    list_display = ("number", "person", "state_badge", "banned_by", "opened", "opener", "decided", "decider")
    list_filter = ("state", "ban__type")
    list_select_related = ("ban__by", "opened_by", "decided_by", "source")
    ordering = ("-pk",)
    empty_list_text = gettext_lazy("No appeals. An agent opens one from the page of a ban, or the storefront does.")
    change_list_template = "admin/blocklist/appeal/change_list.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Appeal]:
        customers = with_names(Customer.objects.all(), request, timezone.now())
        rows = of_seen_customers(super().get_queryset(request), request)
        return rows.prefetch_related(Prefetch("customer", customers))

    def get_urls(self) -> list[URLPattern]:
        own = [
            path("customer/<int:pk>/", self.admin_site.admin_view(open_view), name="blocklist_appeal_open"),
            path("<int:pk>/withdraw/", self.admin_site.admin_view(withdraw_view), name="blocklist_appeal_withdraw"),
        ]
        return own + super().get_urls()

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        figures_shown = {}
        if request.user.has_perm(appeals.DECIDE):
            every = Appeal.objects.all()
            figures_shown = {
                "overturned": [
                    (_("By type of ban"), appeal_figures.by_type(every)),
                    (_("By who banned"), appeal_figures.by_person(every)),
                ],
                "fewest": appeal_figures.FEWEST,
            }
        return super().changelist_view(request, {**(extra_context or {}), **figures_shown})

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        return appeal_view(request, object_id)

    @admin.display(description=gettext_lazy("appeal"), ordering="pk")
    def number(self, appeal: Appeal) -> str:
        return f"#{appeal.pk}"

    @admin.display(description=gettext_lazy("customer"))
    def person(self, appeal: Appeal) -> SafeString | str:
        return linked_name(appeal.customer)

    @admin.display(description=gettext_lazy("state"), ordering="state")
    def state_badge(self, appeal: Appeal) -> SafeString:
        return state_badge(appeal)

    @admin.display(description=gettext_lazy("banned by"))
    def banned_by(self, appeal: Appeal) -> str:
        return f"{staff_name(appeal.ban.by)}: {appeal.ban.get_type_display()}"

    @admin.display(description=pgettext_lazy("appeal", "opened"), ordering="opened_at")
    def opened(self, appeal: Appeal) -> SafeString | str:
        return day(appeal.opened_at)

    @admin.display(description=gettext_lazy("opened by"))
    def opener(self, appeal: Appeal) -> str:
        return opened_by(appeal)

    @admin.display(description=gettext_lazy("decided"), ordering="decided_at")
    def decided(self, appeal: Appeal) -> SafeString | str:
        return day(appeal.decided_at)

    @admin.display(description=gettext_lazy("decided by"))
    def decider(self, appeal: Appeal) -> str:
        return staff_name(appeal.decided_by)


def state_badge(appeal: Appeal) -> SafeString:
    return badge(appeal.get_state_display(), kind=KINDS[Appeal.State(appeal.state)])


def opened_by(appeal: Appeal) -> str:
    if appeal.opened_by is not None:
        return staff_name(appeal.opened_by)
    return _("the buyer, through %(source)s") % {"source": appeal.source}


def open_view(request: HttpRequest, pk: int) -> HttpResponse:
    """Open an appeal against the customer's standing ban; 403 without the right, 404 where no ban stands."""
    user, at = signed_in(request), timezone.now()
    if not user.has_perms(["customers.view_customer", "blocklist.add_appeal"]):
        raise PermissionDenied
    customer = get_object_or_404(with_columns(Customer.objects.visible_to(user), request, at), pk=pk)
    ban = Ban.objects.standing(at).filter(customer=customer).select_related("by", "lifted_by").first()
    if ban is None:
        raise Http404(_("This customer is not banned."))
    if standing := Appeal.objects.open().filter(ban=ban).first():
        messages.info(request, _("An appeal against this ban is open already."))
        return redirect(standing)
    form, inquiry = AppealForm(request.POST or None, request.FILES or None), asked_inquiry(request, customer)
    if request.method == "POST" and form.is_valid():
        files = [*form.cleaned_data["evidence"], *talk_of(form, inquiry, at)]
        try:
            appeal = appeals.open_appeal(
                ban, text=form.cleaned_data["text"], by=user, at=at, inquiry=inquiry, files=files
            )
        except appeals.CannotAppeal as error:
            messages.info(request, str(error))
            return redirect(customer)
        except ValidationError as error:
            show_errors(form, error)
        else:
            messages.success(request, _("The appeal is open; a manager decides it."))
            return redirect(appeal)
    shown = {
        **admin.site.each_context(request),
        "title": _("Open an appeal"),
        "customer": customer,
        "customer_name": customer_name(customer),
        "figures": figures(customer),
        "why": why(ban),
        "form": form,
        "next": came_from(request, default=customer.get_absolute_url()),
        **evidence_of_form(inquiry),
    }
    return TemplateResponse(request, "admin/blocklist/appeal/form.html", shown)


def appeal_view(request: HttpRequest, pk: int | str) -> HttpResponse:
    """The appeal, and for whoever may decide it the decision."""
    user, at, appeal = signed_in(request), timezone.now(), _seen(request, pk)
    form = DecisionForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        decide = appeals.DECISIONS.get(request.POST.get("decision", ""))
        if decide is None:
            raise Http404
        try:
            decide(appeal, by=user, at=at, **form.cleaned_data)
        except appeals.AppealDecided as error:
            messages.info(request, str(error))
            return redirect(appeal)
        except ValidationError as error:
            show_errors(form, error)
        else:
            messages.success(request, _("Decided, and the buyer is told."))
            return redirect(appeal)
    ban = appeal.ban
    shown = {
        **admin.site.each_context(request),
        "title": _("Appeal #%(appeal)d") % {"appeal": appeal.pk},
        "appeal": appeal,
        "state": state_badge(appeal),
        "opener": opened_by(appeal),
        "decider": staff_name(appeal.decided_by),
        "opened": moment(appeal.opened_at),
        "decided": moment(appeal.decided_at),
        "customer_link": linked_name(appeal.customer),
        "figures": figures(appeal.customer),
        "why": why(ban),
        "ban": ban,
        "evidence": _evidence(appeal, request),
        "form": form,
        "why_not": appeals.why_may_not_decide(appeal, user),
        "may_withdraw": appeal.opened_by_id == user.pk or user.has_perm(appeals.DECIDE),
        "back": came_from(request, default=reverse("admin:blocklist_appeal_changelist")),
    }
    return TemplateResponse(request, "admin/blocklist/appeal/page.html", shown)


def _evidence(appeal: Appeal, request: HttpRequest) -> QuerySet[Evidence]:
    """The documents of the appeal and the evidence of the ban, for whoever may see them."""
    seen = Evidence.objects.visible_to(signed_in(request)).select_related("added_by").order_by("added_at", "pk")
    return seen.filter(appeal=appeal) | seen.filter(ban=appeal.ban_id)


@require_POST
def withdraw_view(request: HttpRequest, pk: int) -> HttpResponse:
    appeal = _seen(request, pk)
    try:
        appeals.withdraw(appeal, by=signed_in(request), at=timezone.now())
    except appeals.AppealDecided as error:
        messages.info(request, str(error))
    else:
        messages.success(request, _("The appeal is withdrawn."))
    return redirect(appeal)


def _seen(request: HttpRequest, pk: int | str) -> Appeal:
    if not request.user.has_perm(VIEW):
        raise PermissionDenied
    customers = with_columns(Customer.objects.all(), request, timezone.now())
    rows = Appeal.objects.select_related("ban__by", "ban__lifted_by", "opened_by", "decided_by", "inquiry", "source")
    rows = of_seen_customers(rows, request).prefetch_related(Prefetch("customer", customers))
    return get_object_or_404(rows, pk=pk)


def appeal_address(customer: Customer, request: HttpRequest) -> str:
    """The page that opens an appeal of this banned customer, from the conversation that runs; empty without a right."""
    user = signed_in(request)
    if not user.has_perm("blocklist.add_appeal"):
        return ""
    inquiry = Inquiry.objects.running().visible_to(user).filter(customer=customer).first()
    asked: dict[str, str | int] = {"inquiry": inquiry.pk} if inquiry else {}
    query = urlencode({**asked, "next": request.get_full_path()})
    return f"{reverse('admin:blocklist_appeal_open', args=[customer.pk])}?{query}"


def appeals_of(customer: Customer, request: HttpRequest, at: datetime) -> dict[str, Any]:
    """For the box on the customer's page: his last appeals, and the door to open one where a ban stands."""
    user = signed_in(request)
    rows = Appeal.objects.filter(customer=customer).select_related("opened_by", "source").order_by("-opened_at", "-pk")
    may_open = user.has_perm("blocklist.add_appeal") and Ban.objects.standing(at).filter(customer=customer).exists()
    shown = [(row, state_badge(row), opened_by(row)) for row in rows[:5]] if user.has_perm(VIEW) else []
    has_open = any(row.state == Appeal.State.OPEN for row, _badge, _opener in shown)
    address = reverse("admin:blocklist_appeal_open", args=[customer.pk]) if may_open and not has_open else ""
    return {"appeals": shown, "appeal_address": address}
