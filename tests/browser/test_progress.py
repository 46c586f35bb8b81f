"""Work under way on its page: the figures move, and the report appears, without opening the page again."""

import pytest
from django.utils import timezone

from customers.models import Customer, Job, User
from customers.services import jobs

pytestmark = pytest.mark.browser


def do_jobs():
    for job in Job.objects.under_way().order_by("pk"):
        jobs.run_to_end(job)


def test_job_page_shows_the_report_at_the_end(visit):
    lin = User.objects.get(username="lin")
    ids = list(Customer.objects.order_by("pk").values_list("pk", flat=True)[:3])
    job = jobs.start("change_level", by=lin, at=timezone.now(), ids=ids, level=2, reason="a test")
    window = visit("lin")
    page = window.page

    window.open(job.get_absolute_url())
    before = [page.get_by_role("progressbar").count(), page.get_by_role("button", name="Cancel the job").count()]
    do_jobs()
    page.locator(".crm-badge.is-success").get_by_text("finished").wait_for()
    page.get_by_role("progressbar").wait_for(state="detached")

    assert before == [1, 1]
    assert page.get_by_role("button", name="Cancel the job").count() == 0
    assert page.locator("[data-text=done]").inner_text() == "3"


def test_page_says_that_the_connection_is_lost_and_goes_on_afterwards(visit):
    lin = User.objects.get(username="lin")
    job = jobs.start("change_level", by=lin, at=timezone.now(), ids=[], level=2, reason="a test")
    window = visit("lin")
    page = window.page
    window.open(job.get_absolute_url())

    page.route("**/progress/", lambda route: route.fulfill(status=200, body="not json"))
    page.locator("[data-offline]").get_by_text("The connection is lost").wait_for()
    page.unroute("**/progress/")
    do_jobs()
    page.locator(".crm-badge.is-success").wait_for()

    assert Job.objects.get(pk=job.pk).state == "finished"
    assert page.locator("[data-offline]").is_visible() is False


def test_import_page_shows_what_would_change_at_the_end(visit):
    window = visit("lin")
    page = window.page
    window.open("/admin/customers/importrun/add/")
    page.locator("#id_source").select_option(index=1)
    table = {"name": "buyers.csv", "mimeType": "text/csv", "buffer": b"nick,name\nnew_buyer_1,Somebody\n"}
    page.locator("#id_file").set_input_files(table)
    window.follow(page.locator("#content form [type=submit]"))
    window.follow(page.locator("#content form [type=submit]"))

    moving = page.get_by_role("progressbar").count()
    do_jobs()
    page.get_by_role("button", name="Start the import").wait_for()

    assert (moving, page.get_by_role("progressbar").count()) == (1, 0)
    assert page.get_by_text("What would change").is_visible()
