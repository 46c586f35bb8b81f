from crm_site.upgrade import why_not_this_database
from tests.factories import ContactValueFactory, CustomerFactory


def test_keys_that_this_database_was_not_filled_with_are_refused(db, settings):
    ContactValueFactory(customer=CustomerFactory())
    own = why_not_this_database()

    settings.CONTACT_HASH_KEY = b"of another shop"

    assert own == ""
    assert "CONTACT_HASH_KEY is not the one" in why_not_this_database()


def test_empty_database_takes_any_keys(db):
    assert why_not_this_database() == ""
