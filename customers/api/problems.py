"""Errors as problem details (RFC 9457): what the API answers where it does not do what it was asked."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404
from django.utils.translation import gettext as _
from rest_framework import exceptions
from rest_framework.response import Response

MEDIA_TYPE = "application/problem+json"
NON_FIELD = "non_field_errors"


class Conflict(exceptions.APIException):
    """409: the request is sound, but what it asks is at odds with the state of things. `members` go into the answer."""

    status_code = HTTPStatus.CONFLICT

    def __init__(self, detail: str, *, code: str, **members: object) -> None:
        super().__init__(detail, code)
        self.members = members


class TooLarge(exceptions.APIException):
    """413: the body is larger than the API reads."""

    status_code = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    default_code = "too_large"


class InvalidQuery(exceptions.ValidationError):
    """400: the names in its detail are those of query parameters, not of members of the body."""


def problem_response(error: Exception, context: Mapping[str, Any]) -> Response | None:
    """The answer to an exception that a view may raise; None for all others, which are the server's own faults."""
    if isinstance(error, Http404):
        # the sentence of Django's own names the model; a missing row and one that may not be seen must read the same
        error = exceptions.NotFound()
    elif isinstance(error, PermissionDenied):
        error = exceptions.PermissionDenied(str(error) or None)
    if not isinstance(error, exceptions.APIException):
        return None
    headers = {}
    if challenge := getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = challenge
    if wait := getattr(error, "wait", None):
        headers["Retry-After"] = str(math.ceil(wait))
    return Response(_problem(error), status=error.status_code, headers=headers, content_type=MEDIA_TYPE)


def _problem(error: exceptions.APIException) -> dict[str, Any]:
    problem = {"type": "about:blank", "title": HTTPStatus(error.status_code).phrase, "status": int(error.status_code)}
    if isinstance(error, exceptions.ValidationError):
        place = "parameter" if isinstance(error, InvalidQuery) else "pointer"
        problem["detail"] = _("The request is not valid.")
        problem["code"] = "invalid"
        problem["errors"] = [
            {
                place: path.removeprefix("/") if place == "parameter" else path,
                "detail": str(detail),
                "code": detail.code,
            }
            for path, detail in _errors(error.detail)
        ]
        return problem
    detail = error.detail if isinstance(error.detail, exceptions.ErrorDetail) else error.default_detail
    return problem | {
        "detail": str(detail),
        "code": getattr(detail, "code", error.default_code),
        **getattr(error, "members", {}),
    }


def _errors(detail: Any, path: str = "") -> Iterator[tuple[str, exceptions.ErrorDetail]]:
    """Each error with the JSON pointer (RFC 6901) of what it is about."""
    if isinstance(detail, exceptions.ErrorDetail):
        yield path, detail
    elif isinstance(detail, dict):
        for name, inner in detail.items():
            step = "" if name == NON_FIELD else "/" + str(name).replace("~", "~0").replace("/", "~1")
            yield from _errors(inner, path + step)
    elif isinstance(detail, list):
        for position, inner in enumerate(detail):
            # a list of sentences is about its field, a list of objects about the field's items
            step = "" if isinstance(inner, exceptions.ErrorDetail) else f"/{position}"
            yield from _errors(inner, path + step)
