"""Quick replies and automatic replies: the shop's, and each agent's own."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from customers.models import Agent, AutoReply, QuickReply
from customers.services.replies import language_of_shop

from .base import PanelAdmin, SkinAdmin
from .cells import badge, staff_name
from .staff import signed_in


class OwnedAdmin(PanelAdmin):
    """Rows of the shop and of its staff. Who may not write the shop's writes his own, which the form does not ask."""

    owner_field: str

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        seen: QuerySet[Any] = self.model._default_manager.visible_to(signed_in(request))
        return seen

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return super().has_change_permission(request, obj) and self._is_editable(request, obj)

    def has_add_permission(self, request: HttpRequest) -> bool:
        may_own = self.writes_for_all(request) or self.own_owner(request) is not None
        return bool(super().has_add_permission(request)) and may_own

    def get_fields(self, request: HttpRequest, obj: Model | None = None) -> Any:
        fields = list(self.fields or ())
        return fields if self.writes_for_all(request) else [name for name in fields if name != self.owner_field]

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        """The owner stands there before the row is checked, so that two of one code are one's own error."""
        form = super().get_form(request, obj, change, **kwargs)
        if change or self.writes_for_all(request):
            return form
        owner, name = self.own_owner(request), self.owner_field

        class OwnForm(form):  # type: ignore[valid-type, misc]
            def __init__(self, *args: Any, **kwargs: Any) -> None:
                super().__init__(*args, **kwargs)
                setattr(self.instance, name, owner)

            def _get_validation_exclusions(self) -> set[str]:
                return super()._get_validation_exclusions() - {name}  # type: ignore[no-any-return]

        return OwnForm

    def writes_for_all(self, request: HttpRequest) -> bool:
        return signed_in(request).has_perm("customers.change_shop_replies")

    def own_owner(self, request: HttpRequest) -> Any:
        raise NotImplementedError

    def _is_editable(self, request: HttpRequest, obj: Model | None) -> bool:
        if obj is None:
            return True
        mine = self.model._default_manager.editable_by(signed_in(request))
        return bool(mine.filter(pk=obj.pk).exists())


@admin.register(QuickReply)
class QuickReplyAdmin(OwnedAdmin):
    owner_field = "owner"
    list_display = ("code_shown", "title", "text_shown", "owner_shown")
    list_select_related = ("owner",)
    search_fields = ("code", "title", "text_zh", "text_en")
    ordering = ("code", "pk")
    fields = ("code", "title", "text_zh", "text_en", "owner")
    empty_list_text = _("No quick replies yet. Add one; at the reception desk / and its code put it into the answer.")

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        # a help for typing, not a fact
        return SkinAdmin.has_delete_permission(self, request, obj) and self._is_editable(request, obj)

    def own_owner(self, request: HttpRequest) -> Any:
        return signed_in(request)

    @admin.display(description=pgettext_lazy("quick reply", "code"), ordering="code")
    def code_shown(self, reply: QuickReply) -> str:
        return str(reply)

    @admin.display(description=_("text"))
    def text_shown(self, reply: QuickReply) -> str:
        return reply.text_in(language_of_shop())[:80]

    @admin.display(description=_("owner"), ordering="owner")
    def owner_shown(self, reply: QuickReply) -> str:
        return staff_name(reply.owner) if reply.owner else gettext("the shop")


@admin.register(AutoReply)
class AutoReplyAdmin(OwnedAdmin):
    owner_field = "agent"
    list_display = ("kind", "text_shown", "agent_shown", "on_shown")
    list_select_related = ("agent",)
    list_filter = ("kind", "is_on")
    ordering = ("kind", "agent", "pk")
    fields = ("kind", "is_on", "text_zh", "text_en", "agent")
    empty_list_text = _("No automatic replies yet. Add one that greets, one for when all are busy, one for the night.")

    def own_owner(self, request: HttpRequest) -> Any:
        return Agent.objects.filter(user=signed_in(request)).first()

    @admin.display(description=_("text"))
    def text_shown(self, reply: AutoReply) -> str:
        return reply.text_in(language_of_shop())[:80]

    @admin.display(description=_("agent"), ordering="agent")
    def agent_shown(self, reply: AutoReply) -> str:
        return str(reply.agent) if reply.agent else gettext("the shop")

    @admin.display(description=_("on"), ordering="is_on")
    def on_shown(self, reply: AutoReply) -> SafeString:
        return badge(gettext("on"), kind="success") if reply.is_on else badge(gettext("off"), kind="plain")
