"""Every page of the panel, opened under the content security policy."""

import pytest
from django.contrib import admin
from django.urls import reverse

from blocklist.models import Ban
from customers.models import Customer, User
from messaging.models import Broadcast
from tests.factories import BroadcastFactory

pytestmark = pytest.mark.browser


def model_paths(request):
    """Of every model that the panel shows: the list, the form to add, the first row."""
    found = []
    for model, model_admin in admin.site._registry.items():
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        found.append(reverse(f"{name}_changelist"))
        if model_admin.has_add_permission(request):
            found.append(reverse(f"{name}_add"))
        if row := model_admin.get_queryset(request).order_by("pk").first():
            found.append(reverse(f"{name}_change", args=[row.pk]))
    return found


def own_paths():
    bound = Customer.objects.filter(agent__isnull=False).order_by("pk")[0].pk
    banned = Ban.objects.order_by("pk")[0].customer_id
    draft = BroadcastFactory(audience="all_bound")
    sent = Broadcast.objects.order_by("pk")[0]
    customers = reverse("admin:customers_customer_changelist")
    return [
        "/admin/",
        "/admin/customers/",
        "/admin/password_change/",
        reverse("admin:blocklist_ban_customer", args=[bound]),
        reverse("admin:blocklist_lift_customer", args=[banned]),
        reverse("admin:blocklist_request_ban", args=[bound]),
        reverse("admin:blocklist_appeal_open", args=[banned]),
        reverse("admin:blocklist_watch_customer", args=[bound]),
        reverse("admin:blocklist_exemption_customer", args=[bound]),
        reverse("admin:blocklist_accountlink_partner", args=[bound]),
        reverse("admin:blocklist_accountlink_pair", args=sorted([bound, banned])),
        reverse("check_buyer"),
        reverse("admin:blocklist_list_upload"),
        reverse("admin:blocklist_wording_public", args=["refusal"]),
        reverse("admin:blocklist_wording_text", args=["advice", "abuse"]),
        reverse("admin:messaging_broadcast_preview", args=[draft.pk]),
        reverse("admin:messaging_broadcast_change", args=[draft.pk]),
        reverse("admin:messaging_broadcast_change", args=[sent.pk]),
        f"{customers}?q=nobody-has-this-nick",
        f"{customers}?banned=true",
    ]


@pytest.fixture
def everything(rf, shop):
    """The demo's manager, who may see all lists here, those of users and roles too."""
    lin = User.objects.get(username="lin")
    lin.is_superuser = True
    lin.save(update_fields=["is_superuser"])
    request = rf.get("/admin/")
    request.user = lin
    return [*own_paths(), *model_paths(request)]


@pytest.mark.parametrize(
    ("language", "shape", "dark"), [("en", "wide", False), ("zh-hans", "phone", True)], ids=["english", "chinese"]
)
def test_every_page_opens_under_the_policy(visit, everything, language, shape, dark):
    window = visit("lin", language, shape=shape, dark=dark)

    opened = {path: look(window, path) for path in everything}

    right = {"status": 200, "language": language, "dark": dark, "too_wide": False}
    assert {path: seen for path, seen in opened.items() if seen != right} == {}


def look(window, path):
    """What is seen at once: the status, the language, the theme, and whether one must scroll sideways."""
    status = window.open(path)
    seen = window.page.evaluate(
        """() => ({
            language: document.documentElement.lang,
            dark: document.documentElement.classList.contains("dark"),
            too_wide: document.documentElement.scrollWidth > window.innerWidth,
        })"""
    )
    return {"status": status, **seen}


def test_a_plain_field_for_files_leaves_the_other_fields_alone(visit, tmp_path):
    customer = Customer.objects.filter(agent__user__username="ming").order_by("-pk")[0]
    talk = tmp_path / "talk.txt"
    talk.write_text("He swears.")
    window = visit("ming")

    window.open(reverse("admin:blocklist_ban_customer", args=[customer.pk]))
    before = window.page.evaluate(TEXTS)
    window.page.locator("[name=evidence]").set_input_files(talk)

    assert window.page.evaluate(TEXTS) == before


def test_without_scripts_one_still_signs_in_and_reads(browser, shop):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()

    page.goto(f"{shop}/admin/login/?next={reverse('admin:blocklist_ban_changelist')}")
    page.locator("[name=username]").fill("lin")
    page.locator("[name=password]").fill("demo")
    page.locator("#login-form [type=submit]").click()

    assert page.locator("#result_list .crm-badge").first.is_visible()
    context.close()


# What stands in the fields for text.
TEXTS = "() => [...document.querySelectorAll('input[type=text]')].map((field) => field.getAttribute('value'))"


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_pages_for_whoever_is_not_signed_in(visit, language):
    window = visit(language=language)

    login = look(window, "/admin/")
    window.page.locator("#id_username").fill("ming")
    window.page.locator("#id_password").fill("wrong")
    window.follow(window.page.locator("#login-form [type=submit]"))

    assert login == {"status": 200, "language": language, "dark": False, "too_wide": False}
    assert window.page.locator("#id_username").input_value() == "ming"


def test_api_documentation_lists_the_operations(visit):
    window = visit("lin")

    window.open("/api/docs/")
    window.page.locator(".opblock-summary").first.click()
    window.page.get_by_role("button", name="Try it out").first.click()

    assert window.page.locator(".opblock").count() > 10
