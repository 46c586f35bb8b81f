from __future__ import annotations

from typing import Any, ClassVar, cast

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import Count, Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST
from unfold.widgets import UnfoldAdminSelectWidget

from customers.models import Group, SavedFilter, User
from customers.services import group_rules, groups

from .base import PanelAdmin, SkinAdmin
from .cells import NOTHING, badge, moment
from .staff import signed_in


class GroupForm(forms.ModelForm[Group]):
    """The name of a group, and the saved view that decides who is in it, if one does."""

    by: ClassVar[User]

    view = forms.ModelChoiceField(
        queryset=SavedFilter.objects.none(),
        label=_("Rule: a saved view"),
        help_text=_("Empty: people decide who is in the group. With a rule, whoever matches the view is in it."),
        required=False,
        widget=UnfoldAdminSelectWidget(),
    )

    class Meta:
        model = Group
        fields = ("name",)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "view" in self.fields:
            own = SavedFilter.objects.filter(pk=self.instance.rule_id or 0) | SavedFilter.objects.visible_to(self.by)
            view = cast("forms.ModelChoiceField[SavedFilter]", self.fields["view"])
            view.queryset, view.initial = own.order_by("name", "pk"), self.instance.rule

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if self.instance.pk is None:
            try:
                groups.check_room()
            except groups.TooManyGroups as full:
                raise ValidationError(str(full)) from full
        if "view" in self.changed_data and cleaned.get("view"):
            try:
                group_rules.check(self.instance, cleaned["view"], by=self.by)
            except ValidationError as error:
                self.add_error("view", error.messages)
        return cleaned


@admin.register(Group)
class GroupAdmin(PanelAdmin):
    form = GroupForm
    list_display = ("name", "customer_count", "rule_shown", "refreshed_shown")
    list_select_related = ("rule",)
    search_fields = ("name",)
    ordering = ("name", "pk")
    fields = ("name", "view")
    empty_list_text = _("No groups yet. Add one here, then put customers into it on their pages, or let a rule do it.")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        found: QuerySet[Any] = super().get_queryset(request)
        counted: QuerySet[Any] = found.annotate(customer_count=Count("customers"))
        return counted

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change, **kwargs)
        form.by = signed_in(request)  # type: ignore[attr-defined]
        return form

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        may_write = self.has_change_permission(request, obj) if obj else self.has_add_permission(request)
        return ("name", "view") if may_write else ("name", "rule_shown")

    def get_urls(self) -> list[URLPattern]:
        refresh = self.admin_site.admin_view(refresh_view)
        return [path("<int:pk>/refresh/", refresh, name="customers_group_refresh"), *super().get_urls()]

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        # a label, not a fact: whoever has the right may delete it
        return SkinAdmin.has_delete_permission(self, request, obj)

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        # one at a time, on the page that says what refers to it
        return {}

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        group = self.get_object(request, object_id)
        shown = {}
        if group is not None:
            shown = {
                "group": group,
                "customer_count_shown": number_format(group.customer_count, 0, force_grouping=True),
                "customers_url": customers_url(group),
                "refreshed": moment(group.refreshed_at),
                "uses": group_rules.uses(group, seen_by=signed_in(request)),
            }
        return super().change_view(request, object_id, form_url, {**shown, **(extra_context or {})})

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        group = self.get_object(request, object_id)
        shown = {"uses": group_rules.uses(group, seen_by=signed_in(request))} if group is not None else {}
        return super().delete_view(request, object_id, {**shown, **(extra_context or {})})

    def delete_model(self, request: HttpRequest, obj: Group) -> None:
        groups.delete_group(obj, by=signed_in(request), at=timezone.now())

    def save_model(self, request: HttpRequest, obj: Any, form: forms.ModelForm[Any], change: bool) -> None:
        rule = form.cleaned_data.get("view")
        form.changed_data = [name for name in form.changed_data if name != "view"]
        super().save_model(request, obj, form, change)
        if group_rules.set_rule(obj, rule, by=signed_in(request), at=timezone.now()):
            messages.info(request, gettext("The members of the group are being computed."))

    @admin.display(description=_("customers"), ordering="customer_count")
    def customer_count(self, group: Any) -> SafeString:
        count = number_format(group.customer_count, 0, force_grouping=True)
        return format_html('<a class="crm-link" href="{}">{}</a>', customers_url(group), count)

    @admin.display(description=_("rule"), ordering="rule__name")
    def rule_shown(self, group: Group) -> SafeString | str:
        if group.rule is None:
            return gettext("by hand")
        stopped = badge(gettext("stopped"), kind="danger", title=group.rule_error) if group.rule_error else ""
        return format_html("{} {}", group.rule, stopped)

    @admin.display(description=_("last refresh"), ordering="refreshed_at")
    def refreshed_shown(self, group: Group) -> str:
        return moment(group.refreshed_at) if group.rule_id else NOTHING


@require_POST
def refresh_view(request: HttpRequest, pk: int) -> HttpResponse:
    """Compute the members in the background, also where the rule has stopped."""
    group = get_object_or_404(Group, pk=pk, rule__isnull=False)
    return redirect(group_rules.ask_for_refresh(group, by=signed_in(request), at=timezone.now()))


def customers_url(group: Group) -> str:
    """The list of the customers who are in the group."""
    return f"{reverse('admin:customers_customer_changelist')}?group={group.pk}"
