"""Choosing several rows in a form."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.db.models import ManyToManyField

from customers.row_ids import row_id

if TYPE_CHECKING:
    from django.contrib.admin import ModelAdmin

    SomeAdmin = ModelAdmin[Any]
else:
    SomeAdmin = object


class ManyRowsField(forms.ModelMultipleChoiceField):  # type: ignore[type-arg]
    """Several rows of a table; what is no id, or one that no database can hold, names none of them."""

    def bound_data(self, data: Any, initial: Any) -> Any:
        """What the form shows again: the widgets look the rows up, and trust that each value is an id."""
        return [pk for pk in super().bound_data(data, initial) or [] if row_id(pk) is not None]

    def _check_values(self, value: Any) -> Any:
        for pk in value:
            if row_id(pk) is None:
                raise forms.ValidationError(self.error_messages["invalid_choice"], "invalid_choice", {"value": pk})
        return super()._check_values(value)  # type: ignore[misc]


class ManyRowsAdmin(SomeAdmin):
    """Mixed into the pages of the panel: their fields that name several rows are such fields."""

    def formfield_for_manytomany(self, db_field: ManyToManyField[Any, Any], request: Any = None, **kwargs: Any) -> Any:
        return super().formfield_for_manytomany(db_field, request, form_class=ManyRowsField, **kwargs)
