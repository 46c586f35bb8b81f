import csv
import io
from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission
from django.urls import reverse
from django.utils import timezone

from customers.models import Binding, Customer, Event, Job, JobRow, ListPreference, SavedFilter
from customers.services import jobs
from customers.services.bindings import bind
from tests.factories import NOON, AgentFactory, CustomerFactory, GroupFactory, UserFactory

pytestmark = pytest.mark.django_db

LIST = "/admin/customers/customer/"


def url(name, query=""):
    return f"{reverse('admin:customers_customer_bulk', args=[name])}{query}"


def chosen(*customers, **values):
    return {"_selected_action": [customer.pk for customer in customers], **values}


def confirmed(*customers, **values):
    return chosen(*customers, confirm="yes", **values)


def rows():
    return list(JobRow.objects.order_by("customer").values_list("customer", "state", "refusal"))


def said(answer):
    return [str(message) for message in answer.context["messages"]]


def test_menu_offers_what_one_may_do(agent, sign_in):
    viewer = UserFactory()
    viewer.user_permissions.set(Permission.objects.filter(codename__in=["view_customer", "change_customer"]))
    CustomerFactory()

    menus = [
        [name for name, _label in sign_in(user).get(LIST).context["action_form"].fields["action"].choices if name]
        for user in (agent.user, viewer)
    ]

    assert menus == [
        [
            "bind",
            "hand_over",
            "add_to_groups",
            "remove_from_groups",
            "change_level",
            "export",
            "ban_purchases",
            "request_bans",
            "lift_bans",
        ],
        ["add_to_groups", "remove_from_groups", "change_level"],
    ]


def test_page_tells_who_is_chosen_and_who_will_be_refused_and_why(agent, other_agent, sign_in):
    CustomerFactory(level=3)
    CustomerFactory(level=3, agent=other_agent)
    other = CustomerFactory(level=1)

    page = sign_in(agent.user).post(
        f"{LIST}?level=3", {"action": "bind", **chosen(other, select_across="1", index="0")}
    )

    refused = [("has an exclusive agent already; only a hand-over changes that", "1")]
    assert [page.context[name] for name in ("total", "allowed", "refused")] == ["2", "1", refused]
    assert f'action="{url("bind", "?level=3")}"' in page.text
    assert not Job.objects.exists()


def test_page_spells_out_the_view_that_is_ones_own_to_begin_with(lead, sign_in):
    view = SavedFilter.objects.create(
        name="VIPs", owner=lead, values={"level": ["3"]}, created_at=NOON, updated_at=NOON
    )
    ListPreference.objects.create(user=lead, default_view=view)
    CustomerFactory.create_batch(2, level=3)
    CustomerFactory(level=1)
    values = {"action": "bind", "select_across": "1", "index": "0", "_selected_action": ["1"]}
    client = sign_in(lead)

    pages = [client.post(address, values) for address in (LIST, f"{LIST}?view=all")]

    assert [page.context["total"] for page in pages] == ["2", "3"]
    assert [page.context["url"] for page in pages] == [url("bind", "?level=3"), url("bind", "?view=all")]


def test_counts_follow_the_answers_before_they_are_confirmed(agent, other_agent, lead, sign_in):
    customers = [CustomerFactory(agent=agent), CustomerFactory(agent=other_agent)]

    counts = sign_in(lead).post(url("hand_over"), chosen(*customers, preview="yes", agent=agent.pk))

    assert ("has this agent already" in counts.text, "<html" in counts.text) == (True, False)
    assert not Job.objects.exists()


def test_bind_of_all_matching_is_reported_at_once_with_the_way_back(agent, other_agent, lead, sign_in):
    free, bound = CustomerFactory(level=3), CustomerFactory(level=3, agent=other_agent)
    spared = CustomerFactory(level=1)

    answer = sign_in(lead).post(
        url("bind", "?level=3"), confirmed(select_across="1", agent=agent.pk, reason="fair shares"), follow=True
    )

    job = Job.objects.get()
    assert answer.redirect_chain[0][0].startswith(job.get_absolute_url())
    assert (job.state, job.done_count, job.refused_count) == ("finished", 1, 1)
    assert rows() == [(free.pk, "done", ""), (bound.pk, "refused", "bound")]
    assert list(Binding.objects.filter(by=lead).values_list("customer", "agent", "reason")) == [
        (free.pk, agent.pk, "fair shares")
    ]
    assert Customer.objects.get(pk=spared.pk).agent is None
    assert [text in answer.text for text in ("Bind to Ming", 'href="/admin/customers/customer/?level=3"')] == [True] * 2


