"""Pages for customers, who are not signed in: no personal data, no cookie."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from customers.models import Customer

from .channels import channel_label
from .models import OptOut
from .services.opt_outs import opt_out
from .unsubscribe import read_token


# Without the CSRF check: a mail program posts on its own (RFC 8058), and the signed token is what allows it.
@csrf_exempt
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def unsubscribe(request: HttpRequest, token: str) -> HttpResponse:
    """Looking changes nothing (mail scanners look); posting opts out, from the page or by one click (RFC 8058)."""
    asked = read_token(token)
    customer = Customer.objects.select_related("merged_into").filter(pk=asked.customer).first() if asked else None
    if asked is None or customer is None:
        return _page(request, status=404)
    is_done = request.method == "POST"
    if is_done:
        opt_out(customer.merged_into or customer, channel=asked.channel, source=OptOut.Source.LINK, at=timezone.now())
    return _page(request, channel=channel_label(asked.channel), is_done=is_done)


def _page(request: HttpRequest, *, status: int = 200, channel: str = "", is_done: bool = False) -> HttpResponse:
    context = {"is_valid": status == 200, "channel": channel, "is_done": is_done}
    response = render(request, "messaging/unsubscribe.html", context, status=status)
    # the address is the permission: it stays with whoever has it
    response["Referrer-Policy"] = "no-referrer"
    response["X-Robots-Tag"] = "noindex"
    return response
