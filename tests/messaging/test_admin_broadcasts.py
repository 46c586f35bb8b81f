"""The pages that announce a product, show the preview, send, and show the progress."""

import re
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from messaging.models import Broadcast
from messaging.services import broadcasts
from tests.factories import (
    NOON,
    BanFactory,
    BroadcastFactory,
    CustomerFactory,
    GroupFactory,
    ProductFactory,
    UserFactory,
)

ADD = reverse("admin:messaging_broadcast_add")
LIST = reverse("admin:messaging_broadcast_changelist")
EVIL = "<script>alert(1)</script>"


def door(name, broadcast):
    return reverse(f"admin:messaging_broadcast_{name}", args=[broadcast.pk])


@pytest.fixture
def product(db):
    return ProductFactory(name="Silk scarf", price="88.00", is_new=True)


@pytest.fixture
def draft_of(product):
    def _draft_of(agent, **values):
        return BroadcastFactory(product=product, audience="agent", agent=agent, by=agent.user, **values)

    return _draft_of


def filled(announced, **values):
    return {
        "product": announced.pk,
        "channel": "inbox",
        "subject": "{product} has arrived",
        "body": "Hello {nick}",
        "audience": "all_bound",
        **values,
    }


# Writing a draft ------------------------------------------------------------------------------------------------------


def test_announce_form_offers_new_products_and_fills_the_text(sign_in, manager, product):
    old = ProductFactory(name="Old mug")

    form = sign_in(manager).get(ADD, {"product": product.pk}).context["adminform"].form

    assert [form["product"].value(), form["subject"].value()] == [product.pk, "{product} has arrived"]
    assert "{price}" in form["body"].value()
    assert list(form.fields["product"].queryset) == [product]
    assert old not in form.fields["product"].queryset


def test_announce_form_leaves_the_price_out_where_there_is_none(sign_in, manager):
    product = ProductFactory(price=None, is_new=True)

    form = sign_in(manager).get(ADD, {"product": product.pk}).context["adminform"].form

    assert "{price}" not in form["body"].value()


def test_announce_form_offers_the_product_it_was_opened_for_though_it_is_not_new(sign_in, manager, product):
    old = ProductFactory(name="Old mug")

    form = sign_in(manager).get(ADD, {"product": old.pk}).context["adminform"].form

    assert list(form.fields["product"].queryset) == [product, old]


@pytest.mark.parametrize("asked", ["", "nonsense", "999999", "'--"])
def test_announce_form_opens_without_a_known_product(sign_in, manager, asked):
    assert sign_in(manager).get(ADD, {"product": asked}).status_code == 200


def test_saving_makes_a_draft_and_leads_to_the_preview(sign_in, manager, product):
    group = GroupFactory()

    answer = sign_in(manager).post(ADD, filled(product, audience="group", group=group.pk, level=3))

    draft = Broadcast.objects.get()
    assert (answer.status_code, answer["Location"]) == (302, door("preview", draft))
    assert [draft.state, draft.by, draft.audience, draft.group, draft.level] == ["draft", manager, "group", group, None]


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("body", {"body": "Hello {name}"}),
        ("subject", {"subject": "{prodcut}"}),
        ("agent", {"audience": "agent"}),
        ("level", {"audience": "level"}),
        ("group", {"audience": "group"}),
        ("product", {"product": ""}),
        ("channel", {"channel": "pigeon"}),
        ("audience", {"audience": "everybody"}),
    ],
)
def test_saving_refuses_at_the_field(sign_in, manager, product, field, values):
    answer = sign_in(manager).post(ADD, filled(product, **values))

    assert (answer.status_code, list(answer.context["adminform"].form.errors)) == (200, [field])
    assert not Broadcast.objects.exists()


def test_agent_announces_to_his_own_customers(sign_in, agent, product):
    client = sign_in(agent.user)
    form = client.get(ADD).context["adminform"].form
    assert [value for value, _label in form.fields["audience"].choices] == ["agent"]
    assert list(form.fields["agent"].queryset) == [agent]

    client.post(ADD, filled(product, audience="agent", agent=agent.pk))

    assert list(Broadcast.objects.values_list("audience", "agent")) == [("agent", agent.pk)]


def test_agent_may_not_save_a_draft_for_others(sign_in, agent, other_agent, product):
    client = sign_in(agent.user)

    answers = [
        client.post(ADD, filled(product, audience="all_bound")),
        client.post(ADD, filled(product, audience="agent", agent=other_agent.pk)),
    ]

    assert [list(answer.context["adminform"].form.errors) for answer in answers] == [["audience"], ["agent"]]
    assert not Broadcast.objects.exists()


