"""What happened with a customer, and whether he can be messaged and buy now."""

from __future__ import annotations

from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param
from rest_framework.viewsets import ViewSet

from customers.models import User
from customers.parts import Viewer
from customers.services.contactability import contactability
from customers.services.timeline import BadCursor, Cursor, Line, kinds_for, timeline

from .access import Access, asked_customer, asking_key, visible_customers
from .problems import InvalidQuery

KNOWN = ("kind", "cursor")


class EntrySerializer(serializers.Serializer[Line]):
    """One thing that happened. `kind` and `event` are stable; what is told of it speaks the language of the request."""

    kind = serializers.CharField(source="source.kind")
    event = serializers.CharField(
        source="source.name", help_text="What of this kind: a ban was set, lifted or is over."
    )
    id = serializers.IntegerField(help_text="The row that tells of it, unique together with the event.")
    at = serializers.DateTimeField()
    title = serializers.CharField(source="entry.title")
    text = serializers.CharField(source="entry.text")
    by = serializers.CharField(source="entry.by")


class TimelineSerializer(serializers.Serializer[Any]):
    next = serializers.URLField(allow_null=True, help_text="The older ones.")
    results = EntrySerializer(many=True)


class ReasonSerializer(serializers.Serializer[Any]):
    code = serializers.CharField()
    sentence = serializers.CharField()
    by = serializers.CharField(help_text="A member of the staff; empty where it was nobody's doing.")
    at = serializers.DateTimeField(allow_null=True)


class AnswerSerializer(serializers.Serializer[Any]):
    """`question`: `buy`, or `message.` and a channel."""

    question = serializers.CharField()
    answer = serializers.BooleanField(source="is_yes")
    reasons = ReasonSerializer(many=True, help_text="What is against it; empty where the answer is yes.")


class CustomerTimeline(ViewSet):
    """A key sees what its scopes let it see, and of orders, reviews and attempts those of its source."""

    access = {"list": Access("customers:read", "customers.view_customer")}

    @extend_schema(
        summary="All that happened with a customer, newest first",
        operation_id="customers_timeline",
        parameters=[
            OpenApiParameter("kind", str, description="Only these kinds, separated by commas."),
            OpenApiParameter("cursor", str, description="From where the answer before ended: follow its `next`."),
        ],
        responses={200: TimelineSerializer},
    )
    def list(self, request: Request, pk: int) -> Response:
        customer = asked_customer(request, pk)
        viewer = Viewer(user=request.user if isinstance(request.user, User) else None, key=asking_key(request))
        kinds, after = _asked(request, viewer)
        page = timeline(customer, viewer=viewer, at=timezone.now(), kinds=kinds, after=after)
        here = request.build_absolute_uri()
        older = replace_query_param(here, "cursor", str(page.older)) if page.older else None
        return Response(TimelineSerializer({"next": older, "results": page.lines}).data)


class CustomerContactability(ViewSet):
    access = {"retrieve": Access("customers:read", "customers.view_customer")}

    @extend_schema(
        summary="Whether a customer can buy and be messaged now, with each reason against it",
        operation_id="customers_contactability",
        responses={200: AnswerSerializer(many=True)},
    )
    def retrieve(self, request: Request, pk: int) -> Response:
        customer = asked_customer(request, pk)
        answers = contactability(customer, seen=visible_customers(request), at=timezone.now())
        return Response(AnswerSerializer(answers, many=True).data)


def _asked(request: Request, viewer: Viewer) -> tuple[list[str], Cursor | None]:
    """Kinds and place; raises InvalidQuery for what is not understood."""
    query, kinds, after = request.query_params, [], None
    errors = {name: _("There is no filter %(name)s.") % {"name": name} for name in query if name not in KNOWN}
    if "kind" in query:
        kinds, known = query["kind"].split(","), kinds_for(viewer)
        if set(kinds) - known.keys() or len(query.getlist("kind")) > 1:
            errors["kind"] = _("You may ask for: %(kinds)s.") % {"kinds": ", ".join(known)}
    if "cursor" in query:
        try:
            after = Cursor.read(query["cursor"])
        except BadCursor:
            errors["cursor"] = _("This cursor is not valid. Begin without one.")
    if errors:
        raise InvalidQuery(errors)
    return kinds, after
