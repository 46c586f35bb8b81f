"""Order intake behind the purchase gate, and the orders themselves."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, cast

from django.core.exceptions import ValidationError
from django.db.models import Prefetch, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import mixins, serializers
from rest_framework.decorators import action
from rest_framework.fields import get_error_detail
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from customers.filters import OrderFilter
from customers.models import Order, OrderHold, OrderLine, User
from customers.services import order_holds
from customers.services.orders import LineFacts, OrderFacts, take_order, update_order

from .access import Access, acting_user, asked_source, asker, asking_key, require
from .bodies import BuyerBody, LineBody, MomentField, StrictSerializer
from .problems import Conflict
from .purchase_checks import told

if TYPE_CHECKING:
    from customers.models.order import OrderQuerySet

PLACED = Access("orders:import", "customers.add_order")
# Held is the gate's word: no client says it.
TOLD_STATUSES = [choice for choice in Order.Status.choices if choice[0] != Order.Status.HELD]


class OrderLineSerializer(serializers.ModelSerializer[OrderLine]):
    product = serializers.CharField(source="product.external_id", default=None, read_only=True)

    class Meta:
        model = OrderLine
        fields = ["line_number", "product", "title", "quantity", "price"]


class OrderHoldSerializer(serializers.ModelSerializer[OrderHold]):
    """`status_before`: what the order is when it is released. `released_at`: when it is released by itself, if ever."""

    released_at = serializers.DateTimeField(read_only=True, allow_null=True)

    class Meta:
        model = OrderHold
        fields = ["code", "status_before", "held_at", "released_at"]


class OrderSerializer(serializers.ModelSerializer[Order]):
    """`hold`: why a held order waits for a person's review; null where it does not."""

    source = serializers.CharField(source="source.code", read_only=True)  # type: ignore[assignment]
    lines = OrderLineSerializer(many=True, read_only=True)
    hold = serializers.SerializerMethodField()

    class Meta:
        model = Order
        fields = [
            "id",
            "source",
            "number",
            "customer",
            "status",
            "close_reason",
            "amount",
            "postage",
            "paid_amount",
            "ordered_at",
            "paid_at",
            "sent_at",
            "done_at",
            "closed_at",
            "buyer_message",
            "memo",
            "flag",
            "hold",
            "lines",
            "updated_at",
        ]

    @extend_schema_field(OrderHoldSerializer(allow_null=True))
    def get_hold(self, order: Order) -> Any:
        if order.status != Order.Status.HELD:
            return None
        still_open = [hold for hold in order.holds.all() if hold.decided_at is None]
        return OrderHoldSerializer(still_open[0]).data if still_open else None


class OrderBody(BuyerBody):
    """An order that the shop is asked to accept, or with `placed` one that a marketplace has accepted already."""

    number = serializers.CharField(max_length=64, help_text="The order's number, unique in its source.")
    placed = serializers.BooleanField(
        required=False, default=False, help_text="A marketplace has accepted it already. Needs scope orders:import."
    )
    status = serializers.ChoiceField(choices=TOLD_STATUSES, required=False, default=Order.Status.UNPAID)
    amount = serializers.DecimalField(max_digits=12, decimal_places=2, min_value=0)
    postage = serializers.DecimalField(required=False, max_digits=12, decimal_places=2, min_value=0)
    paid_amount = serializers.DecimalField(required=False, max_digits=12, decimal_places=2, min_value=0)
    ordered_at = MomentField(required=False, help_text="By default now.")
    paid_at = MomentField(required=False, allow_null=True)
    buyer_message = serializers.CharField(required=False, allow_blank=True, max_length=2000)
    lines = serializers.ListField(child=LineBody(), required=False, max_length=200)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if not attrs["placed"]:
            # the gate cannot be asked about nobody; a marketplace may keep the buyer of a placed order to itself
            self.require_identifier(attrs)
        return attrs


class OrderChange(StrictSerializer):
    """What may change of an order: status, payment, times, memo and flag."""

    status = serializers.ChoiceField(choices=TOLD_STATUSES, required=False)
    close_reason = serializers.CharField(required=False, allow_blank=True, max_length=200)
    paid_amount = serializers.DecimalField(required=False, max_digits=12, decimal_places=2, min_value=0)
    paid_at = MomentField(required=False, allow_null=True)
    sent_at = MomentField(required=False, allow_null=True)
    done_at = MomentField(required=False, allow_null=True)
    closed_at = MomentField(required=False, allow_null=True)
    memo = serializers.CharField(required=False, allow_blank=True, max_length=2000)
    flag = serializers.ChoiceField(choices=Order.Flag.choices, required=False)


class ReleaseBody(StrictSerializer):
    reason = serializers.CharField(required=False, allow_blank=True, max_length=200, default="")


