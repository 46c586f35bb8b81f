"""What arrives is what was meant: headers and texts read back by the standard library's parser."""

import email
import email.policy
from datetime import UTC, datetime
from email.header import decode_header, make_header
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import parseaddr
from html.parser import HTMLParser

import pytest

from messaging.channels.base import Recipient
from messaging.channels.headers import sendable_address
from messaging.channels.mail_text import message_id, prepare
from messaging.unsubscribe import Unsubscription, read_token
from tests.factories import BroadcastFactory, ProductFactory

AT = datetime(2026, 3, 5, 4, 0, tzinfo=UTC)


def recipient(**fields):
    known = {"delivery": 1, "customer": 7, "attempts": 1, "address": "ann@example.com", "nick": "ann", "language": ""}
    return Recipient(**{**known, **fields})


@pytest.fixture(autouse=True)
def shop(settings):
    settings.DEFAULT_FROM_EMAIL = '"Lime, 青柠" <news@shop.example>'
    settings.PUBLIC_URL = "https://crm.shop.example/"
    settings.LANGUAGE_CODE = "en"


def written(broadcast, who):
    return prepare(broadcast, who.language).fill(who, who.address, at=AT)


def read(raw):
    return email.message_from_bytes(raw, policy=email.policy.default)


class Words(HTMLParser):
    def __init__(self):
        super().__init__()
        self.text = ""

    def handle_data(self, data):
        self.text += data

    def handle_starttag(self, tag, attrs):
        assert tag in {"html", "head", "meta", "body", "p", "br", "hr", "a"}


def words(html):
    reader = Words()
    reader.feed(html)
    return reader.text


NASTY = [
    "ann",
    "张三, 李四",
    'O"Brien\\, the "second"',
    "comma, semi; <angle>@x (comment)",
    "very long " * 9,
    "长" * 100,
    "🎉" * 50,
    "ünï " * 20,
    ".dot at the start",
    "From me",
    "a  b   c",
    "x" * 100,
    "{product} {nick}",
    "%s %(x)s {0}",
    "<script>alert(1)</script>&amp;",
]


@pytest.mark.parametrize("nick", NASTY)
def test_nasty_nick_arrives_as_the_standard_library_would_have_sent_it(db, nick):
    broadcast = BroadcastFactory(channel="email", subject="News: {nick}!", body="Hello {nick},\n.\nbye")
    who = recipient(nick=nick)
    expected = EmailMessage(policy=email.policy.SMTP)
    expected["To"] = Address(nick.strip(), addr_spec="ann@example.com")
    expected["Subject"] = f"News: {nick.strip()}!"
    expected.set_content(f"Hello {nick.strip()},\n.\nbye\n")
    expected = read(expected.as_bytes())

    raw = written(broadcast, who)
    message = read(raw)

    assert message.defects == []
    assert message["Subject"] == expected["Subject"] == f"News: {nick.strip()}!"
    assert mailbox_of(raw) == (nick.strip(), "ann@example.com")
    plain = message.get_body(("plain",)).get_content()
    assert plain.startswith(expected.get_content().rstrip("\n"))
    html = message.get_body(("html",)).get_content()
    assert words(html).startswith(f"Hello {nick.strip()},\r\n.\r\nbye")
    assert_clean(raw)


def test_text_that_looks_encoded_arrives_as_it_was_typed(db):
    typed = "=?utf-8?q?not=20encoded?="
    broadcast = BroadcastFactory(channel="email", subject="{nick}")

    raw = written(broadcast, recipient(nick=typed))

    assert read(raw)["Subject"] == typed
    assert mailbox_of(raw) == (typed, "ann@example.com")


def mailbox_of(raw):
    """By the older parser: the newer one puts blanks between the encoded words of a name."""
    name, address = parseaddr(email.message_from_bytes(raw)["To"].replace("\r\n", ""))
    return str(make_header(decode_header(name))), address


def assert_clean(raw):
    """Lines end in CRLF only, none is longer than 78 (998 may not be passed), none starts with a dot."""
    lines = raw.split(b"\r\n")
    assert not any(b"\r" in line or b"\n" in line for line in lines)
    assert all(len(line) <= 78 for line in lines if not line.startswith(b"List-Unsubscribe:"))
    assert not any(line.startswith(b".") for line in lines)
    assert raw.isascii()


BREAKS = ["\r\n", "\n", "\r", "\x0b", "\x0c", "\x00", "\x85", "\u2028", "\u2029"]


