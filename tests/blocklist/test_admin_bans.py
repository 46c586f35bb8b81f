from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse, reverse_lazy

from blocklist.models import Attempt, Ban
from customers.models import EventRow, Job, JobRow, User
from tests.factories import (
    NOON,
    AccountFactory,
    AgentFactory,
    BanFactory,
    CustomerFactory,
    SourceFactory,
    UserFactory,
)

LIST = "/admin/customers/customer/"
FORM = {"type": "abuse", "duration": "", "last_day": "", "note": ""}


def ban_url(customer):
    return reverse("admin:blocklist_ban_customer", args=[customer.pk])


def lift_url(customer):
    return reverse("admin:blocklist_lift_customer", args=[customer.pk])


def attempt():
    ban = BanFactory(customer=AccountFactory().customer)
    return Attempt.objects.create(
        at=NOON,
        outcome="refuse",
        code="purchase_banned",
        door="check",
        source=SourceFactory(),
        customer=ban.customer,
        ban=ban,
        identifiers=["nick"],
    )


def bans():
    return list(Ban.objects.values_list("customer", "type", "by__username", "by_manager", "note"))


def test_exclusive_agent_bans_with_type_and_confirm(agent, sign_in):
    customer = CustomerFactory(nick="buyer", agent=agent)

    page = sign_in(agent.user).get(ban_url(customer))
    answer = sign_in(agent.user).post(ban_url(customer), {"type": "abuse"}, follow=True)

    assert "exclusive agent; this is allowed and costs you nothing" in page.text
    assert answer.redirect_chain == [(LIST, 302)]
    assert "buyer is banned from buying, at once." in answer.text
    assert bans() == [(customer.pk, "abuse", "ming", False, "")]
    assert Ban.objects.get().until is None


def test_ban_form_takes_note_and_duration(agent, sign_in):
    customer = CustomerFactory(agent=agent)

    sign_in(agent.user).post(ban_url(customer), {**FORM, "duration": "7", "note": "three fake parcels"})

    ban = Ban.objects.get()
    assert (ban.until - ban.started_at, ban.note) == (timedelta(days=7), "three fake parcels")


def test_ban_form_until_a_date_bans_through_that_day_in_the_shop_s_zone(agent, sign_in):
    customer = CustomerFactory(agent=agent)

    sign_in(agent.user).post(ban_url(customer), {**FORM, "duration": "date", "last_day": "2099-12-31"})

    assert Ban.objects.get().until == datetime(2099, 12, 31, 16, 0, tzinfo=UTC)  # midnight in Shanghai


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"type": ""}, "This field is required."),
        ({"type": "ugly"}, "Select a valid choice."),
        ({"duration": "date"}, "Choose the last day of the ban."),
        ({"duration": "date", "last_day": "2001-01-01"}, "A ban must end in the future."),
        ({"duration": "8000"}, "Select a valid choice."),
    ],
)
def test_ban_form_says_what_is_wrong_and_changes_nothing(agent, sign_in, values, sentence):
    customer = CustomerFactory(agent=agent)

    answer = sign_in(agent.user).post(ban_url(customer), {**FORM, **values})

    assert sentence in answer.text
    assert bans() == []


def test_another_agent_is_told_why_not_and_changes_nothing(agent, other_agent, sign_in):
    customer = CustomerFactory(agent=agent)
    sentence = "Only this customer&#x27;s exclusive agent (Ming) or a manager may ban."

    answers = [
        sign_in(other_agent.user).get(ban_url(customer)),
        sign_in(other_agent.user).post(ban_url(customer), FORM),
    ]

    assert [(answer.status_code, sentence in answer.text) for answer in answers] == [(403, True), (403, True)]
    assert "is-danger is-solid" not in answers[0].text  # the button that bans
    assert bans() == []


def test_lead_is_told_why_not_and_changes_nothing(agent, lead, sign_in):
    customer, unbound = CustomerFactory(agent=agent), CustomerFactory()

    answers = [sign_in(lead).post(ban_url(someone), FORM) for someone in (customer, unbound)]

    assert [answer.status_code for answer in answers] == [403, 403]
    assert "no exclusive agent yet, so only a manager may ban" in answers[1].text
    assert bans() == []


