"""The purchase gate as a question (下单校验)."""

from __future__ import annotations

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from customers.gates import Decision, Door, Outcome, Question, ask

from .access import Access, asked_source, asker
from .bodies import BuyerBody, LineBody, buyer_in


class PurchaseCheckBody(BuyerBody):
    order_number = serializers.CharField(required=False, allow_blank=True, max_length=64)
    amount = serializers.DecimalField(required=False, allow_null=True, max_digits=12, decimal_places=2, min_value=0)
    lines = serializers.ListField(child=LineBody(), required=False, max_length=200)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        self.require_identifier(attrs)
        return attrs


# One for all requests, since making its fields costs more than all that is done with them; validating changes nothing.
BODY = PurchaseCheckBody()


class DecisionSerializer(serializers.Serializer[Decision]):
    decision = serializers.ChoiceField(choices=[outcome.name.lower() for outcome in Outcome])
    code = serializers.CharField()
    public_message = serializers.CharField(help_text="A sentence for the buyer that names no reason; empty if allowed.")
    ban_id = serializers.IntegerField(required=False)


def told(decision: Decision) -> dict[str, Any]:
    """The gate's answer as the API tells it."""
    answer: dict[str, Any] = {
        "decision": decision.outcome.name.lower(),
        "code": decision.code,
        "public_message": decision.public_message,
    }
    if decision.ban_id is not None:
        answer["ban_id"] = decision.ban_id
    return answer


class PurchaseChecks(ViewSet):
    access = {"create": Access("purchase-checks:write", "customers.view_customer")}

    @extend_schema(
        operation_id="purchase_check",
        summary="May this buyer buy now?",
        request=PurchaseCheckBody,
        responses={200: DecisionSerializer},
    )
    def create(self, request: Request) -> Response:
        facts = BODY.run_validation(request.data)
        source = asked_source(request, facts.get("source"))
        question = Question(
            buyer=buyer_in(facts, source),
            door=Door.CHECK,
            at=timezone.now(),
            order_number=facts.get("order_number", ""),
            amount=facts.get("amount"),
            **asker(request),
        )
        return Response(told(ask(question)))
