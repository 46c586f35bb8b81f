"""The headers that tell a browser what our pages may do, and who is at work in the panel."""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from blocklist.services.evidence import MOST_FILES
from customers.services.agents import note_activity
from customers.services.attachments import MOST_FILES as MOST_ATTACHMENTS

PANEL = "/admin/"
API = "/api/"

# Nothing stands inline: scripts, styles and colours are files, data goes into pages by json_script.
CONTENT_SECURITY_POLICY = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "font-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    ]
)
PERMISSIONS_POLICY = "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()"


class StrictPagesMiddleware:
    """Puts the policies on every answer, error pages too; a stricter one that a view has set itself stays.

    Our own, because Django 5.2 brings none and django-csp would cost more lines of settings than this class has.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response.headers.setdefault("Content-Security-Policy", CONTENT_SECURITY_POLICY)
        response.headers.setdefault("Permissions-Policy", PERMISSIONS_POLICY)
        return response


class BodyLimitMiddleware:
    """Refuses a body larger than any form takes before a byte of it is read; a form then says which file is too large.

    A body without a length is none: nothing reads it.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        length = request.META.get("CONTENT_LENGTH") or "0"
        if length.isdecimal() and int(length[:20]) > _body_limit(request.path):
            return self._refused(request)
        return self.get_response(request)

    def _refused(self, request: HttpRequest) -> HttpResponse:
        sentence = _("At most %(most)d MB can be sent at once.") % {"most": _body_limit(request.path) // 1_000_000}
        if request.path.startswith(API):
            body = {"type": "about:blank", "title": "Content Too Large", "status": 413, "code": "too_large"}
            return JsonResponse({**body, "detail": sentence}, status=413, content_type="application/problem+json")
        return render(request, "413.html", {"sentence": sentence}, status=413)


def _body_limit(path: str) -> int:
    """In bytes: the files that a form takes, and what stands beside them; an import takes one that is larger."""
    if path == reverse("admin:customers_importrun_add"):
        return int(settings.IMPORT_UPLOAD_LIMIT) + settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    files = max(MOST_FILES * settings.EVIDENCE_BYTES, MOST_ATTACHMENTS * settings.ATTACHMENT_BYTES)
    return int(files) + settings.DATA_UPLOAD_MAX_MEMORY_SIZE


class PresenceMiddleware:
    """Notes that an agent is at work: he opened a page of the panel or sent a form there.

    What a page asks for by itself, to show what is new, is no sign of life: a browser marks it (Sec-Fetch-Mode).
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        asked_by_hand = request.method != "GET" or request.headers.get("Sec-Fetch-Mode", "navigate") == "navigate"
        if settings.AGENT_IDLE_AFTER and asked_by_hand and request.path.startswith(PANEL):
            agent = getattr(request.user, "agent", None)
            if agent is not None:
                note_activity(agent, at=timezone.now())
        return self.get_response(request)
