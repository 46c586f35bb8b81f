"""What moves in the panel without a new page: the skin's Alpine parts, Django's own scripts, and our own."""

import pytest
from django.utils import timezone

from blocklist.models import Ban, banned
from customers.models import Customer, Group, Order

pytestmark = pytest.mark.browser

CUSTOMERS = "/admin/customers/customer/"
ORDERS = "/admin/customers/order/"


def test_sidebar_closes_stays_closed_and_opens_on_a_phone(visit):
    wide, phone = visit("ming"), visit("ming", shape="phone")
    switch = ".crm-header .material-symbols-outlined:text('dock_to_right'):visible"

    def is_shown(window):
        window.page.wait_for_timeout(100)
        return window.page.locator("#nav-sidebar").is_visible()

    seen = []
    wide.open("/admin/")
    seen.append(is_shown(wide))
    wide.page.locator(switch).click()
    seen.append(is_shown(wide))
    wide.open(CUSTOMERS)
    seen.append(is_shown(wide))
    wide.page.locator(switch).click()
    seen.append(is_shown(wide))
    phone.open("/admin/")
    seen.append(is_shown(phone))
    phone.page.locator(switch).click()
    seen.append(is_shown(phone))

    assert seen == [True, False, False, True, False, True]


def test_user_menu_switches_theme_and_language_and_signs_out(visit):
    window = visit("ming")
    page = window.page
    html = page.locator("html")

    def open_menu():
        page.locator("#nav-sidebar").get_by_text("unfold_more").click()

    window.open(CUSTOMERS)
    open_menu()
    page.get_by_text("Dark", exact=True).click()
    page.locator("html.dark").wait_for()
    window.follow(page.get_by_role("button", name="简体中文"))
    chosen = [html.get_attribute("lang"), html.get_attribute("class"), page.url.removeprefix(window.address)]
    open_menu()
    window.follow(page.locator("#logout-form button"))

    assert chosen == ["zh-hans", "dark", CUSTOMERS]
    assert page.get_by_role("link", name="重新登录").count() == 1


def test_chosen_rows_are_banned_by_the_action_menu(visit):
    window = visit("lin")
    page = window.page
    window.open(f"{CUSTOMERS}?banned=false")
    bar, run = page.locator("#changelist-actions"), page.get_by_role("button", name="Run")

    shown = [run.is_visible()]
    boxes = page.locator("#result_list tbody .action-select")
    for index in range(2):
        boxes.nth(index).check()
    chosen = {int(boxes.nth(index).get_attribute("value")) for index in range(2)}
    counter = page.locator(".action-counter").inner_text()
    page.locator("select[name=action]").select_option("ban_purchases")
    run.wait_for()
    shown.append(run.is_visible())
    width = bar.bounding_box()["width"]
    window.follow(run)
    page.locator("#id_type").select_option("abuse")
    window.follow(page.get_by_role("button", name="Ban purchase"))

    standing = banned(Customer.objects.filter(pk__in=chosen), at=timezone.now())
    assert shown == [False, True]
    assert counter.startswith("2 of ")
    assert width > 500
    assert set(standing.values_list("pk", flat=True)) == chosen


def test_filter_drawer_opens_narrows_and_closes(visit):
    window = visit("ming")
    page = window.page
    drawer = page.locator("#changelist-filter")

    window.open(ORDERS)
    seen = [drawer.is_visible()]
    page.get_by_text("filter_list").click()
    drawer.wait_for()
    page.keyboard.press("Escape")
    drawer.wait_for(state="hidden")
    page.get_by_text("filter_list").click()
    window.follow(drawer.get_by_role("link", name="closed", exact=True))

    assert seen == [False]
    assert page.locator("#result_list tbody tr").count() == Order.objects.filter(status=Order.Status.CLOSED).count()


def test_customer_filter_bar_narrows_at_once(visit):
    window = visit("lin")
    window.open(CUSTOMERS)

    with window.page.expect_navigation():
        window.page.locator("#customer-filters [name=banned]").select_option("true")

    assert window.page.url == f"{window.address}{CUSTOMERS}?view=all&banned=true"
    assert window.page.locator("#result_list tbody tr").count() == Ban.objects.standing(timezone.now()).count()


def test_autocomplete_finds_a_group_and_the_form_keeps_it(visit):
    customer = Customer.objects.exclude(accounts=None).order_by("pk")[0]
    customer.groups.clear()
    group = Group.objects.order_by("pk")[0]
    window = visit("lin")
    page = window.page

    window.open(f"{CUSTOMERS}{customer.pk}/change/?_changelist_filters=banned%3Dfalse")
    page.locator(".select2-search__field").fill(group.name)
    page.locator(".select2-results__option--highlighted").click()
    window.follow(page.locator("[name=_save]"))

    assert list(customer.groups.all()) == [group]
    assert page.url == f"{window.address}{CUSTOMERS}?banned=false"


def test_forms_keep_what_was_typed_when_something_is_missing(visit):
    customer = Customer.objects.filter(agent__user__username="ming").exclude(accounts=None).order_by("pk")[0]
    window = visit("ming")
    page = window.page

    window.open(f"/admin/blocklist/ban/customer/{customer.pk}/ban/")
    page.get_by_text("Duration and note").click()
    page.locator("#id_note").fill("rang five times")
    window.follow(page.get_by_role("button", name="Ban purchase"))
    note = [page.locator("#id_note").input_value(), page.locator("#id_note").is_visible()]
    window.open("/admin/messaging/broadcast/add/")
    page.locator("#id_subject").fill("")
    page.locator("#id_body").fill("Come and see")
    window.follow(page.get_by_role("button", name="Save and preview"))

    assert note == ["rang five times", True]
    assert page.locator("#id_body").input_value() == "Come and see"
    assert not Ban.objects.filter(customer=customer).exists()


def test_announce_form_asks_for_what_the_audience_needs(visit):
    window = visit("lin")
    level = window.page.locator("#id_level")
    window.open("/admin/messaging/broadcast/add/")

    seen = [level.is_visible()]
    window.page.locator("#id_audience").select_option("level")
    seen.append(level.is_visible())

    assert seen == [False, True]


def test_first_stop_of_the_tab_key_leads_past_the_sidebar(visit):
    window = visit("ming")
    page = window.page
    window.open(CUSTOMERS)
    skip = page.get_by_role("link", name="Skip to main content")

    small = skip.bounding_box()["height"]
    page.keyboard.press("Tab")
    shown = skip.bounding_box()["height"]
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")

    assert (small <= 1, shown > 20) == (True, True)
    assert page.evaluate("document.querySelector('#content').contains(document.activeElement)")
