"""What audit events are called. A verb is `noun.past_tense`, and the noun is mostly a model."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from pathlib import Path

from django.apps import apps
from django.conf import settings
from django.db.models import Model
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import pgettext_lazy

from customers.models import CustomerNote, ImportRun
from customers.parts import parts

# Nouns that are not the name of a model without its underscores. Upper apps name theirs in `parts.event_labels`.
MODELS = {"import": ImportRun, "note": CustomerNote}
WHAT_WAS_DONE = {
    "added": pgettext_lazy("audit", "added"),
    "approved": pgettext_lazy("audit", "approved"),
    "bound": pgettext_lazy("audit", "bound to an agent"),
    "changed": pgettext_lazy("audit", "changed"),
    "closed": pgettext_lazy("audit", "closed"),
    "confirmed": pgettext_lazy("audit", "confirmed"),
    "contact_shown": pgettext_lazy("audit", "contact data shown"),
    "created": pgettext_lazy("audit", "created"),
    "decided": pgettext_lazy("audit", "decided"),
    "declined": pgettext_lazy("audit", "declined"),
    "deleted": pgettext_lazy("audit", "deleted"),
    "denied": pgettext_lazy("audit", "denied"),
    "dismissed": pgettext_lazy("audit", "dismissed"),
    "ended": pgettext_lazy("audit", "ended"),
    "exported": pgettext_lazy("audit", "exported"),
    "failed": pgettext_lazy("audit", "failed"),
    "filed": pgettext_lazy("audit", "filed"),
    "handed_over": pgettext_lazy("audit", "handed over"),
    "handled": pgettext_lazy("audit", "dealt with"),
    "held": pgettext_lazy("audit", "held"),
    "joined": pgettext_lazy("audit", "joined"),
    "level_set": pgettext_lazy("audit", "level set"),
    "lifted": pgettext_lazy("audit", "lifted"),
    "merged": pgettext_lazy("audit", "merged"),
    "opened": pgettext_lazy("audit", "opened"),
    "overtaken": pgettext_lazy("audit", "overtaken"),
    "proposed": pgettext_lazy("audit", "proposed"),
    "recorded": pgettext_lazy("audit", "recorded"),
    "refused": pgettext_lazy("audit", "refused"),
    "released": pgettext_lazy("audit", "released"),
    "replayed": pgettext_lazy("audit", "sent again"),
    "reset": pgettext_lazy("audit", "reset"),
    "restored": pgettext_lazy("audit", "restored"),
    "reverted": pgettext_lazy("audit", "reverted"),
    "routed": pgettext_lazy("audit", "given to an agent"),
    "rule_set": pgettext_lazy("audit", "rule set"),
    "set": pgettext_lazy("audit", "set"),
    "started": pgettext_lazy("audit", "started"),
    "status_set": pgettext_lazy("audit", "status set"),
    "stopped": pgettext_lazy("audit", "stopped"),
    "struck_out": pgettext_lazy("audit", "struck out"),
    "tested": pgettext_lazy("audit", "tested"),
    "ticked": pgettext_lazy("audit", "ticked off"),
    "unticked": pgettext_lazy("audit", "tick taken back"),
    "upheld": pgettext_lazy("audit", "upheld"),
    "uploaded": pgettext_lazy("audit", "uploaded"),
    "withdrawn": pgettext_lazy("audit", "withdrawn"),
}


def event_label(verb: str) -> str:
    """In the language that is active; a verb that nobody knows any more is told as it stands."""
    if verb in parts.event_labels:
        return str(parts.event_labels[verb])
    noun, _dot, done = verb.partition(".")
    model = _models().get(noun.replace("_", ""))
    if model is None or done not in WHAT_WAS_DONE:
        return verb
    return _("%(noun)s: %(done)s") % {"noun": capfirst(str(model._meta.verbose_name)), "done": WHAT_WAS_DONE[done]}


def verbs_called(term: str, *, among: Iterable[str]) -> list[str]:
    """Those of the verbs whose name, or whose code, has this in it."""
    term = term.casefold()
    return [verb for verb in among if term in event_label(verb).casefold() or term in verb]


def kind_label(model: str) -> str:
    """What rows of a model (`app.model`) are called."""
    try:
        return capfirst(str(apps.get_model(model)._meta.verbose_name))
    except LookupError:
        return model


@cache
def _models() -> dict[str, type[Model]]:
    """Our own models by noun."""
    own = [config for config in apps.get_app_configs() if Path(config.path).parent == settings.BASE_DIR]
    return {str(model._meta.model_name): model for config in own for model in config.get_models()} | MODELS
