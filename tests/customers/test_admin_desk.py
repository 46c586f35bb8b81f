"""The reception desk: its page, and the small JSON answers that keep it live."""

import re
from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from customers.models import Attachment, Inquiry, InquiryMessage, InquiryNote, InquiryRating, Mute
from customers.services import inquiries
from tests.factories import NOON, AgentFactory, BanFactory, CustomerFactory, InquiryFactory, OrderFactory, UserFactory

DESK, NEWS = reverse("desk"), reverse("desk-news")
PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 20


def door(name, inquiry):
    return reverse(f"desk-{name}", args=[inquiry.pk])


def waiting(agent, nick, minutes=0, **facts):
    """An inquiry whose buyer has waited since that many minutes before noon."""
    since = NOON - timedelta(minutes=minutes)
    customer = facts.pop("customer", None) or CustomerFactory(nick=nick)
    inquiry = InquiryFactory(agent=agent, customer=customer, opened_at=since, waiting_since=since, **facts)
    InquiryMessage.objects.create(inquiry=inquiry, author="buyer", text=f"Hello from {nick}", at=since)
    return inquiry


def news(client, **asked):
    return client.get(NEWS, asked)


def nicks(html):
    return re.findall(r'class="crm-nick" title="([^"]*)"', html)


def test_lists_show_who_waits_longest_first_then_open_then_closed(sign_in, agent, other_agent):
    waiting(agent, "maple", 1)
    waiting(agent, "willow", 5)
    InquiryFactory(agent=agent, customer=CustomerFactory(nick="oak"), state="open", first_reply_at=NOON)
    InquiryFactory(agent=agent, customer=CustomerFactory(nick="elm"), state="closed", closed_at=NOON, result="spam")
    waiting(other_agent, "foreign")
    client = sign_in(agent.user)

    lists = {tab: news(client, tab=tab).json()["list"] for tab in ("waiting", "open", "closed")}

    assert {tab: nicks(html) for tab, html in lists.items()} == {
        "waiting": ["willow", "maple"],
        "open": ["oak"],
        "closed": ["elm"],
    }
    assert "spam" in lists["closed"]
    told = news(client).json()
    assert (len(told["waiting"]), told["open"]) == (2, 1)
    page = client.get(DESK)
    assert (page.status_code, nicks(page.text)) == (200, ["willow", "maple"])


def test_news_that_are_none_cost_one_query_of_their_own(sign_in, agent, count_queries):
    inquiry = waiting(agent, "willow")
    client = sign_in(agent.user)
    asked = {"inquiry": inquiry.pk, "message": 0, "note": 0}
    mark = news(client, **asked).headers["ETag"]

    def ask():
        answer = client.get(NEWS, asked, headers={"if-none-match": mark})
        assert (answer.status_code, answer.content) == (304, b"")

    # session, user, his permissions (two) and one of the desk
    assert count_queries(ask) == 5
    inquiries.receive_further(inquiry, text="And in grey?", at=NOON + timedelta(seconds=1))
    answer = client.get(NEWS, asked, headers={"if-none-match": mark})
    assert (answer.status_code, "And in grey?" in answer.json()["talk"]["html"]) == (200, True)


def test_news_and_page_take_as_many_queries_for_3_as_for_1(sign_in, lead, agent, count_queries):
    inquiry = waiting(agent, "willow")
    OrderFactory(customer=inquiry.customer)
    client = sign_in(lead)

    def ask(address, **asked):
        return count_queries(lambda: client.get(address, asked))

    def measure():
        return [
            ask(NEWS, scope="all", inquiry=inquiry.pk),
            ask(NEWS, tab="queues"),
            ask(NEWS, tab="closed", scope="all"),
            ask(door("inquiry", inquiry), scope="all"),
        ]

    InquiryFactory(agent=agent, state="closed", closed_at=NOON)
    InquiryFactory(waiting_since=NOON)
    client.get(DESK)
    one = measure()
    for number in range(2):
        waiting(AgentFactory(), f"maple{number}")
        InquiryFactory(waiting_since=NOON)
        InquiryFactory(agent=agent, state="closed", closed_at=NOON)
        OrderFactory(customer=inquiry.customer)
        said = InquiryMessage.objects.create(inquiry=inquiry, author="agent", user=agent.user, text="Yes", at=NOON)
        Attachment.objects.create(message=said, file="inquiries/x", name="a.png", media_type="image/png", size=1)
        inquiries.note(inquiry, text="Note", by=lead, at=NOON)

    assert measure() == one