def test_staff_user_without_the_right_is_told_so(sign_in, product):
    answer = sign_in(UserFactory()).get(ADD)

    assert answer.status_code == 403
    assert "You may not send broadcasts." in answer.content.decode()


def test_draft_is_edited_by_whoever_may_send_it(sign_in, agent, draft_of, product):
    draft = draft_of(agent)
    client = sign_in(agent.user)
    assert client.get(draft.get_absolute_url()).status_code == 200

    values = filled(product, audience="agent", agent=agent.pk, subject="Look")
    answer = client.post(draft.get_absolute_url(), values)

    draft.refresh_from_db()
    assert (answer["Location"], draft.subject) == (door("preview", draft), "Look")


def test_started_broadcast_is_not_edited(sign_in, manager, product):
    started = BroadcastFactory(product=product, state="planning", started_at=NOON)

    answer = sign_in(manager).post(started.get_absolute_url(), filled(product, subject="Too late"))

    started.refresh_from_db()
    assert (answer.status_code, started.subject) == (200, "News")
    assert "has been started already" in answer.content.decode()


def test_change_of_a_draft_that_was_sent_meanwhile_is_refused(manager, product):
    draft = BroadcastFactory(product=product)
    Broadcast.objects.update(state="planning")
    draft.subject = "Too late"

    with pytest.raises(broadcasts.AlreadyStarted):
        broadcasts.change_draft(draft, by=manager, at=NOON)

    assert Broadcast.objects.get().subject == "News"


def test_agent_does_not_take_over_a_draft_that_is_not_his(agent, product):
    draft = BroadcastFactory(product=product)
    draft.audience, draft.agent = "agent", agent

    with pytest.raises(broadcasts.MayNotSend):
        broadcasts.change_draft(draft, by=agent.user, at=NOON)

    assert Broadcast.objects.get().audience == "all_bound"


def test_broadcast_is_never_deleted(sign_in, manager, product):
    draft = BroadcastFactory(product=product)
    UserFactory(username="root", is_superuser=True)
    client = sign_in(UserFactory._meta.model.objects.get(username="root"))

    assert client.post(reverse("admin:messaging_broadcast_delete", args=[draft.pk]), {"post": "yes"}).status_code == 403
    assert Broadcast.objects.filter(pk=draft.pk).exists()


# Preview --------------------------------------------------------------------------------------------------------------


def test_preview_shows_exact_counts_and_the_message_of_a_receiver(sign_in, manager, agent, product):
    BanFactory(customer=CustomerFactory(agent=agent, nick="banned one"))
    CustomerFactory(agent=agent)
    CustomerFactory(agent=agent, nick="willow")
    CustomerFactory(nick="not bound")
    draft = BroadcastFactory(product=product, subject="{product}", body="Hello {nick}, at {price}")

    context = sign_in(manager).get(door("preview", draft)).context

    assert (context["counts"].audience, context["counts"].receiving) == (3, 1)
    assert context["excluded"] == [
        ("banned", "1", "/admin/blocklist/ban/?standing=yes"),
        ("no account", "1", ""),
    ]
    assert context["sample"] == {"nick": "willow", "subject": "Silk scarf", "body": "Hello willow, at 88.00"}


def test_preview_says_what_to_do_where_nobody_would_receive(sign_in, manager, agent, product):
    draft = BroadcastFactory(product=product)
    client = sign_in(manager)
    nobody = client.get(door("preview", draft)).content.decode()
    CustomerFactory(agent=agent)
    all_excluded = client.get(door("preview", draft)).content.decode()

    assert "Bind customers to their agents" in nobody
    assert "Choose another audience, or lift bans" in all_excluded
    assert "Send now" not in nobody + all_excluded


def test_preview_of_a_started_broadcast_leads_to_its_page(sign_in, manager, product):
    started = BroadcastFactory(product=product, state="planning")

    assert sign_in(manager).get(door("preview", started))["Location"] == started.get_absolute_url()


# Sending --------------------------------------------------------------------------------------------------------------


def test_sending_starts_the_broadcast_and_shows_its_page(sign_in, agent, draft_of):
    draft = draft_of(agent)

    answer = sign_in(agent.user).post(door("send", draft), follow=True)

    draft.refresh_from_db()
    assert (draft.state, answer.redirect_chain[-1][0]) == ("planning", draft.get_absolute_url())


