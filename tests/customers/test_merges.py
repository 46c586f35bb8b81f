import threading
from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.db import transaction
from django.urls import reverse

from blocklist.models import Ban, BanChange, Exemption, Watch
from customers.models import Account, Binding, ContactValue, Customer, Duplicate, Event, EventRow, Inquiry, Merge
from customers.parts import parts
from customers.services import inquiries, jobs, merges
from customers.services.bindings import bind, hand_over
from customers.services.trade_figures import refresh_trade_figures
from messaging.models import Delivery, InboxMessage, OptOut
from messaging.unsubscribe import Unsubscription, token
from tests.factories import (
    NOON,
    AgentFactory,
    BanFactory,
    BroadcastFactory,
    CustomerFactory,
    ExemptionFactory,
    GroupFactory,
    InquiryFactory,
    OrderFactory,
    ReviewFactory,
    UserFactory,
    WatchFactory,
)
from tests.parallel import Parallel


@pytest.fixture
def kept(db):
    return CustomerFactory(nick="kept", level=1)


@pytest.fixture
def merged(db):
    return CustomerFactory(nick="merged", level=3, registered_at=NOON - timedelta(days=9), city="杭州市")


def test_merge_moves_what_is_his_and_every_name_finds_the_kept_one(kept, merged, lead, now):
    order = OrderFactory(customer=merged, status="done", paid_amount="30.00")
    review = ReviewFactory(customer=merged)
    merged.groups.add(GroupFactory(name="A"))
    refresh_trade_figures(Customer.objects.all(), at=now)

    record = merges.merge(kept, merged, by=lead, at=now, reason="same phone")

    kept.refresh_from_db()
    merged.refresh_from_db()
    account = Account.objects.get(nick="merged")
    assert record.moved == {
        "accounts": [account.pk],
        "orders": [order.pk],
        "reviews": [review.pk],
        "groups": [Customer.groups.through.objects.get().pk],
    }
    assert (kept.level, kept.city, kept.registered_at, kept.trade_count) == (3, "杭州市", NOON - timedelta(days=9), 1)
    assert (merged.level, merged.trade_count, merged.merged_into) == (0, 0, kept)
    assert [Customer.objects.search(name).get() for name in ("kept", "merged")] == [kept, kept]


def test_merge_keeps_the_kept_ones_agent_and_ends_the_other_binding(merged, lead, now):
    agent, other = AgentFactory(), AgentFactory()
    kept = CustomerFactory(agent=agent)
    second = CustomerFactory(agent=other)

    merges.merge(kept, second, by=lead, at=now)
    merges.merge(merged, kept, by=lead, at=now)

    merged.refresh_from_db()
    open_ones = Binding.objects.filter(ended_at__isnull=True)
    assert merged.agent == agent
    assert list(open_ones.values_list("customer", "agent")) == [(merged.pk, agent.pk)]
    assert Binding.objects.filter(customer=merged).count() == 2
    assert Customer.objects.get(pk=second.pk).merged_into == merged


@pytest.mark.parametrize("days", [(3, 9), (3, None), (None, 3)])
def test_stricter_of_two_standing_bans_stays(kept, merged, manager, now, days):
    ends = [now + timedelta(days=number) if number else None for number in days]
    bans = [
        BanFactory(customer=customer, started_at=now - timedelta(days=1), until=until)
        for customer, until in zip((kept, merged), ends, strict=True)
    ]
    stricter = bans[1] if days[0] else bans[0]

    merges.merge(kept, merged, by=manager, at=now)

    standing = Ban.objects.standing(now).get()
    assert (standing, standing.customer) == (stricter, kept)
    assert list(Ban.objects.exclude(ended_at=None).values_list("customer", "lifted_by", "ended_at")) == [
        (kept.pk, manager.pk, now)
    ]
    lifted = Event.objects.get(verb="ban.lifted").rows.values_list("row_id", flat=True)
    assert list(lifted) == [ban.pk for ban in bans if ban != stricter]


