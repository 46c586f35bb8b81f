import csv
import io
import os
from datetime import timedelta
from decimal import Decimal

import pytest
from django.contrib.auth.models import Permission
from django.urls import reverse
from django.utils import timezone, translation
from openpyxl import load_workbook

from customers.models import Event, Job, User
from customers.services import exports, jobs
from customers.services.sheets import CsvSheet, XlsxSheet, safe_text
from tests.factories import (
    NOON,
    AgentFactory,
    BanFactory,
    CustomerFactory,
    GroupFactory,
    UserFactory,
)

pytestmark = pytest.mark.django_db

EXPORT = "/admin/customers/customer/bulk/export/"
ALL = {"select_across": "1", "confirm": "yes"}
HEAD = [
    "Number",
    "Nick",
    "Source",
    "Level",
    "Groups",
    "Exclusive agent",
    "Customer source",
    "Trade count",
    "Trade amount",
    "Item count",
    "Average price",
    "Closed trades",
    "Closed amount",
    "Last trade",
    "Known since",
    "Province",
    "City",
    "Banned until",
    "Name",
    "Phone",
    "E-mail",
    "Address",
]


def lines(answer):
    """The rows of a CSV that was answered."""
    return list(csv.reader(io.StringIO(b"".join(answer.streaming_content).decode("utf-8-sig"))))


def nicks(answer):
    return [line[1] for line in lines(answer)[1:]]


def test_csv_has_the_lists_columns_and_contact_data_with_a_mark_for_excel(agent, lead, sign_in):
    customer = CustomerFactory(
        nick="买家",
        agent=agent,
        level=3,
        trade_count=2,
        trade_amount=Decimal("1234.50"),
        last_trade_at=NOON,
        province="浙江省",
        phone="13800138000",
        email="a@example.com",
    )
    customer.groups.add(GroupFactory(name="B"), GroupFactory(name="A"))
    BanFactory(customer=customer, until=timezone.now() + timedelta(days=90))

    answer = sign_in(lead).post(EXPORT, {**ALL, "format": "csv"})

    content = b"".join(answer.streaming_content)
    assert content.startswith(b"\xef\xbb\xbf")
    assert answer["Content-Disposition"] == f'attachment; filename="export-{Job.objects.get().pk}.csv"'
    head, row = csv.reader(io.StringIO(content.decode("utf-8-sig")))
    until = timezone.localtime(timezone.now() + timedelta(days=90))
    assert head == HEAD
    assert row[:17] == [
        str(customer.pk),
        "买家",
        "Own shop",
        "VIP member",
        "A; B",
        "Ming",
        "not traded",
        "2",
        "1234.50",
        "0",
        "0.00",
        "0",
        "0.00",
        "2026-03-05 12:00:00",
        "2026-03-05 12:00:00",
        "浙江省",
        "",
    ]
    assert (row[17][:10], row[18:]) == (f"{until:%Y-%m-%d}", ["", "13800138000", "a@example.com", ""])


def test_xlsx_keeps_numbers_and_tells_times_in_the_shops_zone(lead, sign_in):
    CustomerFactory(nick="buyer", trade_count=2, trade_amount=Decimal("-5.50"), last_trade_at=NOON)

    answer = sign_in(lead).post(EXPORT, {**ALL, "format": "xlsx"})

    sheet = load_workbook(io.BytesIO(b"".join(answer.streaming_content))).active
    head, row = sheet.iter_rows(values_only=True)
    assert list(head) == HEAD
    assert (row[7], row[8], f"{row[13]:%Y-%m-%d %H:%M}") == (2, -5.5, "2026-03-05 12:00")


@pytest.mark.parametrize(
    "text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1+1", '=HYPERLINK("http://evil","x")']
)
def test_texts_that_a_spreadsheet_would_run_are_made_safe(lead, sign_in, text):
    CustomerFactory(nick=text, city=text)

    as_csv = lines(sign_in(lead).post(EXPORT, {**ALL, "format": "csv"}))[1]
    book = sign_in(lead).post(EXPORT, {**ALL, "format": "xlsx"})
    cells = list(load_workbook(io.BytesIO(b"".join(book.streaming_content))).active.iter_rows())[1]

    assert (as_csv[1], as_csv[16]) == (f"'{text}", f"'{text}")
    assert [cells[index].data_type for index in (1, 16)] == ["s", "s"]
    assert all(str(cells[index].value).startswith("'") for index in (1, 16))


