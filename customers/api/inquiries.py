"""Inquiries: a buyer writes, reception routes, an agent answers."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError as DjangoValidationError
from django.db.models import QuerySet
from django.http import FileResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django_filters import NumberFilter
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from customers.filters import InquiryFilter, StrictFilterSet
from customers.models import Attachment, Inquiry, InquiryMessage, InquiryRating, InquiryRouting, User
from customers.services import inquiries
from customers.services.attachments import attachment_rules
from customers.services.files import CheckedFile, checked, download
from customers.services.people import find_customer
from customers.services.ratings import NotRatable, rate
from customers.services.routing_words import sentence

from .access import Access, acting_user, asked_source, asking_key, require_visible, visible_customers
from .agents import AgentSerializer
from .bodies import BuyerBody, StrictSerializer
from .problems import Conflict


class RatingSerializer(serializers.ModelSerializer[InquiryRating]):
    """`score`: 0 very satisfied, 1 satisfied, 2 neutral, 3 dissatisfied, 4 very dissatisfied."""

    class Meta:
        model = InquiryRating
        fields = ["score", "source", "text", "rated_at"]
        extra_kwargs = {"source": {"read_only": True}}


class InquirySerializer(serializers.ModelSerializer[Inquiry]):
    """`routed_reason`: why this agent has it, or nobody. `waiting_since`: since when the buyer waits for an answer."""

    source = serializers.CharField(source="source.code", read_only=True)  # type: ignore[assignment]
    agent = AgentSerializer(read_only=True)
    rating = RatingSerializer(read_only=True)

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
            "waiting_since",
            "result",
            "rating",
        ]


class AttachmentSerializer(serializers.ModelSerializer[Attachment]):
    """`url`: where it is downloaded, with the same key or session."""

    url = serializers.SerializerMethodField()

    class Meta:
        model = Attachment
        fields = ["id", "name", "media_type", "size", "url"]

    def get_url(self, attachment: Attachment) -> str:
        address = reverse("inquiry-attachment", args=[self.context["inquiry"], attachment.pk])
        return str(self.context["request"].build_absolute_uri(address))


class InquiryMessageSerializer(serializers.ModelSerializer[InquiryMessage]):
    attachments = AttachmentSerializer(many=True, read_only=True)

    class Meta:
        model = InquiryMessage
        fields = ["id", "author", "user", "text", "at", "attachments"]


class InquiryBody(BuyerBody):
    """What a buyer says, and how the shop knows him."""

    text = serializers.CharField(max_length=inquiries.LONGEST_TEXT)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        self.require_identifier(attrs)
        return attrs


class InquiryRoutingSerializer(serializers.ModelSerializer[InquiryRouting]):
    """One decision about who has an inquiry; `why` tells it in a sentence of the asked language."""

    agent = serializers.CharField(source="agent.display_name", default=None, read_only=True)
    passed_over = serializers.CharField(source="passed_over.display_name", default=None, read_only=True)
    deputy = serializers.CharField(source="deputy.display_name", default=None, read_only=True)
    why = serializers.SerializerMethodField()

    class Meta:
        model = InquiryRouting
        fields = [
            "at",
            "agent",
            "reason",
            "passed_over",
            "passed_reason",
            "passed_until",
            "deputy",
            "deputy_reason",
            "by",
            "why",
        ]

    def get_why(self, routing: InquiryRouting) -> str:
        return sentence(routing)


class MessageBody(StrictSerializer):
    text = serializers.CharField(max_length=inquiries.LONGEST_TEXT)


class FilesBody(StrictSerializer):
    text = serializers.CharField(max_length=inquiries.LONGEST_TEXT, required=False, allow_blank=True, default="")
    files = serializers.ListField(child=serializers.FileField(), allow_empty=False)

    def validate_files(self, files: list[Any]) -> list[CheckedFile]:
        try:
            return checked(files, attachment_rules())
        except DjangoValidationError as error:
            raise ValidationError(error.messages, "file_refused") from error


class ClosingBody(StrictSerializer):
    result = serializers.ChoiceField(choices=Inquiry.Result.choices, required=False, default="")


class RatingBody(StrictSerializer):
    score = serializers.ChoiceField(choices=InquiryRating.Score.choices)
    source = serializers.ChoiceField(choices=InquiryRating.Origin.choices)  # type: ignore[assignment]
    text = serializers.CharField(max_length=1000, required=False, allow_blank=True, default="")


class MessageFilter(StrictFilterSet):
    """`after`: only what was said after the message with this id; ask again with the highest id that you have."""

    after = NumberFilter(field_name="pk", lookup_expr="gt", min_value=0, max_value=2**63 - 1)


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
        "routings": Access("inquiries:read", "customers.view_inquiry"),
        "close": Access("inquiries:write", "customers.view_inquiry"),
        "attachment": Access("inquiries:read", "customers.view_inquiry"),
        "attach": Access("inquiries:write", "customers.view_inquiry"),
        "rating": Access("inquiries:write", "customers.add_inquiryrating"),
    }
    queryset = Inquiry.objects.select_related("source", "agent", "rating")
    serializer_class = InquirySerializer
    filterset_class = InquiryFilter
    lookup_value_converter = "int"

    def get_queryset(self) -> QuerySet[Inquiry]:
        seen = Inquiry.objects.select_related("source", "agent", "rating")
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
        buyer, text, at = body.buyer(source), body.validated_data["text"], timezone.now()
        require_visible(request, find_customer(buyer))
        by = request.user if isinstance(request.user, User) else None
        reception = inquiries.receive(buyer, source=source, text=text, at=at, by=by)
        if reception is None:
            raise ValidationError(_("A masked or incomplete identifier names nobody."), "names_nobody")
        return Response(self._shown(reception.inquiry), status=201 if reception.created else 200)

    @extend_schema(
        summary="What was said, newest first; with `after`, only what is new",
        responses={200: InquiryMessageSerializer(many=True)},
    )
    @action(detail=True, methods=["get"], filterset_class=MessageFilter)
    def messages(self, request: Request, pk: int) -> Response:
        said: Any = InquiryMessage.objects.filter(inquiry=self._inquiry(pk)).prefetch_related("attachments")
        page: Any = self.paginate_queryset(self.filter_queryset(said))
        return self.get_paginated_response(self._messages(page, pk, many=True))

    @extend_schema(
        operation_id="inquiries_say",
        summary="A staff user's answer, or the buyer's further message from a key that names no user",
        request=MessageBody,
        responses={201: InquiryMessageSerializer},
    )
    @messages.mapping.post
    def say(self, request: Request, pk: int) -> Response:
        inquiry = self._inquiry(pk)
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
        return Response(self._messages(message, pk), status=201)

    @extend_schema(
        summary="Who had it when, and why, newest first", responses={200: InquiryRoutingSerializer(many=True)}
    )
    @action(detail=True, methods=["get"], filterset_class=None)
    def routings(self, request: Request, pk: int) -> Response:
        rows: Any = InquiryRouting.objects.filter(inquiry=self.get_object())
        page: Any = self.paginate_queryset(rows.select_related("agent", "passed_over", "deputy", "by"))
        return self.get_paginated_response(InquiryRoutingSerializer(page, many=True).data)

    @extend_schema(summary="Close an inquiry, with how it ended", request=ClosingBody, responses=InquirySerializer)
    @action(detail=True, methods=["post"], filterset_class=None)
    def close(self, request: Request, pk: int) -> Response:
        inquiry = self.get_object()
        body = ClosingBody(data=request.data)
        body.is_valid(raise_exception=True)
        inquiries.close(inquiry, by=acting_user(request), at=timezone.now(), result=body.validated_data["result"])
        return Response(self._shown(inquiry))

    @extend_schema(
        summary="The customer's rating of a closed inquiry; a further one of his replaces it for some days",
        request=RatingBody,
        responses=RatingSerializer,
    )
    @action(detail=True, methods=["post"], filterset_class=None)
    def rating(self, request: Request, pk: int) -> Response:
        inquiry = self.get_object()
        body = RatingBody(data=request.data)
        body.is_valid(raise_exception=True)
        try:
            rating = rate(inquiry, **body.validated_data, at=timezone.now())
        except NotRatable as error:
            raise Conflict(str(error), code=error.code) from error
        return Response(RatingSerializer(rating).data)

    @extend_schema(summary="Download a file of the conversation", responses={(200, "application/octet-stream"): bytes})
    @action(detail=True, methods=["get"], url_path="attachments/<int:attachment>", filterset_class=None)
    def attachment(self, request: Request, pk: int, attachment: int) -> FileResponse:
        return download(get_object_or_404(Attachment, message__inquiry=self._inquiry(pk), pk=attachment))

    @extend_schema(
        summary="Send files (form field `files`) with an optional text: the buyer's, or a staff user's answer",
        request={"multipart/form-data": FilesBody},
        responses={201: InquiryMessageSerializer},
    )
    @action(
        detail=True, methods=["post"], url_path="attachments", filterset_class=None, parser_classes=[MultiPartParser]
    )
    def attach(self, request: Request, pk: int) -> Response:
        inquiry = self._inquiry(pk)
        body = FilesBody(data=request.data)
        body.is_valid(raise_exception=True)
        text, at = body.validated_data["text"], timezone.now()
        files = body.validated_data["files"]
        try:
            if isinstance(request.user, User):
                message = inquiries.answer(inquiry, text=text, by=request.user, at=at, files=files)
            else:
                message = inquiries.receive_further(inquiry, text=text, at=at, files=files)
        except inquiries.InquiryClosed as error:
            raise Conflict(str(error), code="inquiry_closed") from error
        return Response(self._messages(message, pk), status=201)

    def _inquiry(self, pk: int) -> Inquiry:
        """The one that is asked for, where the query is about something else of it."""
        return get_object_or_404(self.get_queryset(), pk=pk)

    def _messages(self, messages: Any, inquiry: int, *, many: bool = False) -> Any:
        context = {"request": self.request, "inquiry": inquiry}
        return InquiryMessageSerializer(messages, many=many, context=context).data

    def _shown(self, inquiry: Inquiry) -> Any:
        return InquirySerializer(self.queryset.get(pk=inquiry.pk)).data