def test_manager_bans_anybody(agent, manager, sign_in):
    customer, unbound = CustomerFactory(agent=agent), CustomerFactory()

    page = sign_in(manager).get(ban_url(customer))
    for someone in (customer, unbound):
        sign_in(manager).post(ban_url(someone), FORM)

    assert "You are a manager; you may ban any customer." in page.text
    assert bans() == [(customer.pk, "abuse", "manager", True, ""), (unbound.pk, "abuse", "manager", True, "")]


def test_model_permissions_alone_give_no_right_to_ban_or_lift(agent, sign_in):
    """Django's add, change and delete of the table are not the right to ban."""
    clerk = UserFactory()
    names = ["view_customer", "change_customer", "view_ban", "add_ban", "change_ban", "delete_ban"]
    clerk.user_permissions.set(Permission.objects.filter(codename__in=names))
    free, banned = CustomerFactory(agent=agent), CustomerFactory(agent=agent)
    ban = BanFactory(customer=banned, by=agent.user)
    change = reverse("admin:blocklist_ban_change", args=[ban.pk])
    delete = reverse("admin:blocklist_ban_delete", args=[ban.pk])
    client = sign_in(clerk)

    answers = [
        client.post(ban_url(free), FORM),
        client.post(lift_url(banned), {"reason": "mistake"}),
        client.post("/admin/blocklist/ban/add/", {"customer": free.pk, "type": "abuse"}),
        client.post(change, {"type": "abuse"}),
        client.post(delete, {"post": "yes"}),
    ]

    assert [answer.status_code for answer in answers] == [403, 403, 403, 403, 403]
    assert bans() == [(banned.pk, "other", "ming", False, "")]
    assert Ban.objects.get().ended_at is None


def test_who_may_not_see_customers_gets_no_page(agent, sign_in):
    customer = CustomerFactory(nick="buyer", agent=agent)
    clerk = UserFactory()

    answers = [sign_in(clerk).get(url(customer)) for url in (ban_url, lift_url)]

    assert [(answer.status_code, "buyer" in answer.text) for answer in answers] == [(403, False), (403, False)]


def test_ban_by_get_or_without_csrf_token_changes_nothing(agent):
    customer = CustomerFactory(agent=agent)
    client = Client(enforce_csrf_checks=True)
    client.force_login(User.objects.get(pk=agent.user.pk))

    answers = [client.get(ban_url(customer), FORM), client.post(ban_url(customer), FORM)]

    assert [answer.status_code for answer in answers] == [200, 403]
    assert bans() == []


@pytest.mark.parametrize(
    ("asked", "lands"),
    [
        (f"{LIST}?agent=null&p=2", f"{LIST}?agent=null&p=2"),
        ("https://evil.example/", LIST),
        ("//evil.example/", LIST),
        ("javascript:alert(1)", LIST),
    ],
)
def test_ban_goes_back_to_where_one_came_from_and_never_elsewhere(agent, sign_in, asked, lands):
    customer = CustomerFactory(agent=agent)

    answer = sign_in(agent.user).post(ban_url(customer), {**FORM, "next": asked})

    assert (answer.status_code, answer.url) == (302, lands)


def test_ban_form_of_a_banned_customer_says_by_whom_and_offers_lifting(agent, manager, sign_in, now):
    customer = CustomerFactory(agent=agent)
    BanFactory(customer=customer, by=manager, type="extortion", until=now + timedelta(days=3), note="threats")

    answer = sign_in(agent.user).get(ban_url(customer))
    sign_in(agent.user).post(ban_url(customer), FORM)

    shown = ["already banned", "manager", "extortion", "threats", lift_url(customer)]
    assert [text in answer.text for text in shown] == [True] * 5
    assert Ban.objects.count() == 1


def test_exclusive_agent_lifts_his_ban_with_a_reason(agent, sign_in):
    customer = CustomerFactory(nick="buyer", agent=agent)
    BanFactory(customer=customer, by=agent.user)
    client = sign_in(agent.user)

    without = client.post(lift_url(customer), {"reason": "  "})
    done = client.post(lift_url(customer), {"reason": "mix-up", "next": f"{LIST}?banned=true"}, follow=True)

    assert "This field is required." in without.text
    assert done.redirect_chain == [(f"{LIST}?banned=true", 302)]
    assert "buyer may buy again." in done.text
    assert list(Ban.objects.values_list("lifted_by__username", "lift_reason")) == [("ming", "mix-up")]


