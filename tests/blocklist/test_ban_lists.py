"""Blocklists as files: an exact preview, a bulk ban by the rows that are sound, an export that can come in again."""

import csv
import io
import os
from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from django.utils import timezone, translation
from openpyxl import load_workbook

from blocklist.models import Ban
from blocklist.services.ban_exports import ExportBans
from blocklist.services.ban_lists import FOLDER, ListedBan, keep_list, kept_list, read_list, throw_away_old
from customers.imports.files import WrongFile
from customers.models import Customer, Event, EventRow, Job
from customers.services import approvals, jobs
from tests.factories import AccountFactory, BanFactory, ContactValueFactory, CustomerFactory, SourceFactory, UserFactory

pytestmark = pytest.mark.django_db
UPLOAD = "admin:blocklist_list_upload"


@pytest.fixture
def source():
    return SourceFactory()


@pytest.fixture
def read(source, manager, now):
    """What a list says that has this text (or these bytes)."""

    def _read(text, by=manager):
        data = text if isinstance(text, bytes) else text.encode()
        path = kept_list(keep_list(SimpleUploadedFile("list.csv", data)))
        return read_list(path, source=source, by=by, at=now)

    return _read


def reasons(reading):
    return [(one.line, one.column, one.reason) for one in reading.rejects]


# Reading ------------------------------------------------------------------------------------------------------------


def test_row_names_its_buyer_by_whatever_the_shop_knows(read, now):
    by_nick, by_id = CustomerFactory(nick="小鹿"), AccountFactory(external_id="7").customer
    by_phone, by_mail = CustomerFactory(phone="13800138000"), CustomerFactory(email="a@example.com")
    elsewhere = AccountFactory(source=SourceFactory(code="taobao"), nick="tb").customer

    reading = read(
        "source,nick,external_id,phone,email,type,note,days\n"
        ",小鹿,,,,extortion,asks for money,30\n"
        ",,7,,,Extortion,,\n"
        ",,,'+86 138-0013-8000,,敲诈勒索,,\n"
        ",,,,A@example.com,other,,\n"
        "taobao,tb,,,,other,,\n"
    )

    assert reading.rejects == []
    assert reading.bans == [
        ListedBan(2, by_nick.pk, "extortion", "asks for money", now + timedelta(days=30)),
        ListedBan(3, by_id.pk, "extortion", "", None),
        ListedBan(4, by_phone.pk, "extortion", "", None),
        ListedBan(5, by_mail.pk, "other", "", None),
        ListedBan(6, elsewhere.pk, "other", "", None),
    ]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_chinese_heads_and_words_are_read_in_each_encoding(read, encoding):
    customer = CustomerFactory(nick="小鹿")

    reading = read("买家会员名;恶意类型;截止时间\n小鹿;职业差评师;2099-12-30\n".encode(encoding))

    [ban] = reading.bans
    assert (ban.customer, ban.type) == (customer.pk, "bad_reviewer")
    # the day itself is still banned
    assert timezone.localtime(ban.until).isoformat() == "2099-12-31T00:00:00+08:00"


def test_each_row_that_cannot_be_taken_over_says_where_and_why(read, manager):
    CustomerFactory(nick="known"), CustomerFactory(nick="twin"), AccountFactory(nick="twin")
    BanFactory(customer=CustomerFactory(nick="banned"))
    CustomerFactory(phone="13800138000")
    translation.activate("en")

    reading = read(
        "nick,phone,type,note,until,days\n"
        "nobody,,other,,,\n"
        "known,123,other,,,\n"
        "known,,theft,,,\n"
        "known,,other,,2020-01-01,\n"
        "known,,other,,soon,\n"
        "known,,other,,2099-01-01,3\n"
        "known,,other,,,0\n"
        "banned,,other,,,\n"
        "twin,,other,,,\n"
        "known,13800138000,other,,,\n"
        "k**n,,other,,,\n"
        "known,,other\n"
        "known,,other,fine,,\n"
        "known,,other,again,,\n"
        "no\0body,,other,,,\n".replace("no\0body", "no body")
    )

    types = ", ".join(str(label) for label in Ban.Type.labels)
    assert [ban.line for ban in reading.bans] == [14]
    assert reasons(reading) == [
        (2, "", "Unknown customer. Import the customers first, if they are to be known."),
        (3, "phone", "is no complete phone number"),
        (4, "type", f"There is no such type of ban. There are: {types}."),
        (5, "until", "A ban must end in the future."),
        (6, "until", "is no date like 2018-01-31 or 2018-01-31 23:59:59"),
        (7, "days", "Give either until or days."),
        (8, "days", "is not between 1 and 3650"),
        (9, "", "Is banned already; the standing ban stays."),
        (10, "", "What the row says names several customers."),
        (11, "", "What the row says names several customers."),
        (12, "", "Nothing names the buyer: all that could is empty or starred out."),
        (13, "", "This row has 3 columns in place of 6."),
        (15, "", "Names the same customer as line 14."),
        (16, "", "Unknown customer. Import the customers first, if they are to be known."),
    ]