def test_what_a_merge_ends_of_the_weaker_is_recorded(kept, merged, lead, now):
    for factory in (BanFactory, WatchFactory, ExemptionFactory):
        for customer, until in ((kept, None), (merged, now + timedelta(days=1))):
            factory(customer=customer, started_at=now - timedelta(days=1), until=until)

    merges.merge(kept, merged, by=lead, at=now)

    weaker = [model.objects.exclude(until=None).get() for model in (Ban, Watch, Exemption)]
    verbs = ["ban.lifted", "watch.ended", "exemption.ended"]
    recorded = EventRow.objects.filter(event__by=lead, event__verb__in=verbs).values_list("event__verb", "row_id")
    assert dict(recorded) == {verb: row.pk for verb, row in zip(verbs, weaker, strict=True)}
    assert [row.ended_at for row in weaker] == [now, now, now]


def test_ban_that_a_merge_lifts_is_told_once_though_another_merge_follows_at_the_same_moment(kept, merged, lead, now):
    for customer in (kept, merged):
        BanFactory(customer=customer, started_at=now - timedelta(days=1))

    merges.merge(kept, merged, by=lead, at=now)
    merges.merge(kept, CustomerFactory(), by=lead, at=now)

    assert EventRow.objects.filter(event__verb="ban.lifted").count() == 1
    assert BanChange.objects.filter(kind="lifted").count() == 1


def test_exemption_that_has_run_out_ended_then_and_not_with_the_merge(kept, merged, lead, now):
    over = ExemptionFactory(customer=kept, started_at=now - timedelta(days=2), until=now - timedelta(days=1))
    standing = ExemptionFactory(customer=merged, until=now + timedelta(days=1))

    merges.merge(kept, merged, by=lead, at=now)

    over.refresh_from_db(), standing.refresh_from_db()
    assert (over.ended_at, over.ended_by, standing.ended_at) == (over.until, None, None)


def test_merging_a_banned_customer_bans_the_kept_one(kept, merged, lead, now):
    BanFactory(customer=merged)

    merges.merge(kept, merged, by=lead, at=now)

    assert Ban.objects.standing(now).get().customer == kept


@pytest.mark.parametrize(
    ("of_kept", "of_merged", "stays"),
    [
        ("waiting", "sent", "sent"),
        ("sent", "waiting", "sent"),
        ("waiting", "excluded", "excluded"),
        ("waiting", "waiting", "waiting"),
        (None, "waiting", "waiting"),
    ],
)
def test_stricter_of_two_deliveries_of_one_broadcast_stays(kept, merged, lead, now, of_kept, of_merged, stays):
    broadcast = BroadcastFactory()
    for customer, state in ((kept, of_kept), (merged, of_merged)):
        if state:
            Delivery.objects.create(broadcast=broadcast, customer=customer, state=state, planned_at=NOON)
            InboxMessage.objects.create(broadcast=broadcast, customer=customer, sent_at=NOON)

    merges.merge(kept, merged, by=lead, at=now)

    assert list(Delivery.objects.values_list("customer", "state")) == [(kept.pk, stays)]
    assert InboxMessage.objects.get().customer == kept


def test_customers_own_opt_out_outlives_the_merge(kept, merged, lead, now):
    for customer, source in ((kept, "staff"), (merged, "link")):
        OptOut.objects.create(customer=customer, channel="inbox", source=source, at=NOON)

    merges.merge(kept, merged, by=lead, at=now)

    standing = OptOut.objects.standing().get()
    assert (standing.customer, standing.source) == (kept, "link")


def test_unsubscribe_link_of_the_merged_one_speaks_for_the_kept_one(kept, merged, lead, now, client):
    link = token(Unsubscription(broadcast=1, customer=merged.pk, channel="email"))
    merges.merge(kept, merged, by=lead, at=now)

    client.post(f"/u/{link}/")

    assert OptOut.objects.get().customer == kept


