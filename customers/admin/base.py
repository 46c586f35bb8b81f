"""What all pages of the panel share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from django.contrib import messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.options import IncorrectLookupParameters
from django.core.exceptions import PermissionDenied
from django.db import models
from django.forms import ModelForm
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from customers.row_ids import LONGEST, row_id
from customers.services import audit

from .cells import NOTHING
from .many_rows import ManyRowsAdmin
from .staff import signed_in

if TYPE_CHECKING:
    # the skin has no types; its classes are Django's with another look
    from django.contrib.admin import ModelAdmin, TabularInline
    from django.contrib.admin.views.main import ChangeList

    SkinAdmin: TypeAlias = ModelAdmin[Any]
    SkinInline: TypeAlias = TabularInline[Any, Any]
else:
    from unfold.admin import ModelAdmin as SkinAdmin
    from unfold.admin import TabularInline as SkinInline
    from unfold.views import ChangeList

Doors: TypeAlias = "Mapping[str, Callable[..., HttpResponseBase]]"


@dataclass(frozen=True)
class Chip:
    """A quick choice above a list."""

    label: str
    query: str
    is_on: bool


class PanelChangeList(ChangeList):
    """A list that counts its rows once, and knows whether a search or filter narrows it."""

    @property
    def is_narrowed(self) -> bool:
        return bool(self.query or self.get_filters_params())

    def get_filters(self, request: HttpRequest) -> Any:
        """Django finds out that a number is too long when the rows are fetched, and has no answer to that by then."""
        told = [part for values in self.get_filters_params().values() for value in values for part in value.split(",")]
        if any(part.lstrip("-").isdecimal() and len(part) > LONGEST for part in told):
            raise IncorrectLookupParameters
        return super().get_filters(request)

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        if not self.is_narrowed:
            self.full_result_count = self.result_count


class PanelAdmin(ManyRowsAdmin, SkinAdmin):
    """Base of the panel's pages: nothing can be deleted, and what a person edits leaves an audit event."""

    list_per_page = 50
    empty_value_display = NOTHING
    show_full_result_count = False
    # What an empty list says to do next.
    empty_list_text: str | Promise = _("There is nothing here yet.")
    # What its button says where “Add …” is not what is done there.
    add_text: str | Promise = ""

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return PanelChangeList

    def doors(self) -> Doors:
        """The views about one row beside its own page, by what follows the row's id in the address."""
        return {}

    def get_urls(self) -> list[URLPattern]:
        model = f"{self.opts.app_label}_{self.opts.model_name}"
        own = [
            path(f"<int:pk>/{name}/", self.admin_site.admin_view(view), name=f"{model}_{name}")
            for name, view in self.doors().items()
        ]
        return own + super().get_urls()

    def has_delete_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return False

    def response_action(self, request: HttpRequest, queryset: Any, *args: Any) -> Any:
        """Django trusts that the chosen rows are named by ids."""
        if any(row_id(pk) is None for pk in request.POST.getlist(ACTION_CHECKBOX_NAME)):
            messages.error(request, gettext("This choice of rows is not valid. Nothing was done."))
            return redirect(request.get_full_path())
        return super().response_action(request, queryset, *args)

    def save_model(self, request: HttpRequest, obj: models.Model, form: ModelForm[Any], change: bool) -> None:
        """Write the fields that the form changed, and the audit event, in the transaction of the page."""
        fields = list(form.changed_data)
        if change:
            own = {field.name for field in obj._meta.concrete_fields}
            touched = {field.name for field in obj._meta.concrete_fields if getattr(field, "auto_now", False)}
            obj.save(update_fields=(own & set(fields)) | touched if fields else ())
        else:
            super().save_model(request, obj, form, change)
        if fields:
            verb = f"{obj._meta.model_name}.{'changed' if change else 'added'}"
            row = type(obj)._default_manager.filter(pk=obj.pk)
            audit.record(verb, row, by=signed_in(request), at=timezone.now(), fields=fields)


class ReadOnlyAdmin(PanelAdmin):
    """Base of lists that nobody edits."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return False


class PageAdmin(ReadOnlyAdmin):
    """Base of lists whose rows have a page that is no form of the admin."""

    def page(self, request: HttpRequest, row: Any) -> HttpResponse:
        """The page of a row that the user may see."""
        raise NotImplementedError

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        row = self.get_object(request, object_id)
        if row is None:
            raise Http404
        return self.page(request, row)


class ReadOnlyInline(SkinInline):
    """Rows below another that nobody edits here."""

    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return False
