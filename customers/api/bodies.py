"""What the API reads: strict JSON bodies, and the pieces that several of them share."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import IO, TYPE_CHECKING, Any

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail, ParseError
from rest_framework.metadata import BaseMetadata
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

from customers.identity import Identity
from customers.models import Source

from .problems import TooLarge

if TYPE_CHECKING:
    from rest_framework.views import APIView

DEEPEST = 20
IDENTIFIERS = ("nick", "external_id", "phone", "email", "address")


class StrictJSONParser(BaseParser):
    """JSON as RFC 8259 means it: UTF-8, no NaN, no member twice, no NUL, no half a surrogate pair, not too deep."""

    media_type = "application/json"

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        raw = stream.read(settings.API_BODY_LIMIT + 1)
        if len(raw) > settings.API_BODY_LIMIT:
            raise TooLarge(_("The body is larger than %(limit)d bytes.") % {"limit": settings.API_BODY_LIMIT})
        try:
            body = json.loads(raw.decode("utf-8"), object_pairs_hook=_members, parse_constant=_no_constant)
            _check(body)
        except RecursionError as error:
            raise ParseError(_("The JSON is nested too deeply.")) from error
        except ValueError as error:
            raise ParseError(_("The body is not valid JSON: %(error)s") % {"error": error}) from error
        return body


class OnlyJSON(DefaultContentNegotiation):
    """Answers JSON whatever the client would rather have, which RFC 9110 allows and which suits an error best."""

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        renderer = next(iter(renderers))
        return renderer, renderer.media_type


class NoMetadata(BaseMetadata):
    """OPTIONS tells the methods, in the header `Allow`; all else is in the schema."""

    def determine_metadata(self, request: Request, view: APIView) -> dict[str, Any]:
        return {}


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise ValueError(_("a member stands there twice."))
    return members


def _no_constant(name: str) -> None:
    raise ValueError(_("%(name)s is no JSON number.") % {"name": name})


def _check(body: Any) -> None:
    """Raise ValueError for what no value may hold, wherever it stands, before any serializer sees it."""
    waiting = [(body, 1)]
    while waiting:
        value, depth = waiting.pop()
        if depth > DEEPEST:
            raise ValueError(_("it is nested too deeply."))
        if isinstance(value, dict):
            waiting += [(inner, depth + 1) for pair in value.items() for inner in pair]
        elif isinstance(value, list):
            waiting += [(inner, depth + 1) for inner in value]
        elif isinstance(value, str) and ("\0" in value or not _is_encodable(value)):
            raise ValueError(_("a text holds a character that cannot be stored."))


def _is_encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


class StrictSerializer(serializers.Serializer[Any]):
    """Refuses members that it does not know: a misspelled one would otherwise be dropped without a word."""

    def to_internal_value(self, data: Any) -> Any:
        unknown = sorted(set(data) - set(self.fields)) if isinstance(data, Mapping) else []
        if unknown:
            sentence = _("There is no such field. Known: %(known)s.") % {"known": ", ".join(self.fields)}
            raise serializers.ValidationError({name: [ErrorDetail(sentence, "unknown_field")] for name in unknown})
        return super().to_internal_value(data)


class MomentField(serializers.DateTimeField):
    """A date and time within the years that every time zone and database can hold."""

    default_error_messages = {"year": gettext_lazy("This year is out of range.")}

    def enforce_timezone(self, value: datetime) -> datetime:
        if not 1970 <= value.year <= 2199:
            self.fail("year")
        return super().enforce_timezone(value)


class BuyerBody(StrictSerializer):
    """How a request names a buyer."""

    source = serializers.CharField(  # type: ignore[assignment]
        required=False, max_length=40, help_text="Code of the storefront or shop; by default the key's own."
    )
    nick = serializers.CharField(required=False, allow_blank=True, max_length=100)
    external_id = serializers.CharField(required=False, allow_blank=True, max_length=100)
    phone = serializers.CharField(required=False, allow_blank=True, max_length=60)
    email = serializers.CharField(required=False, allow_blank=True, max_length=254)
    address = serializers.CharField(required=False, allow_blank=True, max_length=400)

    def names_somebody(self, data: Mapping[str, Any]) -> bool:
        return any(data.get(name) for name in IDENTIFIERS)

    def require_identifier(self, data: Mapping[str, Any]) -> None:
        if not self.names_somebody(data):
            sentence = _("Name the buyer by at least one of %(identifiers)s.")
            raise serializers.ValidationError(sentence % {"identifiers": ", ".join(IDENTIFIERS)}, "identifier_missing")

    def buyer(self, source: Source) -> Identity:
        """The validated identifiers, as that source means them."""
        return buyer_in(self.validated_data, source)


def buyer_in(facts: Mapping[str, Any], source: Source) -> Identity:
    """The identifiers among validated members, as that source means them."""
    told = {name: facts.get(name, "") for name in IDENTIFIERS}
    return Identity(source_id=source.pk, **told)


class LineBody(StrictSerializer):
    """A line of an order or of a basket; the product is named by its number in the source."""

    product = serializers.CharField(required=False, allow_blank=True, max_length=100)
    title = serializers.CharField(required=False, allow_blank=True, max_length=200)
    quantity = serializers.IntegerField(required=False, min_value=1, max_value=100_000, default=1)
    price = serializers.DecimalField(required=False, max_digits=12, decimal_places=2, min_value=0, default=Decimal(0))
