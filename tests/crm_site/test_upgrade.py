from crm_site.upgrade import migrate, why_not_this_database
from customers.identity import VERSION, Identity, contact_key
from customers.models import ContactValue, KeyVersion
from customers.services import contact_keys
from customers.services.people import find_customer
from tests.factories import ContactValueFactory, CustomerFactory


def test_keys_that_this_database_was_not_filled_with_are_refused(db, settings):
    ContactValueFactory(customer=CustomerFactory())
    own = why_not_this_database()

    settings.CONTACT_HASH_KEY = b"of another shop"

    assert own == ""
    assert "CONTACT_HASH_KEY is not the one" in why_not_this_database()


def test_empty_database_takes_any_keys(db):
    assert why_not_this_database() == ""


def outdated(customer, kind, value, **told):
    """A value under the key that an earlier version of the normalisers gave it."""
    return ContactValueFactory(customer=customer, kind=kind, value=value, key=f"old key of {value}", **told)


def stored(customer):
    return sorted(customer.contact_values.values_list("value", "key", "state"))


def test_keys_of_an_older_version_are_made_anew_so_that_what_is_asked_today_finds_them(db, client, now, settings):
    settings.WRITE_BATCH = 2
    KeyVersion.objects.update(version=1)
    ann, bob = CustomerFactory(), CustomerFactory()
    outdated(ann, "email", "Ann.B+shop@googlemail.com")
    outdated(bob, "address", "杭州市西湖区文三路123号3幢2单元501室")
    phone = ContactValueFactory(customer=bob)

    assert client.get("/readyz").json()["status"] == "keys of contact values are outdated, run prepare_shop"
    assert migrate(at=now) == ["Made the keys of phones, e-mails and addresses anew: 2 of them changed."]

    assert find_customer(Identity(source_id=0, email="annb@gmail.com")) == ann
    assert ContactValue.objects.get(key=contact_key("address", "杭州西湖文三路123号3-2-501")).customer == bob
    assert ContactValue.objects.get(pk=phone.pk).key == phone.key
    assert client.get("/readyz").status_code == 200
    assert migrate(at=now) == []


def test_values_that_have_become_one_stay_once_and_bad_where_either_was(db, now):
    KeyVersion.objects.update(version=1)
    customer = CustomerFactory()
    ContactValueFactory(customer=customer, kind="email", value="a@x.org")
    outdated(customer, "email", "a+shop@x.org", state="bad")

    migrate(at=now)

    assert stored(customer) == [("a@x.org", contact_key("email", "a@x.org"), "bad")]


def test_value_that_names_nobody_any_more_stays_and_is_never_matched(db, now):
    KeyVersion.objects.update(version=1)
    ann, bob = CustomerFactory(), CustomerFactory()
    for customer in (ann, bob):
        outdated(customer, "address", "杭州市西湖区")

    migrate(at=now)

    assert [value for value, _key, _state in stored(ann)] == ["杭州市西湖区"]
    assert ContactValue.objects.values("key").distinct().count() == 2


def test_renewal_goes_on_where_it_was_stopped(db):
    ann, bob = CustomerFactory(), CustomerFactory()
    done = outdated(ann, "email", "a@x.org")
    outdated(bob, "email", "b@x.org")
    KeyVersion.objects.update(version=1, renewed_up_to=done.pk)

    assert contact_keys.renew() == 1

    assert stored(ann) == [("a@x.org", done.key, "unchecked")]
    assert stored(bob) == [("b@x.org", contact_key("email", "b@x.org"), "unchecked")]
    assert list(KeyVersion.objects.values_list("version", "renewed_up_to")) == [(VERSION, 0)]


def test_shop_filled_before_versions_were_counted_is_of_the_first(db):
    KeyVersion.objects.all().delete()
    ContactValueFactory(customer=CustomerFactory())

    contact_keys.note_version()
    contact_keys.note_version()

    assert list(KeyVersion.objects.values_list("version", flat=True)) == [1]
