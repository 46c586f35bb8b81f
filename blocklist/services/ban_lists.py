"""Blocklists as files: what the rows of an uploaded one say, and of whom."""

from __future__ import annotations

import csv
import io
import re
import secrets
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext as _
from django.utils.translation import override

from blocklist.models import Ban, bannable_by, banned
from customers.identity import Identity
from customers.imports.csv_mapping import folded
from customers.imports.csv_values import a_moment, a_number, a_phone, a_text, an_email
from customers.imports.files import WrongFile
from customers.imports.plain_csv import PlainCsvFile
from customers.imports.values import BadValue, whole_number
from customers.imports.workbooks import open_table
from customers.models import Account, ContactValue, Customer, Source, User

FOLDER = "imports/blocklists"
# An upload that nobody confirmed is thrown away after so long.
KEPT_FOR = timedelta(days=1)
MOST_BYTES = 2 << 20
MOST_LINES = 5_000
LONGEST_DAYS = 3_650
TOKEN = re.compile(r"[0-9a-f]{32}")

# What a column may be called, besides the name of the field: the first ones stand in the template and in exports.
ENGLISH = {
    "source": ("source", "shop"),
    "external_id": ("external id", "buyer id", "account"),
    "nick": ("nick", "nickname", "username"),
    "phone": ("phone", "mobile", "telephone"),
    "email": ("e-mail",),
    "type": ("type", "malicious type"),
    "note": ("note", "remark"),
    "until": ("until", "ends", "expires"),
    "days": ("days",),
}
CHINESE = {
    "source": ("来源店铺", "店铺", "来源"),
    "external_id": ("账号", "买家ID", "买家编号"),
    "nick": ("买家会员名", "会员名", "昵称", "买家昵称", "旺旺"),
    "phone": ("手机", "手机号", "手机号码", "电话"),
    "email": ("邮箱", "电子邮箱"),
    "type": ("类型", "恶意类型"),
    "note": ("备注", "说明"),
    "until": ("截止时间", "到期时间", "截止", "到期", "禁止至"),
    "days": ("天数",),
}
NAMES = ("external_id", "nick", "phone", "email")

# A field of a row: its text, checked.
Owners: TypeAlias = "Mapping[tuple[Any, ...], set[int]]"


@dataclass(frozen=True)
class Reject:
    """A row that cannot be taken over: where it stands, and why. It repeats nothing of the row."""

    line: int
    column: str
    reason: str


@dataclass(frozen=True)
class ListedBan:
    """A row that can be taken over."""

    line: int
    customer: int
    type: str
    note: str
    until: datetime | None


@dataclass
class Reading:
    """What a blocklist says, in order of its lines."""

    bans: list[ListedBan] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)


@dataclass(frozen=True)
class _Row:
    line: int
    buyer: Identity
    type: str
    note: str
    until: datetime | None


def keep_list(upload: UploadedFile[bytes]) -> str:
    """Keep the uploaded file until it is confirmed; return the token it is found by. Raises WrongFile."""
    if (upload.size or 0) > MOST_BYTES:
        raise WrongFile(_("The file is larger than %(limit)s.") % {"limit": filesizeformat(MOST_BYTES)})
    path = Path(settings.DATA_DIR) / FOLDER / secrets.token_hex(16)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.write_bytes(upload.read())
    try:
        _columns(_opened(path).header())
    except WrongFile:
        path.unlink()
        raise
    return path.name


def kept_list(token: str) -> Path | None:
    """Where the upload lies, as long as it is kept."""
    path = Path(settings.DATA_DIR) / FOLDER / token
    return path if TOKEN.fullmatch(token) and path.is_file() else None


def throw_away_old(*, at: datetime) -> None:
    """Delete uploads that nobody confirmed. The scheduler calls it; repeating is safe."""
    oldest = (at - KEPT_FOR).timestamp()
    for path in (Path(settings.DATA_DIR) / FOLDER).glob("*"):
        if path.stat().st_mtime < oldest:
            path.unlink(missing_ok=True)


