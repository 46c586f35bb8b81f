"""What buyers and staff read: the product's words until a manager puts the shop's own in their place."""

import pytest
from django.urls import reverse
from django.utils.translation import override

from blocklist import public_text
from blocklist.models import MaliciousType, Wording
from blocklist.services import wordings
from blocklist.services.wordings import MayNotChangeWording, change_wording
from customers.models import Event
from tests.factories import NOON, AccountFactory, BanFactory, CustomerFactory, SourceFactory

LIST = "/admin/blocklist/wording/"
DEFAULT = "This order cannot be accepted. Please contact the shop's customer service."


def change(by, text, **place):
    change_wording(**{"purpose": "refusal", "language": "en", **place}, text=text, by=by, at=NOON)


def test_changed_refusal_is_what_the_gate_answers_in_that_language(manager, key_client):
    account = AccountFactory(nick="willow", source=SourceFactory())
    BanFactory(customer=account.customer)
    client = key_client("purchase-checks:write")

    def told(language):
        body = {"nick": "willow"}
        answer = client.post("/api/v1/purchase-checks/", body, headers={"accept-language": language})
        return answer.json()["public_message"]

    before = told("en")
    change(manager, "We cannot take this order.")
    change(manager, "抱歉，暂时无法下单。", language="zh-hans")

    assert (before, told("en"), told("zh-hans")) == (DEFAULT, "We cannot take this order.", "抱歉，暂时无法下单。")


def test_text_that_another_process_changed_is_read_within_seconds(manager, monkeypatch):
    public_text.refusal_text()
    Wording.objects.create(
        purpose="refusal", language="en", text="By another process.", changed_at=NOON, changed_by=manager
    )

    at_once = public_text.refusal_text()
    now = public_text.monotonic()
    monkeypatch.setattr(public_text, "monotonic", lambda: now + public_text.KEPT_SECONDS + 1)

    assert (at_once, public_text.refusal_text()) == (DEFAULT, "By another process.")


def test_reading_public_texts_takes_no_query_while_they_are_kept(count_queries, manager):
    change(manager, "We cannot take this order.")

    counts = [count_queries(text) for text in (public_text.refusal_text, public_text.refusal_text)]

    assert (counts, count_queries(public_text.review_text)) == ([1, 0], 0)


def test_original_words_take_the_shops_own_away(manager):
    change(manager, "We cannot take this order.")
    change(manager, DEFAULT)

    assert (public_text.refusal_text(), Wording.objects.count()) == (DEFAULT, 0)
    assert list(Event.objects.order_by("pk").values_list("verb", flat=True)) == ["wording.changed", "wording.reset"]


def test_same_text_again_changes_nothing(manager):
    for _time in range(2):
        change(manager, "We cannot take this order.")

    assert Event.objects.filter(verb="wording.changed").count() == 1


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("Your abusive words", "abusive"),
        ("No professional bad reviewers here", "bad reviewers"),
        ("You are BANNED.", "banned"),
        ("Malicious order", "malicious order"),
        ("因恶意退款无法下单", "恶意"),
        ("您在黑 名单中", "黑名单"),
        ("恶\u200b意", "恶意"),
        ("ｅｘｔｏｒｔｉｏｎ", "extortion"),
    ],
)
def test_public_text_that_accuses_is_refused_with_the_word(manager, text, word):
    with pytest.raises(wordings.ValidationError) as refusal:
        change(manager, text)

    [sentence] = refusal.value.message_dict["text"]
    assert (f"may not say “{word}”" in sentence, Wording.objects.count()) == (True, 0)


@pytest.mark.parametrize(
    ("place", "text", "field"),
    [
        ({}, " \u200b ", "text"),
        ({}, "x" * 201, "text"),
        ({"purpose": "advice", "type": "abuse"}, "x" * 1001, "text"),
        ({"purpose": "advice", "type": ""}, "Stay calm.", "type"),
        ({"type": "abuse"}, "We cannot.", "type"),
        ({"language": "xx"}, "We cannot.", "language"),
        ({"purpose": "poem"}, "We cannot.", "purpose"),
    ],
)
def test_text_that_may_not_stand_there_is_refused_at_its_field(manager, place, text, field):
    with pytest.raises(wordings.ValidationError) as refusal:
        change(manager, text, **place)

    assert (list(refusal.value.message_dict), Wording.objects.count()) == ([field], 0)


