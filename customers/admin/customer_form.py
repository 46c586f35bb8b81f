"""The form of the customer page: each change goes through the service of its noun."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminTextInputWidget

from customers.models import Customer, User
from customers.services import audit, groups, levels


class CustomerForm(forms.ModelForm[Customer]):
    level_reason = forms.CharField(
        label=gettext_lazy("Reason for the level"),
        help_text=gettext_lazy("Only where the level is changed by hand: why."),
        max_length=200,
        required=False,
        widget=UnfoldAdminTextInputWidget(),
    )

    class Meta:
        model = Customer
        fields = ("level", "groups", "language")

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if "level" in self.changed_data and not cleaned.get("level_reason", "").strip():
            self.add_error("level_reason", _("Say why: the reason stays with the customer."))
        changed = set(cleaned.get("groups", ())) ^ set(self.initial.get("groups", ()))
        if ruled := sorted(str(group) for group in changed if group.rule_id):
            said = {"groups": ", ".join(ruled)}
            self.add_error(
                "groups", _("A rule decides who is in %(groups)s; nobody is put in or taken out by hand.") % said
            )
        return cleaned


def save_customer(form: CustomerForm, *, by: User, at: datetime) -> None:
    """Write what the form changed, in the transaction of the page."""
    one = Customer.objects.filter(pk=form.instance.pk)
    values = form.cleaned_data
    if "language" in form.changed_data:
        one.update(language=values["language"], updated_at=at)
        audit.record("customer.changed", one, by=by, at=at, fields=["language"])
    if "level" in form.changed_data:
        levels.set_level(one, level=values["level"], by=by, at=at, reason=values["level_reason"])
    if "groups" in form.changed_data:
        groups.set_groups(form.instance, groups=values["groups"], by=by, at=at)
