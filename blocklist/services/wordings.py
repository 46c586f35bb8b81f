"""The shop's own wordings: what buyers read at the gate, and the advice to the staff about each malicious type."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from django.conf import settings
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import override

from blocklist import public_text
from blocklist.models import MaliciousType, Wording
from customers.models import User
from customers.services import audit

from .advice import DEFAULT_ADVICE

Purpose = Wording.Purpose
LONGEST_PUBLIC = 200
LONGEST_ADVICE = 1000
# What no buyer is to read about himself, beside the names of the malicious types: parts of English words, Chinese ones.
ACCUSATIONS = (
    r"malicious\w*",
    r"fraud\w*",
    r"scam\w*",
    r"cheat\w*",
    r"swindl\w*",
    r"extort\w*",
    r"blackmail\w*",
    r"abus\w*",
    r"harass\w*",
    r"insult\w*",
    r"threat\w*",
    r"fake\w*",
    r"dishonest\w*",
    r"suspicious\w*",
    r"suspect\w*",
    r"criminal\w*",
    r"blacklist\w*",
    r"blocklist\w*",
    r"ban(?:ned|s)?",
    r"banning",
    r"block(?:ed|s)?",
    r"competitors?",
    r"claimants?",
    r"bad reviewers?",
    r"coupon hunters?",
)
CHINESE_ACCUSATIONS = (
    *("恶意", "敲诈", "勒索", "辱骂", "骚扰", "差评师", "打假", "索赔", "拒收", "羊毛", "同行", "捣乱"),
    *(
        "欺诈",
        "诈骗",
        "骗",
        "造假",
        "刷单",
        "违规",
        "违法",
        "犯罪",
        "威胁",
        "可疑",
        "黑名单",
        "拉黑",
        "禁止购买",
        "封禁",
    ),
)


class MayNotChangeWording(PermissionDenied):
    """The staff user may not change what buyers or colleagues read. The message says why."""


class Text(NamedTuple):
    """A text as it is read now; `is_own` where the shop has put its own in place of the product's."""

    language: str
    text: str
    is_own: bool


class Subject(NamedTuple):
    """One text in all languages."""

    purpose: str
    type: str
    label: str
    texts: list[Text]

    @property
    def is_public(self) -> bool:
        return self.purpose != Purpose.ADVICE


def subjects() -> list[Subject]:
    """All texts there are, those for buyers first; one query."""
    own = {(purpose, type, lang): text for purpose, type, lang, text in _rows()}
    places = [(purpose.value, "", str(purpose.label)) for purpose in (Purpose.REFUSAL, Purpose.REVIEW)]
    places += [(Purpose.ADVICE.value, type.value, str(type.label)) for type in MaliciousType]
    return [Subject(purpose, type, label, _texts(purpose, type, own)) for purpose, type, label in places]


def _rows() -> QuerySet[Wording, tuple[str, str, str, str]]:
    return Wording.objects.values_list("purpose", "type", "language", "text")


def _texts(purpose: str, type: str, own: Mapping[tuple[str, str, str], str]) -> list[Text]:
    return [
        Text(language, own.get(key) or default_text(purpose, type, language), key in own)
        for language, _name in settings.LANGUAGES
        for key in [(purpose, type, language)]
    ]


def advices(language: str) -> dict[str, str]:
    """What to do about each malicious type, in that language; one query."""
    own = Wording.objects.filter(purpose=Purpose.ADVICE, language=language)
    said = dict(own.values_list("type", "text"))
    return {type: said.get(type) or default_text(Purpose.ADVICE, type, language) for type in MaliciousType.values}


def default_text(purpose: str, type: str, language: str) -> str:
    """The text that the product comes with."""
    with override(language):
        if purpose == Purpose.REFUSAL:
            return public_text.default_refusal()
        if purpose == Purpose.REVIEW:
            return public_text.default_review()
        return DEFAULT_ADVICE[MaliciousType(type)]()


def change_wording(*, purpose: str, type: str = "", language: str, text: str, by: User, at: datetime) -> None:
    """Put the shop's own text in place of the product's; the product's own words again take it away.

    Repeating is safe. Raises MayNotChangeWording, and ValidationError where the text may not stand there.
    """
    if not by.has_perm("blocklist.change_wording"):
        raise MayNotChangeWording(_("Only a manager changes these texts."))
    check_place(purpose, type, language)
    text = checked_text(text, purpose=purpose)
    key: dict[str, Any] = {"purpose": purpose, "type": type, "language": language}
    with transaction.atomic():
        known = Wording.objects.filter(**key).first()
        if text == (known.text if known else default_text(purpose, type, language)):
            return
        if known and text == default_text(purpose, type, language):
            audit.record("wording.reset", Wording.objects.filter(pk=known.pk), by=by, at=at, fields=["text"])
            known.delete()
        else:
            row, _created = Wording.objects.update_or_create(
                **key, defaults={"text": text, "changed_by": by, "changed_at": at}
            )
            audit.record("wording.changed", Wording.objects.filter(pk=row.pk), by=by, at=at, fields=["text"])
        # here for this transaction, and once more when the others can see the change too
        public_text.own_texts.forget()
        transaction.on_commit(public_text.own_texts.forget)


def check_place(purpose: str, type: str, language: str) -> None:
    """Raise ValidationError where there is no such text."""
    if purpose not in Purpose.values:
        raise ValidationError({"purpose": _("There is no such text.")})
    if language not in dict(settings.LANGUAGES):
        raise ValidationError({"language": _("There is no such language.")})
    if type not in (MaliciousType.values if purpose == Purpose.ADVICE else [""]):
        raise ValidationError({"type": _("There is no such type of ban.")})


def checked_text(text: str, *, purpose: str) -> str:
    """The text as it is kept. Raises ValidationError where it is empty, too long, or accuses the buyer who reads it."""
    is_public = purpose != Purpose.ADVICE
    lines = [" ".join(line.split()) for line in _visible(text).splitlines()]
    text = (" " if is_public else "\n").join(line for line in lines if line)
    longest = LONGEST_PUBLIC if is_public else LONGEST_ADVICE
    if not text:
        raise ValidationError({"text": _("This text may not be empty.")})
    if len(text) > longest:
        raise ValidationError({"text": _("At most %(most)d characters.") % {"most": longest}})
    if is_public and (word := accusation_in(text)):
        sentence = _("A buyer reads this: it must be neutral and may not say “%(word)s”.")
        raise ValidationError({"text": sentence % {"word": word}})
    return text


def accusation_in(text: str) -> str:
    """The first word of the text that names a malicious type or accuses, in any language; empty where none does."""
    plain = unicodedata.normalize("NFKC", _visible(text)).casefold()
    close = "".join(plain.split())
    for word in [*CHINESE_ACCUSATIONS, *_names_of_types()]:
        if "".join(word.split()) in close and not word.isascii():
            return word
        if word.isascii() and re.search(rf"\b{re.escape(word)}\b", plain):
            return word
    found = re.search(rf"\b(?:{'|'.join(ACCUSATIONS)})\b", plain)
    return found.group() if found else ""


def _names_of_types() -> list[str]:
    """What the malicious types are called in every language; “other” names nothing."""
    names = []
    for language, _name in settings.LANGUAGES:
        with override(language):
            for type in MaliciousType:
                if type != MaliciousType.OTHER:
                    names += [part.casefold() for part in str(type.label).split("/")]
    return names


def _visible(text: str) -> str:
    """Without signs that cannot be seen, which could tear a word apart; the ends of lines stay."""
    return "".join(sign for sign in text if sign in "\n\r\t" or unicodedata.category(sign)[0] != "C")