def test_two_running_inquiries_become_one_and_nothing_said_is_lost(agent, lead, now):
    kept, merged = CustomerFactory(nick="kept"), CustomerFactory(nick="merged")
    both = [InquiryFactory(customer=customer, agent=agent, opened_at=now) for customer in (kept, merged)]
    for inquiry, text in zip(both, ("one", "two"), strict=True):
        inquiries.receive_further(inquiry, text=text, at=now)

    merges.merge(kept, merged, by=lead, at=now)

    running = Inquiry.objects.running().get()
    assert (running, running.customer) == (both[0], kept)
    assert list(running.messages.order_by("pk").values_list("text", flat=True)) == ["one", "two"]


def test_contact_value_that_both_have_stays_once_and_bad(kept, merged, lead, now):
    for customer, state in ((kept, "good"), (merged, "bad")):
        ContactValue.objects.create(customer=customer, kind="phone", value="13800138000", key="k", state=state)

    merges.merge(kept, merged, by=lead, at=now)

    value = ContactValue.objects.get()
    assert (value.customer, value.state) == (kept, "bad")


def test_merge_refuses_the_same_one_twice_and_whoever_has_no_right(kept, merged, agent, lead, now):
    with pytest.raises(merges.MayNotMerge):
        merges.merge(kept, merged, by=agent.user, at=now)
    with pytest.raises(ValidationError):
        merges.merge(kept, kept, by=lead, at=now)
    merges.merge(kept, merged, by=lead, at=now)
    with pytest.raises(ValidationError):
        merges.merge(kept, merged, by=lead, at=now)

    assert Merge.objects.count() == 1


# They tell of the merge itself, or lead nowhere after it.
NAME_NO_OWNER = {
    ("merge", "kept"),
    ("merge", "merged"),
    ("duplicate", "first"),
    ("duplicate", "second"),
    ("customer", "merged_into"),
    ("setaside", "customer"),
}


def test_every_table_that_names_a_customer_has_its_part(kept):
    named = {
        (relation.related_model._meta.model_name, relation.field.name)
        for relation in Customer._meta.get_fields(include_hidden=True)
        if relation.auto_created and not relation.concrete and not relation.many_to_many
    }
    parted = {(part.rows(kept).model._meta.model_name, part.column) for part in parts.merge_parts}

    assert named - parted - NAME_NO_OWNER == set()


def find_duplicates(by, now):
    return jobs.run_to_end(jobs.start("find_duplicates", by=by, at=now))


def test_job_suggests_who_shares_a_phone_an_email_or_name_and_address(lead, now):
    first = CustomerFactory(phone="13800138000", email="a@example.com", address="Road 1")
    ContactValue.objects.create(customer=first, kind="name", value="A", key="name-a")
    phone, email = CustomerFactory(phone="+86 138 0013 8000"), CustomerFactory(email="A@Example.com")
    same_home, neighbour = CustomerFactory(address="road 1"), CustomerFactory(address="Road 1")
    ContactValue.objects.create(customer=same_home, kind="name", value="A", key="name-a")
    ContactValue.objects.create(customer=neighbour, kind="name", value="B", key="name-b")

    job = find_duplicates(lead, now)

    pairs = [(first.pk, other.pk) for other in (phone, email, same_home)]
    assert (job.state, job.total, job.done_count) == ("finished", 7, 7)
    assert sorted(Duplicate.objects.values_list("first", "second")) == pairs


def test_dismissed_suggestion_does_not_come_back_and_an_outdated_one_goes(lead, now):
    first, second = CustomerFactory(phone="13800138000"), CustomerFactory(phone="13800138000")
    other = CustomerFactory(phone="13800138000")
    find_duplicates(lead, now)
    merges.dismiss(Duplicate.objects.get(second=second), by=lead, at=now)
    ContactValue.objects.filter(customer=other).delete()

    find_duplicates(lead, now)

    assert list(Duplicate.objects.values_list("first", "second", "dismissed_by")) == [(first.pk, second.pk, lead.pk)]


