"""What the address of the customer list asks for: a saved view or filter values, an order, and columns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from django.contrib.admin.views.main import ERROR_FLAG, IGNORED_PARAMS, PAGE_VAR
from django.http import HttpRequest, QueryDict
from django.utils.http import urlencode
from django.utils.translation import gettext as _

from customers.filters import restored, stored
from customers.models import ListPreference, SavedFilter
from customers.services.saved_filters import column_names

from .staff import signed_in

if TYPE_CHECKING:
    from customers.models.saved_filter import SavedFilterQuerySet

# Which saved view is shown, or ALL for none; and which one the values in the address were taken from.
VIEW, FROM, ALL = "view", "from", "all"
# The keys of the address that the list itself understands: they are no conditions.
OWN_KEYS = (*IGNORED_PARAMS, PAGE_VAR, ERROR_FLAG, "_changelist_filters", VIEW, FROM)
USUAL_COLUMNS = ("level", "groups", "agent", "trade_count", "trade_amount", "last_trade_at")


@dataclass
class ListAddress:
    """`view`: whose values are shown as they are; `changed`: whose values were the beginning of those shown."""

    values: QueryDict
    search: str
    views: list[SavedFilter]
    view: SavedFilter | None = None
    changed: SavedFilter | None = None
    default: SavedFilter | None = None
    columns: list[str] = field(default_factory=list)
    order: str = ""
    errors: dict[str, list[str]] = field(default_factory=dict)

    @property
    def all_values(self) -> dict[str, list[str]]:
        """The filter values and the search, as `filters.stored` gives them: who is meant by "all that match"."""
        return {**stored(self.values), **({"q": [self.search]} if self.search.strip() else {})}

    @property
    def base(self) -> SavedFilter | None:
        return self.view or self.changed


def list_address(request: HttpRequest) -> ListAddress:
    """Read it once per request; two queries, of the views and of the user's own choice."""
    known = getattr(request, "_list_address", None)
    if known is None:
        known = request._list_address = _read(request)  # type: ignore[attr-defined]
    return cast(ListAddress, known)


def query_of(values: Mapping[str, list[str]]) -> str:
    """The query string that asks for exactly these values, whatever view somebody has chosen to begin with."""
    return restored(values).urlencode() or urlencode({VIEW: ALL})


def _read(request: HttpRequest) -> ListAddress:
    user = signed_in(request)
    data = request.GET.copy()
    asked, changed = data.get(VIEW, ""), data.get(FROM, "")
    search = data.get("q", "")
    for key in OWN_KEYS:
        data.pop(key, None)
    seen: SavedFilterQuerySet = SavedFilter.objects.visible_to(user)
    views = {str(view.pk): view for view in seen.select_related("owner").order_by("name", "pk")}
    chosen = ListPreference.objects.filter(user=user).first()
    default = views.get(str(chosen.default_view_id)) if chosen else None
    address = ListAddress(values=restored(stored(data)), search=search, views=list(views.values()), default=default)
    if not address.values and asked != ALL:
        address.view = views.get(asked) if asked else None if search else default
    if asked not in ("", ALL) and asked not in views:
        address.errors = {VIEW: [_("There is no such view, or it is no longer shared.")]}
    address.changed = views.get(changed) if address.view is None else None
    if address.view:
        address.values = restored(address.view.values)
    base = address.base
    address.columns = _columns((base.columns if base else []) or (chosen.columns if chosen else []))
    address.order = base.order if base else ""
    return address


def _columns(chosen: list[str]) -> list[str]:
    """The chosen columns that there are, in the order of the list; else the usual ones."""
    known = column_names()
    return [name for name in known if name in chosen] or list(USUAL_COLUMNS)