@pytest.mark.parametrize("line_break", BREAKS)
@pytest.mark.parametrize("place", ["nick", "subject", "product", "address", "language"])
def test_no_line_break_in_any_value_makes_a_header_of_its_own(db, line_break, place):
    evil = f"x{line_break}Bcc: eve@example.com{line_break}{line_break}Hello"
    # unsaved: PostgreSQL stores no NUL
    product = ProductFactory.build(pk=1, source=None, name=evil if place == "product" else "Tea")
    subject = f"{evil} {{product}}" if place == "subject" else "{product} for {nick}"
    broadcast = BroadcastFactory.build(pk=1, by=None, channel="email", subject=subject, body="{nick}", product=product)
    who = recipient(
        nick=evil if place == "nick" else "ann",
        language=evil if place == "language" else "",
        address=sendable_address(f"ann@b.example{evil if place == 'address' else ''}") or "ann@b.example",
    )

    message = read(written(broadcast, who))

    assert message.defects == []
    assert message.keys() == [
        "From",
        "To",
        "Subject",
        "Date",
        "Message-ID",
        "List-Unsubscribe",
        "List-Unsubscribe-Post",
        "Content-Language",
        "Auto-Submitted",
        "MIME-Version",
        "Content-Type",
    ]
    assert "Bcc" not in message


def test_headers_are_complete(db):
    broadcast = BroadcastFactory(
        channel="email", subject="上新：{product}", product=ProductFactory(name="真丝睡衣 Silk")
    )

    message = read(written(broadcast, recipient(nick="晚风")))

    link = message["List-Unsubscribe"]
    assert {name: str(value) for name, value in message.items()} == {
        "From": '"Lime, 青柠" <news@shop.example>',
        "To": "晚风 <ann@example.com>",
        "Subject": "上新：真丝睡衣 Silk",
        "Date": "Thu, 05 Mar 2026 04:00:00 +0000",
        "Message-ID": message_id(broadcast.pk, 7, domain="shop.example"),
        "List-Unsubscribe": link,
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        "Content-Language": "en",
        "Auto-Submitted": "auto-generated",
        "MIME-Version": "1.0",
        "Content-Type": message["Content-Type"],
    }
    assert link.startswith("<https://crm.shop.example/u/")
    assert read_token(link.removeprefix("<https://crm.shop.example/u/").removesuffix("/>")) == Unsubscription(
        broadcast=broadcast.pk, customer=7, channel="email"
    )
    assert message.get_content_type() == "multipart/alternative"
    assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "text/html"]
    for kind in ("plain", "html"):
        assert link.strip("<>") in message.get_body((kind,)).get_content()


def test_body_with_every_kind_of_line_arrives_unchanged(db):
    body = "first\r\n.\r\n..two dots\rold mac\n" + "x" * 1500 + "\n" + "长" * 400 + "\n\n  indented <b>&</b>\nFrom here"
    broadcast = BroadcastFactory(channel="email", body=body)

    raw = written(broadcast, recipient())
    message = read(raw)

    expected = body.replace("\r\n", "\n").replace("\r", "\n")
    plain = message.get_body(("plain",)).get_content()
    assert plain.replace("\r\n", "\n").startswith(expected + "\n")
    assert words(message.get_body(("html",)).get_content()).replace("\r\n", "\n").startswith(expected)
    assert_clean(raw)


def test_message_id_is_the_same_for_a_repeat_and_for_nobody_else_and_tells_no_address(db):
    broadcast = BroadcastFactory(channel="email")
    first, again = read(written(broadcast, recipient())), read(written(broadcast, recipient(address="new@example.com")))
    ids = {message_id(one, two, domain="shop.example") for one in range(1, 20) for two in range(1, 20)}

    assert first["Message-ID"] == again["Message-ID"]
    assert len(ids) == 19 * 19
    assert first["Message-ID"].endswith("@shop.example>")


def test_guest_without_a_nick_is_called_something_kind(db):
    broadcast = BroadcastFactory(channel="email", body="Hello {nick}")

    message = read(written(broadcast, recipient(nick="")))

    assert message.get_body(("plain",)).get_content().splitlines()[0] == "Hello dear customer"
    assert str(message["To"]) == "ann@example.com"


@pytest.mark.parametrize(
    ("language", "expected"),
    [("", "en"), ("en", "en"), ("zh-hans", "zh-hans"), ("zh-cn", "zh-hans"), ("xx", "en"), ("x\r\ny", "en")],
)
def test_language_is_the_customers_where_we_have_it(db, language, expected):
    broadcast = BroadcastFactory(channel="email")

    assert read(written(broadcast, recipient(language=language)))["Content-Language"] == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (" Ann.B+tag@Example.COM ", "Ann.B+tag@Example.COM"),
        ("o'brien@example.com", "o'brien@example.com"),
        ("c@bücher.example", "c@xn--bcher-kva.example"),
        ("用户@example.com", ""),
        ("a b@example.com", ""),
        ("a@b", ""),
        ("a@b..example", ""),
        (".a@example.com", ""),
        ("a@-b.example", ""),
        ("a\n@example.com", ""),
        ("a@example.com\n", "a@example.com"),
        ("a@example.com\nx", ""),
        (f"{'a' * 65}@example.com", ""),
        (f"a@{'b' * 64}.example", ""),
        ("<a@example.com>", ""),
    ],
)
def test_sendable_address_is_one_that_smtp_can_take(value, expected):
    assert sendable_address(value) == expected
