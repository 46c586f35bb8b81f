"""Banning from buying (禁止购买), lifting it, and the list of bans."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import FileResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django_filters import BooleanFilter, ChoiceFilter, NumberFilter
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import mixins, serializers
from rest_framework.decorators import action
from rest_framework.fields import get_error_detail
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet, ViewSet

from blocklist.models import Ban, Evidence, OrderChoice
from blocklist.services.bans import NotBanned, ban_purchase, lift_ban
from blocklist.services.confirmations import NotToConfirm, confirm_ban
from blocklist.services.open_orders import FOR_ALL
from customers.api.access import Access, acting_user, asked_customer, asking_key, visible_customers
from customers.api.bodies import MomentField, StrictSerializer
from customers.api.problems import Conflict
from customers.filters import StrictFilterSet
from customers.models import Customer, Order, Source, User
from customers.models.customer import sees_all
from customers.services.files import download

from .named_customers import NamedCustomerBody, named_customer


class BanSerializer(serializers.ModelSerializer[Ban]):
    by = serializers.CharField(source="by.username", read_only=True)
    is_standing = serializers.SerializerMethodField()

    class Meta:
        model = Ban
        fields = [
            "id",
            "customer",
            "type",
            "note",
            "started_at",
            "until",
            "is_standing",
            "by",
            "by_manager",
            "confirm_by",
            "confirmed_at",
            "ended_at",
            "lift_reason",
        ]

    def get_is_standing(self, ban: Ban) -> bool:
        return ban.is_standing(self.context["at"])


class EvidenceSerializer(serializers.ModelSerializer[Evidence]):
    """`url`: where it is downloaded, with the same key or session."""

    added_by = serializers.CharField(source="added_by.username", default=None, read_only=True)
    url = serializers.SerializerMethodField()

    class Meta:
        model = Evidence
        fields = ["id", "name", "media_type", "size", "sha256", "added_at", "added_by", "url"]

    def get_url(self, row: Evidence) -> str:
        address = reverse("ban-evidence", args=[row.ban_id, row.pk])
        return str(self.context["request"].build_absolute_uri(address))


class OrderChoiceSerializer(serializers.ModelSerializer[OrderChoice]):
    """`choice`: what was decided when the ban was set; `status`: what the order is now."""

    number = serializers.CharField(source="order.number", read_only=True)
    status = serializers.CharField(source="order.status", read_only=True)

    class Meta:
        model = OrderChoice
        fields = ["order", "number", "choice", "status"]


class OneBanSerializer(BanSerializer):
    """With its evidence, none for a staff user who may not see any, and the orders that were open when it was set."""

    evidence = serializers.SerializerMethodField()
    orders = serializers.SerializerMethodField()

    class Meta(BanSerializer.Meta):
        fields = [*BanSerializer.Meta.fields, "evidence", "orders"]

    @extend_schema_field(OrderChoiceSerializer(many=True))
    def get_orders(self, ban: Ban) -> Any:
        """A key is told of the orders of its own source."""
        key = asking_key(self.context["request"])
        rows = OrderChoice.objects.filter(ban=ban, **({"order__source": key.source} if key else {}))
        return OrderChoiceSerializer(rows.select_related("order").order_by("pk"), many=True).data

    @extend_schema_field(EvidenceSerializer(many=True))
    def get_evidence(self, ban: Ban) -> Any:
        user = self.context["request"].user
        rows = Evidence.objects.filter(ban=ban).select_related("added_by").order_by("added_at", "pk")
        if isinstance(user, User):
            rows = rows.visible_to(user)
        return EvidenceSerializer(rows, many=True, context=self.context).data


class OrderChoiceBody(StrictSerializer):
    """What becomes of one open order of the buyer. It is named by `id`, or by its `number` (and `source`)."""

    id = serializers.IntegerField(required=False, min_value=1, max_value=10**18)
    number = serializers.CharField(required=False, max_length=64)
    source = serializers.CharField(required=False, max_length=32)  # type: ignore[assignment]
    choice = serializers.ChoiceField(choices=OrderChoice.Choice.choices)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("id" in attrs) == ("number" in attrs):
            raise serializers.ValidationError(_("Name the order by its id or by its number."))
        return attrs


class BanBody(StrictSerializer):
    """Type and, if wanted, note and end: by a moment or in so many days. Without either the ban has no end.

    `orders` says of open orders of the buyer what becomes of them, `open_orders` of all others; an unpaid order can be
    closed, a paid one only with a refund, by a manager. Of a customer who is banned already no order is touched.
    """

    type = serializers.ChoiceField(choices=Ban.Type.choices)
    note = serializers.CharField(required=False, allow_blank=True, max_length=2000, default="")
    until = MomentField(required=False, allow_null=True)
    days = serializers.IntegerField(required=False, allow_null=True, min_value=1, max_value=3650)
    orders = serializers.ListField(child=OrderChoiceBody(), required=False, max_length=200)
    open_orders = serializers.ChoiceField(
        choices=[(choice.value, choice.label) for choice in FOR_ALL], required=False, default=OrderChoice.Choice.KEEP
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs.get("until") and attrs.get("days"):
            raise serializers.ValidationError({"days": _("Give either until or days.")})
        return attrs

    def ends(self, at: datetime) -> datetime | None:
        if days := self.validated_data.get("days"):
            return at + timedelta(days=days)
        until: datetime | None = self.validated_data.get("until")
        return until


def named_orders(customer: Customer, rows: list[dict[str, Any]], *, source: Source | None) -> dict[int, str]:
    """The choices by id of the order, among the customer's orders, of this source where one is given.

    Raises ValidationError, naming each order that is not there, and one that has two choices.
    """
    orders = Order.objects.filter(customer=customer, **({"source": source} if source else {}))
    chosen: dict[int, str] = {}
    for row in rows:
        called = {"pk": row["id"]} if "id" in row else {"number": row["number"]}
        if code := row.get("source"):
            called["source__code"] = code
        found = list(orders.filter(**called).values_list("pk", flat=True)[:2])
        name = {"number": row.get("number", row.get("id"))}
        if not found:
            raise serializers.ValidationError({"orders": _("This customer has no order %(number)s.") % name})
        if len(found) > 1:
            raise serializers.ValidationError({"orders": _("Name the source of order %(number)s too.") % name})
        if found[0] in chosen:
            raise serializers.ValidationError({"orders": _("Order %(number)s is named twice.") % name})
        chosen[found[0]] = row["choice"]
    return chosen


class BanOfCustomerBody(NamedCustomerBody, BanBody):
    """Whom, and as for a customer's own ban."""


