"""Inquiries: a buyer writes, reception routes, an agent answers."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from customers.filters import InquiryFilter
from customers.models import Inquiry, InquiryMessage, User
from customers.services import inquiries

from .access import Access, acting_user, asked_source, asking_key, visible_customers
from .agents import AgentSerializer
from .bodies import BuyerBody, StrictSerializer
from .problems import Conflict


class InquirySerializer(serializers.ModelSerializer[Inquiry]):
    """`routed_reason`: why this agent has it, or nobody."""

    source = serializers.CharField(source="source.code", read_only=True)  # type: ignore[assignment]
    agent = AgentSerializer(read_only=True)

    class Meta:
        model = Inquiry
        fields = [
            "id",
            "customer",
            "source",
            "agent",
            "state",
            "routed_reason",
            "opened_at",
            "first_reply_at",
            "closed_at",
            "last_message_at",
        ]


class InquiryMessageSerializer(serializers.ModelSerializer[InquiryMessage]):
    class Meta:
        model = InquiryMessage
        fields = ["id", "author", "user", "text", "at"]


class InquiryBody(BuyerBody):
    """What a buyer says, and how the shop knows him."""

    text = serializers.CharField(max_length=inquiries.LONGEST_TEXT)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        self.require_identifier(attrs)
        return attrs


class MessageBody(StrictSerializer):
    text = serializers.CharField(max_length=inquiries.LONGEST_TEXT)


class Inquiries(mixins.ListModelMixin, mixins.RetrieveModelMixin, GenericViewSet[Inquiry]):
    """A key sees the inquiries of its source's customers; a staff user, also a key's, those that he sees in the panel.

    A staff user, or a key that names one, answers. A key that names nobody speaks for the buyer.
    """

    access = {
        "list": Access("inquiries:read", "customers.view_inquiry"),
        "retrieve": Access("inquiries:read", "customers.view_inquiry"),
        "create": Access("inquiries:write", "customers.add_inquiry"),
        "messages": Access("inquiries:read", "customers.view_inquiry"),
        "say": Access("inquiries:write", "customers.view_inquiry"),
        "close": Access("inquiries:write", "customers.view_inquiry"),
    }
    queryset = Inquiry.objects.select_related("source", "agent")
    serializer_class = InquirySerializer
    filterset_class = InquiryFilter
    lookup_value_converter = "int"

    def get_queryset(self) -> QuerySet[Inquiry]:
        seen = Inquiry.objects.select_related("source", "agent")
        if asking_key(self.request):
            seen = seen.filter(customer__in=visible_customers(self.request))
        return seen.visible_to(self.request.user) if isinstance(self.request.user, User) else seen

    @extend_schema(
        summary="A buyer's message: opens an inquiry, or continues the running one",
        request=InquiryBody,
        responses={200: InquirySerializer, 201: InquirySerializer},
    )
    def create(self, request: Request) -> Response:
        body = InquiryBody(data=request.data)
        body.is_valid(raise_exception=True)
        source = asked_source(request, body.validated_data.get("source"))
        text, at = body.validated_data["text"], timezone.now()
        reception = inquiries.receive(body.buyer(source), source=source, text=text, at=at)
        if reception is None:
            raise ValidationError(_("A masked or incomplete identifier names nobody."), "names_nobody")
        return Response(self._shown(reception.inquiry), status=201 if reception.created else 200)

    @extend_schema(summary="What was said, newest first", responses={200: InquiryMessageSerializer(many=True)})
    @action(detail=True, methods=["get"], filterset_class=None)
    def messages(self, request: Request, pk: int) -> Response:
        said: Any = InquiryMessage.objects.filter(inquiry=self.get_object())
        page: Any = self.paginate_queryset(said)
        return self.get_paginated_response(InquiryMessageSerializer(page, many=True).data)

    @extend_schema(
        operation_id="inquiries_say",
        summary="A staff user's answer, or the buyer's further message from a key that names no user",
        request=MessageBody,
        responses={201: InquiryMessageSerializer},
    )
    @messages.mapping.post
    def say(self, request: Request, pk: int) -> Response:
        inquiry = self.get_object()
        body = MessageBody(data=request.data)
        body.is_valid(raise_exception=True)
        text, at = body.validated_data["text"], timezone.now()
        try:
            if isinstance(request.user, User):
                message = inquiries.answer(inquiry, text=text, by=request.user, at=at)
            else:
                message = inquiries.receive_further(inquiry, text=text, at=at)
        except inquiries.InquiryClosed as error:
            raise Conflict(str(error), code="inquiry_closed") from error
        return Response(InquiryMessageSerializer(message).data, status=201)

    @extend_schema(summary="Close an inquiry", request=None, responses={200: InquirySerializer})
    @action(detail=True, methods=["post"], filterset_class=None)
    def close(self, request: Request, pk: int) -> Response:
        inquiry = self.get_object()
        inquiries.close(inquiry, by=acting_user(request), at=timezone.now())
        return Response(self._shown(inquiry))

    def _shown(self, inquiry: Inquiry) -> Any:
        return InquirySerializer(Inquiry.objects.select_related("source", "agent").get(pk=inquiry.pk)).data