def test_harmless_texts_stay_as_they_are():
    assert [safe_text(text) for text in ("", "a=b", "1-2", "'x", "买家")] == ["", "a=b", "1-2", "'x", "买家"]


def test_sheet_takes_characters_that_xml_cannot_hold_and_begins_a_new_one_when_full(tmp_path, monkeypatch):
    monkeypatch.setattr("customers.services.sheets.MOST_LINES", 2)
    with XlsxSheet(tmp_path / "a.xlsx", ["nick"]) as sheet:
        sheet.write([["a\x00b"], ["c"], ["x" * 40_000]])
        sheet.save()

    book = load_workbook(tmp_path / "a.xlsx")

    values = [[len(row[0]) if len(row[0]) > 9 else row[0] for row in sheet.values] for sheet in book]
    assert values == [["nick", "ab", "c"], ["nick", 32_000]]


def test_csv_sheet_quotes_what_holds_separators(tmp_path):
    with CsvSheet(tmp_path / "a.csv", ["nick", "count"]) as sheet:
        sheet.write([['a,"b\nc', -1]])
        sheet.save()

    assert (tmp_path / "a.csv").read_bytes() == b'\xef\xbb\xbfnick,count\r\n"a,""b\nc",-1\r\n'


def test_contact_data_is_masked_for_whoever_may_not_see_it(agent, lead, sign_in):
    CustomerFactory(nick="buyer", agent=agent, phone="13800138000", email="anna@example.com")

    shown = [lines(sign_in(user).post(EXPORT, {**ALL, "format": "csv"}))[1][18:] for user in (lead, agent.user)]

    assert shown == [["", "13800138000", "anna@example.com", ""], ["", "138****00", "a***@example.com", ""]]


def test_export_follows_the_filter_and_the_chosen_rows(lead, sign_in):
    one = CustomerFactory(nick="one", level=3)
    CustomerFactory(nick="two", level=3)
    CustomerFactory(nick="three", level=1)
    client = sign_in(lead)

    filtered = client.post(f"{EXPORT}?level=3", {**ALL, "format": "csv"})
    picked = client.post(EXPORT, {"_selected_action": [one.pk], "confirm": "yes", "format": "csv"})

    assert (nicks(filtered), nicks(picked)) == (["one", "two"], ["one"])


@pytest.mark.parametrize("setting", ["all", "read", "own"])
def test_agent_exports_whom_he_sees(agent, other_agent, sign_in, settings, setting):
    settings.AGENTS_SEE_CUSTOMERS = setting
    CustomerFactory(nick="mine", agent=agent)
    CustomerFactory(nick="hers", agent=other_agent)
    CustomerFactory(nick="nobodys")

    page = sign_in(agent.user).post(EXPORT, {"select_across": "1"})
    answer = sign_in(agent.user).post(EXPORT, {**ALL, "format": "csv"})

    seen = ["mine"] if setting == "own" else ["mine", "hers", "nobodys"]
    assert page.context["allowed"] == str(len(seen))
    assert nicks(answer) == seen


def test_export_needs_its_permission(sign_in):
    clerk = UserFactory()
    clerk.user_permissions.set(Permission.objects.filter(codename__in=["view_customer", "view_any_customer"]))
    CustomerFactory()

    answer = sign_in(clerk).post(EXPORT, {**ALL, "format": "csv"})

    assert (answer.status_code, Job.objects.count()) == (403, 0)


def test_unknown_format_names_the_field(lead, sign_in):
    CustomerFactory()

    answer = sign_in(lead).post(EXPORT, {**ALL, "format": "exe"})

    assert list(answer.context["form"].errors) == ["format"]
    assert not Job.objects.exists()


