"""Agents, and whether they receive inquiries."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import mixins, serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from customers.models import Agent
from customers.services.agents import set_status

from .access import Access, acting_user
from .bodies import MomentField, StrictSerializer


class AgentSerializer(serializers.ModelSerializer[Agent]):
    """`status`: as it is at this moment; a suspension is over at its planned end."""

    status = serializers.SerializerMethodField()

    @extend_schema_field(serializers.ChoiceField(choices=Agent.Status.choices))
    def get_status(self, agent: Agent) -> str:
        return agent.status_at(timezone.now()).value

    class Meta:
        model = Agent
        fields = ["id", "display_name", "status"]


class AgentRowSerializer(AgentSerializer):
    """`running_count`: the inquiries that run with him now. `capacity`: the most that reception gives him at once."""

    running_count = serializers.IntegerField(read_only=True)
    status_until = serializers.SerializerMethodField(help_text="The planned end, where it is still to come.")

    def get_status_until(self, agent: Agent) -> datetime | None:
        return agent.until_at(timezone.now())

    class Meta(AgentSerializer.Meta):
        fields = [
            *AgentSerializer.Meta.fields,
            "status_reason",
            "status_until",
            "is_active",
            "capacity",
            "running_count",
        ]


class StatusBody(StrictSerializer):
    """`until`: the planned end, in the future; online has none."""

    status = serializers.ChoiceField(choices=Agent.Status.choices)
    reason = serializers.CharField(max_length=100, required=False, allow_blank=True)
    until = MomentField(required=False, allow_null=True)


class Agents(mixins.ListModelMixin, mixins.RetrieveModelMixin, GenericViewSet[Agent]):
    access = {
        "list": Access("agents:read", "customers.view_agent"),
        "retrieve": Access("agents:read", "customers.view_agent"),
        "status": Access("agents:write", "customers.view_agent"),
    }
    queryset = Agent.objects.with_running_inquiries()
    serializer_class = AgentRowSerializer
    lookup_value_converter = "int"

    @extend_schema(
        summary="Set one's own status; whoever may change agents, anybody's",
        request=StatusBody,
        responses={200: AgentRowSerializer},
    )
    @action(detail=True, methods=["post"])
    def status(self, request: Request, pk: int) -> Response:
        agent = self.get_object()
        body = StatusBody(data=request.data)
        body.is_valid(raise_exception=True)
        told, at = body.validated_data, timezone.now()
        chosen = {"reason": told.get("reason", ""), "until": told.get("until")}
        try:
            set_status(agent, told["status"], by=acting_user(request), at=at, **chosen)
        except ValidationError as error:
            raise serializers.ValidationError(error.message_dict) from error
        shown: Any = self.get_queryset().get(pk=agent.pk)
        return Response(AgentRowSerializer(shown).data)
