"""The form that announces a new product."""

from __future__ import annotations

from typing import Any

from django import forms
from django.db.models import Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminSelectWidget

from customers.models import Agent, Product, User
from customers.row_ids import row_id
from messaging.channels import channel_choices
from messaging.models import Broadcast
from messaging.services import broadcasts

# Which field names the audience more closely.
NAMED_BY = {
    Broadcast.Audience.AGENT: "agent",
    Broadcast.Audience.LEVEL: "level",
    Broadcast.Audience.GROUP: "group",
}


def default_text(product: Product | None) -> dict[str, str]:
    """What a new announcement says unless somebody writes something better, in the active language."""
    if product is None or product.price is not None:
        body = _("Hello {nick}, {product} is new in our shop, at {price}. Be one of the first!")
    else:
        body = _("Hello {nick}, {product} is new in our shop. Be one of the first!")
    return {"subject": _("{product} has arrived"), "body": body}


def audiences_of(user: User) -> list[tuple[str, str]]:
    """The audiences that this staff user may choose, by the rule of sending."""
    own = Agent.objects.filter(user=user).first()
    return [
        (audience.value, str(audience.label))
        for audience in Broadcast.Audience
        if not broadcasts.why_may_not_send(Broadcast(audience=audience, agent=own), user)
    ]


class AnnounceForm(forms.ModelForm[Broadcast]):
    """Offers the new products (and the one it was opened for) and only the audiences that are the user's to choose."""

    user: User  # set by the admin class, per request

    channel = forms.ChoiceField(
        choices=channel_choices, label=gettext_lazy("Channel"), widget=UnfoldAdminSelectWidget()
    )

    class Meta:
        model = Broadcast
        fields = ("product", "channel", "subject", "body", "audience", "agent", "level", "group")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("product", "agent", "group"):
            widget = self.fields[name].widget
            widget.can_add_related = widget.can_change_related = widget.can_view_related = False
        self._offer_products()
        self._offer_audiences()
        self.fields["body"].help_text = _(
            "{nick}, {product} and {price} are replaced for each customer: his nick, the product's name and its price."
        )

    def _offer_products(self) -> None:
        asked = row_id(self["product"].value())
        offered = Product.objects.filter(Q(is_new=True) | Q(pk=asked)) if asked else Product.objects.new()
        field = self._choice("product")
        field.queryset = offered.order_by("-is_new", "-pk")
        field.required = True
        field.help_text = _("The products that are marked as new are offered here.")

    def _offer_audiences(self) -> None:
        audiences = audiences_of(self.user)
        agents = Agent.objects.order_by("display_name", "pk")
        if Broadcast.Audience.ALL_BOUND not in dict(audiences):
            agents = agents.filter(user=self.user)
            audiences = [(value, _("my own customers")) for value, _name in audiences]
            self.initial.update(audience=Broadcast.Audience.AGENT, agent=agents.first())
            self.fields["agent"].widget = forms.HiddenInput()
        self._choice("audience").choices = audiences
        self._choice("agent").queryset = agents
        asked = self["audience"].value()
        for audience, name in NAMED_BY.items():
            self.fields[name].required = asked == audience

    def _choice(self, name: str) -> Any:
        """A field with choices, which the type of all fields does not tell."""
        return self.fields[name]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        for audience, name in NAMED_BY.items():
            if cleaned.get("audience") != audience:
                cleaned[name] = None
        return cleaned
