"""What a customer's timeline tells of this app's own rows."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from django.apps import apps
from django.core.exceptions import FieldDoesNotExist
from django.db.models import F, OuterRef, QuerySet, Subquery
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from customers.models import (
    Binding,
    ContactValue,
    Customer,
    CustomerNote,
    EventRow,
    Inquiry,
    LevelChange,
    Mute,
    Order,
    OrderHold,
    Review,
)
from customers.parts import TimelineEntry, TimelineSource, Viewer
from customers.services import order_holds
from customers.services.contacts import REVEALED

from .cells import moment, money, staff_name
from .event_words import event_label

SEE_CUSTOMER = {"permission": "customers.view_customer", "scope": "customers:read"}
EVENT_LABELS = {
    "customer.changed": gettext_lazy("Customer changed"),
    "customer.added": gettext_lazy("Customer added"),
    "customer.merged": gettext_lazy("Merged with another customer"),
    "order.changed": gettext_lazy("Order changed"),
    "order.added": gettext_lazy("Order entered in the panel"),
    order_holds.HELD: gettext_lazy("Order held for review"),
    order_holds.RELEASED: gettext_lazy("Order released"),
    order_holds.CLOSED: gettext_lazy("Order closed"),
    REVEALED: gettext_lazy("Contact data shown"),
}
# What other entries tell already of an order.
TOLD_OF_ORDERS = (order_holds.HELD, order_holds.RELEASED, order_holds.CLOSED)
# What other entries tell already, and who looked, which is nothing that happened to the customer.
TOLD_ELSEWHERE = ("customer.bound", "customer.level_set", REVEALED)


def _orders(customer: Customer, viewer: Viewer, at: datetime) -> QuerySet[Any]:
    orders = Order.objects.filter(customer=customer, **viewer.own_source())
    return orders.annotate(timeline_at=F("ordered_at"))


def _show_orders(ids: Collection[int]) -> Mapping[int, TimelineEntry]:
    tones = {Order.Status.DONE: "success", Order.Status.HELD: "warning"}
    return {
        order.pk: TimelineEntry(
            title=_("Order %(number)s: %(amount)s, %(status)s")
            % {"number": order.number, "amount": money(order.amount), "status": order.get_status_display()},
            text=order.memo,
            url=order.get_absolute_url(),
            tone=tones.get(Order.Status(order.status), ""),
        )
        for order in Order.objects.filter(pk__in=ids)
    }


def _reviews(customer: Customer, viewer: Viewer, at: datetime) -> QuerySet[Any]:
    reviews = Review.objects.filter(customer=customer, reviewed_at__isnull=False, **viewer.own_source())
    return reviews.annotate(timeline_at=F("reviewed_at"))


def _show_reviews(ids: Collection[int]) -> Mapping[int, TimelineEntry]:
    return {
        review.pk: TimelineEntry(
            title=_("Review: %(score)s of 5 stars") % {"score": review.score},
            text=" ".join(filter(None, [review.title, review.text])),
            url=review.get_absolute_url(),
            tone={1: "danger", 2: "warning"}.get(review.score, ""),
        )
        for review in Review.objects.filter(pk__in=ids)
    }


def _inquiries(customer: Customer, viewer: Viewer, at: datetime) -> QuerySet[Any]:
    inquiries = Inquiry.objects.filter(customer=customer).annotate(timeline_at=F("opened_at"))
    return inquiries if viewer.user is None else inquiries.visible_to(viewer.user)


def _show_inquiries(ids: Collection[int]) -> Mapping[int, TimelineEntry]:
    return {
        inquiry.pk: TimelineEntry(
            title=_("Inquiry: %(state)s") % {"state": inquiry.get_state_display()},
            text=inquiry.get_routed_reason_display(),
            by=str(inquiry.agent or ""),
            url=inquiry.get_absolute_url(),
            tone="warning" if inquiry.agent is None else "",
        )
        for inquiry in Inquiry.objects.filter(pk__in=ids).select_related("agent")
    }


def _bindings(customer: Customer, viewer: Viewer, at: datetime) -> QuerySet[Any]:
    return Binding.objects.filter(customer=customer).annotate(timeline_at=F("started_at"))


def _show_bindings(ids: Collection[int]) -> Mapping[int, TimelineEntry]:
    return {
        binding.pk: TimelineEntry(
            title=_("Bound to %(agent)s") % {"agent": binding.agent}, text=binding.reason, by=_by(binding.by)
        )
        for binding in Binding.objects.filter(pk__in=ids).select_related("agent", "by")
    }


def _mutes(customer: Customer, viewer: Viewer, at: datetime) -> QuerySet[Any]:
    mutes = Mute.objects.filter(customer=customer).annotate(timeline_at=F("started_at"))
    return mutes if viewer.user is None else mutes.visible_to(viewer.user)


def _show_mutes(ids: Collection[int]) -> Mapping[int, TimelineEntry]:
    return {
        mute.pk: TimelineEntry(
            title=_("%(agent)s does not receive him, until %(until)s")
            % {"agent": mute.agent, "until": moment(min(mute.until, mute.ended_at or mute.until))},
            text=mute.reason,
            by=_by(mute.by),
            tone="warning",
        )
        for mute in Mute.objects.filter(pk__in=ids).select_related("agent", "by")
    }


def _levels(customer: Customer, viewer: Viewer, at: datetime) -> QuerySet[Any]:
    return LevelChange.objects.filter(customer=customer).annotate(timeline_at=F("at"))


def _show_levels(ids: Collection[int]) -> Mapping[int, TimelineEntry]:
    return {
        change.pk: TimelineEntry(
            title=_("Level: %(before)s → %(after)s")
            % {"before": change.get_from_level_display(), "after": change.get_to_level_display()},
            text=change.reason if change.by else _("reached by trade figures"),
            by=_by(change.by),
        )
        for change in LevelChange.objects.filter(pk__in=ids).select_related("by")
    }


def _notes(customer: Customer, viewer: Viewer, at: datetime) -> QuerySet[Any]:
    return CustomerNote.objects.filter(customer=customer).annotate(timeline_at=F("at"))


def _show_notes(ids: Collection[int]) -> Mapping[int, TimelineEntry]:
    return {
        note.pk: TimelineEntry(
            title=_("Note, struck out") if note.struck_at else _("Note"), text=note.text, by=_by(note.by)
        )
        for note in CustomerNote.objects.filter(pk__in=ids).select_related("by")
    }


def _edits(customer: Customer, viewer: Viewer, at: datetime) -> QuerySet[Any]:
    rows = EventRow.objects.filter(model=Customer._meta.label_lower, row_id=customer.pk)
    return rows.exclude(event__verb__in=TOLD_ELSEWHERE).annotate(timeline_at=F("event__at"))


def _order_edits(customer: Customer, viewer: Viewer, at: datetime) -> QuerySet[Any]:
    orders = Order.objects.filter(customer=customer, **viewer.own_source())
    rows = EventRow.objects.filter(model=Order._meta.label_lower, row_id__in=orders.values("pk"))
    return rows.exclude(event__verb__in=TOLD_OF_ORDERS).annotate(timeline_at=F("event__at"))


def _holds(customer: Customer, viewer: Viewer) -> QuerySet[OrderHold]:
    orders = Order.objects.filter(customer=customer, **viewer.own_source())
    return OrderHold.objects.filter(order__in=orders.values("pk"))


def _held_orders(customer: Customer, viewer: Viewer, at: datetime) -> QuerySet[Any]:
    held: QuerySet[Any] = _holds(customer, viewer).annotate(timeline_at=F("held_at"))
    return held


def _show_held(ids: Collection[int]) -> Mapping[int, TimelineEntry]:
    return {
        hold.pk: TimelineEntry(
            title=_("Order %(number)s waits for review") % {"number": hold.order.number},
            text=order_holds.hold_words(hold.code),
            by=_by(hold.held_by),
            url=hold.get_absolute_url(),
            tone="warning",
        )
        for hold in OrderHold.objects.filter(pk__in=ids).select_related("order", "held_by")
    }


def _decided_holds(customer: Customer, viewer: Viewer, at: datetime) -> QuerySet[Any]:
    """But for those that were closed, of which the closing tells."""
    decided = _holds(customer, viewer).filter(decided_at__isnull=False).exclude(outcome=OrderHold.Outcome.CLOSED)
    told: QuerySet[Any] = decided.annotate(timeline_at=F("decided_at"))
    return told


def _show_decided(ids: Collection[int]) -> Mapping[int, TimelineEntry]:
    return {
        hold.pk: TimelineEntry(
            title=_("Order %(number)s: %(outcome)s")
            % {"number": hold.order.number, "outcome": OrderHold.Outcome(hold.outcome).label},
            text=hold.reason,
            by=_by(hold.decided_by),
            url=hold.get_absolute_url(),
        )
        for hold in OrderHold.objects.filter(pk__in=ids).select_related("order", "decided_by")
    }


def _closings(customer: Customer, viewer: Viewer, at: datetime) -> QuerySet[Any]:
    """Orders that were closed here, held or not."""
    orders = Order.objects.filter(customer=customer, **viewer.own_source())
    rows = EventRow.objects.filter(model=Order._meta.label_lower, row_id__in=orders.values("pk"))
    return rows.filter(event__verb=order_holds.CLOSED).annotate(timeline_at=F("event__at"))


def _show_closings(ids: Collection[int]) -> Mapping[int, TimelineEntry]:
    rows = EventRow.objects.filter(pk__in=ids).annotate(
        number=Subquery(Order.objects.filter(pk=OuterRef("row_id")).values("number")[:1])
    )
    return {
        row.pk: TimelineEntry(
            title=_("Order %(number)s: closed by the staff") % {"number": row.number},
            text=row.event.reason,
            by=_by(row.event.by),
            url=_event_url(row),
        )
        for row in rows.select_related("event__by")
    }


def _looks(customer: Customer, viewer: Viewer, at: datetime) -> QuerySet[Any]:
    rows = EventRow.objects.filter(model=Customer._meta.label_lower, row_id=customer.pk, event__verb=REVEALED)
    return rows.annotate(timeline_at=F("event__at"))


def _show_events(ids: Collection[int]) -> Mapping[int, TimelineEntry]:
    """Who changed which fields and why; an event knows no values."""
    return {
        row.pk: TimelineEntry(title=_event_title(row), text=row.event.reason, by=_by(row.event.by), url=_event_url(row))
        for row in EventRow.objects.filter(pk__in=ids).select_related("event__by")
    }


def _event_title(row: EventRow) -> str:
    what = event_label(row.event.verb)
    fields = ", ".join(_field_label(row, name) for name in row.event.fields)
    return f"{what}: {fields}" if fields else what


def _field_label(row: EventRow, name: str) -> str:
    if row.event.verb == REVEALED:
        return str(ContactValue.Kind(name).label)
    try:
        field = apps.get_model(row.model)._meta.get_field(name)
    except FieldDoesNotExist:
        return name
    return str(getattr(field, "verbose_name", name))


def _event_url(row: EventRow) -> str:
    return Order(pk=row.row_id).get_absolute_url() if row.model == Order._meta.label_lower else ""


def _by(user: Any) -> str:
    return "" if user is None else staff_name(user)


def _source(name: str, label: Any, icon: str, rows: Any, show: Any, **others: str) -> TimelineSource:
    told = {"kind": name, **SEE_CUSTOMER, **others}
    return TimelineSource(name=name, label=label, icon=icon, rows=rows, show=show, **told)


ORDERS = {"permission": "customers.view_order", "scope": "orders:read"}
ORDER_ENTRIES = gettext_lazy("orders")
EDITS = gettext_lazy("edits")
SOURCES = [
    _source("order", ORDER_ENTRIES, "receipt_long", _orders, _show_orders, **ORDERS),
    _source("order_held", ORDER_ENTRIES, "pause_circle", _held_orders, _show_held, kind="order", **ORDERS),
    _source("order_decided", ORDER_ENTRIES, "task_alt", _decided_holds, _show_decided, kind="order", **ORDERS),
    _source("order_closed", ORDER_ENTRIES, "cancel", _closings, _show_closings, kind="order", **ORDERS),
    _source("review", gettext_lazy("reviews"), "reviews", _reviews, _show_reviews, permission="customers.view_review"),
    _source(
        "inquiry",
        gettext_lazy("inquiries"),
        "forum",
        _inquiries,
        _show_inquiries,
        permission="customers.view_inquiry",
        scope="inquiries:read",
    ),
    _source("binding", gettext_lazy("bindings"), "support_agent", _bindings, _show_bindings),
    _source("mute", gettext_lazy("mutes"), "voice_over_off", _mutes, _show_mutes),
    _source("level", gettext_lazy("levels"), "military_tech", _levels, _show_levels),
    _source("note", gettext_lazy("notes"), "sticky_note_2", _notes, _show_notes),
    _source("edit", EDITS, "edit", _edits, _show_events),
    _source("order_edit", EDITS, "edit", _order_edits, _show_events, kind="edit", **ORDERS),
    _source("contact_shown", EDITS, "visibility", _looks, _show_events, kind="edit", permission="customers.view_event"),
]