def test_export_is_audited_with_its_filter_names_and_no_values(lead, sign_in):
    CustomerFactory(level=3, province="浙江省")

    lines(sign_in(lead).post(f"{EXPORT}?level=3&province=浙江省", {**ALL, "format": "csv"}))

    event = Event.objects.get(verb="customer.exported")
    assert (event.by, event.fields, event.reason) == (lead, ["level", "province"], "1 rows, csv")
    assert list(event.rows.values_list("model", "row_id")) == [("customers.job", Job.objects.get().pk)]


def test_head_is_in_the_language_of_whoever_asked(lead, now):
    with translation.override("zh-hans"):
        job = jobs.start("export", by=lead, at=now, filter={}, format="csv")

    jobs.run_to_end(job)

    with translation.override("zh-hans"):
        expected = [str(column.label) for column in exports.export_columns(lead)]
    text = (exports.settings.DATA_DIR / job.result_path).read_text(encoding="utf-8-sig")
    assert text.splitlines()[0].split(",")[3] == expected[3] == "会员等级"


def test_many_customers_are_exported_in_the_background_for_the_asker_and_managers(
    agent, other_agent, lead, manager, sign_in, monkeypatch
):
    monkeypatch.setattr(exports.ExportCustomers, "most_at_once", 1)
    monkeypatch.setattr(exports, "STRETCH", 2)
    CustomerFactory.create_batch(5)

    answer = sign_in(lead).post(EXPORT, {**ALL, "format": "csv"})
    job = Job.objects.get()
    waiting = sign_in(lead).get(reverse("admin:customers_job_file", args=[job.pk])).status_code
    jobs.run_to_end(job)

    door = reverse("admin:customers_job_file", args=[job.pk])
    assert (answer.status_code, waiting, job.state, job.done_count) == (302, 404, "finished", 5)
    assert len(lines(sign_in(lead).get(door))) == 6
    assert len(lines(sign_in(manager).get(door))) == 6
    assert [sign_in(user).get(door).status_code for user in (agent.user, other_agent.user)] == [404, 404]
    assert (exports.settings.DATA_DIR / job.result_path).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("form", ["csv", "xlsx"])
def test_cancelled_export_stops_and_leaves_no_file(lead, now, monkeypatch, settings, form):
    monkeypatch.setattr(exports, "STRETCH", 1)
    CustomerFactory.create_batch(3)
    job = jobs.start("export", by=lead, at=now, filter={}, format=form)

    def clock():
        if Job.objects.get().done_count == 1:
            jobs.cancel(job, at=now)
        return now

    jobs.run_to_end(job, clock=clock)

    assert (job.state, job.done_count, job.result_path) == ("cancelled", 1, "")
    assert list((settings.DATA_DIR / "exports").iterdir()) == []
    assert not Event.objects.filter(verb="customer.exported").exists()


def test_export_takes_as_many_queries_for_3_as_for_1(lead, now, count_queries):
    def export():
        job = jobs.start("export", by=User.objects.get(pk=lead.pk), at=now, filter={}, format="csv")
        return count_queries(lambda: jobs.run_to_end(job))

    def customer(nick):
        CustomerFactory(nick=nick, agent=AgentFactory(), phone="13800138000").groups.add(GroupFactory())

    customer("a")
    one = export()
    customer("b")
    customer("c")

    assert export() == one


def test_files_are_removed_after_7_days(lead, now, settings, sign_in):
    CustomerFactory()
    old, young = (jobs.run_now("export", by=lead, filter={}, format="csv") for _number in range(2))
    file = settings.DATA_DIR / old.result_path
    long_ago = (now - timedelta(days=7, minutes=1)).timestamp()
    os.utime(file, (long_ago, long_ago))

    removed = exports.remove_old_exports(at=now)

    assert (removed, file.exists(), (settings.DATA_DIR / young.result_path).exists()) == (1, False, True)
    page = sign_in(lead).get(old.get_absolute_url())
    assert "The file was removed" in page.text
    assert sign_in(lead).get(reverse("admin:customers_job_file", args=[old.pk])).status_code == 404