def test_agent_binds_to_himself_only(agent, other_agent, sign_in):
    customer = CustomerFactory()

    page = sign_in(agent.user).post(url("bind"), confirmed(customer, agent=other_agent.pk))

    assert list(page.context["form"].errors) == ["agent"]
    assert not Job.objects.exists()


def test_hand_over_obeys_the_rule_of_a_single_one_row_by_row(agent, other_agent, sign_in):
    mine, others, free = CustomerFactory(agent=agent), CustomerFactory(agent=other_agent), CustomerFactory()
    third = AgentFactory()

    sign_in(agent.user).post(url("hand_over"), confirmed(mine, others, free, agent=third.pk, reason="holiday"))

    assert rows() == [(mine.pk, "done", ""), (others.pk, "refused", "not_yours"), (free.pk, "refused", "unbound")]
    assert list(Customer.objects.order_by("pk").values_list("agent", flat=True)) == [third.pk, other_agent.pk, None]


def test_groups_are_added_and_removed_and_audited(agent, sign_in):
    groups = [GroupFactory(), GroupFactory()]
    one, two = CustomerFactory(), CustomerFactory()
    one.groups.add(groups[0])
    client = sign_in(agent.user)

    client.post(url("add_to_groups"), confirmed(one, two, groups=[group.pk for group in groups]))
    after_adding = [set(customer.groups.all()) for customer in (one, two)]
    client.post(url("remove_from_groups"), confirmed(one, groups=[groups[1].pk]))

    assert after_adding == [set(groups)] * 2
    assert [set(customer.groups.all()) for customer in (one, two)] == [{groups[0]}, set(groups)]
    changes = Event.objects.filter(verb="customer.changed", fields=["groups"])
    assert [set(event.rows.values_list("row_id", flat=True)) for event in changes.order_by("pk")] == [
        {one.pk, two.pk},
        {one.pk},
    ]


def test_agent_changes_the_groups_of_customers_whom_he_may_change(agent, other_agent, sign_in, settings):
    settings.AGENTS_SEE_CUSTOMERS = "read"
    mine, others = CustomerFactory(agent=agent), CustomerFactory(agent=other_agent)

    sign_in(agent.user).post(url("add_to_groups"), confirmed(mine, others, groups=[GroupFactory().pk]))

    assert rows() == [(mine.pk, "done", ""), (others.pk, "refused", "not_editable")]
    assert not others.groups.exists()


@pytest.mark.parametrize(
    ("query", "values", "sentence"),
    [
        ("", {}, "Choose customers first."),
        ("", {"_selected_action": ["x"]}, "This choice of customers is not valid."),
        ("", {"_selected_action": ["1"], "select_across": "2"}, "This choice of customers is not valid."),
        ("", {"_selected_action": ["999999"]}, "Some of the chosen customers are not there, or not yours to see."),
        ("?level=9", {"select_across": "1"}, "This filter is not valid, so nothing was done. level:"),
        ("?group=999", {"select_across": "1"}, "This filter is not valid, so nothing was done. group:"),
        ("?levl=3", {"select_across": "1"}, "This filter is not valid, so nothing was done. levl:"),
        ("?level=2", {"select_across": "1"}, "No customer matches any more."),
    ],
)
def test_bad_choice_is_told_and_nothing_is_done(lead, agent, sign_in, query, values, sentence):
    CustomerFactory()

    answer = sign_in(lead).post(url("bind", query), {"confirm": "yes", "agent": agent.pk, **values}, follow=True)

    assert [text.startswith(sentence) for text in said(answer)] == [True]
    assert (Job.objects.count(), Binding.objects.count()) == (0, 0)


