"""The headers that tell a browser what our pages may do."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

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
