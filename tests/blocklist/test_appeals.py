from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError

from blocklist.models import Appeal, Ban, banned
from blocklist.services import appeal_figures, appeals, bans
from customers.models import Customer, Event, Inquiry, InquiryMessage, Notification
from customers.services.files import CheckedFile
from messaging.models import WebhookDelivery
from tests.factories import NOON, BanFactory, CustomerFactory, EndpointFactory, SourceFactory, UserFactory

pytestmark = pytest.mark.django_db
LATER = NOON + timedelta(hours=1)
PNG = CheckedFile(name="a.png", media_type="image/png", content=b"\x89PNG\r\n\x1a\n")


@pytest.fixture
def ban(agent):
    return BanFactory(customer=CustomerFactory(agent=agent, nick="nick"), by=agent.user)


def opened(ban, **facts):
    return appeals.open_appeal(ban, **{"text": "It was my brother.", "by": ban.by, "at": NOON, **facts})


def told(user):
    return list(Notification.objects.filter(user=user).values_list("kind", flat=True))


def is_banned(customer, at=LATER):
    return banned(Customer.objects.filter(pk=customer.pk), at=at).exists()


def test_appeal_is_opened_with_documents_and_managers_are_told(ban, manager):
    appeal = opened(ban, files=[PNG])

    assert (appeal.state, appeal.customer, appeal.evidence.get().added_by) == ("open", ban.customer, ban.by)
    assert (told(manager), told(ban.by)) == (["appeal_opened"], [])
    assert Event.objects.filter(verb="appeal.opened", by=ban.by).count() == 1


def test_storefront_appeals_in_the_buyers_name(ban):
    appeal = opened(ban, by=None, source=SourceFactory())

    assert (appeal.opened_by, appeal.source) == (None, SourceFactory())


def test_an_open_appeal_is_returned_as_it_is(ban):
    assert opened(ban, text="again") == opened(ban)
    assert Appeal.objects.get().text == "again"


def test_nothing_to_appeal_against_once_the_ban_is_over(agent, manager):
    ban = BanFactory(customer=CustomerFactory(agent=agent), by=agent.user, until=NOON + timedelta(minutes=1))

    with pytest.raises(appeals.CannotAppeal):
        opened(ban, at=LATER)


@pytest.mark.parametrize("text", ["", "  ", "x" * 4001])
def test_what_the_buyer_says_is_needed_and_not_endless(ban, text):
    with pytest.raises(ValidationError) as refused:
        opened(ban, text=text)

    assert list(refused.value.message_dict) == ["text"]
    assert not Appeal.objects.exists()


def test_inquiry_must_be_the_customers_own(ban):
    other = Inquiry.objects.create(
        customer=CustomerFactory(), source=SourceFactory(), state="waiting", opened_at=NOON, last_message_at=NOON
    )

    with pytest.raises(ValidationError):
        opened(ban, inquiry=other)


def test_overturned_the_ban_is_lifted_and_the_buyer_told_in_his_conversation(ban, manager):
    appeal = opened(ban)

    appeals.overturn(appeal, answer="You may order again.", by=manager, at=LATER)

    ban.refresh_from_db()
    assert (appeal.state, appeal.decided_by, is_banned(ban.customer)) == ("overturned", manager, False)
    assert ban.lift_reason == f"Overturned on appeal #{appeal.pk}."
    said = InquiryMessage.objects.get()
    assert (said.text, said.user, said.inquiry.customer) == ("You may order again.", manager, ban.customer)
    assert told(ban.by) == ["appeal_decided"]


def test_answer_goes_to_the_inquiry_that_it_came_from(ban, manager):
    inquiry = Inquiry.objects.create(
        customer=ban.customer, source=SourceFactory(), state="waiting", opened_at=NOON, last_message_at=NOON
    )

    appeals.uphold(opened(ban, inquiry=inquiry), answer="It stays.", by=manager, at=LATER)

    assert InquiryMessage.objects.get().inquiry == inquiry
    assert Inquiry.objects.count() == 1


def test_upheld_the_ban_stands_and_only_managers_lift_it(ban, manager):
    appeals.uphold(opened(ban), answer="It stays.", by=manager, at=LATER)

    with pytest.raises(bans.MayNotBan):
        bans.lift_ban(ban.customer, reason="r", by=ban.by, at=LATER)
    assert is_banned(ban.customer)
    bans.lift_ban(ban.customer, reason="r", by=manager, at=LATER)
    assert not is_banned(ban.customer)


@pytest.mark.parametrize("decide", appeals.DECISIONS.values())
def test_who_banned_does_not_decide_while_another_manager_is_there(manager, decide):
    ban = BanFactory(customer=CustomerFactory(nick="nick"), by=manager)
    appeal = opened(ban)
    UserFactory(role="manager")

    with pytest.raises(appeals.MayNotAppeal, match="another manager"):
        decide(appeal, answer="a", by=manager, at=LATER)

    assert (Appeal.objects.get().state, InquiryMessage.objects.exists()) == ("open", False)