def test_sending_twice_is_told_and_starts_once(sign_in, agent, draft_of):
    draft = draft_of(agent)
    client = sign_in(agent.user)
    client.post(door("send", draft))

    again = client.post(door("send", draft), follow=True)

    assert (again.status_code, "has been started already" in again.content.decode()) == (200, True)


def test_sending_takes_a_post(sign_in, agent, draft_of):
    draft = draft_of(agent)

    assert sign_in(agent.user).get(door("send", draft)).status_code == 405
    assert Broadcast.objects.get().state == "draft"


@pytest.mark.parametrize("name", ["preview", "send", "change"])
def test_agent_is_told_why_he_may_not_send_to_others(sign_in, agent, other_agent, draft_of, name):
    draft = draft_of(other_agent)
    client = sign_in(agent.user)

    answer = client.post(door(name, draft)) if name == "send" else client.get(door(name, draft))

    assert answer.status_code == 403
    assert "You may announce to your own customers only." in answer.content.decode()
    assert Broadcast.objects.get().state == "draft"


@pytest.mark.parametrize("name", ["preview", "send", "progress", "change"])
def test_doors_are_closed_without_the_right_to_see_broadcasts(sign_in, agent, draft_of, name):
    draft = draft_of(agent)
    client = sign_in(UserFactory())

    answer = client.post(door(name, draft)) if name == "send" else client.get(door(name, draft))

    assert answer.status_code == 403


@pytest.mark.parametrize("name", ["preview", "send", "progress", "change"])
def test_doors_ask_strangers_to_sign_in(client, agent, draft_of, name):
    draft = draft_of(agent)

    answer = client.post(door(name, draft)) if name == "send" else client.get(door(name, draft))

    assert (answer.status_code, answer["Location"].split("?")[0]) == (302, reverse("admin:login"))


@pytest.mark.parametrize("name", ["preview", "progress", "change"])
def test_unknown_broadcast_is_not_found(sign_in, manager, name):
    missing = Broadcast(pk=987654)

    assert sign_in(manager).get(door(name, missing)).status_code == 404


# Progress -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def sent(agent, product, plan, deliver):
    """A finished broadcast: one sent, one banned, one without account."""
    CustomerFactory(agent=agent, nick="willow")
    BanFactory(customer=CustomerFactory(agent=agent, nick="banned one"))
    CustomerFactory(agent=agent)
    broadcast = BroadcastFactory(product=product, state="planning", started_at=NOON, progressed_at=NOON)
    plan()
    deliver()
    broadcast.refresh_from_db()
    return broadcast


def test_progress_tells_the_figures_of_a_finished_broadcast(sign_in, manager, sent):
    answer = sign_in(manager).get(door("progress", sent)).json()

    assert answer == {
        "is_moving": False,
        "done": 3,
        "total": 3,
        "state_kind": "success",
        "texts": {
            "state": "finished",
            "step": "Finished: every one of 3 customers has a result",
            "held_up": "",
            "finished": answer["texts"]["finished"],
            "all": "3",
            "sent": "1",
            "excluded": "2",
            "failed": "0",
            "waiting": "0",
            "reason-banned": "1",
            "reason-linked": "0",
            "reason-ban_waits": "0",
            "reason-no_account": "1",
            "reason-opted_out": "0",
            "reason-no_address": "0",
            "reason-bad_address": "0",
            "reason-error": "0",
        },
    }


def test_progress_counts_what_is_planned_and_then_what_is_settled(sign_in, manager, agent, product, plan, deliver):
    for number in range(3):
        CustomerFactory(agent=agent, nick=f"nick {number}")
    now = timezone.now()
    broadcast = BroadcastFactory(product=product, state="planning", started_at=now, progressed_at=now)
    client = sign_in(manager)

    def look():
        answer = client.get(door("progress", broadcast)).json()
        return answer["texts"]["state"], answer["done"], answer["total"], answer["is_moving"]

    before = look()
    plan()
    planned = look()
    deliver()

    assert [before, planned, look()] == [
        ("planning", 0, 3, True),
        ("sending", 0, 3, True),
        ("finished", 3, 3, False),
    ]