def test_customers_one_does_not_see_cannot_be_chosen(agent, other_agent, sign_in, settings):
    settings.AGENTS_SEE_CUSTOMERS = "own"
    mine, others = CustomerFactory(agent=agent), CustomerFactory(agent=other_agent)

    answer = sign_in(agent.user).post(
        url("add_to_groups"), confirmed(mine, others, groups=[GroupFactory().pk]), follow=True
    )
    sign_in(agent.user).post(url("add_to_groups"), confirmed(select_across="1", groups=[GroupFactory().pk]))

    assert said(answer)[0].startswith("Some of the chosen customers are not there, or not yours to see.")
    assert rows() == [(mine.pk, "done", "")]


@pytest.mark.parametrize(
    ("name", "values", "field"),
    [
        ("bind", {"agent": ""}, "agent"),
        ("hand_over", {"agent": "x"}, "agent"),
        ("hand_over", {"agent": "0"}, "agent"),
        ("add_to_groups", {}, "groups"),
        ("add_to_groups", {"groups": ["0"]}, "groups"),
    ],
)
def test_bad_answer_names_the_field_and_nothing_is_done(lead, sign_in, name, values, field):
    answer = sign_in(lead).post(url(name), confirmed(CustomerFactory(), **values))

    assert (answer.status_code, list(answer.context["form"].errors)) == (200, [field])
    assert not Job.objects.exists()


def test_agent_who_takes_no_customers_is_refused_in_form_and_job(agent, lead, sign_in, now):
    customer = CustomerFactory()
    job = jobs.start("bind", by=lead, at=now, ids=[customer.pk], agent=agent.pk)
    agent.is_active = False
    agent.save()

    page = sign_in(lead).post(url("bind"), confirmed(customer, agent=agent.pk))
    jobs.run_to_end(job)

    assert list(page.context["form"].errors) == ["agent"]
    assert (job.state, job.message) == ("failed", "This agent takes no customers.")
    assert not Binding.objects.exists()


def test_action_needs_its_permission_and_must_exist(sign_in):
    clerk = UserFactory()
    clerk.user_permissions.set(Permission.objects.filter(codename="view_customer"))
    client = sign_in(clerk)
    customer = CustomerFactory()

    answers = [client.post(url(name), chosen(customer)).status_code for name in ("bind", "add_to_groups", "erase")]

    assert answers == [403, 403, 404]


def test_beginning_of_a_nick_leaves_no_value_in_the_job(agent, sign_in):
    customer = CustomerFactory(agent=agent, nick="xiaoming")

    sign_in(agent.user).post(
        url("add_to_groups", "?nick=xiaom"), confirmed(select_across="1", groups=[GroupFactory().pk])
    )

    assert Job.objects.get().parameters["ids"] == [customer.pk]
    assert "xiaom" not in str(Job.objects.get().parameters)


def test_search_for_a_person_leaves_no_value_in_the_job(agent, sign_in):
    found = CustomerFactory(phone="13800138000")
    CustomerFactory()

    sign_in(agent.user).post(
        url("add_to_groups", "?q=13800138000"), confirmed(select_across="1", groups=[GroupFactory().pk])
    )

    job = Job.objects.get()
    assert (job.parameters["ids"], "13800138000" in str(job.parameters)) == ([found.pk], False)
    assert rows() == [(found.pk, "done", "")]


def test_many_customers_are_done_in_the_background_with_progress_and_report(agent, other_agent, manager, sign_in, now):
    Customer.objects.bulk_create(Customer(registered_at=now) for _number in range(2_500))
    CustomerFactory.create_batch(2, agent=other_agent)
    client = sign_in(manager)

    client.post(url("bind"), confirmed(select_across="1", agent=agent.pk))
    job = Job.objects.get()
    seen = [client.get(reverse("admin:customers_job_progress", args=[job.pk])).json()]
    moments = iter(timezone.now() + timedelta(seconds=step) for step in range(1000))
    while jobs.work(clock=lambda: next(moments)):
        seen.append(client.get(reverse("admin:customers_job_progress", args=[job.pk])).json())

    job.refresh_from_db()
    assert (job.state, job.total, job.done_count, job.refused_count) == ("finished", 2_502, 2_500, 2)
    assert Customer.objects.filter(agent=agent).count() == Binding.objects.filter(agent=agent).count() == 2_500
    assert (seen[0]["texts"]["state"], seen[0]["is_moving"]) == ("waiting", True)
    assert [figures["done"] for figures in seen] == sorted(figures["done"] for figures in seen)