def test_lift_of_a_manager_s_ban_by_the_agent_is_refused_with_the_reason(agent, manager, sign_in):
    customer = CustomerFactory(agent=agent)
    BanFactory(customer=customer, by=manager, by_manager=True)

    answer = sign_in(agent.user).post(lift_url(customer), {"reason": "mix-up"})

    assert (answer.status_code, "A manager set this ban, so only a manager lifts it." in answer.text) == (403, True)
    assert Ban.objects.get().ended_at is None


def test_lift_of_nothing_says_so(agent, sign_in):
    customer = CustomerFactory(agent=agent)

    answer = sign_in(agent.user).get(lift_url(customer), follow=True)

    assert answer.redirect_chain == [(LIST, 302)]
    assert "This customer is not banned." in answer.text


BULK = reverse_lazy("admin:customers_customer_bulk", args=["ban_purchases"])


def chosen(*customers, **values):
    return {"action": "ban_purchases", "_selected_action": [customer.pk for customer in customers], **values}


def test_bulk_ban_shows_counts_first_and_changes_nothing(agent, other_agent, sign_in):
    mine, banned, others = (CustomerFactory(agent=owner) for owner in (agent, agent, other_agent))
    BanFactory(customer=banned, by=agent.user)

    answer = sign_in(agent.user).post(LIST, chosen(mine, banned, others, index="0"))

    counts = [answer.context[name] for name in ("total", "allowed", "refused")]
    reasons = [("only the customer's exclusive agent or a manager may ban", "1"), ("is banned already", "1")]
    assert counts == ["3", "1", reasons]
    assert Ban.objects.count() == 1


def test_bulk_ban_obeys_the_rule_row_by_row_and_reports_all_counts(agent, other_agent, sign_in):
    mine, banned, others, nobodys = (CustomerFactory(agent=owner) for owner in (agent, agent, other_agent, None))
    BanFactory(customer=banned, by=agent.user)
    values = chosen(mine, banned, others, nobodys, confirm="yes", **FORM)

    sign_in(agent.user).post(BULK, values)

    assert sorted(Ban.objects.values_list("customer", flat=True)) == [mine.pk, banned.pk]
    assert list(JobRow.objects.order_by("customer").values_list("customer", "state", "refusal")) == [
        (mine.pk, "done", ""),
        (banned.pk, "refused", "standing"),
        (others.pk, "refused", "not_yours"),
        (nobodys.pk, "refused", "not_yours"),
    ]


def test_bulk_ban_by_a_lead_bans_nobody(agent, lead, sign_in):
    customer = CustomerFactory(agent=agent)

    page = sign_in(lead).post(LIST, chosen(customer, index="0"))
    sign_in(lead).post(BULK, chosen(customer, confirm="yes", **FORM))

    assert "only the customer&#x27;s exclusive agent or a manager may ban" in page.text
    assert bans() == []


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"type": ""}, "This field is required."),
        ({"duration": "date", "last_day": "2001-01-01"}, "A ban must end in the future."),
    ],
)
def test_bulk_ban_with_a_bad_form_asks_again(agent, sign_in, values, sentence):
    customer = CustomerFactory(agent=agent)

    answer = sign_in(agent.user).post(BULK, chosen(customer, confirm="yes", **{**FORM, **values}))

    assert sentence in answer.text
    assert (bans(), Job.objects.count()) == ([], 0)


def test_bulk_ban_takes_note_and_duration(agent, sign_in):
    customer = CustomerFactory(agent=agent)

    sign_in(agent.user).post(BULK, chosen(customer, confirm="yes", **{**FORM, "duration": "7", "note": "fake parcels"}))

    ban = Ban.objects.get()
    assert (round((ban.until - ban.started_at) / timedelta(days=1), 3), ban.note) == (7, "fake parcels")


def test_bulk_ban_of_all_matching_rows_follows_the_filter_and_is_audited(manager, agent, sign_in):
    """The filter "not banned" no longer matches afterwards; the audit event names the new bans all the same."""
    customers = [CustomerFactory(agent=agent, level=3) for _ in range(3)]
    spared = CustomerFactory(agent=agent, level=1)
    values = chosen(customers[0], select_across="1", confirm="yes", **FORM)

    sign_in(manager).post(f"{BULK}?level=3&banned=false", values)

    assert sorted(Ban.objects.values_list("customer", flat=True)) == [customer.pk for customer in customers]
    assert spared.pk not in Ban.objects.values_list("customer", flat=True)
    rows = EventRow.objects.filter(event__verb="ban.set").values_list("row_id", flat=True)
    assert sorted(rows) == sorted(Ban.objects.values_list("pk", flat=True))