def test_conversation_shows_messages_notes_files_and_the_customer(sign_in, agent):
    inquiry = waiting(agent, "willow")
    BanFactory(customer=inquiry.customer)
    said = InquiryMessage.objects.create(inquiry=inquiry, author="buyer", text="<b>look</b>", at=NOON)
    shoe = Attachment.objects.create(message=said, file="inquiries/x", name="a.png", media_type="image/png", size=9)
    paper = Attachment.objects.create(
        message=said, file="inquiries/y", name="b.pdf", media_type="application/pdf", size=9
    )
    inquiries.note(inquiry, text="Wants an invoice", by=agent.user, at=NOON)

    told = sign_in(agent.user).get(door("inquiry", inquiry), headers={"accept": "application/json"}).json()

    html = told["html"]
    address = reverse("desk-attachment", args=[inquiry.pk, shoe.pk])
    assert [f'<img src="{address}"' in html, "&lt;b&gt;look" in html, "Wants an invoice" in html] == [True] * 3
    assert f'href="{reverse("desk-attachment", args=[inquiry.pk, paper.pk])}" download="b.pdf"' in html
    assert "crm-badge is-danger" in html
    assert told["state_of"] == {
        "inquiry": inquiry.pk,
        "agent": agent.pk,
        "state": "new",
        "message": said.pk,
        "note": InquiryNote.objects.get().pk,
    }


def test_earlier_messages_are_asked_for(sign_in, agent):
    inquiry = waiting(agent, "willow")
    InquiryMessage.objects.bulk_create(
        InquiryMessage(inquiry=inquiry, author="buyer", text=f"Line {number}.", at=NOON) for number in range(120)
    )
    first_shown = InquiryMessage.objects.order_by("-pk")[99]
    client = sign_in(agent.user)

    html = client.get(door("inquiry", inquiry), headers={"accept": "application/json"}).json()["html"]
    earlier = client.get(door("earlier", inquiry), {"message": first_shown.pk}).json()

    assert [html.count("Line "), door("earlier", inquiry) in html] == [100, True]
    assert [earlier["html"].count("<li"), earlier["is_cut"], "Hello from willow" in earlier["html"]] == [
        21,
        False,
        True,
    ]


def test_answer_is_sent_once_with_its_files_which_colleagues_cannot_fetch(sign_in, agent, other_agent):
    inquiry = waiting(agent, "willow")
    client = sign_in(agent.user)
    key = "0123456789abcdef0123456789abcdef"

    def send(**values):
        file = SimpleUploadedFile("../../etc/shoe.php.png", PNG)
        return client.post(door("answer", inquiry), {"text": "Here", "send_key": key, "files": [file], **values})

    sent, again = send(), send()

    said = InquiryMessage.objects.get(author="agent")
    shoe = said.attachments.get()
    assert [sent.json(), again.json()] == [{"message": said.pk}] * 2
    assert (said.text, said.user, shoe.name, "shoe" in shoe.file.name) == ("Here", agent.user, "shoe_php.png", False)
    inquiry.refresh_from_db()
    assert (inquiry.state, inquiry.waiting_since) == ("open", None)
    address = reverse("desk-attachment", args=[inquiry.pk, shoe.pk])
    got = client.get(address)
    assert (b"".join(got.streaming_content), got.headers["Content-Type"], got.headers["Content-Disposition"]) == (
        PNG,
        "image/png",
        'attachment; filename="shoe_php.png"',
    )
    assert got.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert sign_in(other_agent.user).get(address).status_code == 404


