"""Who may not ban asks those who may: shown, passed on, decided, told. It never ends in silence."""

from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError

from blocklist.models import Ban, BanRequest
from blocklist.services import ban_requests
from blocklist.services.bans import ban_purchase, ban_purchases
from customers.models import Customer, Deputyship, Event, Notification, User
from customers.services import deputies, merges
from customers.services.files import CheckedFile
from customers.services.notifications import sentence
from tests.factories import NOON, BanFactory, CustomerFactory, UserFactory

LATER = NOON + timedelta(hours=1)
TOO_LATE = NOON + timedelta(hours=2)


@pytest.fixture
def customer(agent):
    return CustomerFactory(agent=agent)


@pytest.fixture
def asker(other_agent):
    return other_agent.user


@pytest.fixture
def request_(customer, asker):
    return ask(customer, asker)


def ask(customer, by, **told):
    return ban_requests.request_ban(customer, by=by, at=NOON, **{"type": "abuse", **told})


def told(user):
    return [sentence(news) for news in Notification.objects.filter(user=user).order_by("pk")]


def told_kinds():
    return sorted(Notification.objects.values_list("user__username", "kind"))


def test_request_stands_open_and_is_shown_to_the_exclusive_agent_alone(agent, customer, manager, lead):
    request = ask(customer, lead, note="threatens us", days=7)

    assert (request.state, request.type, request.note, request.days, request.by) == (
        "open",
        "abuse",
        "threatens us",
        7,
        lead,
    )
    assert (request.shown_to, request.shown_at) == (agent.user, NOON)
    assert told_kinds() == [("ming", "ban_requested")]
    assert told(agent.user) == [f"lead asks to ban customer #{customer.pk} (abuse): approve or decline."]
    assert not Ban.objects.exists()


def test_request_is_shown_to_the_deputy_of_today_too(agent, other_agent, customer, manager, lead):
    end = NOON + timedelta(days=3)
    deputies.propose(agent, deputy=other_agent, starts_at=NOON, ends_at=end, by=manager, at=NOON)
    Notification.objects.all().delete()

    request = ask(customer, lead)

    assert request.shown_to == agent.user
    assert told_kinds() == [("lan", "ban_requested"), ("ming", "ban_requested")]


def test_request_about_nobody_s_customer_goes_to_the_first_manager(asker, manager):
    UserFactory(username="second", role="manager")

    request = ask(CustomerFactory(), asker)

    assert request.shown_to == manager
    assert told_kinds() == [("manager", "ban_requested")]


def test_request_passes_over_an_agent_who_takes_no_customers(agent, customer, asker, manager):
    agent.is_active = False
    agent.save()

    assert ask(customer, asker).shown_to == manager


@pytest.mark.parametrize("who", ["agent", "manager"])
def test_who_may_ban_is_told_to_ban_instead(who, request, customer, agent, manager):
    user = agent.user if who == "agent" else manager

    with pytest.raises(ban_requests.NothingToAsk, match="You may ban this customer yourself"):
        ask(customer, user)
    assert not BanRequest.objects.exists()


def test_a_banned_customer_needs_no_request(customer, asker, agent):
    BanFactory(customer=customer, by=agent.user)

    with pytest.raises(ban_requests.NothingToAsk, match="already banned") as refusal:
        ask(customer, asker)
    assert refusal.value.code == "banned"


def test_without_the_right_nobody_asks(customer):
    with pytest.raises(ban_requests.MayNotAsk, match="You may not ask for bans"):
        ask(customer, UserFactory())


def test_who_does_not_see_the_customer_does_not_ask(customer, asker, settings):
    settings.AGENTS_SEE_CUSTOMERS = "own"

    with pytest.raises(ban_requests.MayNotAsk, match="the customer of another agent"):
        ask(customer, asker)


@pytest.mark.parametrize(
    ("values", "field"), [({"type": "ugly"}, "type"), ({"days": 0}, "days"), ({"days": 4000}, "days")]
)
def test_bad_values_are_refused_by_their_field(customer, asker, values, field):
    with pytest.raises(ValidationError) as refusal:
        ask(customer, asker, **values)

    assert list(refusal.value.message_dict) == [field]
    assert not BanRequest.objects.exists()


def test_a_second_asker_joins_the_open_request_and_is_told_the_decision_too(request_, customer, asker, lead, agent):
    again = ask(customer, lead, type="extortion", note="me too")

    assert again == request_
    assert (again.type, again.note, list(again.seconded_by.all())) == ("abuse", "lead: me too", [lead])
    ban_requests.approve(again, by=agent.user, at=LATER)
    assert told(asker) == told(lead) == [f"ming has banned customer #{customer.pk}, as you asked."]


