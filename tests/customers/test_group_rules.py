from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission
from django.core.exceptions import ValidationError

from customers.models import Customer, Event, Group, Job, Notification, SavedFilter
from customers.services import group_rules, jobs, saved_filters
from customers.services.group_rules import refresh, set_rule
from customers.services.groups import RuleDriven, add_to_groups, remove_from_groups
from customers.services.notifications import sentence
from tests.factories import NOON, CustomerFactory, GroupFactory, UserFactory


@pytest.fixture
def rich(lead):
    """A shared filter: who bought for 100 or more."""
    return saved_filters.create("Rich", by=lead, at=NOON, values={"trade_amount_min": ["100"]}, is_shared=True)


def ruled(rule, by, **fields):
    return GroupFactory(rule=rule, rule_by=by, **fields)


def members(group):
    return sorted(group.customers.values_list("pk", flat=True))


def test_refresh_puts_in_who_matches_and_takes_out_who_does_not(lead, rich, now, settings):
    settings.WRITE_BATCH = 2
    group = ruled(rich, lead)
    stays, *new = (CustomerFactory(trade_amount=100) for _ in range(4))
    gone = [CustomerFactory(trade_amount=99) for _ in range(3)]
    group.customers.add(stays, *gone)

    counts = [refresh(group, at=now), refresh(group, at=now)]

    assert (counts, members(group)) == ([6, 0], [stays.pk, *(customer.pk for customer in new)])
    group.refresh_from_db()
    assert (group.refreshed_at, group.rule_error) == (now, "")
    assert set(Customer.objects.filter(updated_at=now)) == {*new, *gone}


def test_refresh_counts_a_customer_once_whom_the_filter_finds_twice(lead, now):
    one, two = GroupFactory(), GroupFactory()
    customer = CustomerFactory()
    customer.groups.add(one, two)
    either = saved_filters.create("Either", by=lead, at=NOON, values={"group": [str(one.pk), str(two.pk)]})
    group = ruled(either, lead)

    assert (refresh(group, at=now), members(group)) == (1, [customer.pk])


def test_rule_whose_filter_no_longer_holds_stops_and_tells(lead, manager, agent, now):
    label = GroupFactory()
    labelled = saved_filters.create("Labelled", by=lead, at=NOON, values={"group": [str(label.pk)]}, is_shared=True)
    group = ruled(labelled, lead, name="VIPs")
    customer = CustomerFactory()
    group.customers.add(customer)
    label.delete()

    for _ in range(2):
        with pytest.raises(group_rules.RuleStopped):
            refresh(group, at=now)

    group.refresh_from_db()
    assert (group.rule_error.startswith("group: "), members(group)) == (True, [customer.pk])
    told = Notification.objects.filter(kind="group_rule_stopped")
    assert sorted(told.values_list("user", flat=True)) == sorted([lead.pk, manager.pk])
    assert sentence(told[0]) == "The rule of the group “VIPs” has stopped; its members stay as they are."
    assert group_rules.refresh_due(at=now) is None


@pytest.mark.parametrize("left", [{"is_active": False}, {"groups": []}])
def test_rule_of_somebody_who_has_no_right_any_more_stops(lead, rich, now, left):
    group = ruled(rich, lead)
    CustomerFactory(trade_amount=100)
    if "groups" in left:
        lead.groups.clear()
    else:
        type(lead).objects.update(is_active=False)
    group = Group.objects.get(pk=group.pk)

    with pytest.raises(group_rules.RuleStopped):
        refresh(group, at=now)

    assert members(group) == []


def test_rule_is_set_with_a_job_that_computes_it(lead, rich, now):
    group, customer = GroupFactory(), CustomerFactory(trade_amount=100)

    job = jobs.run_to_end(set_rule(group, rich, by=lead, at=now))
    again = set_rule(group, rich, by=lead, at=now)

    group.refresh_from_db()
    assert (group.rule, group.rule_by, again, members(group)) == (rich, lead, None, [customer.pk])
    assert (job.state, job.total, job.message) == (Job.State.FINISHED, 1, "1 customer has come or gone.")
    event = Event.objects.get(verb="group.rule_set")
    assert list(event.rows.values_list("model", "row_id")) == [("customers.group", group.pk)]


def test_rule_taken_away_leaves_the_members(lead, rich, now):
    group = ruled(rich, lead)
    customer = CustomerFactory()
    group.customers.add(customer)

    set_rule(group, None, by=lead, at=now)

    group.refresh_from_db()
    assert (group.rule, group.rule_by, members(group)) == (None, None, [customer.pk])
    assert add_to_groups(Customer.objects.exclude(pk=customer.pk), groups=[group], by=lead, at=now) == 0


