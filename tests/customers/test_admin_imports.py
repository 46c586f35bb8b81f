import io
from datetime import timedelta
from decimal import Decimal

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from openpyxl import Workbook

from customers.imports import uploads
from customers.models import Customer, Event, ImportRun, Job, Order
from customers.services import jobs
from tests.customers.qianniu_files import CLOSED, SOLD, orders
from tests.factories import SourceFactory, UserFactory

ORDERS = """订单号,下单时间,订单状态,昵称,手机,金额
A-1,2026-03-01 20:15:00,交易成功,小红,13800138000,129.00
A-2,2026-03-02,待发货,阿明,,50.00
A-3,3/2/2026,待发货,阿明,,50.00
"""
ADD = "/admin/customers/importrun/add/"


@pytest.fixture
def source(db):
    return SourceFactory(code="own")


@pytest.fixture
def upload(sign_in, manager, source):
    """Upload a file with these bytes as a manager; return the answer."""

    def _upload(data, name="orders.csv", user=manager):
        data = data if isinstance(data, bytes) else data.encode()
        return sign_in(user).post(ADD, {"source": source.pk, "file": SimpleUploadedFile(name, data)})

    return _upload


def address(run, page):
    return reverse(f"admin:customers_importrun_{page}", args=[run.pk])


def chosen(kind, *fields):
    return {"kind": kind, **{f"column-{index}": field for index, field in enumerate(fields)}}


ALL = chosen("orders", "number", "ordered_at", "status", "nick", "phone", "amount")


def do_jobs():
    for job in Job.objects.under_way().order_by("pk"):
        jobs.run_to_end(job)


def kept_files(settings):
    return sorted((settings.DATA_DIR / "imports" / "uploads").glob("*"))


# The way through


def test_table_goes_from_upload_over_columns_and_preview_to_the_report(upload, client, settings):
    answer = upload(ORDERS)

    run = ImportRun.objects.get()
    assert (answer.status_code, answer.url) == (302, address(run, "columns"))
    assert (run.state, run.format, run.kind, run.file_name) == ("uploaded", "csv", "orders", "orders.csv")
    assert [path.name for path in kept_files(settings)] == [run.upload_path.rsplit("/")[-1]]
    page = client.get(answer.url).content.decode()
    assert "13800138000" in page
    assert '<option value="number" selected>' in page

    answer = client.post(answer.url, ALL)
    assert answer.url == address(run, "change")
    do_jobs()

    run.refresh_from_db()
    assert run.forecast == {
        "customer": {"new": 2, "changed": 0, "unchanged": 0},
        "order": {"new": 2, "changed": 0, "unchanged": 0},
    }
    page = client.get(answer.url).content.decode()
    assert "What would change" in page
    assert "is no date like 2018-01-31 or 2018-01-31 23:59:59" in page
    assert (Order.objects.count(), Customer.objects.count()) == (0, 0)

    client.post(address(run, "start"))
    do_jobs()

    run.refresh_from_db()
    assert (run.state, run.rejected_count, run.by.username) == ("finished", 1, "manager")
    assert set(Order.objects.values_list("number", "amount")) == {("A-1", Decimal("129.00")), ("A-2", Decimal("50.00"))}
    rejects = b"".join(client.get(address(run, "rejects")).streaming_content).decode("utf-8-sig")
    assert rejects.splitlines()[1] == "orders.csv,4,下单时间,is no date like 2018-01-31 or 2018-01-31 23:59:59"
    assert [event.verb for event in Event.objects.order_by("pk")] == ["import.uploaded", "import.finished"]


def test_seller_tools_export_is_told_by_its_columns_and_tried_at_once(upload, client):
    answer = upload(orders(SOLD, CLOSED), name="whatever.txt")
    do_jobs()

    run = ImportRun.objects.get()
    assert (answer.url, run.format) == (address(run, "change"), "qianniu")
    assert run.forecast["order"] == {"new": 2, "changed": 0, "unchanged": 0}
    assert Order.objects.count() == 0

    client.post(address(run, "start"))
    do_jobs()

    assert (ImportRun.objects.get().state, Order.objects.count()) == ("finished", 2)


def test_workbook_is_taken_whatever_its_name_says(upload):
    book, content = Workbook(), io.BytesIO()
    book.active.append(["sku", "name"])
    book.active.append(["P-1", "Soap"])
    book.save(content)

    upload(content.getvalue(), name="products.csv")

    assert (ImportRun.objects.get().kind, ImportRun.objects.get().mapping) == (
        "products", {"external_id": "sku", "name": "name"},
    )  # fmt: skip