def test_files_become_evidence_of_the_request_and_then_of_the_ban(customer, asker, agent):
    file = CheckedFile(name="chat.txt", media_type="text/plain", content=b"pay or else")
    request = ask(customer, asker, files=[file])

    ban = ban_requests.approve(request, by=agent.user, at=LATER)

    assert [evidence.name for evidence in request.evidence.all()] == ["chat.txt"]
    assert list(ban.evidence.all()) == list(request.evidence.all())


def test_approval_bans_as_it_was_asked_and_tells_who_asked(customer, asker, agent):
    request = ask(customer, asker, note="threats", days=7)

    ban = ban_requests.approve(request, by=agent.user, at=LATER, reason="clear")

    request.refresh_from_db()
    assert (ban.type, ban.note, ban.until, ban.by, ban.by_manager) == (
        "abuse",
        "threats",
        LATER + timedelta(days=7),
        agent.user,
        False,
    )
    assert (request.state, request.ban, request.decided_by, request.decided_at, request.reason) == (
        "approved",
        ban,
        agent.user,
        LATER,
        "clear",
    )
    assert request.is_decided_alone is False
    assert told(asker) == [f"ming has banned customer #{customer.pk}, as you asked."]
    assert list(Event.objects.order_by("pk").values_list("verb", flat=True)) == [
        "ban_request.filed",
        "ban_request.approved",
        "ban.set",
    ]


def test_decline_needs_a_reason_and_tells_who_asked(request_, asker, agent):
    with pytest.raises(ValidationError, match="Say why"):
        ban_requests.decline(request_, reason="  ", by=agent.user, at=LATER)
    ban_requests.decline(request_, reason="he apologised", by=agent.user, at=LATER)

    assert (request_.state, request_.reason) == ("declined", "he apologised")
    assert "ming has declined" in told(asker)[0]
    assert not Ban.objects.exists()


def test_who_may_not_ban_may_not_decide_either(request_, asker, lead):
    for user in (asker, lead):
        with pytest.raises(ban_requests.MayNotDecide, match=r"exclusive agent \(Ming\) or a manager"):
            ban_requests.approve(request_, by=user, at=LATER)
    with pytest.raises(ban_requests.MayNotDecide):
        ban_requests.decline(request_, reason="no", by=lead, at=LATER)
    assert BanRequest.objects.open().count() == 1


def test_a_request_is_decided_once(request_, agent, manager):
    stale = BanRequest.objects.get(pk=request_.pk)
    ban_requests.decline(request_, reason="no", by=agent.user, at=LATER)

    with pytest.raises(ban_requests.NotOpen, match="decided already: declined"):
        ban_requests.approve(stale, by=manager, at=LATER)
    assert not Ban.objects.exists()


def test_nobody_decides_his_own_request_while_somebody_else_may(customer, asker, agent, other_agent, manager):
    request = ask(customer, asker)
    Customer.objects.filter(pk=customer.pk).update(agent=other_agent)

    with pytest.raises(ban_requests.MayNotDecide, match="somebody else decides"):
        ban_requests.approve(request, by=asker, at=LATER)


def test_who_is_alone_with_the_right_decides_his_own_request_and_the_record_says_so(customer, asker, other_agent):
    request = ask(customer, asker)
    Customer.objects.filter(pk=customer.pk).update(agent=other_agent)

    ban_requests.approve(request, by=asker, at=LATER)

    request.refresh_from_db()
    assert (request.state, request.is_decided_alone) == ("approved", True)


def test_only_who_asked_withdraws(request_, asker, agent):
    with pytest.raises(ban_requests.MayNotAsk, match="Only who asked"):
        ban_requests.withdraw(request_, by=agent.user, at=LATER)
    ban_requests.withdraw(request_, by=asker, at=LATER)

    assert (request_.state, request_.decided_by) == ("withdrawn", asker)


def test_unanswered_it_is_shown_to_the_next_manager_and_round_again(request_, customer, agent, manager):
    second = UserFactory(username="second", role="manager")
    shown = []

    for hours in (1, 2, 3, 4, 6, 8):
        ban_requests.pass_on_unanswered(at=NOON + timedelta(hours=hours))
        request_.refresh_from_db()
        shown.append(request_.shown_to.username)

    assert shown == ["ming", "manager", "manager", "second", "manager", "second"]
    assert len(told(manager)) == len(told(second)) == 1  # the unread one is refreshed
    assert Notification.objects.get(user=second).created_at == NOON + timedelta(hours=8)


