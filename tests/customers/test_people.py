import pytest

from customers import identity
from customers.identity import Identity
from customers.models import Account, ContactValue, Customer, FormerNick
from customers.services.people import keep_customer
from tests.factories import NOON, CustomerFactory, OrderFactory, SourceFactory


@pytest.fixture
def source(db):
    return SourceFactory()


def keep(source, **named):
    return keep_customer(Identity(source_id=source.pk, **named), at=NOON)


def test_new_nick_becomes_a_customer_once(source):
    first, second = keep(source, nick="xiaohong"), keep(source, nick="xiaohong")

    assert first == second
    assert Account.objects.count() == 1


def test_changed_nick_is_noted_and_the_former_one_kept_and_searched(source):
    customer = keep(source, external_id="77", nick="before")

    assert keep(source, external_id="77", nick="after") == customer
    assert list(Account.objects.values_list("external_id", "nick")) == [("77", "after")]
    assert list(FormerNick.objects.values_list("nick", "until_at")) == [("before", NOON)]
    assert list(Customer.objects.search("befo")) == [customer]


def test_account_known_by_its_nick_alone_takes_the_external_id_told_later(source):
    customer = keep(source, nick="xiaohong")

    assert keep(source, nick="xiaohong", external_id="77") == customer
    assert list(Account.objects.values_list("external_id", "nick")) == [("77", "xiaohong")]
    assert keep(source, nick="xiaohong") == keep(source, external_id="77") == customer


def test_new_account_with_a_known_phone_belongs_to_the_same_customer(source):
    customer = CustomerFactory(nick="first", phone="13800138000")

    assert keep(source, nick="second", phone="138 0013 8000") == customer
    assert list(Account.objects.order_by("pk").values_list("nick", flat=True)) == ["first", "second"]
    assert ContactValue.objects.count() == 1


def test_same_nick_in_another_source_is_another_customer(source):
    customer = CustomerFactory(nick="xiaohong")

    assert keep(SourceFactory(code="taobao", name="Taobao"), nick="xiaohong") != customer


def test_masked_nick_names_nobody(source):
    assert keep(source, nick="x***g") is None
    assert not Customer.objects.exists()


@pytest.mark.parametrize(
    "text", ["xiao", "xiaohong", "13800138000", "+86 138 0013 8000", "Hong@Example.com", "1234567890123456"]
)
def test_search_finds_what_a_clerk_types(source, text):
    customer = CustomerFactory(nick="xiaohong", phone="13800138000", email="hong@example.com")
    OrderFactory(customer=customer, number="1234567890123456")
    CustomerFactory(nick="somebody")

    assert list(Customer.objects.search(text)) == [customer]


def test_str_and_contact_rows_tell_no_personal_data(source):
    customer = CustomerFactory(nick="xiaohong", phone="13800138000")

    shown = [str(customer), str(customer.accounts.get()), str(customer.contact_values.get())]

    assert not any("13800138000" in text or "xiaohong" in text for text in shown)


@pytest.mark.parametrize(
    ("kind", "value", "shown"),
    [
        ("phone", "13800138000", "138****00"),
        ("phone", "110", "****"),
        ("email", "hong@example.com", "h***@example.com"),
        ("address", "浙江省杭州市", "浙***"),
        ("name", "张三", "张***"),
    ],
)
def test_masked_shows_little(kind, value, shown):
    assert identity.masked(kind, value) == shown


def test_address_without_a_door_is_kept_and_names_nobody(source):
    customer = keep(source, nick="xiaohong", address="杭州市西湖区")

    keep(source, nick="xiaohong", address="杭州市西湖区")
    keep(source, nick="xiaoming", address="杭州市西湖区")

    assert [value.value for value in customer.contact_values.all()] == ["杭州市西湖区"]
    assert ContactValue.objects.values("key").distinct().count() == 2


def test_other_spelling_of_a_known_contact_value_is_not_kept_twice(source):
    customer = keep(source, nick="xiaohong", email="ann.b@gmail.com", phone="13800138000")

    keep(source, nick="xiaohong", email="annb+shop@googlemail.com", phone="+86 138-0013-8000")

    assert customer.contact_values.count() == 2