def test_bulk_ban_under_an_invalid_filter_bans_nobody(manager, sign_in):
    customer = CustomerFactory()
    values = chosen(customer, select_across="1", confirm="yes", **FORM)

    sign_in(manager).post(f"{BULK}?level=9", values)

    assert bans() == []


def test_bulk_ban_takes_as_many_queries_for_3_as_for_1(manager, sign_in, count_queries):
    client = sign_in(manager)
    one, three = [CustomerFactory()], [CustomerFactory() for _ in range(3)]

    counts = [
        count_queries(lambda rows=rows: client.post(BULK, chosen(*rows, confirm="yes", **FORM)))
        for rows in (one, three)
    ]

    assert Ban.objects.count() == 4
    assert counts[0] == counts[1]


def test_bulk_lift_lifts_by_the_rule_with_a_reason_and_says_who_was_refused(agent, manager, sign_in):
    mine, by_manager, free = (CustomerFactory(agent=agent) for _number in range(3))
    BanFactory(customer=mine, by=agent.user)
    BanFactory(customer=by_manager, by=manager, by_manager=True)
    lift = reverse("admin:customers_customer_bulk", args=["lift_bans"])
    client = sign_in(agent.user)

    without = client.post(lift, chosen(mine, by_manager, free, confirm="yes", reason=" "))
    client.post(lift, chosen(mine, by_manager, free, confirm="yes", reason="mix-up"))

    assert "This field is required." in without.text
    assert list(Ban.objects.filter(ended_at__isnull=False).values_list("customer", "lift_reason")) == [
        (mine.pk, "mix-up")
    ]
    assert list(JobRow.objects.order_by("customer").values_list("refusal", flat=True)) == [
        "",
        "by_manager",
        "not_banned",
    ]


def test_ban_list_filters_by_standing(manager, agent, sign_in):
    standing = BanFactory(by=manager)
    run_out = BanFactory(by=manager, until=NOON + timedelta(days=1))
    lifted = BanFactory(by=manager, ended_at=NOON + timedelta(days=1), lifted_by=manager, lift_reason="mix-up")
    client = sign_in(agent.user)

    found = {
        value: {ban.pk for ban in client.get("/admin/blocklist/ban/", {"standing": value}).context["cl"].result_list}
        for value in ("yes", "no")
    }

    assert found == {"yes": {standing.pk}, "no": {run_out.pk, lifted.pk}}


@pytest.mark.parametrize(
    ("path", "make"),
    [
        ("/admin/blocklist/ban/", lambda: BanFactory(customer=AccountFactory().customer)),
        ("/admin/blocklist/attempt/", attempt),
    ],
)
def test_blocklist_lists_take_as_many_queries_for_3_as_for_1(manager, sign_in, count_queries, path, make):
    client = sign_in(manager)
    make()
    client.get(path)
    one = count_queries(lambda: client.get(path))
    make()
    make()

    three = count_queries(lambda: client.get(path))

    assert client.get(path).context["cl"].result_count == 3
    assert one == three


def test_bans_and_attempts_cannot_be_edited_or_deleted_by_anybody(admin_user, sign_in):
    ban, refused = BanFactory(note="first"), attempt()
    client = sign_in(admin_user)

    answers = [
        client.post(
            reverse(f"admin:blocklist_{name}_{page}", args=[row.pk]), {"post": "yes", "note": "second"}
        ).status_code
        for name, row in (("ban", ban), ("attempt", refused))
        for page in ("change", "delete")
    ]

    assert answers == [403, 403, 403, 403]
    assert Ban.objects.filter(note="first").count() == 1


def test_agent_of_another_customer_sees_the_ban_link_grey_with_the_reason(other_agent, sign_in):
    CustomerFactory(agent=AgentFactory(display_name="Ming"))

    page = sign_in(other_agent.user).get(LIST)

    assert 'class="crm-button is-small is-off"' in page.text
    assert 'title="Only this customer&#x27;s exclusive agent (Ming) or a manager may ban."' in page.text