def test_same_columns_are_mapped_as_the_last_time(upload, client):
    table = "wer,wo\n小红,杭州市\n"
    upload(table)
    first = ImportRun.objects.get()
    client.post(address(first, "columns"), chosen("customers", "nick", "city"))

    upload(table)

    again = ImportRun.objects.latest("pk")
    assert (again.kind, again.mapping) == ("customers", {"nick": "wer", "city": "wo"})


def test_import_done_twice_says_that_nothing_is_new(upload, client):
    for _time in range(2):
        upload(ORDERS)
        run = ImportRun.objects.latest("pk")
        client.post(address(run, "columns"), ALL)
        do_jobs()
        client.post(address(run, "start"))
        do_jobs()

    assert "nothing is new" in client.get(address(run, "change")).content.decode()
    assert Order.objects.count() == 2


# Bad uploads


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "orders.csv is empty."),
        (b"\n\n", "orders.csv has no row with the names of its columns."),
        (b"\x89PNG\r\n\x1a\n" + bytes(100), "orders.csv is neither a CSV file nor a workbook."),
        (b"a,b\n1,\0\n", "orders.csv is neither a CSV file nor a workbook."),
        (b"\x1f\x8b" + bytes(20), "orders.csv is packed (gzip). Unpack it and upload what is in it."),
        (b"PK\x03\x04" + bytes(20), "orders.csv is cut off or damaged: it is no sound workbook."),
        ("a,b".encode("utf-16"), "orders.csv is UTF-16 text. Save it as “CSV UTF-8” or as .xlsx and import that."),
    ],
)
def test_file_that_is_no_table_is_refused_and_not_kept(upload, settings, data, sentence):
    answer = upload(data)

    assert answer.context["form"].errors == {"file": [sentence]}
    assert (ImportRun.objects.count(), kept_files(settings)) == (0, [])


def test_file_over_the_limit_is_refused(upload, settings):
    settings.IMPORT_UPLOAD_LIMIT = 10

    answer = upload(ORDERS)

    assert answer.context["form"].errors["file"][0].startswith("orders.csv has ")
    assert (ImportRun.objects.count(), kept_files(settings)) == (0, [])


def test_name_of_an_upload_leads_nowhere(upload, settings):
    upload(ORDERS, name="..\\..\\evil\x07.csv")

    run = ImportRun.objects.get()
    assert run.file_name == "evil.csv"
    assert len(kept_files(settings)) == 1


@pytest.mark.parametrize(
    ("choice", "sentence"),
    [
        (chosen("orders", "number", "number"), "The field order number is chosen for two columns."),
        (chosen("orders", "number"), "No column is the field ordered (ordered, 下单时间)."),
        (chosen("orders", "number", "shoe"), "There is no field shoe."),
        (chosen("customers", "", "", "city"), "At least one of these fields needs a column"),
    ],
)
def test_columns_that_do_not_go_are_told(upload, client, choice, sentence):
    upload(ORDERS)
    run = ImportRun.objects.get()

    answer = client.post(address(run, "columns"), choice)

    assert sentence in answer.content.decode()
    assert (Job.objects.count(), ImportRun.objects.get().header_key) == (0, "")


def test_table_with_a_column_twice_can_be_mapped_by_the_others(upload, client):
    upload("nick,note,note\n小红,a,b\n")
    run = ImportRun.objects.get()

    wrong = client.post(address(run, "columns"), chosen("customers", "nick", "city"))
    client.post(address(run, "columns"), chosen("customers", "nick"))

    assert "The column note stands there twice." in wrong.content.decode()
    assert ImportRun.objects.get().mapping == {"nick": "nick"}


# Stopping and going on


def start(upload, client):
    upload(ORDERS)
    run = ImportRun.objects.get()
    client.post(address(run, "columns"), ALL)
    do_jobs()
    client.post(address(run, "start"))
    return run


def test_import_that_stopped_says_so_and_is_started_again(upload, client, now):
    run = start(upload, client)
    jobs.cancel(Job.objects.latest("pk"), at=now)

    page = client.get(address(run, "change")).content.decode()
    assert "This import stopped half-way." in page
    assert "Start again" in page

    client.post(address(run, "start"))
    do_jobs()

    run.refresh_from_db()
    assert (run.state, Order.objects.count()) == ("finished", 2)


