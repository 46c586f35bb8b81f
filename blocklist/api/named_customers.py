"""How a request names the customer whom it is about: by his id, or like a purchase check."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _
from rest_framework import serializers
from rest_framework.request import Request

from customers.api.access import asked_source, visible_customers
from customers.api.bodies import BuyerBody, buyer_in
from customers.models import Customer
from customers.services.people import find_customer


class NamedCustomerBody(BuyerBody):
    """Either `customer` or at least one identifier."""

    customer = serializers.IntegerField(required=False, min_value=1, max_value=2**63 - 1)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        attrs = super().validate(attrs)
        if "customer" not in attrs:
            self.require_identifier(attrs)
        elif self.names_somebody(attrs):
            raise serializers.ValidationError({"customer": _("Give either customer or identifiers.")})
        return attrs


def named_customer(request: Request, facts: dict[str, Any]) -> Customer:
    """The customer whom the validated body names. Raises ValidationError where the asker sees nobody of that name."""
    if pk := facts.get("customer"):
        kept = Customer.objects.kept_instead_of(pk)
        found, field = kept.pk if kept else pk, "customer"
    else:
        known = find_customer(buyer_in(facts, asked_source(request, facts.get("source"))))
        found, field = known.pk if known else 0, "non_field_errors"
    customer = visible_customers(request).select_related("agent").filter(pk=found).first()
    if customer is None:
        raise serializers.ValidationError({field: _("There is no such customer.")}, code="unknown_customer")
    return customer
