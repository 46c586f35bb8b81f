"""Appeals against bans (申诉): opened by a storefront on the buyer's behalf or by staff, decided by a manager."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django_filters import ChoiceFilter, NumberFilter
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers
from rest_framework.decorators import action
from rest_framework.fields import get_error_detail
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from blocklist.models import Appeal, Ban
from blocklist.services import appeals
from blocklist.services.evidence import add_evidence, evidence_rules
from customers.api.access import (
    Access,
    acting_user,
    asked_customer,
    asked_source,
    asking_key,
    visible_customers,
)
from customers.api.bodies import BuyerBody, StrictSerializer
from customers.api.problems import Conflict
from customers.filters import StrictFilterSet
from customers.models import Customer, User
from customers.models.customer import sees_all
from customers.services.files import CheckedFile, checked
from customers.services.people import find_customer


class AppealSerializer(serializers.ModelSerializer[Appeal]):
    """`answer`: what the buyer was told. What colleagues noted is not told here."""

    opened_by = serializers.CharField(source="opened_by.username", default=None, read_only=True)
    decided_by = serializers.CharField(source="decided_by.username", default=None, read_only=True)
    source = serializers.CharField(source="source.code", default=None, read_only=True)  # type: ignore[assignment]

    class Meta:
        model = Appeal
        fields = [
            "id",
            "ban",
            "customer",
            "text",
            "inquiry",
            "source",
            "opened_by",
            "opened_at",
            "state",
            "decided_by",
            "decided_at",
            "answer",
        ]


class AppealBody(BuyerBody):
    """Whose ban it is about: the customer's id, or how the storefront knows him."""

    customer = serializers.IntegerField(required=False, min_value=1, max_value=2**63 - 1)
    text = serializers.CharField(max_length=appeals.LONGEST_TEXT, help_text="What the buyer says.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if "customer" not in attrs:
            self.require_identifier(attrs)
        return attrs


class DecisionBody(StrictSerializer):
    decision = serializers.ChoiceField(choices=["uphold", "overturn"])
    answer = serializers.CharField(max_length=appeals.LONGEST_TEXT, help_text="What the buyer is told.")
    note = serializers.CharField(max_length=appeals.LONGEST_TEXT, required=False, allow_blank=True, default="")


class DocumentsBody(StrictSerializer):
    files = serializers.ListField(child=serializers.FileField(), allow_empty=False)

    def validate_files(self, files: list[Any]) -> list[CheckedFile]:
        try:
            return checked(files, evidence_rules())
        except ValidationError as error:
            raise serializers.ValidationError(error.messages, "file_refused") from error


class AppealFilter(StrictFilterSet):
    customer = NumberFilter(field_name="customer_id", max_digits=18, decimal_places=0, label=gettext_lazy("customer"))
    ban = NumberFilter(field_name="ban_id", max_digits=18, decimal_places=0, label=gettext_lazy("ban"))
    state = ChoiceFilter(choices=Appeal.State.choices, label=gettext_lazy("state"))

    class Meta:
        model = Appeal
        fields: list[str] = []


class Appeals(mixins.ListModelMixin, mixins.RetrieveModelMixin, GenericViewSet[Appeal]):
    access = {
        "list": Access("appeals:read", "blocklist.view_appeal"),
        "retrieve": Access("appeals:read", "blocklist.view_appeal"),
        "create": Access("appeals:write", "blocklist.add_appeal"),
        "documents": Access("appeals:write", "blocklist.add_appeal"),
        "decide": Access("appeals:write", appeals.DECIDE),
    }
    queryset = Appeal.objects.select_related("ban", "source", "opened_by", "decided_by", "customer")
    serializer_class = AppealSerializer
    filterset_class = AppealFilter
    lookup_value_converter = "int"

    def get_queryset(self) -> QuerySet[Appeal]:
        rows = super().get_queryset()
        user = self.request.user
        if not asking_key(self.request) and isinstance(user, User) and sees_all(user):
            return rows
        return rows.filter(customer__in=visible_customers(self.request))

    @extend_schema(
        summary="Appeal against a buyer's ban; one that is open already is answered as it is (200)",
        request=AppealBody,
        responses={200: AppealSerializer, 201: AppealSerializer},
    )
    def create(self, request: Request) -> Response:
        body = AppealBody(data=request.data)
        body.is_valid(raise_exception=True)
        key, at = asking_key(request), timezone.now()
        customer = self._customer(request, body)
        ban = Ban.objects.standing(at).filter(customer=customer).first()
        if ban is None:
            raise Conflict(_("This customer is not banned."), code="not_banned")
        by = request.user if isinstance(request.user, User) else None
        try:
            appeal = appeals.open_appeal(
                ban, text=body.validated_data["text"], by=by, at=at, source=key.source if key else None
            )
        except appeals.CannotAppeal as error:
            raise Conflict(str(error), code="not_banned") from error
        except ValidationError as error:
            raise serializers.ValidationError(get_error_detail(error)) from error
        return Response(self.get_serializer(appeal).data, status=201 if appeal.opened_at == at else 200)

    def _customer(self, request: Request, body: AppealBody) -> Customer:
        facts = body.validated_data
        if "customer" in facts:
            return asked_customer(request, facts["customer"])
        found = find_customer(body.buyer(asked_source(request, facts.get("source"))))
        return asked_customer(request, found.pk if found else 0)

    @extend_schema(
        summary="Add documents to an open appeal",
        request={"multipart/form-data": DocumentsBody},
        responses={201: AppealSerializer},
    )
    @action(detail=True, methods=["post"], filterset_class=None, parser_classes=[MultiPartParser])
    def documents(self, request: Request, pk: int) -> Response:
        appeal = self.get_object()
        if appeal.decided_at:
            raise Conflict(_("This appeal was decided already."), code="appeal_decided")
        body = DocumentsBody(data={"files": request.FILES.getlist("files")})
        body.is_valid(raise_exception=True)
        by = request.user if isinstance(request.user, User) else None
        add_evidence(appeal, files=body.validated_data["files"], by=by, at=timezone.now())
        return Response(self.get_serializer(appeal).data, status=201)

    @extend_schema(summary="Decide an appeal", request=DecisionBody, responses={200: AppealSerializer})
    @action(detail=True, methods=["post"], filterset_class=None)
    def decide(self, request: Request, pk: int) -> Response:
        appeal, user = self.get_object(), acting_user(request)
        body = DecisionBody(data=request.data)
        body.is_valid(raise_exception=True)
        facts = dict(body.validated_data)
        decide = appeals.DECISIONS[facts.pop("decision")]
        try:
            decide(appeal, by=user, at=timezone.now(), **facts)
        except appeals.AppealDecided as error:
            raise Conflict(str(error), code="appeal_decided") from error
        except ValidationError as error:
            raise serializers.ValidationError(get_error_detail(error)) from error
        return Response(self.get_serializer(appeal).data)
