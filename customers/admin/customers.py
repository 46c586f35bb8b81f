from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from django import forms
from django.conf import settings
from django.contrib import admin
from django.contrib.admin.views.main import PAGE_VAR
from django.db.models import Field, Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminSelectWidget

from customers.models import Customer
from customers.models.customer import changes_all
from customers.parts import BulkAction, ListColumn, parts
from customers.services.saved_filters import column_names

from .base import PanelAdmin
from .binding_forms import bind_view, hand_over_view
from .bulk_actions import bulk_view
from .capped import CappedPaginator
from .cells import NOTHING, day, money
from .customer_contacts import contacts_view
from .customer_form import CustomerForm, save_customer
from .customer_list import CustomerChangeList
from .customer_notes import add_note_view, strike_note_view
from .customer_page import customer_page
from .customer_rows import customer_name
from .customer_timeline import timeline_view
from .list_address import list_address
from .saved_views import saved_view_urls
from .staff import signed_in

if TYPE_CHECKING:
    from customers.models.customer import CustomerQuerySet


@admin.register(Customer)
class CustomerAdmin(PanelAdmin):
    paginator = CappedPaginator
    form = CustomerForm
    fields = ("level", "level_reason", "groups", "language")
    autocomplete_fields = ("groups",)
    list_display_links = ("name",)
    empty_list_text = _("No customers yet. Import a file, or a shop: python manage.py import_shop FORMAT PATH")

    class Media:
        css = {"all": ["customers/customer_page.css"]}
        js = ["customers/customer_page.js"]

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[CustomerChangeList]:
        return CustomerChangeList

    def get_queryset(self, request: HttpRequest) -> QuerySet[Customer]:
        return Customer.objects.visible_to(signed_in(request))

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        added = {column.name: _column(column, request) for column in parts.list_columns}
        last = [added[column.name] for column in parts.list_columns if column.is_last]
        chosen = list_address(request).columns
        return ["name", *(added.get(name, f"{name}_shown") for name in chosen), *last]

    def get_paginator(self, request: HttpRequest, queryset: Any, per_page: int, *args: Any) -> CappedPaginator:
        page = request.GET.get(PAGE_VAR, "")
        return CappedPaginator(queryset, per_page, page=int(page[:6]) if page.isdecimal() else 1)

    def column_labels(self) -> dict[str, str]:
        """What the columns that may be chosen are called."""
        added = {column.name: str(column.label) for column in parts.list_columns}
        return {
            name: added.get(name) or str(getattr(self, f"{name}_shown").short_description) for name in column_names()
        }

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        return cast("CustomerQuerySet", queryset).search(search_term), False

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        return {
            action.kind.name: (_asker(action), action.kind.name, action.kind.label)
            for action in parts.bulk_actions
            if request.user.has_perms(action.permissions)
        }

    def get_urls(self) -> list[URLPattern]:
        doors: list[tuple[str, str, Callable[..., HttpResponse]]] = [
            ("bind", "bind", bind_view),
            ("hand-over", "hand_over", hand_over_view),
            ("timeline", "timeline", timeline_view),
            ("contacts", "contacts", contacts_view),
            ("notes", "add_note", add_note_view),
            ("notes/<int:note>/strike-out", "strike_note", strike_note_view),
        ]
        own = [
            path(f"<int:pk>/{address}/", self.admin_site.admin_view(view), name=f"customers_customer_{name}")
            for address, name, view in doors
        ]
        bulk = path("bulk/<str:name>/", self.admin_site.admin_view(bulk_view), name="customers_customer_bulk")
        views = saved_view_urls(self.admin_site.admin_view)
        return [bulk, *views, *own, *super().get_urls()]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        if not super().has_change_permission(request, obj):
            return False
        user = signed_in(request)
        return obj is None or changes_all(user) or Customer.objects.editable_by(user).filter(pk=obj.pk).exists()

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        customer = self.get_object(request, object_id)
        if customer is None and (kept := Customer.objects.kept_instead_of(object_id)):
            return redirect(kept)
        if customer is None:
            raise Http404  # also one whom the user does not see
        page = {}
        if self.has_view_or_change_permission(request, customer):
            page = customer_page(customer, request, at=timezone.now())
        return super().change_view(request, object_id, form_url, {**page, **(extra_context or {})})

    def save_model(self, request: HttpRequest, obj: Model, form: forms.ModelForm[Any], change: bool) -> None:
        save_customer(cast(CustomerForm, form), by=signed_in(request), at=timezone.now())

    def save_related(self, request: HttpRequest, form: Any, formsets: list[Any], change: bool) -> None:
        """The groups are saved already."""

    def formfield_for_dbfield(
        self, db_field: Field[Any, Any], request: HttpRequest, **kwargs: Any
    ) -> forms.Field | None:
        if db_field.name == "language":
            shop = ("", gettext("the shop's language"))
            choices = [shop, *settings.LANGUAGES]
            return forms.ChoiceField(
                choices=choices, required=False, label=capfirst(db_field.verbose_name), widget=UnfoldAdminSelectWidget()
            )
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    @admin.display(description=_("customer"))
    def name(self, customer: Customer) -> SafeString:
        return customer_name(customer)

    @admin.display(description=_("level"), ordering="level")
    def level_shown(self, customer: Customer) -> str:
        return customer.get_level_display()

    @admin.display(description=_("groups"))
    def groups_shown(self, customer: Customer) -> SafeString:
        names = ", ".join(sorted(group.name for group in customer.groups.all())) or NOTHING
        return format_html('<span class="crm-short" title="{0}">{0}</span>', names)

    @admin.display(description=_("agent"), ordering="agent")
    def agent_shown(self, customer: Customer) -> str:
        return str(customer.agent or NOTHING)

    @admin.display(description=_("customer source"))
    def customer_source_shown(self, customer: Customer) -> str:
        return customer.get_customer_source_display()

    @admin.display(description=_("region"))
    def region_shown(self, customer: Customer) -> str:
        return " ".join(part for part in (customer.province, customer.city) if part) or NOTHING

    @admin.display(description=_("known since"), ordering="registered_at")
    def registered_at_shown(self, customer: Customer) -> SafeString | str:
        return day(customer.registered_at)

    @admin.display(description=_("trades"), ordering="trade_count")
    def trade_count_shown(self, customer: Customer) -> int:
        return customer.trade_count

    @admin.display(description=_("trade amount"), ordering="trade_amount")
    def trade_amount_shown(self, customer: Customer) -> str:
        return money(customer.trade_amount)

    @admin.display(description=_("average price"), ordering="avg_price")
    def avg_price_shown(self, customer: Customer) -> str:
        return money(customer.avg_price)

    @admin.display(description=_("items"), ordering="item_count")
    def item_count_shown(self, customer: Customer) -> int:
        return customer.item_count

    @admin.display(description=_("closed trades"), ordering="close_trade_count")
    def close_trade_count_shown(self, customer: Customer) -> int:
        return customer.close_trade_count

    @admin.display(description=_("closed amount"), ordering="close_trade_amount")
    def close_trade_amount_shown(self, customer: Customer) -> str:
        return money(customer.close_trade_amount)

    @admin.display(description=_("last trade"), ordering="last_trade_at")
    def last_trade_at_shown(self, customer: Customer) -> SafeString | str:
        return day(customer.last_trade_at)


def _column(part: ListColumn, request: HttpRequest) -> Callable[[Customer], SafeString | str]:
    def column(customer: Customer) -> SafeString | str:
        return part.show(customer, request)

    column.__name__ = part.name
    return admin.display(description=part.label)(column)


def _asker(action: BulkAction) -> Callable[[Any, HttpRequest, CustomerQuerySet], HttpResponseBase]:
    def ask(model_admin: CustomerAdmin, request: HttpRequest, customers: CustomerQuerySet) -> HttpResponseBase:
        return bulk_view(request, action.kind.name)

    return ask
