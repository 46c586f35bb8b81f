"""Phones, e-mails and names in one spelling each. Normalising what is normal already changes nothing."""

from __future__ import annotations

import re
import unicodedata

import phonenumbers
from django.conf import settings

CHINA = 86
# A Chinese number has so many digits with its area code; a shorter one is another subscriber's in every city.
LEAST_CHINESE_DIGITS = 9

DASHES = dict.fromkeys(map(ord, "‐‑‒–—―−_"), "-")
# Nothing but a number, perhaps after what it is called. Whatever follows (转, an extension, an expiry) marks a virtual
# number, which a marketplace gives to somebody else next week.
NUMBER = re.compile(r"[^\d+()]*([+\d(][\d\s()+.-]*)")
MOBILE = re.compile(r"(?:(?:\+|00)?86)?(1\d{10})")
WITH_EXTENSION = re.compile(
    r"(?:\(?(?:\+|00)?86\)?[\s.-]*)?(?:1(?:[\s.-]*\d){10}|\(?0\d{2,3}\)?[\s-]*\d{7,8})[\s.-]+\d+"
)
GMAIL = ("gmail.com", "googlemail.com")


def normalise_phone(value: str) -> str:
    """E.164, or empty where the value is no complete phone number. An extension marks a virtual number: empty."""
    text = unicodedata.normalize("NFKC", value).translate(DASHES).strip().lstrip("'")
    told = NUMBER.fullmatch(text)
    if told is None:
        return ""
    number = told[1]
    if mobile := MOBILE.fullmatch(re.sub(r"[\s().-]", "", number)):  # nine in ten, and phonenumbers is slow
        return f"+86{mobile[1]}" if settings.PHONE_REGION == "CN" or number[:1] == "+" else _parsed(number)
    return "" if WITH_EXTENSION.fullmatch(number.strip()) else _parsed(number)


def _parsed(text: str) -> str:
    try:
        number = phonenumbers.parse(text, settings.PHONE_REGION)
    except phonenumbers.NumberParseException:
        return ""
    if number.extension or not phonenumbers.is_possible_number(number):
        return ""
    if number.country_code == CHINA and len(str(number.national_number)) < LEAST_CHINESE_DIGITS:
        return ""
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def normalise_email(value: str) -> str:
    """Lower case, without the tag behind a plus, and without the dots that Gmail does not see; empty: no address."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", value).casefold()).strip().lstrip("'")
    if not re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", folded):
        return ""
    name, domain = folded.split("@")
    name = name.partition("+")[0] or name
    if domain in GMAIL:
        name, domain = name.replace(".", "") or name, GMAIL[0]
    return f"{name}@{domain}"


def normalise_text(value: str) -> str:
    """Width and case folded, without blanks and punctuation: for names."""
    folded = unicodedata.normalize("NFKC", value).casefold()
    return "".join(ch for ch in folded if ch.isalnum())
