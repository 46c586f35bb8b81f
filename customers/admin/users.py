"""The staff and their roles, for superusers."""

from __future__ import annotations

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as DjangoRoleAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group as Role
from django.db.models import Model
from django.http import HttpRequest
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from customers.models import User

from .base import SkinAdmin
from .many_rows import ManyRowsAdmin

admin.site.unregister(Role)


@admin.register(User)
class UserAdmin(ManyRowsAdmin, DjangoUserAdmin, SkinAdmin):  # type: ignore[type-arg]
    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        # what a person did stays; he is made inactive instead
        return False


@admin.register(Role)
class RoleAdmin(ManyRowsAdmin, DjangoRoleAdmin, SkinAdmin):
    pass
