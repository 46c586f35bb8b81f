"""Who may watch a customer, for how long, and what a rule's proposal does. What the gate makes of it: test_gate too."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from blocklist.models import Watch
from blocklist.services.verdicts import findings_of
from blocklist.services.watches import MayNotWatch, WatchIsOver, confirm_watch, end_watch, propose_watch, watch
from customers.models import Event, Notification
from customers.parts import Viewer
from customers.services import deputies
from customers.services.timeline import timeline
from messaging.models import Broadcast
from tests.factories import NOON, BanFactory, CustomerFactory, ExemptionFactory, InquiryFactory, WatchFactory

LIST = "/admin/blocklist/watch/"
CUSTOMERS = "/admin/customers/customer/"
DAY = timedelta(days=1)


@pytest.fixture
def customer(agent):
    return CustomerFactory(nick="xiaoming", agent=agent)


def page_of(customer):
    return f"{LIST}customer/{customer.pk}/"


def codes(customer, at=NOON):
    return [finding.code for finding in findings_of(customer, at=at)]


def rule_proposes(customer, at=NOON, **facts):
    return propose_watch(customer, rule="unpaid orders", type="malicious_order", at=at, **facts)


def test_who_may_ban_watches_without_limit_and_it_is_confirmed_at_once(customer, agent, manager):
    stranger = CustomerFactory()

    own = watch(customer, type="abuse", note=" rude ", by=agent.user, at=NOON)
    of_manager = watch(stranger, type="other", by=manager, at=NOON)

    assert (own.note, own.until, own.by, own.confirmed_by, own.confirmed_at) == (
        "rude",
        None,
        agent.user,
        agent.user,
        NOON,
    )
    assert of_manager.confirmed_by == manager
    assert codes(customer) == ["customer_watched"]
    assert list(Event.objects.values_list("verb", "by", "fields")) == [
        ("watch.set", agent.user.pk, ["type", "until", "note"]),
        ("watch.set", manager.pk, ["type", "until", "note"]),
    ]


def test_deputy_watches_while_he_stands_in_and_another_agent_never(customer, agent, other_agent, manager):
    with pytest.raises(MayNotWatch, match=r"Only this customer's exclusive agent \(Ming\), a lead or a manager"):
        watch(customer, type="abuse", by=other_agent.user, at=NOON)
    with pytest.raises(MayNotWatch, match="no exclusive agent yet"):
        watch(CustomerFactory(), type="abuse", by=other_agent.user, at=NOON)
    assert not Watch.objects.exists()

    dates = {"starts_at": NOON, "ends_at": NOON + DAY}
    deputies.approve(deputies.propose(agent, deputy=other_agent, by=agent.user, at=NOON, **dates), by=manager, at=NOON)

    assert watch(customer, type="abuse", by=other_agent.user, at=NOON).until is None


@pytest.mark.parametrize("until", [None, NOON + DAY + timedelta(seconds=1)])
def test_lead_watches_any_customer_for_24_hours_at_most(customer, lead, until):
    with pytest.raises(ValidationError, match="at most 24 hours"):
        watch(customer, type="abuse", by=lead, at=NOON, until=until)

    brief = watch(customer, type="abuse", by=lead, at=NOON, until=NOON + DAY)

    assert brief.confirmed_by == lead
    assert codes(customer, NOON + DAY - timedelta(seconds=1)) == ["customer_watched"]
    assert codes(customer, NOON + DAY) == []


@pytest.mark.parametrize(
    ("asked", "sentence"), [({"type": "ugly"}, "no such type"), ({"until": NOON}, "in the future")]
)
def test_unknown_type_and_past_end_write_nothing(customer, manager, asked, sentence):
    with pytest.raises(ValidationError, match=sentence):
        watch(customer, **{"type": "abuse", **asked}, by=manager, at=NOON)

    assert not Watch.objects.exists()
    assert not Event.objects.exists()


def test_second_watch_is_the_standing_one_and_one_past_its_end_is_closed_first(customer, agent, manager):
    first = watch(customer, type="abuse", by=agent.user, at=NOON, until=NOON + DAY)
    same = watch(customer, type="other", by=manager, at=NOON)
    next_one = watch(customer, type="other", by=manager, at=NOON + DAY)

    assert (same, next_one == first) == (first, False)
    assert list(Watch.objects.order_by("pk").values_list("type", "ended_at", "ended_by")) == [
        ("abuse", NOON + DAY, None),
        ("other", None, None),
    ]


def test_watch_stands_beside_a_ban_and_an_exemption_outranks_it(customer, manager):
    BanFactory(customer=customer)
    watch(customer, type="abuse", by=manager, at=NOON)
    assert codes(customer) == ["purchase_banned", "customer_watched"]

    ExemptionFactory(customer=customer)

    assert codes(customer) == ["purchase_banned"]


def test_rule_only_advises_until_a_person_confirms(customer, agent):
    proposed = rule_proposes(customer)
    assert (codes(customer), rule_proposes(customer), proposed.by) == ([], proposed, None)

    confirm_watch(proposed, by=agent.user, at=NOON + DAY)
    confirm_watch(proposed, by=agent.user, at=NOON + 2 * DAY)

    assert codes(customer) == ["customer_watched"]
    assert (proposed.confirmed_at, proposed.confirmed_by, proposed.until) == (NOON + DAY, agent.user, None)
    assert list(Event.objects.values_list("verb", "by")) == [
        ("watch.proposed", None),
        ("watch.confirmed", agent.user.pk),
    ]


def test_agent_is_told_what_a_rule_proposes_and_managers_where_there_is_none(customer, agent, lead, manager):
    rule_proposes(customer)
    rule_proposes(customer)
    rule_proposes(CustomerFactory())

    assert list(Notification.objects.values_list("user", "kind", "url").order_by("pk")) == [
        (agent.user.pk, "watch_proposed", page_of(customer)),
        (manager.pk, "watch_proposed", page_of(Watch.objects.latest("pk").customer)),
    ]


def test_rule_s_proposal_gives_way_to_a_person_s_watch(customer, manager):
    proposed = rule_proposes(customer)

    own = watch(customer, type="abuse", by=manager, at=NOON + DAY)

    proposed.refresh_from_db()
    assert (own.type, own.rule, own.is_confirmed()) == ("abuse", "", True)
    assert (proposed.ended_at, proposed.ended_by, proposed.end_reason) == (
        NOON + DAY,
        manager,
        "a person set a watch instead",
    )
    assert list(Event.objects.values_list("verb", flat=True)) == ["watch.proposed", "watch.ended", "watch.set"]


def test_confirming_needs_the_right_and_a_lead_confirms_for_24_hours(customer, other_agent, lead):
    proposed = rule_proposes(customer, until=NOON + 30 * DAY)
    with pytest.raises(MayNotWatch):
        confirm_watch(proposed, by=other_agent.user, at=NOON)
    assert codes(customer) == []

    confirm_watch(proposed, by=lead, at=NOON)

    assert proposed.until == NOON + DAY
    with pytest.raises(WatchIsOver):
        confirm_watch(proposed, by=lead, at=NOON + DAY)


def test_ending_needs_a_reason_and_is_told_once(customer, agent):
    row = watch(customer, type="abuse", by=agent.user, at=NOON)
    with pytest.raises(ValidationError, match="Say why"):
        end_watch(row, reason=" ", by=agent.user, at=NOON)

    end_watch(row, reason=" he apologised ", by=agent.user, at=NOON + DAY)
    end_watch(row, reason="again", by=agent.user, at=NOON + 2 * DAY)

    assert codes(customer) == []
    assert (row.ended_at, row.ended_by, row.end_reason) == (NOON + DAY, agent.user, "he apologised")
    assert list(Event.objects.filter(verb="watch.ended").values_list("by", "reason")) == [
        (agent.user.pk, "he apologised")
    ]


def test_lead_ends_only_what_he_set_himself(customer, agent, other_agent, lead):
    of_agent = watch(customer, type="abuse", by=agent.user, at=NOON)
    proposed = rule_proposes(CustomerFactory(agent=agent))
    own = watch(CustomerFactory(agent=agent), type="abuse", by=lead, at=NOON, until=NOON + DAY)

    for row, user in ((of_agent, lead), (proposed, lead), (own, other_agent.user)):
        with pytest.raises(MayNotWatch):
            end_watch(row, reason="x", by=user, at=NOON)
    end_watch(own, reason="x", by=lead, at=NOON)

    assert list(Watch.objects.filter(ended_at__isnull=False)) == [own]


def test_agent_watches_and_ends_in_the_panel(sign_in, customer, agent):
    client = sign_in(agent.user)
    assert page_of(customer) in client.get(customer.get_absolute_url()).text
    form = client.get(page_of(customer)).text
    assert "Answer once, calmly" in form  # the advice about abuse
    assert "Every new order is held" in form

    body = {"type": "abuse", "duration": "date", "last_day": "2199-12-30", "note": "rude"}
    set_ = client.post(page_of(customer), body)

    row = Watch.objects.get()
    assert set_.url == customer.get_absolute_url()
    assert (row.type, row.note, row.confirmed_by) == ("abuse", "rude", agent.user)
    assert row.until == datetime(2199, 12, 31, tzinfo=ZoneInfo("Asia/Shanghai"))
    shown = client.get(customer.get_absolute_url()).text
    assert "abuse, watched by ming, until" in shown
    assert client.get(f"{LIST}{row.pk}/change/").url == page_of(customer)
    no_reason = client.post(f"{LIST}{row.pk}/end/", {"reason": ""}, follow=True)
    assert "This field is required." in no_reason.text
    assert client.post(f"{LIST}{row.pk}/end/", {"reason": "calm now"}).status_code == 302
    assert Watch.objects.get().end_reason == "calm now"
    assert "calm now" in client.get(f"{LIST}{row.pk}/change/").text


def test_lead_has_no_choice_but_24_hours(sign_in, customer, lead):
    client = sign_in(lead)
    assert client.post(page_of(customer), {"type": "abuse", "duration": "7"}).context["form"].errors
    assert not Watch.objects.exists()

    client.post(page_of(customer), {"type": "abuse", "duration": "1"})

    row = Watch.objects.get()
    assert row.until - row.started_at == DAY


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"type": "ugly"},
        {"type": "abuse", "duration": "8000"},
        {"type": "abuse", "duration": "date"},
        {"type": "abuse", "duration": "date", "last_day": "2001-01-01"},
        {"type": "abuse", "note": "a\0"},
        {"type": "abuse", "note": "x" * 2001},
    ],
)
def test_bad_form_says_what_is_wrong_and_writes_nothing(sign_in, customer, manager, body):
    answer = sign_in(manager).post(page_of(customer), body)

    assert answer.status_code == 200
    assert answer.context["form"].errors
    assert not Watch.objects.exists()


def test_proposal_is_confirmed_and_dismissed_in_the_panel(sign_in, customer, manager):
    client, other = sign_in(manager), CustomerFactory()
    confirmed, dismissed = rule_proposes(customer, at=timezone.now()), rule_proposes(other, at=timezone.now())
    assert "Or set a watch of your own in its place" in client.get(page_of(customer)).text

    client.post(f"{LIST}{confirmed.pk}/confirm/")
    client.post(f"{LIST}{dismissed.pk}/end/", {"reason": "only slow to pay"})

    confirmed.refresh_from_db(), dismissed.refresh_from_db()
    assert (confirmed.confirmed_by, dismissed.end_reason) == (manager, "only slow to pay")


def test_others_read_why_they_may_not_watch(sign_in, customer, other_agent):
    client, row = sign_in(other_agent.user), rule_proposes(customer, at=timezone.now())

    answers = [
        client.get(page_of(customer)),
        client.post(page_of(customer), {"type": "abuse"}),
        client.post(f"{LIST}{row.pk}/confirm/"),
        client.post(f"{LIST}{row.pk}/end/", {"reason": "x"}),
    ]

    assert [answer.status_code for answer in answers] == [403] * 4
    assert "a lead or a manager may watch him." in answers[0].text
    assert Watch.objects.values_list("confirmed_at", "ended_at").get() == (None, None)


def test_customers_of_other_agents_are_not_there(sign_in, settings, customer, other_agent):
    settings.AGENTS_SEE_CUSTOMERS = "own"
    row = WatchFactory(customer=customer, note="secret")
    client = sign_in(other_agent.user)

    assert "secret" not in client.get(LIST).text
    assert client.get(page_of(customer)).status_code == 404
    assert client.get(f"{LIST}{row.pk}/change/").status_code == 404
    assert client.post(f"{LIST}{row.pk}/end/", {"reason": "x"}).status_code == 404
    assert client.get(f"{LIST}customer/{10**30}/").status_code == 404
    assert client.get(f"{LIST}{10**30}/change/").status_code == 404


def test_customer_list_shows_and_filters_who_is_watched(sign_in, agent, manager):
    watched, suspect, plain, past = (CustomerFactory(nick=nick) for nick in ("a1", "b2", "c3", "d4"))
    WatchFactory(customer=watched, type="abuse")
    WatchFactory(customer=past, until=NOON + DAY)
    rule_proposes(suspect)
    client = sign_in(manager)

    def found(**query):
        return {row.pk for row in client.get(CUSTOMERS, query).context["cl"].result_list}

    assert found(watch="confirmed") == {watched.pk}
    assert found(watch="proposed") == {suspect.pk}
    assert found(watch="none") == {plain.pk, past.pk}
    page = client.get(CUSTOMERS).text
    assert page.count(">watched</span>") == page.count(">watch proposed</span>") == 1
    assert "malicious order, proposed by the rule “unpaid orders”, without end: advice only" in page


def test_unknown_watch_filter_is_an_error_that_names_it(key_client):
    answer = key_client("customers:read").get("/api/v1/customers/", {"watch": "perhaps"})

    assert answer.status_code == 400
    assert {error["parameter"] for error in answer.json()["errors"]} == {"watch"}


def test_desk_and_card_tell_how_to_treat_him(sign_in, customer, agent):
    inquiry = InquiryFactory(customer=customer, agent=agent)
    WatchFactory(customer=customer, type="extortion", note="asked for 200")
    addresses = [f"/admin/card/?customer={customer.pk}", f"/admin/desk/{inquiry.pk}/"]
    client = sign_in(agent.user)

    pages = [client.get(address).text for address in addresses]

    for page in pages:
        assert "Do not pay and do not promise anything." in page
        assert "asked for 200" in page


def test_card_of_a_banned_buyer_tells_how_to_treat_him_too(sign_in, customer, agent):
    BanFactory(customer=customer, type="extortion")

    page = sign_in(agent.user).get(f"/admin/card/?customer={customer.pk}").text

    assert "Do not pay and do not promise anything." in page


def test_broadcast_still_reaches_who_is_watched(customer, manager):
    watch(customer, type="abuse", by=manager, at=NOON)

    assert customer in Broadcast(channel="inbox").customers()


def test_timeline_tells_what_became_of_a_watch(customer, manager):
    proposed = rule_proposes(customer, note="3 unpaid")
    confirm_watch(proposed, by=manager, at=NOON + timedelta(hours=1))
    end_watch(proposed, reason="paid", by=manager, at=NOON + timedelta(hours=2))
    watch(customer, type="abuse", by=manager, at=NOON + timedelta(hours=3), until=NOON + timedelta(hours=4))

    lines = timeline(customer, viewer=Viewer(user=manager), at=NOON + DAY, kinds=["watch"]).lines

    told = [(str(line.entry.title).split(" until")[0], line.entry.text, line.entry.by) for line in lines]
    assert told == [
        ("Watch run out", "", ""),
        ("Watched", "", "manager"),
        ("Watch ended", "paid", "manager"),
        ("Watch confirmed: orders are held", "", "manager"),
        ("A rule proposes to watch: malicious order", "3 unpaid", "unpaid orders"),
    ]


def test_list_filters_searches_and_takes_as_many_queries_for_three_as_for_one(
    sign_in, agent, manager, customer, count_queries
):
    client = sign_in(agent.user)
    WatchFactory(customer=customer, by=agent.user, confirmed_by=agent.user)
    client.get(LIST)
    one = count_queries(lambda: client.get(LIST))
    rule_proposes(CustomerFactory(nick="b"))
    WatchFactory(customer=CustomerFactory(nick="c"), ended_at=NOON, ended_by=manager)

    assert count_queries(lambda: client.get(LIST)) == one
    counted = {
        value: client.get(LIST, dict([value])).context["cl"].result_count
        for value in (
            ("state", "confirmed"),
            ("state", "proposed"),
            ("state", "over"),
            ("mine", "customers"),
            ("mine", "set"),
            ("q", "xiaoming"),
            ("type__exact", "malicious_order"),
        )
    }
    assert counted == dict.fromkeys(counted, 1)


def test_page_takes_as_many_queries_whatever_the_history(sign_in, manager, customer, count_queries):
    client = sign_in(manager)
    WatchFactory(customer=customer)
    client.get(page_of(customer))
    one = count_queries(lambda: client.get(page_of(customer)))
    for _number in range(2):
        WatchFactory(customer=customer, ended_at=NOON, ended_by=manager)

    assert count_queries(lambda: client.get(page_of(customer))) == one