def test_one_manager_alone_decides_on_his_own_ban_and_the_record_says_so(manager):
    ban = BanFactory(customer=CustomerFactory(nick="nick"), by=manager)

    appeal = appeals.uphold(opened(ban), answer="It stays.", by=manager, at=LATER)

    assert (appeal.is_decided_alone, told(manager)) == (True, ["appeal_opened"])


@pytest.mark.parametrize("role", ["agent", "lead", None])
def test_nobody_but_managers_decides(ban, manager, role):
    with pytest.raises(appeals.MayNotAppeal, match="A manager"):
        appeals.overturn(opened(ban), answer="a", by=UserFactory(role=role), at=LATER)

    assert is_banned(ban.customer)


def test_an_appeal_is_decided_once(ban, manager):
    appeal = opened(ban)
    appeals.uphold(appeal, answer="It stays.", by=manager, at=LATER)

    with pytest.raises(appeals.AppealDecided):
        appeals.overturn(appeal, answer="a", by=manager, at=LATER)

    assert (is_banned(ban.customer), InquiryMessage.objects.count()) == (True, 1)


@pytest.mark.parametrize("answer", ["", "You are an extortionist."])
def test_answer_is_needed_and_accuses_nobody(ban, manager, answer):
    with pytest.raises(ValidationError) as refused:
        appeals.overturn(opened(ban), answer=answer, by=manager, at=LATER)

    assert (list(refused.value.message_dict), is_banned(ban.customer)) == (["answer"], True)


def test_withdrawn_by_who_opened_it_or_a_manager(ban, manager, other_agent):
    appeal = opened(ban)

    with pytest.raises(appeals.MayNotAppeal):
        appeals.withdraw(appeal, by=other_agent.user, at=LATER)
    appeals.withdraw(appeal, by=ban.by, at=LATER)

    assert (appeal.state, is_banned(ban.customer)) == ("withdrawn", True)


def test_lifting_the_ban_otherwise_ends_the_appeal_on_record_and_tells_who_opened_it(ban, manager, other_agent):
    appeal = opened(ban, by=other_agent.user)

    bans.lift_ban(ban.customer, reason="r", by=ban.by, at=LATER)

    appeal.refresh_from_db()
    assert (appeal.state, appeal.note) == ("withdrawn", "The ban was lifted meanwhile.")
    assert (told(other_agent.user), told(ban.by)) == (["appeal_decided"], [])
    event = Event.objects.get(verb="appeal.withdrawn")
    assert (event.by, list(event.rows.values_list("row_id", flat=True))) == (ban.by, [appeal.pk])


def test_decision_after_the_ban_ran_out_changes_no_ban(agent, manager):
    until = NOON + timedelta(minutes=1)
    ban = BanFactory(customer=CustomerFactory(agent=agent, nick="nick"), by=agent.user, until=until)
    appeal = opened(ban)

    appeals.overturn(appeal, answer="It was over.", by=manager, at=LATER)

    assert (appeal.state, Ban.objects.get().lifted_by) == ("overturned", None)


def test_storefronts_that_know_the_customer_are_told(ban, manager):
    EndpointFactory(source=SourceFactory())
    EndpointFactory(source=SourceFactory(code="other"))

    appeal = appeals.uphold(opened(ban), answer="It stays.", by=manager, at=LATER)

    delivery = WebhookDelivery.objects.get(event="appeal.decided")
    data = delivery.payload["data"]
    assert (data["appeal_id"], data["outcome"], data["customer"]["accounts"][0]["nick"]) == (
        appeal.pk,
        "upheld",
        "nick",
    )


def test_shares_are_told_from_ten_decisions_on_and_rank_nobody(agent, other_agent, manager):
    for number in range(10):
        ban = BanFactory(customer=CustomerFactory(agent=agent), by=agent.user, type="abuse")
        decide = appeals.overturn if number < 3 else appeals.uphold
        decide(opened(ban), answer="a", by=manager, at=LATER)
    few = BanFactory(customer=CustomerFactory(agent=other_agent), by=other_agent.user, type="extortion")
    appeals.overturn(opened(few), answer="a", by=manager, at=LATER)

    by_type = appeal_figures.by_type(Appeal.objects.all())
    by_person = appeal_figures.by_person(Appeal.objects.all())

    assert [(row.name, row.decided, row.overturned, row.share) for row in by_type] == [
        ("extortion", 1, 1, None),
        ("abuse", 10, 3, 30),
    ]
    assert [(row.name, row.share) for row in by_person] == [("lan", None), ("ming", 30)]