@pytest.mark.parametrize(
    ("values", "error"),
    [
        ({"text": " "}, "Write something."),
        ({"text": "x" * 4001}, "Ensure this value has at most 4000 characters (it has 4001)."),
        ({"text": "x", "send_key": "no key"}, "Enter a valid UUID."),
        (
            {"text": "x", "files": [SimpleUploadedFile("page.html", b"<script>")]},
            "page.html is not taken: its content must be what its name says, one of"
            " png, jpg, jpeg, gif, webp, pdf, xlsx, docx, txt, csv.",
        ),
    ],
)
def test_bad_answer_is_refused_with_a_sentence_and_nothing_is_said(sign_in, agent, values, error):
    inquiry = waiting(agent, "willow")

    answer = sign_in(agent.user).post(door("answer", inquiry), values)

    assert (answer.status_code, answer.json()) == (400, {"error": error})
    assert InquiryMessage.objects.count() == 1


def test_agent_transfers_notes_and_closes(sign_in, agent, other_agent):
    inquiry = waiting(agent, "willow")
    client = sign_in(agent.user)

    noted = client.post(door("note", inquiry), {"note": "Wants an invoice"})
    nobody = client.post(door("give", inquiry), {"agent": ""})
    given = client.post(door("give", inquiry), {"agent": other_agent.pk, "note": "Knows the sizes"})
    gone = news(client, inquiry=inquiry.pk)
    closed = sign_in(other_agent.user).post(door("close", inquiry), {"result": "ordered", "note": "Two"})

    assert [answer.status_code for answer in (noted, nobody, given, closed)] == [200, 400, 200, 200]
    assert nobody.json() == {"error": "Choose a colleague."}
    assert gone.json()["talk"] == {"is_gone": True}
    inquiry.refresh_from_db()
    assert (inquiry.agent, inquiry.state, inquiry.result) == (other_agent, "closed", "ordered")
    assert list(InquiryNote.objects.order_by("pk").values_list("kind", "by__username", "text")) == [
        ("note", "ming", "Wants an invoice"),
        ("transfer", "ming", "Knows the sizes"),
        ("result", "lan", "Two"),
    ]
    late = [sign_in(user).post(door("answer", inquiry), {"text": "x"}) for user in (other_agent.user, agent.user)]
    assert [answer.status_code for answer in late] == [409, 404]


def test_agent_mutes_at_the_desk_and_the_buyer_is_served_by_others(sign_in, agent, other_agent):
    inquiry = waiting(agent, "willow", customer=CustomerFactory(nick="willow", agent=agent))

    muted = sign_in(agent.user).post(door("mute", inquiry), {"reason": "Abusive"})

    assert (muted.status_code, Mute.objects.get().reason) == (200, "Abusive")
    inquiry.refresh_from_db()
    assert inquiry.agent == other_agent


def test_doors_are_shut_to_whoever_does_not_have_the_inquiry(sign_in, agent, other_agent):
    foreign = waiting(other_agent, "foreign")
    customers = waiting(other_agent, "willow", customer=CustomerFactory(nick="willow", agent=agent))
    client = sign_in(agent.user)
    body = {"text": "x", "note": "x", "agent": agent.pk, "result": "spam", "reason": "x"}

    def tries(inquiry):
        return {
            name: client.post(door(name, inquiry), body).status_code
            for name in ("answer", "note", "give", "take", "close")
        }

    assert set(tries(foreign).values()) == {404}
    assert set(tries(customers).values()) == {403}
    assert client.get(door("inquiry", foreign)).status_code == 404
    assert client.get(door("inquiry", customers)).status_code == 200
    assert client.get(door("answer", customers)).status_code == 405
    nobody = sign_in(UserFactory())
    assert [nobody.get(address).status_code for address in (DESK, NEWS)] == [403, 403]
    assert set(Inquiry.objects.values_list("state", "agent")) == {("new", other_agent.pk)}


def test_agent_asks_for_no_more_than_his_own_lists(sign_in, agent, other_agent):
    waiting(other_agent, "foreign")
    InquiryFactory(waiting_since=NOON)

    told = news(sign_in(agent.user), scope="all", tab="queues", inquiry="x").json()

    assert (told["waiting"], nicks(told["list"]), told["talk"]) == ([], [], None)