def test_killed_worker_leaves_a_job_that_the_next_one_finishes(agent, manager, now, monkeypatch, settings):
    class Killed(BaseException):
        pass

    def die(customers, **values):
        bind(customers, **values)
        raise Killed

    settings.WRITE_BATCH = 2
    CustomerFactory.create_batch(5)
    job = jobs.start("bind", by=manager, at=now, filter={}, agent=agent.pk)
    with monkeypatch.context() as patch:
        patch.setattr("customers.services.bulk_actions.bind", die)
        with pytest.raises(Killed):
            jobs.run_to_end(job, clock=lambda: now)
    half = Binding.objects.count()

    jobs.run_to_end(job, clock=lambda: now + jobs.LEASE)

    assert (half, job.state, job.done_count, Binding.objects.count()) == (0, "finished", 5, 5)


def refused_job(by, now, *, customers):
    job = Job.objects.create(
        kind="bind", by=by, created_at=now, state="finished", total=9, refused_count=len(customers)
    )
    JobRow.objects.bulk_create(
        JobRow(job=job, customer=customer, state="refused", refusal="bound") for customer in customers
    )
    return job


def test_refused_customers_are_downloaded_with_their_reasons(agent, sign_in, now):
    customer = CustomerFactory(nick="=cmd()")
    job = refused_job(agent.user, now, customers=[customer])

    answer = sign_in(agent.user).get(reverse("admin:customers_job_refused", args=[job.pk]))

    text = b"".join(answer.streaming_content).decode("utf-8-sig")
    assert list(csv.reader(io.StringIO(text))) == [
        ["customer", "number", "why refused", "page"],
        [
            "'=cmd()",
            str(customer.pk),
            "has an exclusive agent already; only a hand-over changes that",
            f"http://testserver{customer.get_absolute_url()}",
        ],
    ]


def test_page_of_a_job_takes_as_many_queries_for_3_refused_as_for_1(agent, sign_in, now, count_queries):
    one = refused_job(agent.user, now, customers=[CustomerFactory(nick="a")])
    three = refused_job(agent.user, now, customers=[CustomerFactory(nick=nick) for nick in ("b", "c", "d")])
    client = sign_in(agent.user)
    client.get(one.get_absolute_url())

    counts = [count_queries(lambda job=job: client.get(job.get_absolute_url())) for job in (one, three)]

    assert len(client.get(three.get_absolute_url()).context["refused"]["rows"]) == 3
    assert counts[0] == counts[1]


def test_job_list_takes_as_many_queries_for_3_rows_as_for_1(manager, sign_in, now, count_queries):
    client, address = sign_in(manager), "/admin/customers/job/"
    refused_job(UserFactory(), now, customers=[])
    client.get(address)
    one = count_queries(lambda: client.get(address))
    for _number in range(2):
        refused_job(UserFactory(), now, customers=[])

    three = count_queries(lambda: client.get(address))

    assert client.get(address).context["cl"].result_count == 3
    assert one == three


def test_job_of_a_colleague_is_the_managers_to_see_and_cancel(agent, other_agent, manager, sign_in, now):
    job = jobs.start("bind", by=agent.user, at=now, filter={}, agent=agent.pk)
    doors = [
        job.get_absolute_url(),
        *(reverse(f"admin:customers_job_{door}", args=[job.pk]) for door in ("progress", "refused")),
    ]
    cancel = reverse("admin:customers_job_cancel", args=[job.pk])

    colleague = [sign_in(other_agent.user).get(door).status_code for door in doors]
    stopped = sign_in(other_agent.user).post(cancel).status_code
    seen = [sign_in(manager).get(door).status_code for door in doors]
    by_get = sign_in(manager).get(cancel).status_code
    sign_in(manager).post(cancel)

    job.refresh_from_db()
    assert (colleague, stopped, seen, by_get, job.state) == ([404] * 3, 404, [200] * 3, 405, "cancelled")


