"""How the staff name a buyer to the purchase gate, and how its answer is shown to them."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminDecimalFieldWidget, UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from customers.gates import Decision, Outcome
from customers.identity import Identity
from customers.models import Customer, Source, User
from customers.parts import parts
from customers.services.people import find_customer

IDENTIFIERS = ("nick", "external_id", "phone", "email", "address")
KINDS = {Outcome.ALLOW: "success", Outcome.REVIEW: "warning", Outcome.REFUSE: "danger"}


def _text(label: Any, longest: int, help_text: Any = "") -> forms.CharField:
    return forms.CharField(
        label=label, required=False, max_length=longest, widget=UnfoldAdminTextInputWidget, help_text=help_text
    )


class BuyerForm(forms.Form):
    """At least one identifier, as the order tells it."""

    source = forms.ModelChoiceField(
        label=gettext_lazy("Source"), queryset=Source.objects.none(), widget=UnfoldAdminSelectWidget
    )
    nick = _text(gettext_lazy("Nick"), 100)
    external_id = _text(gettext_lazy("External id"), 100)
    phone = _text(gettext_lazy("Phone"), 60)
    email = _text(gettext_lazy("E-mail"), 254)
    address = _text(gettext_lazy("Address"), 400)
    amount = forms.DecimalField(
        label=gettext_lazy("Amount"),
        required=False,
        max_digits=12,
        decimal_places=2,
        min_value=0,
        widget=UnfoldAdminDecimalFieldWidget,
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        sources = Source.objects.order_by("name", "pk")
        source: Any = self.fields["source"]
        source.queryset = sources
        if len(first := list(sources[:2])) == 1:
            self.initial.setdefault("source", first[0].pk)

    def clean(self) -> dict[str, Any]:
        values = super().clean() or self.cleaned_data
        if not self.errors and not any(values.get(name) for name in IDENTIFIERS):
            raise ValidationError(_("Name the buyer by at least one identifier."))
        return values

    def buyer(self) -> Identity:
        told = {name: self.cleaned_data[name] for name in IDENTIFIERS}
        return Identity(source_id=self.cleaned_data["source"].pk, **told)


def shown_decision(decision: Decision, user: User) -> dict[str, Any]:
    """The gate's answer for the staff: with its reason, the entry behind it, and what the buyer reads."""
    words = {Outcome.ALLOW: _("may buy"), Outcome.REVIEW: _("held for review"), Outcome.REFUSE: _("refused")}
    return {
        "decision": decision,
        "outcome": words[decision.outcome],
        "kind": KINDS[decision.outcome],
        "reasons": [reason for part in parts.decisions for reason in part.reasons(decision, user)],
    }


def seen_buyer(buyer: Identity, user: User) -> tuple[Customer | None, bool]:
    """Whom the shop takes the buyer for, if the user sees him; and whether it is one whom he does not see."""
    customer = find_customer(buyer)
    is_hidden = customer is not None and not Customer.objects.visible_to(user).filter(pk=customer.pk).exists()
    return None if is_hidden else customer, is_hidden
