"""Agents, and whether they receive inquiries."""

from __future__ import annotations

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from customers.models import Agent
from customers.services.agents import set_status

from .access import Access, acting_user
from .bodies import StrictSerializer


class AgentSerializer(serializers.ModelSerializer[Agent]):
    class Meta:
        model = Agent
        fields = ["id", "display_name", "status"]


class AgentRowSerializer(AgentSerializer):
    """`running_count`: the inquiries that run with him now."""

    running_count = serializers.IntegerField(read_only=True)

    class Meta(AgentSerializer.Meta):
        fields = [*AgentSerializer.Meta.fields, "is_active", "running_count"]


class StatusBody(StrictSerializer):
    status = serializers.ChoiceField(choices=Agent.Status.choices)


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
        set_status(agent, body.validated_data["status"], by=acting_user(request), at=timezone.now())
        shown: Any = self.get_queryset().get(pk=agent.pk)
        return Response(AgentRowSerializer(shown).data)
