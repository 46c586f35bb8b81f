"""What is one phone, one e-mail, one door, however it is written; and what names nobody."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customers.identity import NORMALISERS, contact_key, normalise_email, normalise_phone
from customers.identity.addresses import normalise_address

MOBILE = "+8613800138000"
DOOR = "杭州西湖文三路123-3-2-501"
DIGITS = "零一二三四五六七八九"

HAN = st.sampled_from("杭州西湖文三路省市区县号弄幢栋座单元室楼层第一二十百零北京浙江街道院中国#-ａ１2０9a ")
ROMAN = st.sampled_from(["12", "Main", "street", "St.", "Apt", "#", "3", "USA", "62704", "-", ",", "São", "No", "b"])


@given(st.one_of(st.text(), st.text(HAN), st.lists(ROMAN).map(" ".join), st.text("0123456789+-() 转[]'")))
def test_normalising_what_is_normal_changes_nothing(value):
    for normalise in NORMALISERS.values():
        assert normalise(normalise(value)) == normalise(value)


@pytest.mark.parametrize(
    "written",
    [
        "13800138000",
        "+86 138 0013 8000",
        "0086-138-0013-8000",
        "86 13800138000",
        "'13800138000",
        "１３８００１３８０００",
        "(+86)138.0013.8000",
        "手机：13800138000",
    ],
)
def test_phone_is_the_same_however_it_is_written(written):
    assert normalise_phone(written) == MOBILE


@pytest.mark.parametrize(
    "virtual",
    [
        "13800138000-1234",
        "13800138000转1234",
        "13800138000[1234]",
        "[1234]13800138000",
        "13800138000,1234",
        "13800138000 1234",
        "13800138000 ext 5",
        "13800138000#1234",
        "+86 13800138000—1234",
        "13800138000-1234 2026-05-01",
        "13800138000(2026-05-01过期)",
        "0571-88888888-12",
        "010-12345678-12",
    ],
)
def test_virtual_number_names_nobody(virtual):
    assert contact_key("phone", virtual) == ""


@pytest.mark.parametrize("useless", ["", "+", "12", "95588", "88888888", "138****8000", "9" * 5000, "\0", "no phone"])
def test_incomplete_phone_names_nobody(useless):
    assert contact_key("phone", useless) == ""


@given(st.integers(0, 999_999_999), st.sampled_from(["", "+86", "0086", "86", "'", "+86 ", "tel "]), st.data())
def test_every_way_of_writing_a_mobile_number_is_one_number_and_its_extension_none(subscriber, before, data):
    number = f"13{subscriber:09d}"
    parts = data.draw(st.sampled_from([(3, 7), (3, 3), (11, 11), (4, 8)]))
    sign = data.draw(st.sampled_from(["", " ", "-", "－", "  "]))
    written = before + sign.join(filter(None, [number[: parts[0]], number[parts[0] : parts[1]], number[parts[1] :]]))
    extension = data.draw(st.sampled_from(["-{}", "转{}", "[{}]", " 转 {}", "，{}"])).format(subscriber % 10_000)

    assert normalise_phone(written) == f"+86{number}"
    assert normalise_phone(written + extension) == ""


def test_other_countries_keep_their_numbers():
    assert normalise_phone("+55 11 91234-5678") == "+5511912345678"
    assert normalise_phone("(0571) 8888-8888") == normalise_phone("0571-88888888") == "+8657188888888"


@pytest.mark.parametrize(
    "written", ["ann.b@gmail.com", "AnnB@Googlemail.com", "annb+shop@gmail.com", "ａnnb＠gmail.com"]
)
def test_gmail_address_is_the_same_with_dots_tags_and_its_old_name(written):
    assert normalise_email(written) == "annb@gmail.com"


def test_dots_count_elsewhere_and_tags_do_not():
    assert normalise_email("Ann.B+x@Example.org") == "ann.b@example.org"
    assert normalise_email("annb@example.org") != normalise_email("ann.b@example.org")
    assert normalise_email("nobody") == normalise_email("a@b") == ""


@pytest.mark.parametrize(
    "written",
    [
        "浙江省杭州市西湖区文三路123号3幢2单元501室",
        "浙江杭州西湖文三路123号3-2-501",
        "浙江省浙江省杭州市杭州市西湖区文三路123号3栋2单元501",
        "中国浙江省杭州市西湖区文三路１２３号３号楼２单元５０１室",
        "杭州市西湖区文三路一百二十三号三幢二单元五〇一室",
        "浙江省 杭州市 西湖区 文三路 123号 第3幢 第2单元 5楼 501室（310012）",
        "浙江省，杭州市，西湖区，文三路123号 3座2单元5层501 310012",
        "浙江省杭州市西湖区北山街道文三路123号3#2单元501房(放门口)",
    ],
)
def test_chinese_door_is_the_same_however_it_is_written(written):
    assert normalise_address(written) == DOOR


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("上海上海市浦东新区张杨路500弄4号602室", "上海市浦东张杨路500弄4-602"),
        ("北京市北京市朝阳区阜通东大街6号A座1203", "北京朝阳区阜通东大街6号a栋12层1203室"),
        ("广西壮族自治区南宁市民族大道1号", "广西南宁民族大道1号"),
        ("12 Main Street, Apartment 3, Springfield, IL 62704, USA", "12 main st. #3 Springfield IL"),
        ("12 Main St Unit 3 Springfield IL 62704-1234", "12 Main Street Apt. #3, Springfield, IL"),
        ("Rua São Bento, nº 45 - apto 12, São Paulo - SP, 01011-100, Brasil", "R. Sao Bento 45 #12 sao paulo sp"),
        ("10 Downing Street, London SW1A 2AA, UK", "10 Downing St London"),
    ],
)
def test_two_spellings_of_one_door_are_equal(one, other):
    assert normalise_address(one) == normalise_address(other) != ""


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("杭州市西湖区文三路123号3幢501室", "杭州市西湖区文三路123号5幢301室"),
        ("杭州市西湖区文三路12号3-501", "杭州市西湖区文三路123-501"),
        ("杭州市西湖区文三路12号", "宁波市海曙区文三路12号"),
        ("杭州市浙江路5号", "杭州市福建路5号"),
        ("浙江路5号", "福建路5号"),
        ("幸福小区3单元501", "幸福小区3幢501"),
        ("科技园5楼", "科技园5室"),
        ("12 Main St Apt 3 Springfield", "3 Main St Apt 12 Springfield"),
        ("12 Main St Springfield", "12 Main Ave Springfield"),
    ],
)
def test_two_doors_differ(one, other):
    assert normalise_address(one) != normalise_address(other)
    assert "" not in {normalise_address(one), normalise_address(other)}


@pytest.mark.parametrize(
    "vague", ["", "浙江省杭州市西湖区文三路", "318国道旁", "Main Street, Springfield", "310012", "杭州市(310012)"]
)
def test_address_without_a_door_names_nobody(vague):
    assert contact_key("address", vague) == ""


@given(*[st.integers(1, 999)] * 3, st.integers(101, 3099), st.sampled_from(["幢", "栋", "座", "号楼", "#"]))
def test_every_number_of_a_door_counts(house, building, unit, room, word):
    def written(house, building, unit, room):
        return f"浙江省杭州市西湖区文三路{house}号{building}{word}{unit}单元{room}室"

    door = normalise_address(written(house, building, unit, room))

    assert door == f"杭州西湖文三路{house}-{building}-{unit}-{room}"
    assert door != normalise_address(written(house + 1, building, unit, room))
    assert door != normalise_address(written(house, building, unit, room + 1))


@pytest.mark.parametrize(
    "endless", ["一" * 400, "1-" * 200, "(" * 400, "省市区" * 130, "# " * 200, "5层" * 130, "北京" * 200]
)
def test_no_address_takes_long(endless):
    started = time.process_time()
    normalise_address(endless)
    assert time.process_time() - started < 0.2