@pytest.mark.parametrize("text", ["Please ask at our bank.", "Another shop may help.", "其他问题请联系客服。"])
def test_neutral_public_text_is_taken(manager, text):
    change(manager, text)

    assert public_text.refusal_text() == text


def test_all_original_public_texts_are_neutral(db):
    texts = [text.text for subject in wordings.subjects() if subject.is_public for text in subject.texts]

    assert ([wordings.accusation_in(text) for text in texts], len(texts)) == (["", "", "", ""], 4)


def test_there_is_advice_for_every_type_and_the_shops_own_comes_first(manager):
    change(manager, "Call Lin.\n\n Stay calm. ", purpose="advice", type="abuse")

    said = wordings.advices("en")

    assert (set(said), said["abuse"]) == (set(MaliciousType.values), "Call Lin.\nStay calm.")
    assert all(len(text) > 40 for type, text in said.items() if type != "abuse")


def test_only_managers_change_texts_and_others_read_them(agent, lead, manager, sign_in):
    url = reverse("admin:blocklist_wording_public", args=["refusal"])
    values = {"en": "We cannot take this order.", "zh-hans": "暂时无法下单。"}

    refused = [sign_in(user).post(url, values).status_code for user in (agent.user, lead)]
    with pytest.raises(MayNotChangeWording):
        change(lead, "We cannot take this order.")
    read = sign_in(agent.user).get(LIST)
    done = sign_in(manager).post(url, values, follow=True)

    assert (refused, read.status_code, url in read.text) == ([403, 403], 200, False)
    assert done.redirect_chain == [(LIST, 302)]
    assert [text in done.text for text in values.values()] == [True, True]
    assert sorted(Wording.objects.values_list("language", "text")) == sorted(values.items())


def test_form_saves_all_languages_or_none_and_names_the_word(manager, sign_in):
    url = reverse("admin:blocklist_wording_public", args=["refusal"])

    answer = sign_in(manager).post(url, {"en": "We cannot take this order.", "zh-hans": "恶意"})

    assert "may not say “恶意”" in answer.text
    assert (Wording.objects.count(), public_text.refusal_text()) == (0, DEFAULT)


def test_button_puts_the_original_texts_back(manager, sign_in):
    change(manager, "We cannot take this order.")

    sign_in(manager).post(reverse("admin:blocklist_wording_public", args=["refusal"]), {"reset": "yes"})

    assert (Wording.objects.count(), public_text.refusal_text()) == (0, DEFAULT)


@pytest.mark.parametrize("path", ["text/poem/", "text/advice/", "text/advice/ugly/", "text/refusal/abuse/"])
def test_text_that_there_is_not_is_not_found(manager, sign_in, path):
    assert sign_in(manager).get(f"{LIST}{path}").status_code == 404


def test_ban_and_lift_form_show_the_exact_public_text_in_both_languages(agent, manager, sign_in):
    change(manager, "We cannot take this order.")
    with override("zh-hans"):
        chinese = public_text.default_refusal()
    free, banned = CustomerFactory(agent=agent), CustomerFactory(agent=agent)
    BanFactory(customer=banned, by=agent.user)
    client = sign_in(agent.user)

    pages = [
        client.get(reverse(f"admin:blocklist_{name}_customer", args=[customer.pk]))
        for name, customer in (("ban", free), ("lift", banned), ("ban", banned))
    ]

    assert [[text in page.text for text in ("We cannot take this order.", chinese)] for page in pages] == [
        [True, True]
    ] * 3
    assert "Stay polite" in pages[0].text  # the advice for each type stands ready