def test_rule_may_not_refer_to_its_own_group_nor_in_a_circle(lead, now):
    one, two = GroupFactory(), GroupFactory()
    in_one = saved_filters.create("In one", by=lead, at=NOON, values={"group_all": [str(one.pk)]})
    in_two = saved_filters.create("In two", by=lead, at=NOON, values={"group_none": [str(two.pk)]})
    set_rule(two, in_one, by=lead, at=now)

    for rule in (in_one, in_two):
        with pytest.raises(ValidationError) as refusal:
            set_rule(Group.objects.get(pk=one.pk), rule, by=lead, at=now)
        assert list(refusal.value.message_dict) == ["rule"]

    assert list(Group.objects.order_by("pk").values_list("rule", flat=True)) == [None, in_one.pk]


def test_circle_made_by_editing_the_filter_stops_the_rule(lead, now):
    group = GroupFactory()
    saved = saved_filters.create("All", by=lead, at=NOON, values={})
    set_rule(group, saved, by=lead, at=now)
    SavedFilter.objects.update(values={"group": [str(group.pk)]})

    with pytest.raises(group_rules.RuleStopped):
        refresh(Group.objects.get(pk=group.pk), at=now)


def test_groups_are_refreshed_behind_those_that_their_rules_refer_to(lead, rich, now):
    last, middle, first = GroupFactory(), GroupFactory(), GroupFactory()
    set_rule(first, rich, by=lead, at=now)
    for group, inside in ((middle, first), (last, middle)):
        saved = saved_filters.create(
            f"In {inside}", by=lead, at=NOON, values={"group": [str(inside.pk)]}, is_shared=True
        )
        set_rule(group, saved, by=lead, at=now)
    customer = CustomerFactory(trade_amount=100)
    Job.objects.all().delete()

    job = jobs.run_to_end(group_rules.refresh_due(at=now))

    assert [members(group) for group in (first, middle, last)] == [[customer.pk]] * 3
    assert (job.by, job.done_count) == (None, 3)


def test_rule_is_set_only_with_the_right_and_with_a_view_that_one_sees(agent, lead, manager, now):
    group = GroupFactory()
    private = saved_filters.create("Mine", by=manager, at=NOON, values={})

    with pytest.raises(group_rules.MayNotRule):
        set_rule(group, private, by=agent.user, at=now)
    with pytest.raises(ValidationError):
        set_rule(group, private, by=lead, at=now)
    with pytest.raises(group_rules.MayNotRule):
        group_rules.ask_for_refresh(group, by=agent.user, at=now)
    assert Job.objects.count() == 0


def test_due_groups_are_refreshed_as_often_as_the_setting_says(lead, rich, now, settings):
    settings.GROUPS_REFRESHED_EVERY = timedelta(minutes=30)
    due = [ruled(rich, lead), ruled(rich, lead, refreshed_at=now - timedelta(minutes=30))]
    ruled(rich, lead, refreshed_at=now - timedelta(minutes=29))
    ruled(rich, lead, rule_error="stopped")
    GroupFactory()

    job = group_rules.refresh_due(at=now)
    again = group_rules.refresh_due(at=now)

    assert (job.parameters, job.by, again) == ({"groups": [group.pk for group in due]}, None, None)


def test_nobody_is_put_into_a_rule_driven_group_by_hand(lead, rich, now, sign_in):
    group, by_hand = ruled(rich, lead, name="Rich"), GroupFactory()
    customer = CustomerFactory(language="en")

    for change in (add_to_groups, remove_from_groups):
        with pytest.raises(RuleDriven):
            change(Customer.objects.all(), groups=[by_hand, group], by=lead, at=now)
    job = jobs.run_to_end(jobs.start("add_to_groups", by=lead, at=now, ids=[customer.pk], groups=[group.pk]))
    values = {"level": "0", "groups": [group.pk, by_hand.pk], "language": ""}
    page = sign_in(lead).post(customer.get_absolute_url(), values)

    customer.refresh_from_db()
    sentence = "A rule decides who is in Rich; nobody is put in or taken out by hand."
    assert (job.state, job.message) == (Job.State.FAILED, sentence)
    assert (sentence in page.text, customer.language) == (True, "en")
    assert (members(group), members(by_hand)) == ([], [])


def test_other_changes_of_a_member_of_a_rule_driven_group_are_free(lead, rich, sign_in):
    group, by_hand = ruled(rich, lead), GroupFactory()
    customer = CustomerFactory()
    group.customers.add(customer)

    sign_in(lead).post(customer.get_absolute_url(), {"level": "0", "groups": [group.pk, by_hand.pk], "language": "en"})

    customer.refresh_from_db()
    assert (customer.language, members(group), members(by_hand)) == ("en", [customer.pk], [customer.pk])


