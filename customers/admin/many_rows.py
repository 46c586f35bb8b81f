from __future__ import annotations

from typing import Any

from django import forms

# More digits are more than a database's integer holds, and PostgreSQL and SQLite refuse them each in their own way.
LONGEST_ID = 18


class ManyRowsField(forms.ModelMultipleChoiceField):  # type: ignore[type-arg]
    """Several rows of a table; an id that no database can hold names none of them."""

    def _check_values(self, value: Any) -> Any:
        for pk in value:
            if len(str(pk)) > LONGEST_ID:
                raise forms.ValidationError(self.error_messages["invalid_choice"], "invalid_choice", {"value": pk})
        return super()._check_values(value)  # type: ignore[misc]