class ClosingOrderBody(StrictSerializer):
    """`refund`: the order is paid, and its money is to go back. Closing a paid one without it is refused."""

    reason = serializers.CharField(max_length=200)
    refund = serializers.BooleanField(required=False, default=False)


class Orders(mixins.ListModelMixin, mixins.RetrieveModelMixin, GenericViewSet[Order]):
    access = {
        "list": Access("orders:read", "customers.view_order"),
        "retrieve": Access("orders:read", "customers.view_order"),
        "create": Access("orders:write", "customers.change_order"),
        "partial_update": Access("orders:write", "customers.change_order"),
        "release": Access("orders:write", "customers.view_order"),
        "close": Access("orders:write", "customers.view_order"),
    }
    queryset = Order.objects.select_related("source").prefetch_related(
        Prefetch("lines", OrderLine.objects.select_related("product").order_by("line_number")), "holds"
    )
    serializer_class = OrderSerializer
    filterset_class = OrderFilter
    lookup_value_converter = "int"

    def get_queryset(self) -> QuerySet[Order]:
        key = asking_key(self.request)
        user, orders = self.request.user, super().get_queryset()
        if isinstance(user, User):
            orders = cast("OrderQuerySet", orders).visible_to(user)
        return orders.filter(source=key.source) if key else orders

    @extend_schema(
        summary="Ask the gate and record the order, before taking payment",
        request=OrderBody,
        responses={200: OrderSerializer, 201: OrderSerializer},
    )
    def create(self, request: Request) -> Response:
        body = OrderBody(data=request.data)
        body.is_valid(raise_exception=True)
        facts = dict(body.validated_data)
        source, placed, at = asked_source(request, facts.get("source")), facts["placed"], timezone.now()
        if placed:
            require(request, PLACED)
        intake = take_order(
            _order_facts(facts, at), source=source, buyer=body.buyer(source), placed=placed, at=at, **asker(request)
        )
        if intake.order is None and intake.decision is not None:
            raise Conflict(_("The purchase gate refuses this order."), **told(intake.decision))
        return Response(OrderSerializer(intake.order).data, status=201 if intake.created else 200)

    @extend_schema(
        summary="Tell what has become of an order; payment leaves a held one held, sent, done or closed settle it",
        request=OrderChange,
        responses={200: OrderSerializer},
    )
    def partial_update(self, request: Request, pk: int) -> Response:
        order = self.get_object()
        body = OrderChange(data=request.data)
        body.is_valid(raise_exception=True)
        user = request.user if request.user.is_authenticated else None
        if order.status == Order.Status.HELD and "status" in body.validated_data and not asking_key(request):
            raise Conflict(_("This order is held for review: release or close it."), code="order_held")
        update_order(order, at=timezone.now(), by=user, **body.validated_data)
        return self._shown(order)

    @extend_schema(
        summary="Release a held order: it goes on as what it was, or as paid where it was paid meanwhile",
        request=ReleaseBody,
        responses={200: OrderSerializer},
    )
    @action(detail=True, methods=["post"], filterset_class=None)
    def release(self, request: Request, pk: int) -> Response:
        order, by = self.get_object(), acting_user(request)
        body = ReleaseBody(data=request.data)
        body.is_valid(raise_exception=True)
        try:
            order_holds.release(order, by=by, at=timezone.now(), **body.validated_data)
        except order_holds.NothingHeld as error:
            raise Conflict(str(error), code="nothing_held") from error
        return self._shown(order)

    @extend_schema(
        summary="Close a held order, with a reason; a paid one with a refund",
        request=ClosingOrderBody,
        responses={200: OrderSerializer},
    )
    @action(detail=True, methods=["post"], filterset_class=None)
    def close(self, request: Request, pk: int) -> Response:
        order, by = self.get_object(), acting_user(request)
        body = ClosingOrderBody(data=request.data)
        body.is_valid(raise_exception=True)
        try:
            order_holds.close_order(order, by=by, at=timezone.now(), **body.validated_data)
        except order_holds.NothingHeld as error:
            raise Conflict(str(error), code="nothing_held") from error
        except ValidationError as error:
            raise serializers.ValidationError(get_error_detail(error)) from error
        return self._shown(order)

    def _shown(self, order: Order) -> Response:
        return Response(OrderSerializer(self.get_queryset().get(pk=order.pk)).data)


def _order_facts(facts: dict[str, Any], at: datetime) -> OrderFacts:
    names = ("number", "amount", "status", "postage", "paid_amount", "paid_at", "buyer_message")
    given = {name: facts[name] for name in names if name in facts}
    lines = [LineFacts(**line) for line in facts.get("lines", ())]
    return OrderFacts(**given, ordered_at=facts.get("ordered_at", at), lines=lines)
