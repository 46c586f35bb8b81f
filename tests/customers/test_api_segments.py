"""Saved filters over HTTP."""

import pytest

from customers.models import Event, SavedFilter
from customers.services import saved_filters
from tests.factories import NOON, GroupFactory, UserFactory

PATH = "/api/v1/segments/"


@pytest.fixture
def mine(key_client, agent):
    """A key that acts as an agent."""
    return key_client("segments:read", "segments:write", user=agent.user)


def keep(owner, name="VIPs", **values):
    return saved_filters.create(name, by=owner, at=NOON, values={"level": ["3"]}, **values)


def names(answer):
    assert answer.status_code == 200, answer.json()
    return sorted(row["name"] for row in answer.json()["results"])


def test_segment_is_kept_shown_changed_and_deleted(mine, agent):
    group = GroupFactory()
    body = {
        "name": "VIPs",
        "values": {"level": 3, "group": [group.pk], "banned": False, "agent": "mine"},
        "columns": ["level", "trade_amount"],
        "order": "-trade_amount",
    }

    made = mine.post(PATH, body)
    changed = mine.patch(f"{PATH}{made.json()['id']}/", {"name": "Very important", "is_shared": True})
    shown = mine.get(f"{PATH}{made.json()['id']}/")
    gone = mine.delete(f"{PATH}{made.json()['id']}/")

    assert (made.status_code, changed.status_code, gone.status_code) == (201, 200, 204)
    assert {**shown.json(), "id": 0, "created_at": "", "updated_at": ""} == {
        "id": 0,
        "name": "Very important",
        "owner": "ming",
        "is_shared": True,
        "values": {"level": ["3"], "group": [str(group.pk)], "banned": ["false"], "agent": ["mine"]},
        "columns": ["level", "trade_amount"],
        "order": "-trade_amount",
        "created_at": "",
        "updated_at": "",
    }
    assert not SavedFilter.objects.exists()
    assert list(Event.objects.filter(by=agent.user).order_by("pk").values_list("verb", "by", "fields")) == [
        ("savedfilter.added", agent.user.pk, ["name", "is_shared", "values", "columns", "order"]),
        ("savedfilter.changed", agent.user.pk, ["name", "is_shared"]),
        ("savedfilter.deleted", agent.user.pk, []),
    ]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"values": {}}, "/name"),
        ({"name": "x"}, "/values"),
        ({"name": "x", "values": [1]}, "/values"),
        ({"name": "x", "values": {"level": {"from": 1}}}, "/values"),
        ({"name": "x", "values": {"shoe": 4}}, "/values/shoe"),
        ({"name": "x", "values": {"level": 9}}, "/values/level"),
        ({"name": "x", "values": {"level": [1, 2]}}, "/values/level"),
        ({"name": "x", "values": {"group": 9999}}, "/values/group"),
        ({"name": "x", "values": {"phone": "13800138000"}}, "/values/phone"),
        ({"name": "x", "values": {"q": "wang"}}, "/values/q"),
        ({"name": "x", "values": {}, "columns": ["shoe"]}, "/columns"),
        ({"name": "x", "values": {}, "order": "shoe"}, "/order"),
        ({"name": "x", "values": {}, "owner": 1}, "/owner"),
        ({"name": "x" * 61, "values": {}}, "/name"),
    ],
)
def test_segment_that_is_not_valid_is_400_that_names_it(mine, body, pointer):
    answer = mine.post(PATH, body)

    assert (answer.status_code, [error["pointer"] for error in answer.json()["errors"]]) == (400, [pointer])
    assert not SavedFilter.objects.exists()


def test_own_and_shared_segments_are_seen_and_own_ones_changed(mine, agent, other_agent, lead, key_client):
    own, shared = keep(agent.user, "own"), keep(other_agent.user, "shared", is_shared=True)
    private = keep(other_agent.user, "private")
    of_a_lead = key_client("segments:read", "segments:write", user=lead)
    paths = [f"{PATH}{saved.pk}/" for saved in (own, shared, private)]

    assert names(mine.get(PATH)) == ["own", "shared"]
    assert names(key_client("segments:read").get(PATH)) == ["shared"]
    assert [mine.patch(path, {"name": f"n{path}"[:60]}).status_code for path in paths] == [200, 403, 404]
    assert [of_a_lead.patch(path, {"is_shared": True}).status_code for path in paths] == [404, 200, 404]
    assert [mine.delete(path).status_code for path in paths] == [204, 403, 404]
    assert list(SavedFilter.objects.order_by("name").values_list("name", flat=True)) == ["private", "shared"]


def test_segment_needs_its_scope_and_a_user(key_client, agent):
    keep(agent.user, is_shared=True)
    body = {"name": "x", "values": {}}

    answers = [
        key_client("segments:write", user=agent.user).get(PATH).status_code,
        key_client("segments:read", user=agent.user).post(PATH, body).status_code,
        key_client("segments:read", "segments:write").post(PATH, body).status_code,
        key_client("segments:read", "segments:write", user=UserFactory()).get(PATH).status_code,
    ]

    assert answers == [403, 403, 403, 403]


def test_name_of_a_segment_stands_once_per_owner(mine, agent, other_agent):
    keep(other_agent.user)
    bodies = [{"name": "VIPs", "values": {}}] * 2

    answers = [mine.post(PATH, body) for body in bodies]

    assert [answer.status_code for answer in answers] == [201, 409]
    assert answers[1].json()["code"] == "name_taken"


def test_segment_list_takes_as_many_queries_for_3_as_for_1(mine, agent, other_agent, count_queries):
    keep(agent.user)
    mine.get(PATH)
    one = count_queries(lambda: mine.get(PATH))
    keep(agent.user, "more"), keep(other_agent.user, is_shared=True)

    assert count_queries(lambda: mine.get(PATH)) == one
    assert len(names(mine.get(PATH))) == 3