def test_level_is_changed_by_hand_with_a_reason(agent, other_agent, sign_in, settings):
    settings.AGENTS_SEE_CUSTOMERS = "read"
    mine, others = CustomerFactory(agent=agent), CustomerFactory(agent=other_agent)
    client = sign_in(agent.user)

    without = client.post(url("change_level"), confirmed(mine, others, level="3", reason=" "))
    client.post(url("change_level"), confirmed(mine, others, level="3", reason="good advice"))

    assert list(without.context["form"].errors) == ["reason"]
    assert list(Customer.objects.order_by("pk").values_list("level", flat=True)) == [3, 0]
    assert rows() == [(mine.pk, "done", ""), (others.pk, "refused", "not_editable")]
    assert Event.objects.get(verb="customer.level_set").reason == "good advice"


def test_group_with_a_rule_takes_nobody_by_hand(lead, sign_in):
    saved = SavedFilter.objects.create(name="all", owner=lead, created_at=NOON, updated_at=NOON)
    group = GroupFactory(rule=saved, rule_by=lead)
    customer = CustomerFactory()

    page = sign_in(lead).post(url("add_to_groups"), confirmed(customer, groups=[group.pk]))
    job = jobs.run_now("add_to_groups", by=lead, ids=[customer.pk], groups=[group.pk])

    assert list(page.context["form"].errors) == ["groups"]
    assert (job.state, job.message) == (
        "failed",
        f"A rule decides who is in {group.name}; nobody is put in or taken out by hand.",
    )
    assert not customer.groups.exists()


def test_list_that_does_not_count_all_offers_all_that_match_without_a_number(lead, sign_in, monkeypatch):
    monkeypatch.setattr("customers.admin.capped.LIMIT", 60)
    CustomerFactory.create_batch(51)
    client = sign_in(lead)

    counted = client.get(LIST).text
    monkeypatch.setattr("customers.admin.capped.LIMIT", 2)
    monkeypatch.setattr("customers.admin.customers.CustomerAdmin.list_per_page", 10)
    capped = client.get(LIST).text

    assert ("Select all 51 customers" in counted, "Select all that match" in counted) == (True, False)
    assert ("Select all 51 customers" in capped, "Select all that match" in capped) == (False, True)


def test_customer_merged_since_the_rows_were_collected_is_refused(agent, lead, now):
    kept, merged = CustomerFactory(), CustomerFactory()
    job = jobs.start("bind", by=lead, at=now, ids=[kept.pk, merged.pk], agent=agent.pk)
    Job.objects.update(total=2)
    JobRow.objects.bulk_create(JobRow(job=job, customer=customer) for customer in (kept, merged))
    Customer.objects.filter(pk=merged.pk).update(merged_into=kept)

    jobs.run_to_end(job)

    assert rows() == [(kept.pk, "done", ""), (merged.pk, "refused", "gone")]
    assert list(Binding.objects.values_list("customer", flat=True)) == [kept.pk]


def test_page_says_why_a_job_does_not_move(agent, sign_in, now):
    fresh, lost, working, killed, unknown, over = (
        jobs.start("bind", by=agent.user, at=now - timedelta(hours=1), filter={}, agent=agent.pk)
        for _number in range(6)
    )
    long_ago = now - jobs.STALLED - timedelta(seconds=1)
    lease_end = long_ago + jobs.LEASE
    running = {"state": "running", "leased_until": lease_end}
    Job.objects.filter(pk=fresh.pk).update(created_at=now)
    Job.objects.filter(pk=working.pk).update(**running, started_at=long_ago, progressed_at=now)
    Job.objects.filter(pk=killed.pk).update(**running, started_at=long_ago)
    Job.objects.filter(pk=unknown.pk).update(state="running", started_at=long_ago, leased_until=now)
    Job.objects.filter(pk=over.pk).update(state="finished", finished_at=long_ago)
    client = sign_in(agent.user)

    told = [
        client.get(reverse("admin:customers_job_progress", args=[job.pk])).json()["texts"]["held_up"]
        for job in (fresh, lost, working, killed, unknown, over)
    ]

    assert [sentence.split(":")[0].split(" for 15")[0] for sentence in told] == [
        "", "Waiting for a worker", "", "No sign of life from its worker", "Waiting for a worker", "",
    ]  # fmt: skip
    assert f"after {timezone.localtime(lease_end):%H:%M:%S}." in told[3]