def test_passing_on_leaves_decided_requests_alone_and_tells_again_after_reading(request_, agent, manager):
    ban_requests.pass_on_unanswered(at=TOO_LATE)
    Notification.objects.filter(user=manager).update(read_at=TOO_LATE)
    ban_requests.pass_on_unanswered(at=TOO_LATE + timedelta(hours=2))
    assert len(told(manager)) == 2

    ban_requests.decline(request_, reason="no", by=manager, at=TOO_LATE + timedelta(hours=3))
    ban_requests.pass_on_unanswered(at=TOO_LATE + timedelta(days=1))
    assert len(told(manager)) == 2


def test_a_request_is_never_shown_to_who_asked(agent, lead):
    """He became a manager since, and the only one: it goes back to whom it was shown first."""
    customer = CustomerFactory(agent=agent)
    request = ask(customer, lead)
    lead.groups.add(*UserFactory(role="manager").groups.all())
    Notification.objects.all().delete()
    User.objects.exclude(pk__in=[lead.pk, agent.user.pk]).update(is_active=False)

    ban_requests.pass_on_unanswered(at=TOO_LATE)

    request.refresh_from_db()
    assert request.shown_to == agent.user
    assert told_kinds() == [("ming", "ban_requested")]


@pytest.mark.parametrize("many", [False, True])
def test_a_ban_set_otherwise_overtakes_the_request_and_tells_who_asked(request_, customer, asker, manager, many):
    if many:
        ban_purchases(Customer.objects.all(), type="extortion", by=manager, at=LATER)
    else:
        ban_purchase(customer, type="extortion", by=manager, at=LATER)

    request_.refresh_from_db()
    assert (request_.state, request_.ban, request_.decided_by) == ("overtaken", Ban.objects.get(), manager)
    assert "was overtaken" in told(asker)[0]


def test_a_merge_of_two_with_requests_tells_the_one_who_asked_for_the_merged(agent, asker, lead):
    kept, merged = (CustomerFactory(agent=agent) for _number in range(2))
    ask(kept, asker)
    request = ask(merged, lead)

    merges.merge(kept, merged, by=lead, at=LATER)

    request.refresh_from_db()
    assert (request.state, request.customer) == ("overtaken", kept)
    assert told_kinds() == [("ming", "ban_requested"), ("ming", "ban_requested")]  # lead merged them himself


def test_a_merge_with_a_banned_customer_overtakes_the_request(agent, asker, lead, manager):
    kept, merged = (CustomerFactory(agent=agent) for _number in range(2))
    request = ask(kept, asker)
    ban = ban_purchase(merged, type="extortion", by=manager, at=NOON)

    merges.merge(kept, merged, by=lead, at=LATER)

    request.refresh_from_db()
    assert (request.state, request.ban, request.decided_by) == ("overtaken", ban, lead)
    assert "was overtaken" in told(asker)[0]


def test_a_rule_proposes_and_bans_nobody(customer, agent, manager):
    request = ban_requests.propose_by_rule(customer, rule="refused_parcels", type="refused_parcel", at=NOON)
    again = ban_requests.propose_by_rule(customer, rule="other_rule", type="abuse", at=LATER)

    assert again == request
    assert (request.by, request.rule, request.shown_to) == (None, "refused_parcels", agent.user)
    assert not Ban.objects.exists()
    assert told(agent.user)[0].startswith("refused_parcels asks to ban customer")

    ban_requests.approve(request, by=agent.user, at=LATER)
    assert ban_requests.propose_by_rule(customer, rule="refused_parcels", type="refused_parcel", at=LATER) is None


def test_who_may_ban_is_the_same_people_as_bannable_by(agent, other_agent, customer, manager, lead):
    deputies.propose(agent, deputy=other_agent, starts_at=NOON, ends_at=LATER, by=manager, at=NOON)
    assert Deputyship.objects.get().approved_at

    during, after = (ban_requests.who_may_ban(customer, at=at) for at in (NOON, LATER))

    assert {user.username for user in during} == {"ming", "lan", "manager"}
    assert {user.username for user in after} == {"ming", "manager"}


def test_overtaking_takes_as_many_queries_for_3_bans_as_for_1(manager, count_queries):
    def ban(count):
        customers = [CustomerFactory() for _number in range(count)]
        for customer in customers:
            ban_requests.propose_by_rule(customer, rule="rule", type="abuse", at=NOON)
        chosen = Customer.objects.filter(pk__in=[customer.pk for customer in customers])
        return count_queries(lambda: ban_purchases(chosen, type="abuse", by=manager, at=LATER))

    manager.get_all_permissions()  # looked up once

    assert ban(1) == ban(3)
    assert BanRequest.objects.filter(state="overtaken").count() == 4
