import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from rest_framework.test import APIClient

from blocklist.models import Appeal
from blocklist.services import appeals
from tests.factories import BanFactory, CustomerFactory, UserFactory

pytestmark = pytest.mark.django_db
LIST = "/api/v1/appeals/"
PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 20


@pytest.fixture
def ban(agent):
    return BanFactory(customer=CustomerFactory(agent=agent, nick="nick"), by=agent.user)


def test_storefront_appeals_for_the_buyer_and_reads_the_decision(ban, manager, key_client, now):
    client = key_client("appeals:write", "appeals:read")

    made = client.post(LIST, {"nick": "nick", "text": "Why?"})
    again = client.post(LIST, {"customer": ban.customer_id, "text": "Why?"})
    appeals.uphold(Appeal.objects.get(), answer="It stays.", by=manager, at=now)
    read = client.get(f"{LIST}{made.json()['id']}/").json()

    assert (made.status_code, again.status_code, made.json()["id"]) == (201, 200, again.json()["id"])
    assert (read["state"], read["answer"], read["opened_by"], read["source"]) == ("upheld", "It stays.", None, "own")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"nick": "nobody", "text": "a"}, 404),
        ({"nick": "free", "text": "a"}, 409),
        ({"text": "a"}, 400),
        ({"nick": "nick"}, 400),
        ({"nick": "nick", "text": "a", "more": 1}, 400),
        ({"customer": 2**70, "text": "a"}, 400),
        ({"customer": "x", "text": "a"}, 400),
    ],
)
def test_bad_input_is_told_and_opens_nothing(ban, key_client, body, status):
    CustomerFactory(nick="free")

    assert key_client("appeals:write").post(LIST, body).status_code == status
    assert not Appeal.objects.exists()


def test_appeal_of_who_was_merged_is_about_the_ban_of_who_he_is_now(ban, key_client):
    old = CustomerFactory(nick="old", merged_into=ban.customer)

    made = key_client("appeals:write").post(LIST, {"customer": old.pk, "text": "Why?"})

    assert (made.status_code, made.json()["ban"]) == (201, ban.pk)


def test_customers_of_other_sources_are_not_there(ban, key_client):
    client = key_client("appeals:write", "appeals:read", source="other")

    assert client.post(LIST, {"customer": ban.customer_id, "text": "a"}).status_code == 404


def test_documents_are_checked_and_kept(ban, key_client):
    client = key_client("appeals:write")
    made = client.post(LIST, {"nick": "nick", "text": "Why?"}).json()
    door = f"{LIST}{made['id']}/documents/"

    kept = client.post(door, {"files": [SimpleUploadedFile("a.png", PNG)]}, format="multipart")
    refused = client.post(door, {"files": [SimpleUploadedFile("b.png", b"MZ\x90\0")]}, format="multipart")

    assert (kept.status_code, refused.status_code) == (201, 400)
    assert [row.name for row in Appeal.objects.get().evidence.all()] == ["a.png"]


def test_manager_decides_by_his_session_and_nobody_else(ban, manager, key_client, now):
    appeal = appeals.open_appeal(ban, text="a", by=ban.by, at=now)
    door, body = f"{LIST}{appeal.pk}/decide/", {"decision": "overturn", "answer": "You may order again."}

    def decide(user):
        client = APIClient()
        client.force_login(user)
        return client.post(door, body).status_code

    nobody = key_client("appeals:write").post(door, body).status_code
    assert [nobody, decide(ban.by), decide(UserFactory(role="lead")), decide(manager), decide(manager)] == [
        403,
        403,
        403,
        200,
        409,
    ]


def test_list_filters_and_takes_as_many_queries_for_three_as_for_one(agent, key_client, count_queries, now):
    client = key_client("appeals:read")
    all_bans = [BanFactory(customer=CustomerFactory(agent=agent, nick=f"n{n}"), by=agent.user) for n in range(3)]
    first = appeals.open_appeal(all_bans[0], text="a", by=agent.user, at=now)
    client.get(LIST)
    one = count_queries(lambda: client.get(LIST))
    for ban in all_bans[1:]:
        appeals.open_appeal(ban, text="a", by=agent.user, at=now)

    assert count_queries(lambda: client.get(LIST)) == one
    found = client.get(LIST, {"ban": all_bans[0].pk, "state": "open"}).json()["results"]
    assert [row["id"] for row in found] == [first.pk]
    assert client.get(LIST, {"state": "odd"}).status_code == 400