def test_name_that_several_share_is_told_apart_by_another(read):
    one = CustomerFactory(nick="one", phone="13800138000")
    ContactValueFactory(customer=CustomerFactory(), value="13800138000")

    reading = read("nick,phone,type\none,13800138000,other\n,13800138000,other\n")

    assert [ban.customer for ban in reading.bans] == [one.pk]
    assert reasons(reading) == [(3, "", "What the row says names several customers.")]


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "is empty"),
        (b"nick,note\na,b\n", "No column is the type"),
        (b"type,note\nother,b\n", "No column names the buyer"),
        (b"nick,nickname,type\n", "stands there twice"),
        (b"MZ\0\0nick,type\n", "neither a CSV file"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"x" * 600, "."),
    ],
)
def test_file_that_is_no_blocklist_is_refused_whole_and_not_kept(data, why, tmp_path):
    with pytest.raises(WrongFile, match=why):
        keep_list(SimpleUploadedFile("list.csv", data))

    assert list((tmp_path / FOLDER).glob("*")) == []


def test_too_many_rows_are_refused_whole(read, monkeypatch):
    monkeypatch.setattr("blocklist.services.ban_lists.MOST_LINES", 2)

    with pytest.raises(WrongFile, match="more than 2 rows"):
        read("nick,type\na,other\nb,other\nc,other\n")


def test_reading_costs_the_same_queries_for_one_row_and_for_three(read, count_queries):
    for nick in "abc":
        CustomerFactory(nick=nick)

    read("nick,type\na,other\n")  # now the rights are known
    one = count_queries(lambda: read("nick,phone,type\na,13800138000,other\n"))

    assert count_queries(lambda: read("nick,phone,type\na,13800138000,other\nb,,other\nc,,other\n")) == one


# The pages ----------------------------------------------------------------------------------------------------------


def upload(client, text, source):
    file = SimpleUploadedFile("list.csv", text.encode())
    return client.post(reverse(UPLOAD), {"source": source.pk, "file": file})


def test_manager_sees_first_and_bans_then_with_one_audit_event(sign_in, manager, source, tmp_path):
    a, b, c = (CustomerFactory(nick=nick) for nick in "abc")
    client = sign_in(manager)

    preview = upload(client, "nick,type,note,days\na,other,x,\nb,extortion,,7\nnobody,other,,\nc,other,x,\n", source)
    page = client.get(preview["Location"])
    rejects = client.get(preview["Location"] + "rejects/")
    before = Ban.objects.count()
    answer = client.post(preview["Location"])
    job = jobs.run_to_end(Job.objects.get())

    assert (page.status_code, before, answer["Location"]) == (200, 0, job.get_absolute_url())
    assert "3 buyers would be banned" in page.content.decode()
    assert list(csv.reader(io.StringIO(rejects.content.decode("utf-8-sig")))) == [
        ["line", "column", "reason"],
        ["4", "", "Unknown customer. Import the customers first, if they are to be known."],
    ]
    rows = Ban.objects.order_by("customer").values_list("customer", "type", "note", "until", "by", "job")
    assert [(*row[:3], row[3] is None, *row[4:]) for row in rows] == [
        (a.pk, "other", "x", True, manager.pk, job.pk),
        (b.pk, "extortion", "", False, manager.pk, job.pk),
        (c.pk, "other", "x", True, manager.pk, job.pk),
    ]
    event = Event.objects.get(verb="ban.set")
    assert set(EventRow.objects.filter(event=event).values_list("row_id", flat=True)) == set(
        Ban.objects.values_list("pk", flat=True)
    )
    assert (job.state, job.done_count, job.refused_count) == ("finished", 3, 0)
    assert ',4,,"Unknown customer' in (tmp_path / job.result_path).read_text(encoding="utf-8-sig")
    assert list((tmp_path / FOLDER).glob("*")) == []


def test_large_import_waits_for_a_second_person(sign_in, manager, source, settings):
    settings.BANS_AT_ONCE = 1
    other = UserFactory(role="manager")
    CustomerFactory(nick="a"), CustomerFactory(nick="b")
    client = sign_in(manager)
    client.post(upload(client, "nick,type\na,other\nb,other\n", source)["Location"])

    job = jobs.run_to_end(Job.objects.get())
    waiting = (job.state, Ban.objects.count())
    approvals.approve(job, by=other, at=timezone.now())
    job = jobs.run_to_end(job)

    assert (waiting, job.state, Ban.objects.count()) == (("approval", 0), "finished", 2)


def test_ban_whose_end_passed_while_it_waited_is_left_out(sign_in, manager, source, now):
    customer = CustomerFactory(nick="a")
    until = (now - timedelta(seconds=1)).isoformat()
    rows = [[2, customer.pk, "other", "", until]]

    job = jobs.run_to_end(jobs.start("import_bans", by=manager, at=now, bans=rows, rejects=[]))

    assert (job.state, job.refused_count, Ban.objects.count()) == ("finished", 1, 0)


