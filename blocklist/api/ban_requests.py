"""Asking for a ban (申请禁止购买), deciding on it, and the list of requests."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy
from django_filters import BooleanFilter, ChoiceFilter, NumberFilter
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers
from rest_framework.decorators import action
from rest_framework.fields import get_error_detail
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from blocklist.models import BanRequest, MaliciousType
from blocklist.services import ban_requests
from customers.api.access import Access, acting_user, asking_key, visible_customers
from customers.api.bodies import StrictSerializer
from customers.api.problems import Conflict
from customers.filters import StrictFilterSet
from customers.models import User

from .named_customers import NamedCustomerBody, named_customer


class BanRequestSerializer(serializers.ModelSerializer[BanRequest]):
    """`rule`: the risk rule that asked, where no person did. `is_overdue`: nobody has answered in time."""

    by = serializers.CharField(source="by.username", default=None, read_only=True)
    shown_to = serializers.CharField(source="shown_to.username", default=None, read_only=True)
    decided_by = serializers.CharField(source="decided_by.username", default=None, read_only=True)
    is_overdue = serializers.SerializerMethodField()

    class Meta:
        model = BanRequest
        fields = [
            "id",
            "customer",
            "type",
            "note",
            "days",
            "by",
            "rule",
            "created_at",
            "state",
            "shown_to",
            "shown_at",
            "is_overdue",
            "decided_at",
            "decided_by",
            "is_decided_alone",
            "reason",
            "ban",
        ]

    def get_is_overdue(self, row: BanRequest) -> bool:
        return row.is_overdue(self.context["at"])


class BanRequestBody(NamedCustomerBody):
    """The customer, the type and, if wanted, a note and for how many days; without these the ban has no end."""

    type = serializers.ChoiceField(choices=MaliciousType.choices)
    note = serializers.CharField(required=False, allow_blank=True, max_length=2000, default="")
    days = serializers.IntegerField(
        required=False, allow_null=True, min_value=1, max_value=ban_requests.LONGEST_DAYS, default=None
    )


class ApproveBody(StrictSerializer):
    reason = serializers.CharField(required=False, allow_blank=True, max_length=200, default="")


class DeclineBody(StrictSerializer):
    reason = serializers.CharField(max_length=200)


class WithdrawBody(StrictSerializer):
    """Nothing has to be said."""


class BanRequestFilter(StrictFilterSet):
    customer = NumberFilter(field_name="customer_id", max_digits=18, decimal_places=0, label=gettext_lazy("customer"))
    type = ChoiceFilter(choices=MaliciousType.choices, label=gettext_lazy("type"))
    state = ChoiceFilter(choices=BanRequest.State.choices, label=gettext_lazy("state"))
    mine = BooleanFilter(method="filter_mine", label=gettext_lazy("that I asked for"))

    class Meta:
        model = BanRequest
        fields: list[str] = []

    def filter_mine(self, rows: QuerySet[BanRequest], name: str, value: bool) -> QuerySet[BanRequest]:
        user = self.request.user
        own = BanRequest.objects.asked_by(user) if isinstance(user, User) else BanRequest.objects.none()
        return rows.filter(pk__in=own.values("pk")) if value else rows.exclude(pk__in=own.values("pk"))


class BanRequests(mixins.ListModelMixin, mixins.RetrieveModelMixin, GenericViewSet[BanRequest]):
    """Who asks, decides and withdraws, the services say."""

    access = {
        "list": Access("ban-requests:read", "blocklist.view_banrequest"),
        "retrieve": Access("ban-requests:read", "blocklist.view_banrequest"),
        "create": Access("ban-requests:write", "blocklist.add_banrequest"),
        "approve": Access("ban-requests:write", "blocklist.view_banrequest"),
        "decline": Access("ban-requests:write", "blocklist.view_banrequest"),
        "withdraw": Access("ban-requests:write", "blocklist.view_banrequest"),
    }
    queryset = BanRequest.objects.select_related("by", "shown_to", "decided_by", "customer__agent")
    serializer_class = BanRequestSerializer
    filterset_class = BanRequestFilter
    lookup_value_converter = "int"

    def get_queryset(self) -> QuerySet[BanRequest]:
        rows, user = super().get_queryset(), self.request.user
        if asking_key(self.request) or not isinstance(user, User):
            return rows.filter(customer__in=visible_customers(self.request))
        return rows.filter(pk__in=BanRequest.objects.visible_to(user).values("pk"))

    def get_serializer_context(self) -> dict[str, Any]:
        return {**super().get_serializer_context(), "at": timezone.now()}

    @extend_schema(
        summary="Ask for a ban; where one is asked for already, join that request (200)",
        request=BanRequestBody,
        responses={200: BanRequestSerializer, 201: BanRequestSerializer},
    )
    def create(self, request: Request) -> Response:
        user, at = acting_user(request), timezone.now()
        body = BanRequestBody(data=request.data)
        body.is_valid(raise_exception=True)
        facts = body.validated_data
        asked = {name: facts[name] for name in ("type", "note", "days")}
        try:
            made = ban_requests.request_ban(named_customer(request, facts), by=user, at=at, **asked)
        except ban_requests.NothingToAsk as error:
            raise Conflict(str(error), code=error.code) from error
        except ValidationError as error:
            raise serializers.ValidationError(get_error_detail(error)) from error
        is_new = made.created_at == at and made.by == user
        return Response(self.get_serializer(made).data, status=201 if is_new else 200)

    @extend_schema(summary="Ban the customer as asked", request=ApproveBody, responses={200: BanRequestSerializer})
    @action(detail=True, methods=["post"], filterset_class=None)
    def approve(self, request: Request, pk: int) -> Response:
        return self._decide(request, ApproveBody, ban_requests.approve)

    @extend_schema(summary="Ban nobody, and say why", request=DeclineBody, responses={200: BanRequestSerializer})
    @action(detail=True, methods=["post"], filterset_class=None)
    def decline(self, request: Request, pk: int) -> Response:
        return self._decide(request, DeclineBody, ban_requests.decline)

    @extend_schema(summary="Take back what one asked for", request=WithdrawBody, responses={200: BanRequestSerializer})
    @action(detail=True, methods=["post"], filterset_class=None)
    def withdraw(self, request: Request, pk: int) -> Response:
        return self._decide(request, WithdrawBody, ban_requests.withdraw)

    def _decide(self, request: Request, body_class: type[StrictSerializer], act: Callable[..., object]) -> Response:
        row, user = self.get_object(), acting_user(request)
        body = body_class(data=request.data or {})
        body.is_valid(raise_exception=True)
        try:
            act(row, by=user, at=timezone.now(), **body.validated_data)
        except ban_requests.NotOpen as error:
            raise Conflict(str(error), code="not_open") from error
        except ValidationError as error:
            raise serializers.ValidationError(get_error_detail(error)) from error
        return Response(self.get_serializer(row).data)
