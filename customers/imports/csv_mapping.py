"""Which column of a table is which of our fields: guessed by names, or told by the clerk."""

from __future__ import annotations

import csv
import hashlib
import io
import re
import unicodedata
from collections.abc import Mapping, Sequence

from django.utils.translation import gettext as _

from .csv_kinds import KINDS, Field


class WrongMapping(ValueError):
    """The columns cannot be taken like this. The message is one sentence, or several, for the clerk."""


def guess_kind(header: Sequence[str]) -> str:
    """The kind whose needed columns are all there, of several the one that knows most of them; else empty."""
    fitting = {name: len(guess(name, header)) for name in KINDS if not what_is_missing(name, guess(name, header))}
    return max(fitting, key=lambda name: fitting[name], default="")


def guess(kind: str, header: Sequence[str]) -> dict[str, str]:
    """{our field: their column}, as far as the names tell; a column stands for one field at most."""
    names = {folded(column): column for column in reversed(header) if column}
    mapping: dict[str, str] = {}
    for field, one in KINDS[kind].fields.items():
        spellings = (field, *one.english, *one.chinese)
        found = next((names[key] for key in map(folded, spellings) if key in names), None)
        if found and found not in mapping.values():
            mapping[field] = found
    return mapping


def checked(kind: str, mapping: Mapping[str, str], header: Sequence[str]) -> dict[str, str]:
    """The mapping, if it can be read by: known fields, columns that are there once, each used once, none missing.

    Raises WrongMapping, which says all that is wrong.
    """
    wrong = []
    fields = KINDS[kind].fields
    for field, column in mapping.items():
        if field not in fields:
            wrong.append(
                _("There is no field %(field)s. There are: %(fields)s.") % {"field": field, "fields": ", ".join(fields)}
            )
        elif (count := list(header).count(column)) != 1:
            sentence = (
                _("There is no column %(column)s.") if not count else _("The column %(column)s stands there twice.")
            )
            wrong.append(sentence % {"column": column})
        elif others := [
            other for other, taken in mapping.items() if taken == column and other < field and other in fields
        ]:
            wrong.append(
                _("The column %(column)s is taken for two fields: %(first)s and %(second)s.")
                % {"column": column, "first": fields[others[0]].label, "second": fields[field].label}
            )
    wrong += what_is_missing(kind, mapping)
    if wrong:
        raise WrongMapping("\n".join(wrong))
    return dict(mapping)


def what_is_missing(kind: str, mapping: Mapping[str, str]) -> list[str]:
    """A sentence for each field that needs a column and has none."""
    fields = KINDS[kind].fields
    missing = [fields[name] for name in KINDS[kind].required if name not in mapping]
    sentences = [_("No column is the field %(field)s.") % {"field": named(field)} for field in missing]
    return sentences + [
        sentence
        for names, sentence in zip(KINDS[kind].one_of, what_else_is_needed(kind), strict=True)
        if not any(name in mapping for name in names)
    ]


def what_else_is_needed(kind: str) -> list[str]:
    """Of which fields at least one needs a column, as sentences."""
    fields = KINDS[kind].fields
    return [
        _("At least one of these fields needs a column: %(fields)s.")
        % {"fields": ", ".join(named(fields[name]) for name in names)}
        for names in KINDS[kind].one_of
    ]


def named(field: Field) -> str:
    return f"{field.label} ({field.english[0]}, {field.chinese[0]})"


def header_key(kind: str, header: Sequence[str]) -> str:
    """The same for every file with these columns: under it a mapping is remembered."""
    return hashlib.sha256("\x1f".join((kind, *header)).encode()).hexdigest()


def template(kind: str, *, chinese: bool) -> str:
    """A CSV file to fill in: the names of the columns and one example."""
    fields = KINDS[kind].fields.values()
    content = io.StringIO()
    writer = csv.writer(content)
    writer.writerow([(field.chinese if chinese else field.english)[0] for field in fields])
    writer.writerow([field.examples[chinese] for field in fields])
    return content.getvalue()


def folded(name: str) -> str:
    return re.sub(r"[\W_]", "", unicodedata.normalize("NFKC", name)).casefold()
