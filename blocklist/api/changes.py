"""The changes feed, by which a storefront keeps a copy of the blocklist (docs/blocklist-copy.md)."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import PermissionDenied
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from blocklist.models import BanChange
from blocklist.services.changes import BadCursor, read_feed
from customers.api.access import Access, asked_source
from customers.api.problems import InvalidQuery
from customers.models import User
from customers.models.customer import sees_all

KNOWN = ("cursor", "page_size", "source")
MOST_LINES = 1_000


class AccountOfLineSerializer(serializers.Serializer[Any]):
    external_id = serializers.CharField()
    nick = serializers.CharField()


class ChangeSerializer(serializers.Serializer[Any]):
    """Of two lines about one ban the one with the higher number counts."""

    number = serializers.IntegerField(help_text="In the order in which the changes were committed.")
    cursor = serializers.CharField(help_text="To ask for what follows this line.")
    kind = serializers.ChoiceField(choices=BanChange.Kind.choices)
    ban_id = serializers.IntegerField()
    customer_id = serializers.IntegerField()
    accounts = AccountOfLineSerializer(many=True, help_text="How this source knows the buyer; it may have lost him.")
    until = serializers.DateTimeField(allow_null=True, help_text="The ban is over then. Empty: without end.")
    at = serializers.DateTimeField()


class ChangesSerializer(serializers.Serializer[Any]):
    results = ChangeSerializer(many=True)
    next = serializers.CharField(help_text="The cursor to ask with the next time, also where there is no more now.")
    has_more = serializers.BooleanField()


class BanChanges(ViewSet):
    """A key is told of the buyers of its own source, by their accounts there; a staff user names the source."""

    access = {"list": Access("bans:read", "blocklist.view_ban")}

    @extend_schema(
        operation_id="bans_changes",
        summary="What changed in the blocklist since a cursor, in order",
        parameters=[
            OpenApiParameter("cursor", str, description="The `next` of the answer before; without it, all."),
            OpenApiParameter("page_size", int, description="1 to 1000 lines, by default 1000."),
            OpenApiParameter("source", str, description="Code of the storefront or shop; by default the key's own."),
        ],
        responses={200: ChangesSerializer},
    )
    def list(self, request: Request) -> Response:
        if isinstance(request.user, User) and not sees_all(request.user):
            raise PermissionDenied(_("The feed tells of all customers of a source, and you see only your own."))
        errors = {name: _("There is no filter %(name)s.") % {"name": name} for name in request.query_params}
        if unknown := {name: errors[name] for name in errors if name not in KNOWN}:
            raise InvalidQuery(unknown)
        source = asked_source(request, request.query_params.get("source"))
        cursor, size = request.query_params.get("cursor", ""), _page_size(request)
        try:
            page = read_feed(source, cursor=cursor, size=size, at=timezone.now())
        except BadCursor as error:
            raise InvalidQuery({"cursor": _("This cursor is not valid. Begin without one.")}) from error
        return Response({"results": page.lines, "next": page.next, "has_more": page.has_more})


def _page_size(request: Request) -> int:
    asked = request.query_params.get("page_size", str(MOST_LINES))
    if not (asked.isascii() and asked.isdigit() and asked.strip("0") and len(asked) < 10 and int(asked) <= MOST_LINES):
        raise InvalidQuery({"page_size": _("A page holds 1 to %(most)d rows.") % {"most": MOST_LINES}})
    return int(asked)