def test_who_is_merged_into_another_matches_no_rule(lead, rich, now):
    group = ruled(rich, lead)
    kept = CustomerFactory(trade_amount=100)
    CustomerFactory(trade_amount=100, merged_into=kept)

    refresh(group, at=now)

    assert members(group) == [kept.pk]


def test_group_page_shows_count_rule_refresh_and_the_list(lead, rich, sign_in, now):
    group = ruled(rich, lead, rule_error="group: gone")
    group.customers.add(CustomerFactory(), CustomerFactory())
    address = f"/admin/customers/group/{group.pk}/"
    client = sign_in(lead)

    page = client.get(f"{address}change/")
    answer = client.post(f"{address}refresh/")

    texts = ["<dd>2</dd>", "Rich", f"/admin/customers/customer/?group={group.pk}", "Refresh now", "group: gone"]
    assert [text in page.text for text in texts] == [True] * len(texts)
    job = Job.objects.get()
    assert (answer.url, job.parameters, job.by) == (job.get_absolute_url(), {"groups": [group.pk]}, lead)


def test_group_page_sets_and_takes_away_the_rule(lead, rich, sign_in):
    client = sign_in(lead)

    client.post("/admin/customers/group/add/", {"name": "Big", "view": str(rich.pk)})
    group = Group.objects.get()
    after_add = (group.name, group.rule, group.rule_by, Job.objects.count())
    client.post(f"/admin/customers/group/{group.pk}/change/", {"name": "Bigger", "view": ""})

    group.refresh_from_db()
    assert after_add == ("Big", rich, lead, 1)
    assert (group.name, group.rule) == ("Bigger", None)


def test_group_page_says_why_a_rule_is_refused(lead, sign_in):
    group = GroupFactory()
    circle = saved_filters.create("Circle", by=lead, at=NOON, values={"group": [str(group.pk)]})

    page = sign_in(lead).post(f"/admin/customers/group/{group.pk}/change/", {"name": "A", "view": str(circle.pk)})

    assert "The rule refers to its own group" in page.text
    assert Group.objects.get().rule is None


def test_there_are_100_groups_at_most(lead, sign_in):
    GroupFactory.create_batch(99)
    client = sign_in(lead)

    client.post("/admin/customers/group/add/", {"name": "the hundredth", "view": ""})
    page = client.post("/admin/customers/group/add/", {"name": "one more", "view": ""})

    assert "There are 100 groups already, and no more are possible." in page.text
    assert (Group.objects.count(), Group.objects.filter(name="one more").exists()) == (100, False)


def test_deleting_a_group_warns_of_the_views_that_use_it(manager, sign_in):
    group = GroupFactory()
    saved_filters.create("Uses it", by=manager, at=NOON, values={"group_none": [str(group.pk)]})
    saved_filters.create("Does not", by=manager, at=NOON, values={"level": ["1"]})
    client = sign_in(manager)
    address = f"/admin/customers/group/{group.pk}/delete/"

    page = client.get(address)
    client.post(address, {"post": "yes"})

    assert ("<li>Uses it</li>" in page.text, "Does not" in page.text) == (True, False)
    assert (Group.objects.count(), Event.objects.filter(verb="group.deleted").count()) == (0, 1)


def test_clerk_without_the_right_sees_the_group_and_refreshes_nothing(rich, lead, sign_in):
    clerk = UserFactory()
    clerk.user_permissions.set(Permission.objects.filter(codename__in=["view_group", "view_customer"]))
    group = ruled(rich, lead)
    client = sign_in(clerk)

    page = client.get(f"/admin/customers/group/{group.pk}/change/")
    answer = client.post(f"/admin/customers/group/{group.pk}/refresh/")

    assert (page.status_code, "Refresh now" in page.text, answer.status_code) == (200, False, 403)
    assert Job.objects.count() == 0


def test_group_list_takes_as_many_queries_for_3_as_for_1(lead, rich, sign_in, count_queries):
    client = sign_in(lead)
    ruled(rich, lead).customers.add(CustomerFactory())
    client.get("/admin/customers/group/")
    one = count_queries(lambda: client.get("/admin/customers/group/"))
    for _ in range(2):
        ruled(rich, lead).customers.add(CustomerFactory())

    assert count_queries(lambda: client.get("/admin/customers/group/")) == one


def test_group_names_views_that_refer_to_it_and_of_colleagues_only_what_they_share(lead, other_agent, now):
    group = GroupFactory()
    values = {"group": [str(group.pk)]}
    for name, owner, is_shared in (
        ("mine", lead, False),
        ("hidden", other_agent.user, False),
        ("ours", other_agent.user, True),
    ):
        saved_filters.create(name, by=owner, at=now, values=values, is_shared=is_shared)

    assert group_rules.uses(group, seen_by=lead) == ["mine", "ours", "1 private view of a colleague"]