def test_import_at_work_is_not_started_a_second_time(upload, client):
    run = start(upload, client)

    answer = client.post(address(run, "start"), follow=True)

    assert "This import is at work already" in answer.content.decode()
    assert Job.objects.under_way().count() == 1


def test_finished_import_is_not_started_again(upload, client):
    run = start(upload, client)
    do_jobs()

    client.post(address(run, "start"))
    answer = client.post(address(run, "columns"), ALL, follow=True)

    assert "This import was started; its columns stand." in answer.content.decode()
    assert Job.objects.under_way().count() == 0


def test_progress_is_told_while_it_moves(upload, client):
    run = start(upload, client)

    before = client.get(address(run, "progress")).json()
    do_jobs()
    after = client.get(address(run, "progress")).json()

    assert before == {
        "is_moving": True, "done": 0, "total": 0, "texts": {"step": "waiting for a worker", "held_up": ""},
    }  # fmt: skip
    assert after == {
        "is_moving": False, "done": 2, "total": 2, "texts": {"step": "comparing and writing the rows", "held_up": ""},
    }  # fmt: skip


def test_import_whose_asker_lost_the_right_stops(upload, client, manager):
    run = start(upload, client)
    manager.groups.clear()

    do_jobs()

    job = Job.objects.latest("pk")
    assert (job.state, job.message, Order.objects.count()) == ("failed", "You may not import.", 0)
    assert ImportRun.objects.get(pk=run.pk).state == "running"


def test_uploads_are_thrown_away_after_some_days(upload, client, settings, now):
    run = start(upload, client)
    do_jobs()
    upload("sku,name\nP-1,Soap\n")

    uploads.throw_away_old(at=now + timedelta(days=6))
    assert len(kept_files(settings)) == 2

    uploads.throw_away_old(at=now + timedelta(days=8))

    assert kept_files(settings) == []
    assert list(ImportRun.objects.values_list("pk", "upload_path")) == [(run.pk, "")]


# Who may


@pytest.mark.parametrize("role", ["agent", "lead"])
def test_only_managers_import(upload, client, sign_in, role):
    run = start(upload, client)
    sign_in(UserFactory(role=role))

    answers = [
        client.get(ADD), client.get(reverse("admin:customers_importrun_template", args=["orders"])),
        client.get(address(run, "columns")), client.post(address(run, "try")), client.post(address(run, "start")),
    ]  # fmt: skip

    assert [answer.status_code for answer in answers] == [403] * 5
    seen = 200 if role == "lead" else 403
    assert [client.get(address(run, page)).status_code for page in ("change", "progress")] == [seen, seen]


def test_contact_data_is_masked_for_who_may_not_see_it(upload, client, sign_in, manager):
    clerk = UserFactory()
    for name in ("add_importrun", "view_importrun"):
        clerk.user_permissions.add(manager.groups.get().permissions.get(codename=name))

    upload("nick,phone,secret\n小红,13800138000,王小红\n", user=clerk)

    page = client.get(address(ImportRun.objects.get(), "columns")).content.decode()
    assert [value in page for value in ("小红", "138****00", "13800138000", "王小红", "王***")] == [
        True, True, False, False, True,
    ]  # fmt: skip


def test_template_comes_in_the_language_of_the_page(sign_in, manager):
    client = sign_in(manager)

    headers = {}
    for language in ("en", "zh-hans"):
        client.cookies["django_language"] = language
        answer = client.get(reverse("admin:customers_importrun_template", args=["products"]))
        headers[language] = answer.content.decode("utf-8-sig").splitlines()[0]

    assert headers == {"en": "product number,name,category,price", "zh-hans": "商品编号,商品名称,类目,价格"}
    assert client.get(reverse("admin:customers_importrun_template", args=["shoes"])).status_code == 404


def test_list_of_imports_asks_the_same_with_one_and_three(sign_in, manager, source, now, count_queries):
    client = sign_in(manager)

    def make():
        job = Job.objects.create(kind="import", created_at=now, by=manager)
        ImportRun.objects.create(format="csv", source=source, started_at=now, by=manager, job=job, state="running")

    def look():
        assert client.get(reverse("admin:customers_importrun_changelist")).status_code == 200

    make()
    look()
    one = count_queries(look)
    make()
    make()

    assert count_queries(look) == one
