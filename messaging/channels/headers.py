"""Header values of an e-mail from texts that people typed: encoded by RFC 2047, never more than one header."""

from __future__ import annotations

import re
from base64 import b64encode

# Whatever a mail program could take for the end of a line.
_BREAKS = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]+")
# What may stand as it is: one line of printable ASCII, short enough to need no folding.
_PLAIN = re.compile(r"[!-~]+(?: [!-~]+)*")
_PLAIN_LENGTH = 60
# Octets of one encoded word: with its frame, 75 characters at most, and a name of a header before it.
_WORD = 39
# dot-atom @ dot-atom: what SMTP carries without an extension
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = "[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
_ADDRESS = re.compile(rf"{_ATOM}(?:\.{_ATOM})*@(?=.{{3,253}}\Z){_LABEL}(?:\.{_LABEL})+")


def one_line(text: str) -> str:
    """The text with line breaks and other control characters turned into blanks."""
    return _BREAKS.sub(" ", text)


def is_plain(text: str) -> bool:
    """Whether it may stand in a header as it is, and no reader would take it for something encoded."""
    return len(text) <= _PLAIN_LENGTH and bool(_PLAIN.fullmatch(text)) and "=?" not in text


def unstructured(text: str) -> str:
    """The value of a header such as Subject; it begins on the line of the header's name."""
    text = one_line(text)
    return text if not text or is_plain(text) else encoded_words(text)


def mailbox(name: str, address: str) -> str:
    """`"name" <address>`; the address alone where there is no name. The address is used as it is."""
    name = one_line(name).strip()
    if not name:
        return address
    if is_plain(name):
        quoted = name.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{quoted}"\r\n <{address}>'
    return f"{encoded_words(name)}\r\n <{address}>"


def encoded_words(text: str) -> str:
    """The text as folded encoded words (RFC 2047); a character is never cut in two."""
    words: list[bytes] = []
    word = b""
    for character in text:
        octets = character.encode(errors="replace")
        if len(word) + len(octets) > _WORD:
            words.append(word)
            word = b""
        word += octets
    words.append(word)
    return "\r\n ".join(f"=?utf-8?b?{b64encode(word).decode()}?=" for word in words)


def sendable_address(value: str) -> str:
    """The address as SMTP takes it (a domain outside ASCII in its IDNA form); empty where it can take none."""
    local, at, domain = value.strip().rpartition("@")
    try:
        address = f"{local}{at}{domain.encode('idna').decode()}"
    except UnicodeError:
        return ""
    return address if len(local) <= 64 and _ADDRESS.fullmatch(address) else ""