class LiftBody(StrictSerializer):
    reason = serializers.CharField(max_length=200)


class CustomerBans(ViewSet):
    """What is done about one customer. Who may, the services say."""

    access = {
        "ban": Access("bans:write", "customers.view_customer"),
        "lift_ban": Access("bans:write", "customers.view_customer"),
    }

    @extend_schema(
        operation_id="customer_ban",
        summary="Ban a customer from buying; one who is banned keeps his ban (200)",
        request=BanBody,
        responses={200: BanSerializer, 201: BanSerializer},
    )
    def ban(self, request: Request, pk: int) -> Response:
        customer = asked_customer(request, pk)
        acting_user(request)  # whoever names nobody is told that before what is wrong with his body
        body = BanBody(data=request.data)
        body.is_valid(raise_exception=True)
        return _banned(request, customer, body)

    @extend_schema(
        operation_id="customer_lift_ban",
        summary="Lift a customer's ban, with a reason",
        request=LiftBody,
        responses={200: BanSerializer},
    )
    def lift_ban(self, request: Request, pk: int) -> Response:
        customer = asked_customer(request, pk)
        user, at = acting_user(request), timezone.now()
        body = LiftBody(data=request.data)
        body.is_valid(raise_exception=True)
        try:
            ban = lift_ban(customer, reason=body.validated_data["reason"], by=user, at=at)
        except NotBanned as error:
            raise Conflict(str(error), code="not_banned") from error
        return Response(BanSerializer(ban, context={"at": at}).data)


