"""Asking for a ban, deciding it, and confirming bans of good customers: the pages."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from blocklist.models import Ban, BanRequest
from blocklist.services.ban_requests import propose_by_rule, request_ban
from blocklist.services.bans import ban_purchase
from blocklist.services.confirmations import confirm_ban
from customers.services import deputies
from tests.factories import AccountFactory, BanFactory, CustomerFactory, UserFactory

LIST = "/admin/blocklist/banrequest/"
BANS = "/admin/blocklist/ban/"
CUSTOMERS = "/admin/customers/customer/"
FORM = {"type": "abuse", "duration": "", "note": ""}


@pytest.fixture
def customer(agent):
    return CustomerFactory(nick="buyer", agent=agent)


@pytest.fixture
def asked(customer, other_agent, now):
    return request_ban(customer, type="abuse", note="threats", by=other_agent.user, at=now)


def ask_url(customer):
    return reverse("admin:blocklist_request_ban", args=[customer.pk])


def ban_url(customer):
    return reverse("admin:blocklist_ban_customer", args=[customer.pk])


def door(request, name):
    return reverse(f"admin:blocklist_banrequest_{name}", args=[request.pk])


def test_who_may_not_ban_finds_the_reason_and_the_form_that_asks(customer, other_agent, sign_in):
    page = sign_in(other_agent.user).get(ban_url(customer))

    assert page.status_code == 403
    assert "Only this customer&#x27;s exclusive agent (Ming) or a manager may ban." in page.text
    assert f'action="{ask_url(customer)}"' in page.text


def test_the_form_asks_with_days_note_and_evidence_and_goes_back(customer, other_agent, sign_in):
    file = SimpleUploadedFile("chat.txt", b"pay or else")
    values = {**FORM, "duration": "30", "note": "threats", "evidence": file, "next": f"{CUSTOMERS}?level=1"}

    answer = sign_in(other_agent.user).post(ask_url(customer), values)

    request = BanRequest.objects.get()
    assert (answer.status_code, answer.url) == (302, f"{CUSTOMERS}?level=1")
    assert (request.type, request.days, request.note, request.by) == ("abuse", 30, "threats", other_agent.user)
    assert request.evidence.get().name == "chat.txt"


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"type": ""}, "This field is required."),
        ({"duration": "date"}, "Select a valid choice."),
        ({"evidence": SimpleUploadedFile("tool.png", b"MZ\x90\x00")}, "is not taken"),
    ],
)
def test_a_bad_form_says_what_is_wrong_and_asks_nobody(customer, other_agent, sign_in, values, sentence):
    answer = sign_in(other_agent.user).post(ask_url(customer), {**FORM, **values})

    assert (answer.status_code, sentence in answer.text) == (200, True)
    assert not BanRequest.objects.exists()


def test_who_may_ban_is_led_to_the_page_that_bans(customer, agent, sign_in):
    answers = [sign_in(agent.user).get(ask_url(customer)), sign_in(agent.user).post(ask_url(customer), FORM)]

    assert [(answer.status_code, answer.url) for answer in answers] == [(302, ban_url(customer))] * 2
    assert not BanRequest.objects.exists()


def test_who_may_not_ask_gets_the_reason_without_a_form(customer, sign_in):
    clerk = UserFactory()
    clerk.user_permissions.set(Permission.objects.filter(codename="view_customer"))

    page = sign_in(clerk).get(ban_url(customer))
    answer = sign_in(clerk).post(ask_url(customer), FORM)

    assert (page.status_code, ask_url(customer) in page.text) == (403, False)
    assert answer.status_code == 403
    assert not BanRequest.objects.exists()


def test_the_form_says_that_somebody_asked_already(asked, customer, lead, sign_in):
    page = sign_in(lead).get(ban_url(customer))

    assert "A ban is requested already." in page.text
    assert asked.get_absolute_url() in page.text


def test_the_agent_approves_on_the_page_with_all_that_he_needs(asked, customer, agent, sign_in):
    client = sign_in(agent.user)
    page = client.get(asked.get_absolute_url())

    answer = client.post(door(asked, "approve"), {"reason": "clear"}, follow=True)

    shown = ["buyer", "lan", "threats", "abuse", "Trade amount", "You are this customer&#x27;s exclusive agent"]
    assert [text in page.text for text in shown] == [True] * 6
    assert "banned from buying, at once" in answer.text
    assert Ban.objects.get().by == agent.user


def test_declining_without_a_reason_asks_for_one(asked, manager, sign_in):
    client = sign_in(manager)

    without = client.post(door(asked, "decline"), {"reason": " "}, follow=True)
    assert "Say why the ban is declined." in without.text
    assert BanRequest.objects.get().is_open()

    client.post(door(asked, "decline"), {"reason": "he apologised"})
    assert (BanRequest.objects.get().state, BanRequest.objects.get().reason) == ("declined", "he apologised")


def test_who_may_not_decide_reads_why_and_is_refused(asked, lead, sign_in):
    client = sign_in(lead)
    page = client.get(asked.get_absolute_url())
    answers = [client.post(door(asked, name), {"reason": "no"}) for name in ("approve", "decline", "withdraw")]

    assert "exclusive agent (Ming) or a manager may ban" in page.text
    assert door(asked, "approve") not in page.text
    assert [answer.status_code for answer in answers] == [403, 403, 403]
    assert BanRequest.objects.get().is_open()


def test_who_asked_withdraws(asked, other_agent, sign_in):
    page = sign_in(other_agent.user).get(asked.get_absolute_url())
    sign_in(other_agent.user).post(door(asked, "withdraw"))

    assert door(asked, "withdraw") in page.text
    assert BanRequest.objects.get().state == "withdrawn"


def test_a_request_that_was_decided_says_so(asked, agent, manager, sign_in):
    sign_in(agent.user).post(door(asked, "decline"), {"reason": "no"})

    answer = sign_in(manager).post(door(asked, "approve"), follow=True)

    assert "decided already: declined" in answer.text
    assert not Ban.objects.exists()


def test_requests_about_customers_whom_one_does_not_see_are_not_there(asked, settings, sign_in):
    settings.AGENTS_SEE_CUSTOMERS = "own"
    stranger = UserFactory(role="agent")
    client = sign_in(stranger)

    answers = [client.get(asked.get_absolute_url(), follow=True), client.post(door(asked, "withdraw"))]

    assert "buyer" not in answers[0].text
    assert answers[1].status_code == 404
    assert list(client.get(LIST).context["cl"].result_list) == []


def test_who_asked_still_reads_what_became_of_it_when_he_sees_the_customer_no_more(
    asked, other_agent, settings, sign_in
):
    settings.AGENTS_SEE_CUSTOMERS = "own"

    page = sign_in(other_agent.user).get(asked.get_absolute_url())

    assert page.status_code == 200
    assert "Trade amount" not in page.text


def test_the_list_shows_open_ones_first_the_longest_waiting_on_top(agent, other_agent, manager, now, sign_in):
    customers = [CustomerFactory(agent=agent) for _number in range(3)]
    rows = [
        request_ban(customer, type="abuse", by=other_agent.user, at=now - timedelta(hours=hours))
        for customer, hours in zip(customers, (1, 5, 3), strict=True)
    ]
    sign_in(manager).post(door(rows[2], "decline"), {"reason": "no"})

    page = sign_in(manager).get(LIST)

    assert list(page.context["cl"].result_list) == [rows[1], rows[0], rows[2]]
    assert 'is-danger" title="">open, waits for 5' in page.text
    assert 'is-warning" title="">open, waits for 1' in page.text


def test_the_list_filters_by_what_is_mine(asked, agent, other_agent, manager, sign_in, now):
    other = request_ban(CustomerFactory(), type="abuse", by=agent.user, at=now)

    def found(user, value):
        return list(sign_in(user).get(LIST, {"mine": value}).context["cl"].result_list)

    assert (found(agent.user, "decide"), found(agent.user, "asked")) == ([asked], [other])
    assert (found(other_agent.user, "decide"), found(other_agent.user, "asked")) == ([], [asked])
    assert set(found(manager, "decide")) == {asked, other}


@pytest.mark.parametrize("path", [LIST, BANS])
def test_lists_take_as_many_queries_for_3_as_for_1(manager, agent, now, sign_in, count_queries, path):
    client = sign_in(manager)

    def make():
        propose_by_rule(AccountFactory(customer__agent=agent).customer, rule="rule", type="abuse", at=now)
        vip = AccountFactory(customer__agent=agent, customer__level=3).customer
        ban_purchase(vip, type="abuse", by=agent.user, at=now)

    make()
    client.get(path)  # the first page looks up more
    one = count_queries(lambda: client.get(path))
    make(), make()

    assert count_queries(lambda: client.get(path)) == one


def test_customer_page_and_card_tell_of_the_request(asked, customer, agent, sign_in):
    client = sign_in(agent.user)

    page = client.get(customer.get_absolute_url())
    card = client.get(reverse("card"), {"customer": customer.pk})

    assert page.text.count(asked.get_absolute_url()) >= 2  # in the box and in the timeline
    assert "Ban requested: abuse" in page.text
    assert "A ban is requested already." in card.text


def test_the_customer_list_tells_a_deputy_outside_his_dates(customer, agent, other_agent, lead, now, sign_in):
    later = now + timedelta(days=1)
    deputies.propose(agent, deputy=other_agent, starts_at=later, ends_at=later + timedelta(days=1), by=lead, at=now)

    page = sign_in(other_agent.user).get(CUSTOMERS)

    assert "only within the dates that a manager has approved" in page.text


# Asking for several at once -------------------------------------------------------------------------------------------


def bulk(name):
    return reverse("admin:customers_customer_bulk", args=[name])


def chosen(*customers, **values):
    return {"_selected_action": [customer.pk for customer in customers], **values}


def test_the_page_of_a_bulk_ban_offers_to_ask_for_those_who_are_not_one_s_own(customer, agent, other_agent, sign_in):
    own = CustomerFactory(agent=other_agent)
    client = sign_in(other_agent.user)

    mixed = client.post(bulk("ban_purchases"), chosen(customer, own))
    all_own = client.post(bulk("ban_purchases"), chosen(own))
    asking = client.post(bulk("request_bans"), chosen(customer, own))

    assert [bulk("request_bans") in page.text for page in (mixed, all_own)] == [True, False]
    assert (asking.context["allowed"], asking.context["refused"]) == (
        "1",
        [("you may ban yourself; nobody has to be asked", "1")],
    )


def test_several_are_asked_for_by_a_request_each(customer, agent, other_agent, sign_in, now):
    second, own, banned = (CustomerFactory(agent=of) for of in (agent, other_agent, agent))
    BanFactory(customer=banned, by=agent.user)
    values = chosen(customer, second, own, banned, confirm="yes", **{**FORM, "duration": "7", "note": "a gang"})

    sign_in(other_agent.user).post(bulk("request_bans"), values)

    rows = BanRequest.objects.order_by("customer").values_list("customer", "by", "days", "note", "shown_to")
    told = (other_agent.user.pk, 7, "a gang", agent.user.pk)
    assert list(rows) == [(customer.pk, *told), (second.pk, *told)]


def test_more_than_the_set_number_at_once_are_not_asked_for(agent, other_agent, sign_in, settings):
    settings.BANS_AT_ONCE = 2
    customers = [CustomerFactory(agent=agent) for _number in range(3)]

    page = sign_in(other_agent.user).post(bulk("request_bans"), chosen(*customers))
    sign_in(other_agent.user).post(bulk("request_bans"), chosen(*customers, confirm="yes", **FORM))

    assert "too many to ask for at once" in page.text
    assert not BanRequest.objects.exists()


def test_the_page_of_a_bulk_ban_says_how_many_wait_for_a_second_person(agent, customer, sign_in, settings):
    settings.BANS_AT_ONCE = 7

    page = sign_in(agent.user).post(bulk("ban_purchases"), chosen(customer))

    assert "More than 7 at once wait for a second person." in page.text


# Confirming bans of good customers -----------------------------------------------------------------------------------


@pytest.fixture
def vip_ban(agent, now):
    return ban_purchase(CustomerFactory(agent=agent, level=3), type="abuse", by=agent.user, at=now)


def test_the_list_of_bans_marks_those_to_be_confirmed_and_those_overdue(agent, vip_ban, manager, now, sign_in):
    old = BanFactory(confirm_by=now - timedelta(hours=1), started_at=now - timedelta(hours=25), by=agent.user)
    BanFactory()
    client = sign_in(manager)

    page = client.get(BANS)
    waiting = client.get(BANS, {"standing": "confirm"}).context["cl"].result_list

    assert "standing, unconfirmed for 0" in page.text
    assert "standing, confirmation overdue: 1" in page.text
    assert set(waiting) == {vip_ban, old}


def test_a_manager_confirms_and_the_agent_s_link_to_lift_says_why_not(vip_ban, agent, manager, sign_in):
    answer = sign_in(manager).post(reverse("admin:blocklist_ban_confirm", args=[vip_ban.pk]), follow=True)
    page = sign_in(agent.user).get(CUSTOMERS)

    assert "The ban is confirmed" in answer.text
    assert Ban.objects.get().confirmed_by == manager
    assert 'title="A manager confirmed this ban, so only a manager lifts it."' in page.text


def test_an_agent_does_not_confirm(vip_ban, agent, sign_in):
    answer = sign_in(agent.user).post(reverse("admin:blocklist_ban_confirm", args=[vip_ban.pk]))

    assert answer.status_code == 403
    assert Ban.objects.get().confirmed_at is None


def test_confirming_what_needs_it_not_says_so(agent, manager, now, sign_in):
    ban = ban_purchase(CustomerFactory(agent=agent), type="abuse", by=agent.user, at=now)

    answer = sign_in(manager).post(reverse("admin:blocklist_ban_confirm", args=[ban.pk]), follow=True)

    assert "Nobody has to confirm this ban." in answer.text


def test_the_page_of_a_ban_offers_to_confirm_to_managers_only(vip_ban, agent, manager, now, sign_in):
    door = reverse("admin:blocklist_ban_confirm", args=[vip_ban.pk])

    pages = [sign_in(user).get(vip_ban.get_absolute_url()) for user in (agent.user, manager)]
    confirm_ban(vip_ban, by=manager, at=now)
    after = sign_in(manager).get(vip_ban.get_absolute_url())

    assert [door in page.text for page in (*pages, after)] == [False, True, False]
    assert "a manager looks at it by" in pages[0].text
    assert "only managers lift it" in after.text


def test_the_form_tells_an_agent_that_a_manager_will_look(agent, manager, sign_in):
    vip, plain = CustomerFactory(agent=agent, level=3), CustomerFactory(agent=agent, level=2)
    sentence = "A manager will be shown this ban"

    shown = [
        sentence in sign_in(user).get(ban_url(customer)).text
        for user, customer in ((agent.user, vip), (agent.user, plain), (manager, vip))
    ]

    assert shown == [True, False, False]
