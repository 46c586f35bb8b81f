"""What an agent, or a lead for him, says about his work: status, deputy, hand-over."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from customers.filters import DAYS, YEARS
from customers.models import Agent, Customer

from .many_rows import ManyRowsField


def taking_customers() -> Any:
    return Agent.objects.filter(is_active=True).order_by("display_name", "pk")


def day_starts(day: date) -> datetime:
    """Its midnight in the shop's zone."""
    return timezone.make_aware(datetime.combine(day, time.min))


class StatusForm(forms.Form):
    """A status with, perhaps, a reason and a planned end: a clock (today, else tomorrow) or a moment."""

    status = forms.ChoiceField(
        label=gettext_lazy("Status"),
        choices=Agent.Status.choices,
        error_messages={
            "invalid_choice": gettext_lazy("Choose online, suspended or offline."),
            "required": gettext_lazy("Choose online, suspended or offline."),
        },
    )
    reason = forms.CharField(label=gettext_lazy("Reason"), max_length=100, required=False)
    until = forms.DateTimeField(
        label=gettext_lazy("Until"),
        required=False,
        validators=YEARS,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
    )
    until_clock = forms.TimeField(required=False)

    def planned_end(self, at: datetime) -> datetime | None:
        clock: time | None = self.cleaned_data["until_clock"]
        if clock is None:
            until: datetime | None = self.cleaned_data["until"]
            return until
        today = timezone.localdate(at)
        until = timezone.make_aware(datetime.combine(today, clock))
        return until if until > at else timezone.make_aware(datetime.combine(today + timedelta(days=1), clock))


class DeputyForm(forms.Form):
    """Who stands in, from which day to which, both included."""

    deputy = forms.ModelChoiceField(
        queryset=Agent.objects.none(), label=gettext_lazy("Deputy"), empty_label=gettext_lazy("Choose an agent")
    )
    starts_on = forms.DateField(
        label=gettext_lazy("From"), validators=DAYS, widget=forms.DateInput(attrs={"type": "date"})
    )
    ends_on = forms.DateField(
        label=gettext_lazy("Last day"), validators=DAYS, widget=forms.DateInput(attrs={"type": "date"})
    )

    def __init__(self, *args: Any, agent: Agent, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["deputy"].queryset = taking_customers().exclude(pk=agent.pk)  # type: ignore[attr-defined]

    def dates(self) -> dict[str, datetime]:
        """From the midnight before the first day to the one after the last."""
        last: date = self.cleaned_data["ends_on"]
        return {
            "starts_at": day_starts(self.cleaned_data["starts_on"]),
            "ends_at": day_starts(last + timedelta(days=1)),
        }


class HandOverForm(forms.Form):
    """Whose customers of which levels go to whom, with a note for the new agents."""

    levels = forms.TypedMultipleChoiceField(
        label=gettext_lazy("Levels"),
        choices=Customer.Level.choices,
        coerce=int,
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=gettext_lazy("None chosen: customers of all levels."),
    )
    to = ManyRowsField(queryset=Agent.objects.none(), label=gettext_lazy("To"), widget=forms.CheckboxSelectMultiple)
    reason = forms.CharField(
        label=gettext_lazy("Reason, and a note for the new agents"), max_length=200, required=False
    )

    def __init__(self, *args: Any, agent: Agent, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["to"].queryset = taking_customers().exclude(pk=agent.pk)  # type: ignore[attr-defined]
        self.fields["to"].error_messages["required"] = _("Choose who gets the customers.")