def test_page_compares_masks_and_merges(lead, agent, sign_in, now):
    first, second = CustomerFactory(nick="one", phone="13800138000"), CustomerFactory(nick="two", phone="13800138000")
    find_duplicates(lead, now)
    address = reverse("admin:customers_duplicate_compare", args=[first.pk, second.pk])

    refused = sign_in(agent.user).get(address)
    client = sign_in(lead)
    listed = client.get(reverse("admin:customers_duplicate_changelist"))
    page = client.get(address)
    answer = client.post(address, {"kept": second.pk, "reason": "same phone"})
    old_page = client.get(first.get_absolute_url())

    assert refused.status_code == 403
    assert address in listed.content.decode()
    assert page.content.decode().count("both have it") == 2
    assert (answer.status_code, answer["Location"]) == (302, second.get_absolute_url())
    assert (old_page.status_code, old_page["Location"]) == (302, second.get_absolute_url())
    assert (Merge.objects.get().kept, Duplicate.objects.count()) == (second, 0)


def test_page_that_names_no_side_merges_nothing(lead, sign_in):
    first, second, third = (CustomerFactory() for _number in range(3))
    address = reverse("admin:customers_duplicate_compare", args=[first.pk, second.pk])

    answers = [sign_in(lead).post(address, data) for data in ({}, {"kept": third.pk}, {"kept": "x"})]

    assert [answer.status_code for answer in answers] == [302, 302, 302]
    assert not Merge.objects.exists()


def test_merged_customer_is_in_no_list_and_his_id_is_answered_with_the_kept_one(
    kept, merged, lead, sign_in, key_client, now
):
    merges.merge(kept, merged, by=lead, at=now)

    page = sign_in(lead).get(reverse("admin:customers_customer_changelist"))
    answer = key_client("customers:read").get(f"/api/v1/customers/{merged.pk}/")

    assert [row.pk for row in page.context["cl"].result_list] == [kept.pk]
    assert (answer.status_code, answer.json()["id"]) == (200, kept.pk)


def test_list_of_duplicates_needs_the_same_queries_for_one_and_three(lead, sign_in, count_queries, now):
    client, address = sign_in(lead), reverse("admin:customers_duplicate_changelist")
    CustomerFactory(nick="a", phone="13800138000")
    CustomerFactory(nick="b", phone="13800138000")
    find_duplicates(lead, now)
    one = count_queries(lambda: client.get(address))
    for nick in ("c", "d"):
        CustomerFactory(nick=nick, phone="13800138000")
    find_duplicates(lead, now)

    three = count_queries(lambda: client.get(address))

    assert (one, Duplicate.objects.count()) == (three, 3)


def test_number_that_no_database_holds_is_nobody_to_compare(lead, sign_in):
    address = f"/admin/customers/duplicate/compare/{CustomerFactory().pk}/{10**30}/"

    assert sign_in(lead).get(address).status_code == 404


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("is_bound", [False, True])
def test_binding_waits_for_a_merge_under_way_and_then_finds_nobody(is_bound):
    manager, new = UserFactory(role="manager"), AgentFactory()
    kept, merged = CustomerFactory(), CustomerFactory(agent=AgentFactory() if is_bound else None)
    tie, tied, counts = hand_over if is_bound else bind, threading.Event(), []

    def tie_merged():
        counts.append(tie(Customer.objects.filter(pk=merged.pk), agent=new, by=manager, at=NOON))
        tied.set()

    with Parallel() as side, transaction.atomic():
        merges.merge(kept, merged, by=manager, at=NOON)
        side.start(tie_merged)
        waited = not tied.wait(timeout=1)

    assert (waited, counts) == (True, [0])
    assert not Binding.objects.filter(customer=merged, ended_at__isnull=True).exists()
