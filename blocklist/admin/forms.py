from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy
from unfold.widgets import (
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanWidget,
)

from blocklist.models import Ban
from customers.filters import DAYS

from .evidence_fields import EvidenceField

DURATIONS = [
    ("", gettext_lazy("without end")),
    ("1", gettext_lazy("1 day")),
    ("7", gettext_lazy("7 days")),
    ("30", gettext_lazy("30 days")),
    ("90", gettext_lazy("90 days")),
    ("date", gettext_lazy("until a date")),
]


class BanForm(forms.Form):
    """Type and confirm suffice. `until(at)` is the end that was chosen, None for without end."""

    no_last_day = gettext_lazy("Choose the last day of the ban.")

    type = forms.ChoiceField(
        label=gettext_lazy("Type"),
        choices=[("", gettext_lazy("Choose the type")), *Ban.Type.choices],
        widget=UnfoldAdminSelectWidget,
    )
    duration = forms.ChoiceField(
        label=gettext_lazy("How long"), choices=DURATIONS, required=False, widget=UnfoldAdminSelectWidget
    )
    last_day = forms.DateField(
        label=gettext_lazy("Last day of the ban"),
        required=False,
        validators=DAYS,
        widget=UnfoldAdminTextInputWidget(attrs={"type": "date"}),
        help_text=gettext_lazy("Only for “until a date”; the day itself is still banned."),
    )
    note = forms.CharField(
        label=gettext_lazy("Note for colleagues"),
        required=False,
        max_length=2000,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
        help_text=gettext_lazy("The customer never sees type or note."),
    )

    def clean(self) -> dict[str, Any]:
        values = super().clean() or self.cleaned_data
        if values.get("duration") == "date" and not values.get("last_day") and "last_day" not in self.errors:
            self.add_error("last_day", self.no_last_day)
        return values

    def until(self, at: datetime) -> datetime | None:
        duration = self.cleaned_data["duration"]
        if duration == "date":
            next_day = self.cleaned_data["last_day"] + timedelta(days=1)
            return timezone.make_aware(datetime.combine(next_day, datetime.min.time()))
        return at + timedelta(days=int(duration)) if duration else None


class SingleBanForm(BanForm):
    """What is asked of the ban of one customer more than of many: evidence, the conversation it comes from."""

    evidence = EvidenceField()
    without_talk = forms.BooleanField(
        label=gettext_lazy("Do not attach the conversation"), required=False, widget=UnfoldBooleanWidget
    )


class WatchForm(BanForm):
    """What is asked of a watch."""

    no_last_day = gettext_lazy("Choose the last day of the watch.")
    last_day = forms.DateField(
        label=gettext_lazy("Last day of the watch"),
        required=False,
        validators=DAYS,
        widget=UnfoldAdminTextInputWidget(attrs={"type": "date"}),
        help_text=gettext_lazy("Only for “until a date”; the day itself is still watched."),
    )


class BriefWatchForm(WatchForm):
    """For who may watch only briefly: there is no choice but a day."""

    duration = forms.ChoiceField(
        label=gettext_lazy("How long"), choices=[("1", gettext_lazy("24 hours"))], widget=UnfoldAdminSelectWidget
    )
    last_day = None  # type: ignore[assignment]  # so Django leaves a field out


class EndWatchForm(forms.Form):
    reason = forms.CharField(label=gettext_lazy("Reason"), max_length=200, widget=UnfoldAdminTextInputWidget)


class LiftForm(forms.Form):
    reason = forms.CharField(
        label=gettext_lazy("Reason for lifting"), max_length=200, widget=UnfoldAdminTextInputWidget
    )


class RequestedBanForm(BanForm):
    """What is asked for with a ban request: for a number of days from the decision on."""

    duration = forms.ChoiceField(
        label=gettext_lazy("How long, from the decision on"),
        choices=DURATIONS[:-1],
        required=False,
        widget=UnfoldAdminSelectWidget,
    )
    last_day = None  # type: ignore[assignment]  # so Django leaves a field out

    def days(self) -> int | None:
        return int(self.cleaned_data["duration"]) if self.cleaned_data["duration"] else None


class BanRequestForm(RequestedBanForm, SingleBanForm):
    """The request about one customer."""

    last_day = None  # type: ignore[assignment]


class DecisionForm(forms.Form):
    reason = forms.CharField(label=gettext_lazy("Reason"), max_length=200, required=False)
