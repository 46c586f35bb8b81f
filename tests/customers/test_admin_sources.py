"""The page of the sources: managers add them and say which are marketplaces."""

import pytest

from customers.models import Event, Source
from tests.factories import SourceFactory

LIST = "/admin/customers/source/"


def test_manager_adds_a_source_and_says_that_it_is_a_marketplace(sign_in, manager):
    client = sign_in(manager)

    client.post(f"{LIST}add/", {"code": "tmall", "name": "Tmall shop"})
    source = Source.objects.get()
    client.post(f"{LIST}{source.pk}/change/", {"code": "other", "name": "Tmall", "is_marketplace": "on"})

    source.refresh_from_db()
    assert (source.code, source.name, source.is_marketplace) == ("tmall", "Tmall", True)
    assert list(Event.objects.values_list("verb", "fields")) == [
        ("source.added", ["code", "name"]),
        ("source.changed", ["name", "is_marketplace"]),
    ]


@pytest.mark.parametrize("body", [{"code": "own"}, {"code": "a b"}, {"code": "x" * 41}, {"name": ""}, {"name": "a\0"}])
def test_bad_source_says_what_is_wrong_and_is_not_added(sign_in, manager, body):
    SourceFactory(code="own")

    answer = sign_in(manager).post(f"{LIST}add/", {"code": "new", "name": "New", **body})

    assert answer.status_code == 200
    assert Source.objects.count() == 1


def test_others_do_not_see_the_sources(sign_in, agent, lead):
    for user in (agent.user, lead):
        assert sign_in(user).get(LIST).status_code == 403


def test_list_takes_as_many_queries_for_three_as_for_one(sign_in, manager, count_queries):
    client = sign_in(manager)
    SourceFactory(code="a")
    client.get(LIST)
    one = count_queries(lambda: client.get(LIST))
    SourceFactory(code="b"), SourceFactory(code="c")

    assert count_queries(lambda: client.get(LIST)) == one
