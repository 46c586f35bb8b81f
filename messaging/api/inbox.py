"""The messages that the storefront shows to a customer who is signed in there."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import mixins, serializers
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from customers.api.access import Access, asked_source, visible_customers
from customers.api.bodies import StrictSerializer
from customers.api.lists import NewestFirst
from customers.api.problems import InvalidQuery
from customers.identity import Identity
from customers.models import Account
from customers.services.people import find_account
from messaging.models import InboxMessage
from messaging.rendering import fill
from messaging.services.inbox import mark_read


class InboxMessageSerializer(serializers.ModelSerializer[InboxMessage]):
    """A message with the text filled in for the account that asks."""

    subject = serializers.SerializerMethodField()
    body = serializers.SerializerMethodField()
    product = serializers.CharField(source="broadcast.product.external_id", default=None, read_only=True)

    class Meta:
        model = InboxMessage
        fields = ["id", "subject", "body", "product", "sent_at", "read_at"]

    def get_subject(self, message: InboxMessage) -> str:
        return fill(message.broadcast.subject, broadcast=message.broadcast, nick=self.context["nick"])

    def get_body(self, message: InboxMessage) -> str:
        return fill(message.broadcast.body, broadcast=message.broadcast, nick=self.context["nick"])


class ReadSerializer(serializers.ModelSerializer[InboxMessage]):
    class Meta:
        model = InboxMessage
        fields = ["id", "read_at"]


class InboxQuery(StrictSerializer):
    nick = serializers.CharField(required=False, max_length=100)
    external_id = serializers.CharField(required=False, max_length=100)
    source = serializers.CharField(required=False, max_length=40)  # type: ignore[assignment]

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if not (attrs.get("nick") or attrs.get("external_id")):
            raise serializers.ValidationError({"nick": _("Name the customer by nick or external_id.")}, "required")
        return attrs


class Inbox(mixins.ListModelMixin, GenericViewSet[InboxMessage]):
    """A visitor whom nobody knows yet has an empty inbox: a storefront asks for everyone who signs in."""

    access = {
        "list": Access("inbox:read", "messaging.view_delivery"),
        "read": Access("inbox:write", "messaging.view_delivery"),
    }
    queryset = InboxMessage.objects.select_related("broadcast__product")
    serializer_class = InboxMessageSerializer
    lookup_value_converter = "int"
    filter_backends = ()

    def get_queryset(self) -> QuerySet[InboxMessage]:
        messages = super().get_queryset()
        if self.action == "list":
            messages = messages.filter(customer=self.account.customer_id) if self.account else messages.none()
        return messages.filter(customer__in=visible_customers(self.request))

    @cached_property
    def account(self) -> Account | None:
        """Whose inbox is asked for."""
        pages = (NewestFirst.cursor_query_param, NewestFirst.page_size_query_param)
        asked = {name: value for name, value in self.request.query_params.items() if name not in pages}
        query = InboxQuery(data=asked)
        try:
            query.is_valid(raise_exception=True)
        except ValidationError as error:
            raise InvalidQuery(error.detail) from error
        facts = query.validated_data
        source = asked_source(self.request, facts.pop("source", None))
        return find_account(Identity(source_id=source.pk, **facts))

    def get_serializer_context(self) -> dict[str, Any]:
        context = dict(super().get_serializer_context())
        if self.action == "list" and not getattr(self, "swagger_fake_view", False):
            context["nick"] = self.account.nick if self.account else ""
        return context

    @extend_schema(
        summary="The messages of one customer, newest first",
        parameters=[
            OpenApiParameter("nick", str, description="nick or external_id is required"),
            OpenApiParameter("external_id", str),
            OpenApiParameter("source", str, description="by default the key's own"),
        ],
    )
    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().list(request, *args, **kwargs)

    @extend_schema(summary="Note that the customer has read a message", request=None, responses={200: ReadSerializer})
    @action(detail=True, methods=["post"])
    def read(self, request: Request, pk: int) -> Response:
        return Response(ReadSerializer(mark_read(self.get_object(), at=timezone.now())).data)
