import re
from pathlib import Path

from django.test import RequestFactory

from crm_site.navigation import sidebar
from customers.models import User
from tests.factories import CustomerFactory, UserFactory


def groups(user):
    request = RequestFactory().get("/admin/")
    request.user = User.objects.get(pk=user.pk)
    return {group["title"]: [item["title"] for item in group["items"]] for group in sidebar(request)}


def test_sidebar_groups_the_lists_by_jobs_and_shows_what_one_may_see(agent, lead, admin_user):
    seen = {
        "agent": groups(agent.user),
        "lead": groups(lead),
        "root": groups(admin_user),
        "none": groups(UserFactory()),
    }

    work = {
        "Customers": ["Customers", "Orders", "Products", "Reviews", "Groups", "Levels", "Jobs"],
        "Service": ["Reception desk", "Inquiries", "Agents", "Quick replies", "Automatic replies", "Mutes"],
        "Blocklist": [
            "Bans",
            "Watch list",
            "Ban requests",
            "Appeals",
            "Orders to review",
            "Attempts to buy",
            "Check a buyer",
            "Tasks in marketplaces",
            "Account links",
            "Exemptions",
            "Wordings",
        ],
        "Messages": ["Broadcasts", "Deliveries"],
    }
    more = {
        **work,
        "Service": [*work["Service"], "Working hours", "Closed days"],
        "Customers": [*work["Customers"][:-1], "RFM", "Import runs", "Possible duplicates", "Jobs"],
        "Reports": ["Audit events"],
    }
    root = {
        **more,
        "Customers": [*more["Customers"][:-3], "Sources", *more["Customers"][-3:]],
        "Messages": [*work["Messages"], "Group robots", "Endpoints"],
        "Staff": ["Users", "Roles"],
    }
    assert seen == {"agent": work, "lead": more, "root": root, "none": {}}


def test_every_page_has_the_customer_search(agent, sign_in):
    customer = CustomerFactory(agent=agent)
    client = sign_in(agent.user)
    addresses = [
        "/admin/",
        "/admin/customers/customer/",
        f"/admin/customers/customer/{customer.pk}/change/",
        "/admin/customers/order/",
        "/admin/blocklist/ban/",
        f"/admin/blocklist/ban/customer/{customer.pk}/ban/",
        "/admin/password_change/",
    ]

    pages = [client.get(address) for address in addresses]

    box = 'action="/admin/customers/customer/" role="search"'
    assert [(page.status_code, box in page.text) for page in pages] == [(200, True)] * len(pages)


def test_panel_speaks_the_chosen_language(agent, sign_in):
    client = sign_in(agent.user)

    switch = client.get("/admin/").text
    client.post("/i18n/setlang/", {"language": "zh-hans", "next": "/admin/"})

    assert ('name="language" type="hidden" value="zh-hans"' in switch) is True
    assert 'lang="zh-hans"' in client.get("/admin/").text


def test_own_templates_have_no_inline_script_handler_or_style():
    """A strict content security policy stands on every page later."""

    ours = Path(__file__).resolve().parent.parent / "templates"

    found = [
        (path.name, match)
        for path in ours.rglob("*.html")
        for match in re.findall(
            r"<script(?![^>]*\bsrc=)[^>]*>|\sstyle=|\son[a-z]+=|<style", path.read_text(encoding="utf-8")
        )
    ]

    assert found == []