def template(*, chinese: bool) -> str:
    """A CSV file to fill in: the names of the columns and one example."""
    row = {"nick": "tb_example", "type": str(Ban.Type.EXTORTION.label), "days": "30"}
    head = [names[0] for names in (CHINESE if chinese else ENGLISH).values()]
    return as_csv(head, [[row.get(name, "") for name in ENGLISH]])


def as_csv(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    content = io.StringIO()
    csv.writer(content).writerows([head, *rows])
    return content.getvalue()


def read_list(path: Path, *, source: Source, by: User, at: datetime) -> Reading:
    """Say of each row whom `by` would ban by it, or why it cannot be taken over; nothing is changed.

    A row without a source is of `source`. Raises WrongFile.
    """
    table, reading = _opened(path), Reading()
    columns = _columns(table.header())
    sources = {name: one for one in Source.objects.all() for name in (folded(one.code), folded(one.name))}
    rows: list[_Row] = []

    def reject(line: int, reason: str, column: str = "") -> None:
        reading.rejects.append(Reject(line, column, reason))

    for line, cells in table.rows(on_bad_row=reject, on_progress=lambda done, total: None):
        if len(rows) + len(reading.rejects) >= MOST_LINES:
            raise WrongFile(_("The file has more than %(most)d rows. Split it.") % {"most": MOST_LINES})
        texts = {name: cells[place] for name, place in columns.items()}
        if not any(text.strip() for text in texts.values()):
            continue
        try:
            rows.append(_row(line, texts, source=source, sources=sources, at=at))
        except _WrongCell as error:
            reject(line, str(error), table.header()[columns[error.name]] if error.name in columns else error.name)
    _match(rows, reading, by=by, at=at)
    reading.rejects.sort(key=lambda one: one.line)
    return reading


class _WrongCell(ValueError):
    def __init__(self, name: str, reason: str) -> None:
        super().__init__(reason)
        self.name = name


def _opened(path: Path) -> Any:
    with path.open("rb") as file:
        start = file.read(1 << 16)
    table = open_table(path, name=_("The file"), csv_file=PlainCsvFile)
    if isinstance(table, PlainCsvFile) and b"\0" in start:
        raise WrongFile(_("%(file)s is neither a CSV file nor a workbook.") % {"file": _("The file")})
    return table


def _columns(header: Sequence[str]) -> dict[str, int]:
    """Where each field stands. Raises WrongFile where a needed column is missing or stands there twice."""
    known = {
        folded(word): name
        for words in (ENGLISH, CHINESE)
        for name, spellings in words.items()
        for word in (name, *spellings)
    }
    places: dict[str, int] = {}
    for place, text in enumerate(header):
        name = known.get(folded(text))
        if name in places:
            raise WrongFile(_("The column %(column)s stands there twice.") % {"column": text})
        if name:
            places[name] = place
    if not places.keys() & set(NAMES):
        raise WrongFile(_("No column names the buyer: nick, external id, phone or e-mail."))
    if "type" not in places:
        raise WrongFile(_("No column is the type of the ban."))
    return places


def _row(line: int, texts: Mapping[str, str], *, source: Source, sources: Mapping[str, Source], at: datetime) -> _Row:
    def cell(name: str, parse: Callable[[str], Any]) -> Any:
        try:
            return parse(texts.get(name, ""))
        except BadValue as error:
            raise _WrongCell(name, str(error)) from error

    if named := folded(texts.get("source", "")):
        if named not in sources:
            raise _WrongCell("source", _("There is no such source."))
        source = sources[named]
    names = {"external_id": cell("external_id", a_number(100)), "nick": cell("nick", a_text(100))}
    names |= {"phone": cell("phone", a_phone), "email": cell("email", an_email)}
    buyer = Identity(source.pk, **names)
    if not buyer.names():
        raise _WrongCell("", _("Nothing names the buyer: all that could is empty or starred out."))
    type_ = type_words().get(folded(texts["type"]))
    if type_ is None:
        words = ", ".join(str(label) for label in Ban.Type.labels)
        raise _WrongCell("type", _("There is no such type of ban. There are: %(words)s.") % {"words": words})
    until = _end(texts, cell, at=at)
    return _Row(line, buyer, type_, cell("note", a_text(2_000)), until)


def type_words() -> dict[str, str]:
    """What a type may be called: its code, and its name in each language."""
    return {folded(word): type_ for type_ in Ban.Type.values for word in (type_, *_labels(type_))}


@cache
def _labels(type_: str) -> list[str]:
    labels = []
    for language, _name in settings.LANGUAGES:
        with override(language):
            labels.append(str(Ban.Type(type_).label))
    return labels


def _end(texts: Mapping[str, str], cell: Callable[..., Any], *, at: datetime) -> datetime | None:
    """Of a day without a time, the end of it, as in the form."""
    until, days = cell("until", a_moment()), texts.get("days", "").strip()
    if until is not None and days:
        raise _WrongCell("days", _("Give either until or days."))
    if days:
        return at + timedelta(days=int(cell("days", whole_number(1, LONGEST_DAYS))))
    if until is None:
        return None
    end = datetime.fromtimestamp(until, at.tzinfo) + timedelta(days=":" not in texts["until"])
    if end <= at:
        raise _WrongCell("until", _("A ban must end in the future."))
    return end


def _match(rows: Sequence[_Row], reading: Reading, *, by: User, at: datetime) -> None:
    """Find the customers of all rows in a fixed number of queries, and say what stands against banning them."""
    owners = _owners(rows)
    found = [(row, _customers(row.buyer, owners)) for row in rows]
    ids = {pk for _row, customers in found for pk in customers}
    named = Customer.objects.filter(pk__in=ids)
    visible = set(named.visible_to(by).values_list("pk", flat=True))
    bannable = set(bannable_by(by, at=at).filter(pk__in=ids).values_list("pk", flat=True))
    standing = set(banned(named, at=at).values_list("pk", flat=True))
    lines: dict[int, int] = {}
    for row, customers in found:
        [customer, *others] = sorted(customers & visible) or [0]
        if not customer:
            why = _("Unknown customer. Import the customers first, if they are to be known.")
        elif others:
            why = _("What the row says names several customers.")
        elif customer in lines:
            why = _("Names the same customer as line %(line)d.") % {"line": lines[customer]}
        elif customer in standing:
            why = _("Is banned already; the standing ban stays.")
        elif customer not in bannable:
            why = _("Only this customer's exclusive agent or a manager may ban.")
        else:
            lines[customer] = row.line
            reading.bans.append(ListedBan(row.line, customer, row.type, row.note, row.until))
            continue
        reading.rejects.append(Reject(row.line, "", why))


def _owners(rows: Sequence[_Row]) -> Owners:
    """Who has the names of the rows: by source and number, source and nick, kind and key."""
    owners: dict[tuple[Any, ...], set[int]] = defaultdict(set)
    numbers, nicks = {row.buyer.external_id for row in rows} - {""}, {row.buyer.nick for row in rows} - {""}
    keys = {key for row in rows for key in row.buyer.contact_keys().values()}
    columns = ("source", "external_id", "nick", "customer")
    for source, number, _nick, owner in Account.objects.filter(external_id__in=numbers).values_list(*columns):
        owners["number", source, number].add(owner)
    for source, _number, nick, owner in Account.objects.filter(nick__in=nicks).values_list(*columns):
        owners["nick", source, nick].add(owner)
    for kind, key, owner in ContactValue.objects.filter(key__in=keys).values_list("kind", "key", "customer"):
        owners[kind, key].add(owner)
    return owners


def _customers(buyer: Identity, owners: Owners) -> set[int]:
    """Whom all that is known of a row names. What names nobody says nothing; what contradicts leaves all of them."""
    told = [owners.get(("number", buyer.source_id, buyer.external_id), set())] if buyer.external_id else []
    if "nick" in buyer.names():
        told.append(owners.get(("nick", buyer.source_id, buyer.nick), set()))
    told += [owners.get(pair, set()) for pair in buyer.contact_keys().items()]
    told = [customers for customers in told if customers]
    if not told:
        return set()
    return set.intersection(*told) or set.union(*told)
