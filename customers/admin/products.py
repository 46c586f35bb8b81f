from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from customers.models import Product
from customers.parts import ProductAction, parts

from .base import PanelAdmin
from .cells import badge, moment, money


@admin.register(Product)
class ProductAdmin(PanelAdmin):
    own_columns = ("name", "new_badge", "source", "category", "price_shown", "added")
    list_select_related = ("source",)
    list_filter = ("is_new", "source")
    search_fields = ("name", "external_id__exact")
    search_help_text = _("Words of the name, or a whole product number")
    ordering = ("-pk",)
    fields = ("is_new", "name", "source", "external_id", "category", "price_shown", "added")
    empty_list_text = _("No products yet. Import a file, or a shop: python manage.py import_shop FORMAT PATH")

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        return [*self.own_columns, *(_action_column(action, request) for action in parts.product_actions)]

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple[str, ...]:
        # what the shop told is not edited here
        return ("name", "source", "external_id", "category", "price_shown", "added")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    @admin.display(description=_("new arrival"), ordering="is_new")
    def new_badge(self, product: Product) -> SafeString | str:
        return badge(gettext("new"), kind="success") if product.is_new else ""

    @admin.display(description=_("price"), ordering="price")
    def price_shown(self, product: Product) -> str:
        return money(product.price)

    @admin.display(description=_("added"), ordering="created_at")
    def added(self, product: Product) -> str:
        return moment(product.created_at)


def _action_column(action: ProductAction, request: HttpRequest) -> Callable[[Product], SafeString | str]:
    def column(product: Product) -> SafeString | str:
        url = action.url(product, request)
        return format_html('<a class="crm-button is-small is-plain" href="{}">{}</a>', url, action.label) if url else ""

    column.__name__ = action.name
    return admin.display(description=action.label)(column)
