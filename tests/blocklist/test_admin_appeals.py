import pytest
from django.urls import reverse

from blocklist.models import Appeal, banned
from blocklist.services import appeals
from customers.models import Customer
from tests.factories import BanFactory, CustomerFactory

pytestmark = pytest.mark.django_db
LIST = "/admin/blocklist/appeal/"


@pytest.fixture
def ban(agent):
    return BanFactory(customer=CustomerFactory(agent=agent, nick="nick"), by=agent.user)


@pytest.fixture
def appeal(ban, now):
    return appeals.open_appeal(ban, text="It was my brother.", by=ban.by, at=now)


def door(customer):
    return reverse("admin:blocklist_appeal_open", args=[customer.pk])


def test_customer_page_leads_to_the_form_which_opens_the_appeal(ban, sign_in):
    client = sign_in(ban.by)
    page = client.get(ban.customer.get_absolute_url())
    form = client.get(door(ban.customer))
    empty = client.post(door(ban.customer), {"text": ""})
    done = client.post(door(ban.customer), {"text": "Why?"})

    assert (door(ban.customer) in page.text, "nick" in form.text, "This field is required" in empty.text) == (
        True,
        True,
        True,
    )
    assert done.url == Appeal.objects.get().get_absolute_url()


def test_form_is_not_there_for_whoever_is_not_banned(agent, sign_in):
    assert sign_in(agent.user).get(door(CustomerFactory(agent=agent))).status_code == 404


def test_manager_decides_on_the_page_and_the_agent_only_sees_it(appeal, manager, sign_in, now):
    address = appeal.get_absolute_url()
    seen = sign_in(appeal.opened_by).get(address)
    refused = sign_in(appeal.opened_by).post(address, {"answer": "a", "decision": "overturn"})
    offered = sign_in(manager).get(address)
    odd = sign_in(manager).post(address, {"answer": "a", "decision": "forget"})
    accusing = sign_in(manager).post(address, {"answer": "You abused us", "decision": "uphold"})
    sign_in(manager).post(address, {"answer": "You may order again.", "decision": "overturn"})

    assert ("A manager decides appeals." in seen.text, refused.status_code) == (True, 403)
    assert ("Overturn: lift the ban" in offered.text, odd.status_code) == (True, 404)
    assert "it must be neutral" in accusing.text
    appeal.refresh_from_db()
    assert (appeal.state, banned(Customer.objects.all(), at=now).exists()) == ("overturned", False)


def test_decided_appeal_shows_answer_and_takes_no_second_decision(appeal, manager, sign_in, now):
    appeals.uphold(appeal, answer="It stays.", by=manager, at=now)

    page = sign_in(manager).get(appeal.get_absolute_url())
    again = sign_in(manager).post(
        appeal.get_absolute_url(), {"answer": "You may.", "decision": "overturn"}, follow=True
    )

    assert ("It stays." in page.text, "Overturn: lift the ban" in page.text) == (True, False)
    assert "This appeal was decided already" in again.text


def test_withdrawing_is_a_button(appeal, sign_in):
    sign_in(appeal.opened_by).post(reverse("admin:blocklist_appeal_withdraw", args=[appeal.pk]))

    appeal.refresh_from_db()
    assert appeal.state == "withdrawn"


def test_appeals_of_others_customers_are_not_there(appeal, other_agent, sign_in, settings):
    settings.AGENTS_SEE_CUSTOMERS = "own"
    client = sign_in(other_agent.user)

    assert client.get(appeal.get_absolute_url()).status_code == 404
    assert client.get(door(appeal.customer)).status_code == 404
    assert appeal.get_absolute_url() not in client.get(LIST).text


def test_list_takes_as_many_queries_for_three_as_for_one(agent, manager, sign_in, count_queries, now):
    client = sign_in(manager)
    appeals_of = [BanFactory(customer=CustomerFactory(agent=agent, nick=f"n{n}"), by=agent.user) for n in range(3)]
    appeals.open_appeal(appeals_of[0], text="a", by=agent.user, at=now)
    client.get(LIST)
    one = count_queries(lambda: client.get(LIST))
    for ban in appeals_of[1:]:
        appeals.open_appeal(ban, text="a", by=agent.user, at=now)

    assert count_queries(lambda: client.get(LIST)) == one


def test_only_deciders_see_how_many_were_overturned(appeal, manager, sign_in):
    assert "How many bans were overturned" in sign_in(manager).get(LIST).text
    assert "How many bans were overturned" not in sign_in(appeal.opened_by).get(LIST).text
