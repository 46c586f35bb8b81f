"""Postal addresses, Chinese and Latin, each written in one way, so that two spellings of one door are the same text.

It is no geocoder: it knows the provinces, the words for parts of a house, and what people leave out. What it cannot
tell apart stays as it was written. An address without the number of a door names nobody.
"""

from __future__ import annotations

import re
import unicodedata

# What changes in one pass may open the way for another rule; after so many nothing changes any more.
MOST_PASSES = 8

DASHES = dict.fromkeys(map(ord, "‐‑‒–—―−－_~"), "-")
HAN = re.compile(r"[\u3400-\u9fff]")


def normalise_address(value: str) -> str:
    """The address in one spelling, or empty where it names no door. Normalising that again changes nothing."""
    text = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", value).casefold()).translate(DASHES)
    spell = _chinese if HAN.search(text) else _latin
    for _pass in range(MOST_PASSES):
        before, text = text, spell(text)
        if text == before:
            break
    has_door = CHINESE_DOOR if HAN.search(text) else LATIN_DOOR
    return text if has_door.search(text) else ""


# Chinese ------------------------------------------------------------------------------------------------------------
PROVINCES = (
    "河北|山西|辽宁|吉林|黑龙江|江苏|浙江|安徽|福建|江西|山东|河南|湖北|湖南|广东|海南|四川|贵州|云南|陕西|甘肃|青海|台湾|"
    "内蒙古|广西|西藏|宁夏|新疆"
)
MUNICIPALITIES = "北京|上海|天津|重庆|香港|澳门"
NOT_A_STREET = r"(?![东西南北中]?(?:路|街|大道|大街|巷|里|弄))"
# A city stands for itself; its province, which half of the people leave out, does not count.
PROVINCE = re.compile(rf"^(?:中国)?(?:{PROVINCES})(?:省|(?:壮族|回族|维吾尔)?自治区)?{NOT_A_STREET}(?=.)")
COUNTRY = re.compile(r"^中国(?=.)")
REPEATED = re.compile(rf"^({MUNICIPALITIES})(?:特别行政区|市)?(?:市辖区|县)?(?=\1)")
REPEATED_CITY = re.compile(r"^([\u3400-\u9fff]{2,5})(?=\1)")
# 街道 is an office, which half of the people leave out too; a district stands before it.
OFFICE = re.compile(r"(?<=[市区县])[^\W\d市区县]{2,5}街道(?=.*\d)")
DIVISION = re.compile(r"特别行政区|自治[区州县]|市辖区|浦东新区|[省市区县]")

NOTE = re.compile(r"\((?:\d{6}|[^()\d]*)\)|\[[^\[\]]*\]|转\d{3,4}$")
POSTCODE = re.compile(r"(?:邮编|邮政编码)[::]?\d{6}|[\s,、。;]\d{6}\s*$")
NOISE = re.compile(r"[^\w\u3400-\u9fff#-]|(?<![0-9a-z#])-|-(?![0-9a-z])")

NUMERAL = r"[零〇一二两三四五六七八九十百]"
# What the words for a part of a house mean. 楼 is a house before a 单元, else a floor.
KINDS = {
    "号": "号 弄",
    "幢": "号楼 号幢 号院 幢 栋 座 #楼 #",
    "单元": "单元 门",
    "室": "号房 号室 室 户 房",
    "层": "楼 层",
}
KIND_OF = {word: kind for kind, words in KINDS.items() for word in words.split()}
WORDS = r"号[楼幢院房室]|#楼|单元|门(?![\u3400-\u9fff])|[号弄幢栋座#室户房楼层]"
WRITTEN = re.compile(rf"({NUMERAL}+)(?={WORDS})|(?<=[-号弄幢栋座元门楼层])({NUMERAL}+)(?=-|$)")
DIGITS = {digit: value for value, digit in enumerate("零一二三四五六七八九")} | {"〇": 0, "两": 2}
NUMBER = rf"(?:\d+[a-z]?|(?<![a-z])[a-z]\d*(?={WORDS}|-|$))"
PART = re.compile(rf"第?({NUMBER})({WORDS}|-|)-?")
PARTS = re.compile(rf"第?{NUMBER}(?:(?:{WORDS}|-)-?第?{NUMBER})*(?:{WORDS}|-)?")
CHINESE_DOOR = re.compile(r"\d[0-9a-z]*(?:[-号幢室层]|单元|$)")


