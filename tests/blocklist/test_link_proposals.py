"""Who may be one person: found at once and for the whole shop, with reasons and a confidence."""

import pytest

from blocklist.models import AccountLink
from blocklist.services.link_proposals import propose_at_once, propose_links
from blocklist.services.links import confirm_link, deny_link
from customers.identity import Identity
from customers.models import ContactValue, Customer, Duplicate, FormerNick
from customers.services import jobs, merges
from customers.services.people import keep_customer
from tests.factories import NOON, AccountFactory, BanFactory, ContactValueFactory, CustomerFactory, SourceFactory

DOOR = "浙江省杭州市西湖区文三路123号3幢2单元501室"
SAME_DOOR = "杭州西湖文三路123号3-2-501"


def find_links():
    return jobs.run_to_end(jobs.start("find_links", by=None, at=NOON))


def proposals():
    return {(link.first_id, link.second_id): (link.reasons, link.confidence) for link in AccountLink.objects.proposed()}


def named(customer, name):
    ContactValueFactory(customer=customer, kind="name", value=name)
    return customer


@pytest.mark.parametrize(
    ("shared", "found"),
    [
        ({"phone": ("13800138000", "+86 138-0013-8000")}, (["phone"], 80)),
        ({"email": ("ann.b@gmail.com", "annb+x@googlemail.com")}, (["email"], 75)),
        ({"address": (DOOR, SAME_DOOR)}, (["address"], 40)),
        ({"phone": ("13800138000",) * 2, "email": ("a@x.org",) * 2}, (["phone", "email"], 95)),
        ({"name": ("Ann", "ann"), "address": (DOOR, SAME_DOOR)}, (["address", "name"], 58)),
        ({"name": ("Ann", "Ann")}, None),
        ({"phone": ("13800138000", "13800138001")}, None),
        ({"address": ("杭州市西湖区",) * 2}, None),
    ],
)
def test_two_who_share_something_are_proposed_with_reasons_and_confidence(db, shared, found):
    two = CustomerFactory.create_batch(2)
    for kind, values in shared.items():
        for customer, value in zip(two, values, strict=True):
            key = {"key": f"none of {customer.pk}"} if value == "杭州市西湖区" else {}
            ContactValueFactory(customer=customer, kind=kind, value=value, **key)

    job = find_links()

    assert proposals() == ({(two[0].pk, two[1].pk): found} if found else {})
    assert (job.state, job.total, job.done_count) == ("finished", 2, 2)


@pytest.mark.parametrize("is_former", [False, True])
def test_same_nick_in_two_sources_or_of_former_days_is_a_reason(db, is_former):
    one, other = CustomerFactory(), CustomerFactory()
    AccountFactory(customer=one, nick="sunflower88")
    account = AccountFactory(
        customer=other, source=SourceFactory(code="tao"), nick="newname" if is_former else "sunflower88"
    )
    if is_former:
        FormerNick.objects.create(account=account, nick="sunflower88", until_at=NOON)

    find_links()

    assert proposals() == {(one.pk, other.pk): (["nick"], 35)}


def test_starred_nicks_are_no_reason(db):
    for source in ("own", "tao"):
        AccountFactory(source=SourceFactory(code=source), nick="s***8")

    find_links()

    assert proposals() == {}


def test_address_of_many_names_nobody_unless_the_name_is_the_same(db, settings):
    settings.ADDRESS_OF_AT_MOST = 3
    ann, *_others, also_ann = CustomerFactory.create_batch(4, address=DOOR)
    named(ann, "Ann")
    named(also_ann, "Ann")

    find_links()

    assert proposals() == {(ann.pk, also_ann.pk): (["address", "name"], 58)}


def test_phone_of_too_many_names_nobody(db, settings):
    settings.CONTACT_OF_AT_MOST = 3
    CustomerFactory.create_batch(4, phone="13800138000")
    CustomerFactory.create_batch(3, phone="13800138001")

    find_links()

    assert len(proposals()) == 2


def test_value_of_several_makes_a_star_around_the_banned_one(db):
    customers = CustomerFactory.create_batch(5, phone="13800138000")
    banned = BanFactory(customer=customers[3]).customer

    find_links()

    assert set(proposals()) == {tuple(sorted((banned.pk, customer.pk))) for customer in customers if customer != banned}


def test_finding_again_changes_nothing_and_decisions_stay(db, manager):
    CustomerFactory.create_batch(2, phone="13800138000")
    CustomerFactory.create_batch(2, phone="13800138001")
    CustomerFactory.create_batch(2, phone="13800138002")
    find_links()
    denied, confirmed, _open = AccountLink.objects.order_by("pk")
    deny_link(denied, by=manager, at=NOON)
    confirm_link(confirmed, by=manager, at=NOON)
    before = list(AccountLink.objects.order_by("pk").values())

    find_links()

    assert list(AccountLink.objects.order_by("pk").values()) == before


def test_dismissed_duplicate_is_not_proposed(db, lead):
    CustomerFactory.create_batch(2, phone="13800138000")
    merges.suggest(ContactValue.objects.all(), at=NOON)
    merges.dismiss(Duplicate.objects.get(), by=lead, at=NOON)

    find_links()

    assert proposals() == {}


def test_proposal_grows_with_what_is_told_and_goes_with_its_last_reason(db):
    one, other = CustomerFactory.create_batch(2, phone="13800138000")
    find_links()
    for customer in (one, other):
        ContactValueFactory(customer=customer, kind="email", value="a@x.org")
    find_links()
    grown = proposals()
    ContactValue.objects.filter(customer=other).delete()
    find_links()

    assert grown == {(one.pk, other.pk): (["phone", "email"], 95)}
    assert proposals() == {}


def test_new_customer_is_proposed_at_once(db):
    known = CustomerFactory(nick="ann", address=DOOR)
    buyer = Identity(source_id=SourceFactory().pk, nick="bob", phone="13800138000", address=SAME_DOOR)

    bob = keep_customer(buyer, at=NOON)

    assert proposals() == {(known.pk, bob.pk): (["address"], 40)}


def test_known_customer_who_tells_anothers_phone_is_proposed_at_once(db):
    bob, ann = CustomerFactory(nick="bob"), CustomerFactory(phone="13800138000")

    keep_customer(Identity(source_id=SourceFactory().pk, nick="bob", phone="13800138000"), at=NOON)

    assert proposals() == {(bob.pk, ann.pk): (["phone"], 80)}


def test_buyer_who_tells_nothing_new_costs_no_search(db, django_assert_num_queries):
    buyer = Identity(source_id=SourceFactory().pk, nick="bob", phone="13800138000")
    keep_customer(buyer, at=NOON)

    with django_assert_num_queries(7):
        keep_customer(buyer, at=NOON)


def test_buyer_who_shares_nothing_costs_three_questions(db, django_assert_num_queries):
    customer = CustomerFactory(nick="bob", phone="13800138000", address=DOOR)

    with django_assert_num_queries(3):
        propose_at_once(Customer.objects.filter(pk=customer.pk), at=NOON)


def test_search_takes_the_same_number_of_statements_for_any_number(db, django_assert_num_queries):
    for count in (1, 3):
        CustomerFactory.create_batch(count, phone="13800138000")
        with django_assert_num_queries(6):
            propose_links(Customer.objects.all(), at=NOON)
