"""Customers: who they are and who serves them."""

from __future__ import annotations

from typing import Any, cast

from django.db import transaction
from django.db.models import Prefetch, QuerySet
from django.http import Http404
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers
from rest_framework.decorators import action
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from customers import identity
from customers.filters import CustomerFilter
from customers.models import Account, Agent, ContactValue, Customer, Group, User
from customers.parts import parts
from customers.services import bindings
from customers.services.contacts import reveal
from customers.services.groups import MOST_GROUPS, set_groups
from customers.services.people import find_customer, keep_customer

from .access import Access, acting_user, asked_source, asking_key, visible_customers
from .agents import AgentSerializer
from .bodies import BuyerBody, StrictSerializer
from .problems import Conflict


class AccountSerializer(serializers.ModelSerializer[Account]):
    source = serializers.CharField(source="source.code", read_only=True)  # type: ignore[assignment]

    class Meta:
        model = Account
        fields = ["source", "external_id", "nick"]


class ContactValueSerializer(serializers.ModelSerializer[ContactValue]):
    """A contact value: masked, except in the answer that is about one customer to a caller who may see it."""

    value = serializers.SerializerMethodField(method_name="shown_value")

    class Meta:
        model = ContactValue
        fields = ["kind", "value", "state"]

    def shown_value(self, row: ContactValue) -> str:
        if self.context.get("reveals"):
            return row.value
        return identity.masked(row.kind, row.value)


class CustomerRowSerializer(serializers.ModelSerializer[Customer]):
    accounts = AccountSerializer(many=True, read_only=True)
    agent = AgentSerializer(read_only=True)
    groups = serializers.SerializerMethodField()
    rfm_segment = serializers.CharField(source="rfm.segment", default=None, read_only=True)

    class Meta:
        model = Customer
        fields = [
            "id",
            "accounts",
            "level",
            "groups",
            "rfm_segment",
            "customer_source",
            "agent",
            "language",
            "time_zone",
            "province",
            "city",
            "registered_at",
            "trade_count",
            "trade_amount",
            "item_count",
            "avg_price",
            "close_trade_count",
            "close_trade_amount",
            "last_trade_at",
            "updated_at",
        ]

    def get_groups(self, customer: Customer) -> list[str]:
        return sorted(group.name for group in customer.groups.all())


class CustomerSerializer(CustomerRowSerializer):
    contacts = ContactValueSerializer(source="contact_values", many=True, read_only=True)

    class Meta(CustomerRowSerializer.Meta):
        fields = [*CustomerRowSerializer.Meta.fields, "contacts"]


class CustomerBody(BuyerBody):
    """A customer as his source knows him: found by `external_id`, else by `nick`, or made.

    `groups`: the ids of all groups that he is in from now on; those that a rule fills are left alone. Without it his
    groups stay as they are. Only a staff user, also a key's, sets them.
    """

    groups = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=2**63 - 1), required=False, max_length=MOST_GROUPS
    )

    def validate_groups(self, ids: list[int]) -> list[Group]:
        found = Group.objects.in_bulk(ids)
        if missing := sorted(set(ids) - found.keys()):
            sentence = _("There is no group %(value)s, or it was deleted.")
            raise serializers.ValidationError(sentence % {"value": ", ".join(map(str, missing))}, "does_not_exist")
        return list(found.values())

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        nick = attrs.get("nick", "")
        if not attrs.get("external_id") and (not nick or identity.is_masked(nick)):
            sentence = _("Name the customer by his external_id, or by a nick that is not masked.")
            raise serializers.ValidationError(sentence, "identifier_missing")
        return attrs


class BindBody(StrictSerializer):
    agent = serializers.PrimaryKeyRelatedField(queryset=Agent.objects.all())


class HandOverBody(BindBody):
    reason = serializers.CharField(required=False, allow_blank=True, max_length=200, default="")