def _chinese(text: str) -> str:
    text = POSTCODE.sub(" ", NOTE.sub("", text.strip()))
    text = NOISE.sub("", text)
    text = _without_divisions(text)
    text = WRITTEN.sub(lambda found: str(_counted(found[0])), text)
    return PARTS.sub(_joined, text)


def _joined(found: re.Match[str]) -> str:
    """The parts of one house in a row, from the street number to the room, with dashes between them."""
    parts = [(number, KIND_OF.get(word, "")) for number, word in PART.findall(found[0])]
    is_end = found.end() == len(found.string)
    joined = ""
    for place, (number, kind) in enumerate(parts):
        following, its_kind = parts[place + 1] if place + 1 < len(parts) else ("", "")
        if kind == "层" and following.startswith(number) and len(following) == len(number) + 2:
            continue  # the room tells the floor
        if following:
            is_kept = (kind == "单元" and not joined) or (kind == "层" and its_kind != "单元")
            joined += number + (kind if is_kept else "-")
        else:
            joined += number + ("" if is_end and kind in ("号", "幢", "室") else kind)
    return joined


def _without_divisions(text: str) -> str:
    for told in (REPEATED, COUNTRY, PROVINCE):
        text = told.sub("", text)
    text = DIVISION.sub(lambda found: "浦东" if found[0] == "浦东新区" else "", OFFICE.sub("", text))
    return REPEATED_CITY.sub("", text)


def _counted(numeral: str) -> int:
    """十二 is 12, 一百零三 is 103, and read digit by digit 五〇一 is 501."""
    if not set(numeral) & set("十百"):
        return int("".join(str(DIGITS[sign]) for sign in numeral))
    total, digit = 0, 0
    for sign in numeral:
        if sign in DIGITS:
            digit = DIGITS[sign]
        else:
            total += (digit or 1) * (10 if sign == "十" else 100)
            digit = 0
    return total + digit


# Latin --------------------------------------------------------------------------------------------------------------
SHORT = {
    word: short
    for short, words in {
        "st": "street str",
        "ave": "avenue av avenida",
        "rd": "road",
        "blvd": "boulevard",
        "dr": "drive",
        "ln": "lane",
        "ct": "court",
        "pl": "place",
        "sq": "square",
        "hwy": "highway",
        "pkwy": "parkway",
        "ter": "terrace",
        "r": "rua",
        "bldg": "building",
        "fl": "floor",
        "n": "north",
        "s": "south",
        "e": "east",
        "w": "west",
        "#": "apartment apt unit suite ste flat room rm apartamento apto",
        "": "no nr num numero number",
    }.items()
    for word in words.split()
}
COUNTRIES = re.compile(
    r"(?<=.) (?:p ?r china|p ?r ?c|china|brazil|brasil|u ?s ?a|u ?s|united states(?: of america)?|u ?k|united kingdom|"
    r"england|canada|australia|germany|deutschland|france|singapore|malaysia)$"
)
# By the shapes of China, the USA, Brazil, Britain and Canada.
LATIN_POSTCODE = re.compile(
    r"(?<=\d)(.*) (?:\d{5}(?: \d{3,4})?|\d{6}|\d{8}|[a-z]{1,2}\d[a-z\d]? \d[a-z]{2}|[a-z]\d[a-z] ?\d[a-z]\d)$"
)
DASHED_POSTCODE = re.compile(r"\b\d{5}-\d{3,4}\b")
LATIN_DOOR = re.compile(r"^(?=.*\d).*[^\W\d_]{2}")


def _latin(text: str) -> str:
    text = DASHED_POSTCODE.sub(" ", text)
    plain = "".join(sign for sign in unicodedata.normalize("NFKD", text) if not unicodedata.combining(sign))
    words = [SHORT.get(word, word) for word in re.findall(r"#|[^\W_]+", plain)]
    text = re.sub(r"# (?:# )+", "# ", " ".join(word for word in words if word))
    return LATIN_POSTCODE.sub(r"\1", COUNTRIES.sub("", text)).strip()
