"""Contact data on a customer's page: masked, until somebody with the right asks for it; each time is audited."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from customers import identity
from customers.models import ContactValue, Customer
from customers.services.contacts import reveal

from .staff import asks_for_json, seen_customer, signed_in


class KindForm(forms.Form):
    kind = forms.ChoiceField(choices=ContactValue.Kind.choices)


def contacts_context(customer: Customer, request: HttpRequest) -> dict[str, Any]:
    """His contact values as anybody may see them."""
    values = ContactValue.objects.filter(customer=customer).order_by("kind", "pk")
    return {
        "contact_values": [(row, identity.masked(row.kind, row.value)) for row in values],
        "may_see_contacts": request.user.has_perm("customers.view_contact"),
    }


@never_cache
@require_POST
def contacts_view(request: HttpRequest, pk: int) -> HttpResponse:
    """The whole values of one kind: to a script by their ids, to a browser as a page."""
    customer, form = seen_customer(request, pk), KindForm(request.POST)
    if not form.is_valid():
        return JsonResponse({"error": _("There is no such kind of contact data.")}, status=400)
    values = reveal(customer, kinds=[form.cleaned_data["kind"]], by=signed_in(request), at=timezone.now())
    if asks_for_json(request):
        return JsonResponse({"values": {str(row.pk): row.value for row in values}})
    shown = {**admin.site.each_context(request), "title": _("Contact data"), "customer": customer, "values": values}
    return TemplateResponse(request, "admin/customers/customer/contacts_page.html", shown)
