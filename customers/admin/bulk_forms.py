"""What the bulk actions of the customer list ask before they begin."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
)

from customers.models import Agent, Customer, Group, User

from .many_rows import ManyRowsField


class BulkForm(forms.Form):
    """Asks nothing more than "really?". The job is given what `parameters` makes of the answers."""

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user

    def parameters(self, at: datetime) -> dict[str, Any]:
        """The answers as a job keeps them (JSON)."""
        return {}


class BulkAgentForm(BulkForm):
    agent = forms.ModelChoiceField(
        queryset=Agent.objects.filter(is_active=True).order_by("display_name", "pk"),
        label=_("Agent"),
        empty_label=_("Choose an agent"),
        widget=UnfoldAdminSelectWidget,
    )
    reason = forms.CharField(label=_("Reason"), max_length=200, required=False, widget=UnfoldAdminTextInputWidget)

    def parameters(self, at: datetime) -> dict[str, Any]:
        return {"agent": self.cleaned_data["agent"].pk, "reason": self.cleaned_data["reason"]}


class BulkBindForm(BulkAgentForm):
    """Whoever may not bind anybody binds to himself only, so nobody else is offered."""

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, user=user, **kwargs)
        if not user.has_perm("customers.bind_any_customer"):
            agents = self.fields["agent"]
            agents.queryset = agents.queryset.filter(user=user)  # type: ignore[attr-defined]
            self.initial.setdefault("agent", agents.queryset.first())  # type: ignore[attr-defined]


class BulkGroupsForm(BulkForm):
    groups = ManyRowsField(
        queryset=Group.objects.filter(rule__isnull=True).order_by("name", "pk"),
        label=_("Groups"),
        help_text=_("Groups that a rule fills are not among them."),
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
    )

    def parameters(self, at: datetime) -> dict[str, Any]:
        return {"groups": [group.pk for group in self.cleaned_data["groups"]]}


class BulkLevelForm(BulkForm):
    level = forms.TypedChoiceField(
        choices=[("", _("Choose a level")), *Customer.Level.choices],
        coerce=int,
        label=_("Level"),
        widget=UnfoldAdminSelectWidget,
    )
    reason = forms.CharField(label=_("Reason"), max_length=200, widget=UnfoldAdminTextInputWidget)

    def parameters(self, at: datetime) -> dict[str, Any]:
        return {"level": self.cleaned_data["level"], "reason": self.cleaned_data["reason"]}


class ExportForm(BulkForm):
    format = forms.ChoiceField(
        choices=[("xlsx", _("Excel (XLSX)")), ("csv", _("CSV (UTF-8)"))],
        label=_("File format"),
        widget=UnfoldAdminSelectWidget,
    )

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, user=user, **kwargs)
        if not user.has_perm("customers.view_contact"):
            self.fields["format"].help_text = _("Contact data is masked, as you see it on the pages.")

    def parameters(self, at: datetime) -> dict[str, Any]:
        return {"format": self.cleaned_data["format"]}
