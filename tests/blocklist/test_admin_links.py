"""Account links in the panel and the API: the list, the comparison, the customer's page, badge and filter."""

import pytest
from django.urls import reverse

from blocklist.models import AccountLink
from blocklist.services.links import confirm_link
from tests.factories import (
    NOON,
    BanFactory,
    ContactValueFactory,
    CustomerFactory,
    ExemptionFactory,
    LinkFactory,
    WatchFactory,
)

LIST = "/admin/blocklist/accountlink/"


@pytest.fixture
def people(agent):
    return [CustomerFactory(agent=agent, nick=nick, phone="13800138000") for nick in ("ann", "bob", "cleo", "dan")]


@pytest.fixture
def link(people):
    return LinkFactory(first=people[0], second=people[1])


def shown(response):
    return [link.pk for link in response.context["cl"].result_list]


def page(link):
    return reverse("admin:blocklist_accountlink_compare", args=[link.pk])


def test_list_shows_first_what_concerns_the_banned_and_watched_the_surest_first(people, manager, sign_in):
    ann, bob, cleo, dan = people
    BanFactory(customer=ann)
    WatchFactory(customer=cleo)
    unsure = LinkFactory(first=ann, second=bob, confidence=40)
    sure = LinkFactory(first=cleo, second=dan, confidence=95)
    nobody = LinkFactory(first=bob, second=dan)
    denied = LinkFactory(first=ann, second=dan, state="denied", decided_by=manager, decided_at=NOON)
    client = sign_in(manager)

    assert shown(client.get(LIST)) == [sure.pk, unsure.pk]
    assert shown(client.get(LIST, {"show": "proposed"})) == [sure.pk, nobody.pk, unsure.pk]
    assert shown(client.get(LIST, {"show": "denied"})) == [denied.pk]
    assert shown(client.get(LIST, {"show": "confirmed"})) == []


def test_list_takes_the_same_queries_for_one_and_three(people, manager, sign_in, count_queries):
    client = sign_in(manager)
    ann, *others = people
    counts = []
    for group in (others[:1], others[1:]):
        for other in group:
            LinkFactory(first=ann, second=other)
        counts.append(count_queries(lambda: client.get(LIST, {"show": "proposed"})))

    assert counts[0] == counts[1]


def test_agent_sees_links_whose_both_customers_he_sees(settings, agent, other_agent, people, sign_in):
    settings.AGENTS_SEE_CUSTOMERS = "own"
    own = LinkFactory(first=people[0], second=people[1])
    half = LinkFactory(first=people[0], second=CustomerFactory(agent=other_agent))
    client = sign_in(agent.user)

    assert shown(client.get(LIST, {"show": "proposed"})) == [own.pk]
    assert client.get(page(half)).status_code == 404


def test_comparison_masks_contacts_and_says_which_both_have(people, link, manager, sign_in):
    ContactValueFactory(customer=people[0], kind="email", value="ann@example.org")

    text = sign_in(manager).get(page(link)).content.decode()

    assert "13800138000" not in text
    assert "ann@example.org" not in text
    assert text.count("both have it") == 2


@pytest.mark.parametrize("decision", ["confirmed", "denied"])
def test_link_is_decided_on_its_page_with_a_note(link, agent, sign_in, decision):
    response = sign_in(agent.user).post(page(link), {"decision": decision, "note": "he said so", "next": LIST})

    link.refresh_from_db()
    assert (response.status_code, response["Location"]) == (302, LIST)
    assert (link.state, link.note, link.decided_by) == (decision, "he said so", agent.user)


def test_who_may_not_decide_sees_why_and_no_button(link, people, lead, sign_in):
    client = sign_in(lead)

    text = client.get(page(link)).content.decode()
    client.post(page(link), {"decision": "confirmed", "note": "x"})

    link.refresh_from_db()
    assert "only a manager or the exclusive agent of both customers decides" in text
    assert 'name="decision"' not in text
    assert link.state == "proposed"


def test_denying_a_confirmed_link_without_a_note_names_the_field(link, manager, sign_in):
    confirm_link(link, by=manager, at=NOON)

    response = sign_in(manager).post(page(link), {"decision": "denied"})

    link.refresh_from_db()
    assert response.context["form"].errors == {"note": ["This was decided otherwise before: say why."]}
    assert link.state == "confirmed"


@pytest.mark.parametrize(
    "sent", [{}, {"decision": "perhaps"}, {"decision": "\0"}, {"decision": "denied", "note": "x" * 999}]
)
def test_no_decision_changes_nothing(link, manager, sign_in, sent):
    assert sign_in(manager).post(page(link), sent).status_code == 200

    link.refresh_from_db()
    assert link.state == "proposed"


def test_two_are_found_and_linked_by_hand(people, manager, sign_in):
    ann, bob, *_others = people
    client = sign_in(manager)
    found = client.get(reverse("admin:blocklist_accountlink_partner", args=[bob.pk]), {"q": "ann"})
    ((address, _name),) = found.context["matches"]

    assert client.post(address, {"decision": "confirmed"}).context["form"].errors == {
        "note": ["Say how you know that they are one person."]
    }
    client.post(address, {"decision": "confirmed", "note": "one voice"})

    link = AccountLink.objects.get()
    assert (link.first, link.second, link.state, link.note) == (ann, bob, "confirmed", "one voice")
    assert client.get(address)["Location"] == page(link)


@pytest.mark.parametrize("path", ["of/{0}/", "pair/{0}/{0}/", "{0}/compare/", "{0}/change/"])
@pytest.mark.parametrize("number", [0, 10**30])
def test_ids_that_no_row_has_are_not_there(db, manager, sign_in, path, number):
    assert sign_in(manager).get(LIST + path.format(number), follow=True).status_code == 404


def test_search_of_the_whole_shop_is_for_leads_and_managers(agent, lead, sign_in):
    assert sign_in(agent.user).post(LIST + "find/").status_code == 403
    assert sign_in(lead).post(LIST + "find/").status_code == 302


def test_customer_page_lists_his_links_and_his_timeline_the_decisions(people, link, manager, sign_in):
    confirm_link(link, by=manager, at=NOON, note="one voice")
    LinkFactory(first=people[1], second=people[2])

    response = sign_in(manager).get(people[1].get_absolute_url())

    text = response.content.decode()
    assert page(link) in text
    assert f"Customers #{people[0].pk} and #{people[1].pk}: one person" in text
    assert text.count("?next=/admin/customers/customer/") >= 2


def test_badge_and_filter_tell_who_is_linked_to_a_banned_customer(people, link, manager, sign_in):
    confirm_link(link, by=manager, at=NOON)
    BanFactory(customer=people[0])
    client = sign_in(manager)

    def listed(**query):
        return {row.pk for row in client.get("/admin/customers/customer/", query).context["cl"].result_list}

    text = client.get("/admin/customers/customer/", {"linked": "true"}).content.decode()
    assert listed(linked="true") == {people[1].pk}
    assert listed(linked="false") == {people[0].pk, people[2].pk, people[3].pk}
    assert "linked to a banned customer" in text
    ExemptionFactory(customer=people[1])
    assert listed(linked="true") == set()
