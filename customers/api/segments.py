"""Saved filters: named filter values that views, groups and audiences refer to."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import mixins, serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from customers.filters import InvalidFilter
from customers.models import SavedFilter, User
from customers.services import saved_filters

from .access import Access, acting_user
from .bodies import StrictSerializer
from .problems import Conflict


@extend_schema_field(OpenApiTypes.OBJECT)
class ValuesField(serializers.Field[Any, Any, Any, Any]):
    """Filter values by the names of the filters of `customers/`, each one value or a list of them."""

    default_error_messages = {"shape": gettext_lazy("Filter values are an object: a text, a number or a list of them.")}

    def to_internal_value(self, data: Any) -> dict[str, list[str]]:
        if not isinstance(data, dict):
            self.fail("shape")
        return {name: self._several(value) for name, value in data.items()}

    def _several(self, value: Any) -> list[str]:
        several = value if isinstance(value, list) else [value]
        if not all(isinstance(one, (str, int, float)) for one in several):
            self.fail("shape")
        # JSON's true is "true" in an address
        return [str(one).lower() if isinstance(one, bool) else str(one) for one in several]

    def to_representation(self, value: Any) -> Any:
        return value


class SegmentSerializer(serializers.ModelSerializer[SavedFilter]):
    """`owner`: the login of whoever keeps it."""

    owner = serializers.CharField(source="owner.username", read_only=True)
    values = ValuesField(read_only=True)
    columns = serializers.ListField(child=serializers.CharField(), read_only=True)

    class Meta:
        model = SavedFilter
        fields = ["id", "name", "owner", "is_shared", "values", "columns", "order", "created_at", "updated_at"]


class SegmentBody(StrictSerializer):
    name = serializers.CharField(max_length=60)
    values = ValuesField()
    is_shared = serializers.BooleanField(required=False)
    columns = serializers.ListField(child=serializers.CharField(max_length=40), required=False)
    order = serializers.CharField(required=False, allow_blank=True, max_length=40)


class SegmentChangeBody(SegmentBody):
    name = serializers.CharField(max_length=60, required=False)
    values = ValuesField(required=False)


class Segments(mixins.ListModelMixin, mixins.RetrieveModelMixin, GenericViewSet[SavedFilter]):
    """A staff user, also a key's, sees his own and the shared ones; a key that names nobody the shared ones."""

    access = {
        "list": Access("segments:read", "customers.view_savedfilter"),
        "retrieve": Access("segments:read", "customers.view_savedfilter"),
        "create": Access("segments:write", "customers.add_savedfilter"),
        "partial_update": Access("segments:write", "customers.change_savedfilter"),
        "destroy": Access("segments:write", "customers.delete_savedfilter"),
    }
    queryset = SavedFilter.objects.all()
    serializer_class = SegmentSerializer
    lookup_value_converter = "int"

    def get_queryset(self) -> QuerySet[SavedFilter]:
        saved = SavedFilter.objects.select_related("owner")
        user = self.request.user
        return saved.visible_to(user) if isinstance(user, User) else saved.filter(is_shared=True)

    @extend_schema(summary="Keep filter values under a name", request=SegmentBody, responses={201: SegmentSerializer})
    def create(self, request: Request) -> Response:
        by, asked = acting_user(request), self._asked(SegmentBody, request)
        saved = _answered(lambda: saved_filters.create(asked.pop("name"), by=by, at=timezone.now(), **asked))
        return Response(SegmentSerializer(saved).data, status=201)

    @extend_schema(summary="Change what is given", request=SegmentChangeBody, responses={200: SegmentSerializer})
    def partial_update(self, request: Request, pk: int) -> Response:
        saved, by = self.get_object(), acting_user(request)
        asked = self._asked(SegmentChangeBody, request)
        _answered(lambda: saved_filters.change(saved, by=by, at=timezone.now(), **asked))
        return Response(SegmentSerializer(saved).data)

    @extend_schema(summary="Delete", responses={204: None})
    def destroy(self, request: Request, pk: int) -> Response:
        saved, by = self.get_object(), acting_user(request)
        _answered(lambda: saved_filters.delete(saved, by=by, at=timezone.now()))
        return Response(status=204)

    @staticmethod
    def _asked(body_class: type[SegmentBody], request: Request) -> dict[str, Any]:
        body = body_class(data=request.data)
        body.is_valid(raise_exception=True)
        return dict(body.validated_data)


def _answered(call: Any) -> Any:
    """What the service returns, or its refusal as the API tells it."""
    try:
        return call()
    except InvalidFilter as error:
        look = {name: found for name, found in error.errors.items() if name in ("columns", "order")}
        values = {name: found for name, found in error.errors.items() if name not in look}
        raise serializers.ValidationError({**look, **({"values": values} if values else {})}) from error
    except saved_filters.NameTaken as error:
        raise Conflict(str(error), code="name_taken") from error
    except saved_filters.StillUsed as error:
        raise Conflict(str(error), code="still_used") from error