def _banned(request: Request, customer: Customer, body: BanBody) -> Response:
    user, at = acting_user(request), timezone.now()
    facts, key = body.validated_data, asking_key(request)
    orders = named_orders(customer, facts.get("orders", []), source=key.source if key else None)
    chosen = {name: facts[name] for name in ("type", "note", "open_orders")}
    try:
        ban = ban_purchase(customer, **chosen, until=body.ends(at), orders=orders, by=user, at=at)
    except ValidationError as error:
        raise serializers.ValidationError(get_error_detail(error)) from error
    is_new = ban.started_at == at and ban.by == user
    return Response(BanSerializer(ban, context={"at": at}).data, status=201 if is_new else 200)


class BanFilter(StrictFilterSet):
    customer = NumberFilter(field_name="customer_id", max_digits=18, decimal_places=0, label=gettext_lazy("customer"))
    type = ChoiceFilter(choices=Ban.Type.choices, label=gettext_lazy("type"))
    is_standing = BooleanFilter(method="filter_standing", label=gettext_lazy("in force"))

    class Meta:
        model = Ban
        fields: list[str] = []

    def filter_standing(self, bans: QuerySet[Ban], name: str, value: bool) -> QuerySet[Ban]:
        standing = Ban.objects.standing(timezone.now())
        return bans.filter(pk__in=standing) if value else bans.exclude(pk__in=standing)


class Bans(mixins.ListModelMixin, mixins.RetrieveModelMixin, GenericViewSet[Ban]):
    access = {
        "list": Access("bans:read", "blocklist.view_ban"),
        "retrieve": Access("bans:read", "blocklist.view_ban"),
        "create": Access("bans:write", "customers.view_customer"),
        "confirm": Access("bans:write", "blocklist.view_ban"),
        "evidence": Access("bans:read", "blocklist.view_evidence"),
    }
    queryset = Ban.objects.select_related("by")
    serializer_class = BanSerializer
    filterset_class = BanFilter
    lookup_value_converter = "int"

    def get_queryset(self) -> QuerySet[Ban]:
        bans = super().get_queryset()
        user = self.request.user
        if not asking_key(self.request) and isinstance(user, User) and sees_all(user):
            return bans
        return bans.filter(customer__in=visible_customers(self.request))

    def get_serializer_class(self) -> type[BanSerializer]:
        return OneBanSerializer if self.action == "retrieve" else BanSerializer

    @extend_schema(
        summary="Ban a customer named by his id or like a purchase check; one who is banned keeps his ban (200)",
        request=BanOfCustomerBody,
        responses={200: BanSerializer, 201: BanSerializer},
    )
    def create(self, request: Request) -> Response:
        acting_user(request)
        body = BanOfCustomerBody(data=request.data)
        body.is_valid(raise_exception=True)
        return _banned(request, named_customer(request, body.validated_data), body)

    @extend_schema(
        summary="Confirm the ban of a good customer: from now on only managers lift it",
        request=None,
        responses={200: BanSerializer},
    )
    @action(detail=True, methods=["post"], filterset_class=None)
    def confirm(self, request: Request, pk: int) -> Response:
        ban, user = self.get_object(), acting_user(request)
        try:
            confirm_ban(ban, by=user, at=timezone.now())
        except NotToConfirm as error:
            raise Conflict(str(error), code="not_to_confirm") from error
        return Response(self.get_serializer(ban).data)

    @extend_schema(
        summary="Download a file that is evidence of a ban", responses={(200, "application/octet-stream"): bytes}
    )
    @action(detail=True, methods=["get"], url_path="evidence/<int:evidence>", filterset_class=None)
    def evidence(self, request: Request, pk: int, evidence: int) -> FileResponse:
        ban = get_object_or_404(self.get_queryset(), pk=pk)
        return download(get_object_or_404(Evidence, ban=ban, pk=evidence))

    def get_serializer_context(self) -> dict[str, Any]:
        return {**super().get_serializer_context(), "at": timezone.now()}