def test_one_who_lost_the_right_imports_nothing(agent, now):
    customer = CustomerFactory(nick="a", agent=agent)
    rows = [[2, customer.pk, "other", "", None]]

    job = jobs.run_to_end(jobs.start("import_bans", by=agent.user, at=now, bans=rows, rejects=[]))

    assert (job.state, Ban.objects.count()) == ("failed", 0)


@pytest.mark.parametrize("name", [UPLOAD, "admin:blocklist_list_template"])
def test_only_managers_import(sign_in, agent, lead, name):
    assert [sign_in(user).get(reverse(name)).status_code for user in (agent.user, lead)] == [403, 403]


def test_file_that_is_wrong_says_so_on_the_form(sign_in, manager, source):
    client = sign_in(manager)

    page = upload(client, "nick,note\na,b\n", source)

    assert "No column is the type of the ban." in page.content.decode()


@pytest.mark.parametrize("token", ["0" * 32, "x", "%2e%2e"])
def test_upload_that_is_not_kept_leads_back(sign_in, manager, source, token):
    client = sign_in(manager)

    answer = client.get(reverse(UPLOAD) + f"{source.pk}/{token}/")

    assert (answer.status_code, answer.get("Location")) in [(302, reverse(UPLOAD)), (404, None)]


def test_unknown_source_in_the_address_is_not_found(sign_in, manager, source):
    client = sign_in(manager)
    token = upload(client, "nick,type\na,other\n", source)["Location"].split("/")[-2]

    answers = [client.get(reverse(UPLOAD) + f"{pk}/{token}/").status_code for pk in (999, 9**30)]

    assert answers == [404, 404]


def test_uploads_that_nobody_confirmed_are_thrown_away(now, tmp_path):
    old, new = (keep_list(SimpleUploadedFile("a.csv", b"nick,type\n")) for _which in "ab")
    os.utime(tmp_path / FOLDER / old, times=((now - timedelta(days=2)).timestamp(),) * 2)

    throw_away_old(at=now)

    assert [path.name for path in (tmp_path / FOLDER).glob("*")] == [new]


def test_template_can_be_read(sign_in, manager, read):
    CustomerFactory(nick="tb_example")
    client = sign_in(manager)
    for language in ("en", "zh-hans"):
        content = client.get(reverse("admin:blocklist_list_template"), headers={"accept-language": language}).content

        assert len(read(content).bans) == 1


# Export -------------------------------------------------------------------------------------------------------------


def export(by, tmp_path, form="csv"):
    job = jobs.run_to_end(jobs.start(ExportBans.name, by=by, at=timezone.now(), format=form))
    assert job.state == "finished", job.message
    return tmp_path / job.result_path


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_export_can_be_imported_again(manager, source, now, tmp_path, language):
    until = (now + timedelta(days=9)).replace(microsecond=0)
    for nick, facts in {"=小鹿": {"until": until, "note": "=1+1"}, "b": {}}.items():
        BanFactory(customer=CustomerFactory(nick=nick, phone="13800138000"), type="extortion", **facts)
    BanFactory(customer=CustomerFactory(nick="over"), until=now - timedelta(days=1), started_at=now - timedelta(days=2))
    BanFactory(customer=CustomerFactory(nick="lifted"), ended_at=now)
    before = list(Ban.objects.standing(now).order_by("pk").values_list("customer", "type", "note", "until"))
    translation.activate(language)

    path = export(manager, tmp_path)
    Ban.objects.standing(now).update(ended_at=now)
    reading = read_list(path, source=source, by=manager, at=now)

    assert reading.rejects == []
    assert [(ban.customer, ban.type, ban.note, ban.until) for ban in reading.bans] == before
    text = path.read_text(encoding="utf-8-sig")
    assert "'=小鹿" in text
    assert ",=小鹿" not in text


def test_export_as_workbook_and_its_audit(manager, tmp_path):
    BanFactory(customer=CustomerFactory(nick="a"))

    book = load_workbook(export(manager, tmp_path, "xlsx"))

    assert [row[2] for row in book.active.iter_rows(values_only=True)] == ["Nick", "a"]
    event = Event.objects.get(verb="ban.exported")
    assert (event.by, event.reason) == (manager, "1 rows, xlsx")


def test_export_shows_contact_values_only_to_whoever_may_see_them(manager, tmp_path, django_user_model):
    BanFactory(customer=CustomerFactory(nick="a", phone="13800138000"))
    role = manager.groups.get()
    role.permissions.remove(role.permissions.get(codename="view_contact"))
    blind = django_user_model.objects.get(pk=manager.pk)

    assert "13800138000" not in export(blind, tmp_path).read_text(encoding="utf-8-sig")


def test_only_managers_export(sign_in, agent, lead, manager):
    url = reverse("admin:blocklist_export")

    answers = [sign_in(user).post(url, {"format": "csv"}).status_code for user in (agent.user, lead, manager)]

    assert answers == [403, 403, 302]
    assert Customer.objects.count() == 0