class Customers(mixins.ListModelMixin, mixins.RetrieveModelMixin, GenericViewSet[Customer]):
    access = {
        "list": Access("customers:read", "customers.view_customer"),
        "retrieve": Access("customers:read", "customers.view_customer"),
        "create": Access("customers:write", "customers.change_customer"),
        "bind": Access("customers:write", "customers.view_customer"),
        "hand_over": Access("customers:write", "customers.view_customer"),
    }
    queryset = Customer.objects.all()
    lookup_value_converter = "int"
    # a subclass made when URLs load, so that the schema shows the filters of upper apps too
    filterset_class = type("CustomerFilter", (CustomerFilter,), {name: make() for name, make in parts.filters.items()})

    def get_queryset(self) -> QuerySet[Customer]:
        key = asking_key(self.request)
        accounts = Account.objects.select_related("source").order_by("pk")
        if key:
            accounts = accounts.filter(source=key.source)
        customers = visible_customers(self.request).select_related("agent", "rfm")
        customers = customers.prefetch_related(Prefetch("accounts", accounts), "groups")
        if self.action == "list":
            return customers
        return customers.prefetch_related(Prefetch("contact_values", ContactValue.objects.order_by("pk")))

    def get_serializer_class(self) -> type[CustomerRowSerializer]:
        return CustomerRowSerializer if self.action == "list" else CustomerSerializer

    def get_serializer_context(self) -> dict[str, Any]:
        reveals = self.action == "retrieve" and self.request.user.has_perm("customers.view_contact")
        return {**super().get_serializer_context(), "reveals": reveals}

    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Contact values are whole for whoever may see them; each such answer is audited as `contact.revealed`."""
        customer = self.get_object()
        shown = self.get_serializer(customer)
        if shown.context["reveals"]:
            reveal(customer, kinds=ContactValue.Kind.values, by=acting_user(request), at=timezone.now())
        return Response(shown.data)

    @extend_schema(
        summary="Create a customer, or note what has changed of him",
        request=CustomerBody,
        responses={200: CustomerSerializer, 201: CustomerSerializer},
    )
    def create(self, request: Request) -> Response:
        body = CustomerBody(data=request.data)
        body.is_valid(raise_exception=True)
        buyer = body.buyer(asked_source(request, body.validated_data.get("source")))
        known = find_customer(buyer)
        if known and isinstance(request.user, User):
            editable = Customer.objects.editable_by(request.user)
            if not editable.filter(pk=known.pk).exists():
                raise PermissionDenied(_("You may not change the customers of other agents."), code="not_his_agent")
        groups, at = body.validated_data.get("groups"), timezone.now()
        with transaction.atomic():
            customer = cast("Customer", keep_customer(buyer, at=at))  # the body names one
            if groups is not None:
                set_groups(customer, groups=groups, by=acting_user(request), at=at)
        return Response(self._shown(customer.pk), status=200 if known else 201)

    @extend_schema(summary="Bind to an agent", request=BindBody, responses={200: CustomerSerializer})
    @action(detail=True, methods=["post"], filterset_class=None)
    def bind(self, request: Request, pk: int) -> Response:
        customer = self.get_object()
        body = BindBody(data=request.data)
        body.is_valid(raise_exception=True)
        agent = body.validated_data["agent"]
        bindings.bind(Customer.objects.filter(pk=customer.pk), agent=agent, by=acting_user(request), at=timezone.now())
        customer.refresh_from_db(fields=["agent"])
        if customer.agent is None:
            raise PermissionDenied(_("You are not serving this customer now."), code="not_serving")
        if customer.agent != agent:
            raise Conflict(
                _("This customer already has an exclusive agent (%(agent)s).") % {"agent": customer.agent},
                code="already_bound",
            )
        return Response(self._shown(customer.pk))

    @extend_schema(summary="Hand over to another agent", request=HandOverBody, responses={200: CustomerSerializer})
    @action(detail=True, methods=["post"], url_path="hand-over", filterset_class=None)
    def hand_over(self, request: Request, pk: int) -> Response:
        customer = self.get_object()
        body = HandOverBody(data=request.data)
        body.is_valid(raise_exception=True)
        agent, reason = body.validated_data["agent"], body.validated_data["reason"]
        one = Customer.objects.filter(pk=customer.pk)
        bindings.hand_over(one, agent=agent, by=acting_user(request), at=timezone.now(), reason=reason)
        customer.refresh_from_db(fields=["agent"])
        if customer.agent is None:
            raise Conflict(_("This customer has no exclusive agent yet: bind him."), code="not_bound")
        if customer.agent != agent:
            raise PermissionDenied(_("This customer is not yours to hand over."), code="not_his_agent")
        return Response(self._shown(customer.pk))

    def get_object(self) -> Customer:
        """Whoever was merged into another is answered as that one."""
        try:
            return super().get_object()
        except Http404:
            kept = Customer.objects.kept_instead_of(self.kwargs["pk"])
            if kept is None:
                raise
            return get_object_or_404(self.get_queryset(), pk=kept.pk)

    def _shown(self, pk: int) -> Any:
        return self.get_serializer(self.get_queryset().get(pk=pk)).data
