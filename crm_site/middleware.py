"""The headers that tell a browser what our pages may do, and who is at work in the panel."""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from customers.services.agents import note_activity

PANEL = "/admin/"

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