@pytest.mark.parametrize(
    ("state", "ago", "waits"),
    [("planning", 20, True), ("planning", 5, False), ("sending", 20, True), ("finished", 20, False)],
)
def test_progress_tells_that_no_worker_moves_it(sign_in, manager, product, state, ago, waits):
    at = timezone.now() - timedelta(seconds=ago)
    broadcast = BroadcastFactory(product=product, state=state, started_at=at, progressed_at=at)

    assert sign_in(manager).get(door("progress", broadcast)).json()["texts"]["held_up"].startswith("Waiting") is waits


def test_page_links_each_count_to_its_rows(sign_in, manager, sent):
    client = sign_in(manager)
    figures = client.get(sent.get_absolute_url()).context["figures"]

    rows = {
        figure.key: len(client.get(figure.url).context["cl"].result_list)
        for figure in (*figures["counts"], *figures["reasons"])
    }

    assert rows == {figure.key: figure.count for figure in (*figures["counts"], *figures["reasons"])}
    assert rows["excluded"] == 2


def test_agent_may_watch_a_broadcast_of_somebody_else(sign_in, agent, sent):
    client = sign_in(agent.user)

    assert [client.get(door(name, sent)).status_code for name in ("change", "progress")] == [200, 200]


# The list, queries, escaping ------------------------------------------------------------------------------------------


def test_list_shows_the_counts(sign_in, manager, sent):
    BroadcastFactory(product=sent.product, subject="A draft")

    rows = sign_in(manager).get(LIST).context["cl"].result_list

    assert [(row.subject, row.waiting_count, row.sent_count, row.excluded_count, row.failed_count) for row in rows] == [
        ("A draft", 0, 0, 0, 0),
        ("News", 0, 1, 2, 0),
    ]


def test_list_needs_as_many_queries_for_three_rows_as_for_one(sign_in, manager, agent, count_queries):
    client = sign_in(manager)

    def add():
        BroadcastFactory(product=ProductFactory(), audience="group", group=GroupFactory(), state="finished")

    add()
    client.get(LIST)
    one = count_queries(lambda: client.get(LIST))
    add()
    add()

    assert count_queries(lambda: client.get(LIST)) == one


@pytest.mark.parametrize("customers", [1, 3])
def test_preview_and_progress_need_few_queries_for_any_audience(sign_in, manager, agent, count_queries, customers):
    for number in range(customers):
        CustomerFactory(agent=agent, nick=f"nick {number}")
    draft = BroadcastFactory(product=ProductFactory())
    client = sign_in(manager)
    client.get(LIST)

    assert count_queries(lambda: client.get(door("preview", draft))) == 10
    assert count_queries(lambda: client.get(door("progress", draft))) == 6


def test_pages_escape_what_people_wrote(sign_in, manager, agent):
    product = ProductFactory(name=EVIL, is_new=True)
    CustomerFactory(agent=agent, nick=EVIL)
    draft = BroadcastFactory(product=product, subject=EVIL + "{product}", body=EVIL + "{nick}")
    finished = BroadcastFactory(product=product, subject=EVIL, body=EVIL, state="finished")
    client = sign_in(manager)

    pages = [
        ADD,
        LIST,
        door("preview", draft),
        draft.get_absolute_url(),
        finished.get_absolute_url(),
        reverse("admin:customers_product_changelist"),
        reverse("admin:index"),
    ]

    assert [EVIL in client.get(page).content.decode() for page in pages] == [False] * len(pages)


def test_templates_have_nothing_inline(settings):
    folder = settings.BASE_DIR / "templates" / "admin"
    texts = {file: file.read_text() for file in [folder / "index.html", *folder.glob("messaging/**/*.html")]}

    inline = re.compile(r"<style|<script(?![^>]*src=)|\sstyle=|\son\w+=|javascript:")

    assert len(texts) > 5
    assert [file for file, text in texts.items() if inline.search(text)] == []


# What other pages get from here ---------------------------------------------------------------------------------------


def test_product_list_offers_to_announce_new_products(sign_in, agent, product):
    old = ProductFactory()

    page = sign_in(agent.user).get(reverse("admin:customers_product_changelist")).content.decode()

    assert (f"{ADD}?product={product.pk}" in page, f"{ADD}?product={old.pk}" in page) == (True, False)


def test_customer_page_shows_his_last_broadcasts_and_why_not(sign_in, agent, sent):
    client = sign_in(agent.user)

    pages = [
        client.get(delivery.customer.get_absolute_url()).content.decode()
        for delivery in sent.deliveries.order_by("customer")
    ]

    assert [sent.get_absolute_url() in page for page in pages] == [True, True, True]
    assert ["no account" in page for page in pages] == [False, False, True]