def test_lead_sees_all_queues_and_gives_or_takes_what_waits(sign_in, lead, agent, other_agent):
    waiting(agent, "willow", 3)
    waiting(agent, "maple", 7)
    unowned, second = waiting(None, "oak"), waiting(None, "elm")
    client = sign_in(lead)

    shown = news(client, tab="queues").json()["list"]
    given = client.post(door("give", unowned), {"agent": other_agent.pk})
    no_agent = client.post(door("take", second))
    AgentFactory(user=lead)
    taken = client.post(door("take", second))

    cells = re.findall(r"<td[^>]*>(.*?)</td>", shown, re.S)
    told = [re.sub(r"<[^>]+>|\s+", " ", cell).split() for cell in cells]
    assert told == [["Lan", "online"], ["0"], ["–"], ["0"], ["Ming", "online"], ["2"], [], ["2"]]
    assert nicks(shown) == ["oak", "elm"]
    assert [answer.status_code for answer in (given, no_agent, taken)] == [200, 404, 200]
    assert list(Inquiry.objects.filter(pk__in=[unowned.pk, second.pk]).order_by("pk").values_list("agent__user")) == [
        (other_agent.user.pk,),
        (lead.pk,),
    ]


def test_inquiry_list_and_page_show_the_rating(sign_in, lead, agent):
    inquiry = InquiryFactory(agent=agent, customer=CustomerFactory(nick="oak"), state="closed", closed_at=NOON)
    InquiryRating.objects.create(
        inquiry=inquiry, score=4, source="own", text="Too slow", first_rated_at=NOON, rated_at=NOON
    )
    client = sign_in(lead)

    assert "very dissatisfied" in client.get(reverse("admin:customers_inquiry_changelist")).text
    page = client.get(inquiry.get_absolute_url()).text
    assert ("very dissatisfied" in page, "Too slow" in page) == (True, True)


def test_internal_note_of_a_colleague_is_news_at_once(sign_in, agent, lead):
    inquiry = waiting(agent, "willow")
    client = sign_in(agent.user)
    asked = {"inquiry": inquiry.pk, "message": 10**6, "note": 0}
    mark = news(client, **asked).headers["ETag"]

    InquiryNote.objects.create(inquiry=inquiry, kind="note", by=lead, at=NOON, text="He was here yesterday")
    answer = client.get(NEWS, asked, headers={"if-none-match": mark})

    assert (answer.status_code, "He was here yesterday" in answer.json()["talk"]["html"]) == (200, True)


def test_search_finds_a_conversation_whatever_list_it_stands_in(sign_in, agent, other_agent, lead):
    waiting(agent, "willow1")
    InquiryFactory(agent=agent, customer=CustomerFactory(nick="willow2"), state="open", first_reply_at=NOON)
    InquiryFactory(agent=agent, customer=CustomerFactory(nick="willow3"), state="closed", closed_at=NOON)
    waiting(agent, "maple")
    waiting(other_agent, "willow4")

    def found(user, **asked):
        answer = news(sign_in(user), **asked).json()
        return sorted(nicks(answer["list"])), len(answer["waiting"]), answer["open"]

    assert found(agent.user, q="willow") == (["willow1", "willow2"], 2, 1)
    assert found(agent.user, q="Willow", tab="open") == (["willow1", "willow2"], 2, 1)
    assert found(agent.user, q="willow", tab="closed") == (["willow3"], 2, 1)
    assert found(lead, q="willow", tab="queues", scope="all") == (["willow1", "willow2", "willow4"], 3, 1)
    assert found(agent.user, q="oak") == ([], 2, 1)
    assert found(agent.user, q="wil\0low")[0] == ["maple", "willow1"]
    assert nicks(sign_in(agent.user).get(DESK, {"q": "willow2"}).text) == ["willow2"]


def test_list_that_is_cut_says_so(sign_in, agent, monkeypatch):
    monkeypatch.setattr("customers.admin.desk_lists.SHOWN", 2)
    for number in range(3):
        waiting(agent, f"maple{number}", number)
    client = sign_in(agent.user)

    assert "Only the first 2 are shown" in news(client).json()["list"]
    assert "are shown" not in news(client, q="maple0").json()["list"]
