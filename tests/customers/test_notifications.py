"""The bell: who is told, once, in his language, and what he wants to be told."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils.translation import gettext

from customers.models import Notification, UnwantedNews, User
from customers.parts import NotificationKind, parts
from customers.services.notifications import delete_read, notify, sentence
from customers.signals import news_told
from tests.factories import UserFactory

LIST = "/admin/customers/notification/"


@pytest.fixture(autouse=True)
def _kind(monkeypatch):
    kinds = {
        name: NotificationKind(
            name=name, label=f"something {name}", tell=lambda said, name=name: f"{name} {said['no']}"
        )
        for name in ("broke", "mended")
    }
    monkeypatch.setattr(parts, "notification_kinds", kinds)


@pytest.fixture
def tell(now):
    def _tell(*users, kind="broke", at=now, url="/admin/", no=1):
        return notify(
            User.objects.filter(pk__in=[user.pk for user in users]), kind, at=at, url=url, parameters={"no": no}
        )

    return _tell


def rows():
    return [
        (row.user.username, sentence(row), row.created_at, row.read_at)
        for row in Notification.objects.select_related("user").order_by("user__username", "pk")
    ]


def test_news_reach_active_staff_in_one_insert(agent, lead, tell, now, django_assert_num_queries):
    gone, outsider = UserFactory(is_active=False), UserFactory(is_staff=False)

    with django_assert_num_queries(3):  # what stands unread is refreshed, the rest added, group robots are looked for
        told = tell(agent.user, lead, gone, outsider)

    assert told == 2
    assert rows() == [("lead", "broke 1", now, None), ("ming", "broke 1", now, None)]


def test_user_who_comes_twice_in_the_query_is_told_once(agent, lead, now):
    doubled = User.objects.filter(groups__permissions__codename__in=["view_customer", "view_order"])

    told = notify(doubled, "broke", at=now, parameters={"no": 1})

    assert (told, Notification.objects.count()) == (2, 2)


def test_same_unread_news_are_refreshed_and_read_ones_told_again(agent, lead, tell, now):
    tell(agent.user, lead)
    Notification.objects.filter(user=lead).update(read_at=now)
    later = now + timedelta(minutes=1)

    told = tell(agent.user, lead, at=later, no=2)

    assert told == 2
    assert rows() == [("lead", "broke 1", now, now), ("lead", "broke 2", later, None), ("ming", "broke 2", later, None)]


def test_news_of_other_pages_kinds_or_without_a_page_stand_beside_each_other(agent, tell):
    for url, kind in [("/a/", "broke"), ("/b/", "broke"), ("/b/", "mended"), ("", "broke"), ("", "broke")]:
        tell(agent.user, url=url, kind=kind)

    assert Notification.objects.count() == 5


def test_unwanted_kind_is_not_told_and_nothing_old_refreshed(agent, lead, tell, now):
    tell(agent.user, lead)
    UnwantedNews.objects.create(user=agent.user, kind="broke")

    told = [tell(agent.user, lead, at=now + timedelta(minutes=1), no=2), tell(agent.user, kind="mended")]

    assert told == [1, 1]
    assert [said for name, said, *_rest in rows() if name == "ming"] == ["broke 1", "mended 1"]


def test_event_is_passed_on_once_however_many_are_told(agent, lead, tell, now):
    heard = []

    def hear(sender, signal, **news):
        heard.append(news)

    news_told.connect(hear)
    try:
        tell(agent.user, lead)
        tell()
    finally:
        news_told.disconnect(hear)

    assert heard == [{"kind": "broke", "parameters": {"no": 1}, "url": "/admin/", "at": now}] * 2


def test_unknown_kind_is_an_error(lead, now):
    with pytest.raises(KeyError):
        notify(User.objects.all(), "unheard", at=now)


def test_read_news_are_deleted_after_30_days_and_unread_ones_kept(agent, tell, now):
    for no, read_at in enumerate([now - timedelta(days=31), now - timedelta(days=29), None]):
        tell(agent.user, url="", no=no, at=now - timedelta(days=60))
        Notification.objects.filter(parameters={"no": no}).update(read_at=read_at)

    delete_read(at=now)

    assert [row.parameters["no"] for row in Notification.objects.order_by("pk")] == [1, 2]


# The bell -----------------------------------------------------------------------------------------------------------


def test_every_page_shows_how_many_are_unread(agent, lead, tell, sign_in, now):
    tell(agent.user, url="/a/")
    tell(agent.user, url="/b/")
    tell(lead, url="/c/")
    client = sign_in(agent.user)

    pages = [client.get(address).text for address in ("/admin/", LIST, "/admin/customers/order/")]

    assert ['role="status" data-count>2<' in page for page in pages] == [True] * 3
    assert client.get(f"{LIST}unread/").json() == {"unread": "2"}
    assert "data-count hidden></span>" in sign_in(UserFactory(role="agent")).get("/admin/").text


def test_more_than_99_are_not_counted(agent, tell, sign_in):
    for no in range(100):
        tell(agent.user, url=f"/{no}/")

    assert sign_in(agent.user).get(f"{LIST}unread/").json() == {"unread": "99+"}


def test_bell_shows_the_newest_20_of_oneself(agent, lead, tell, sign_in, now):
    for no in range(21):
        tell(agent.user, url=f"/{no}/", no=no, at=now + timedelta(seconds=no))
    tell(lead, no=99)
    tell(agent.user, url="/0/", no=0, at=now + timedelta(minutes=1))  # refreshed: the newest now

    page = sign_in(agent.user).get(f"{LIST}newest/").text

    shown = [no for no in range(100) if f">broke {no}<" in page or f"</span>broke {no}<" in page]
    assert shown == [0, *range(2, 21)]
    assert page.index("broke 0<") < page.index("broke 20<")


def test_sentence_speaks_the_readers_language(agent, tell, sign_in, monkeypatch):
    kind = NotificationKind(name="broke", label="broke", tell=lambda said: gettext("Customers"))
    monkeypatch.setitem(parts.notification_kinds, "broke", kind)
    tell(agent.user)
    client = sign_in(agent.user)

    english = client.get(f"{LIST}newest/").text
    client.post("/i18n/setlang/", {"language": "zh-hans"})

    assert ("Customers" in english, "客户" in client.get(f"{LIST}newest/").text) == (True, True)


def test_opening_leads_to_the_page_and_marks_it_read(agent, tell, sign_in):
    tell(agent.user, url="/admin/customers/order/")
    tell(agent.user, url="")
    one, pageless = Notification.objects.order_by("pk")
    client = sign_in(agent.user)

    answers = [client.get(reverse("admin:customers_notification_open", args=[row.pk])).url for row in (one, pageless)]

    assert answers == ["/admin/customers/order/", LIST]
    assert Notification.objects.unread().count() == 0


def test_nobody_opens_lists_or_reads_what_is_another_ones(agent, lead, admin_user, tell, sign_in):
    tell(agent.user)
    row = Notification.objects.get()

    answers = []
    for other in (lead, admin_user):
        client = sign_in(other)
        answers += [client.get(f"{LIST}{row.pk}/{door}/").status_code for door in ("open", "change")]
        client.post(f"{LIST}read-all/")
        answers.append(client.get(LIST).context["cl"].result_count)

    assert answers == [404, 404, 0] * 2
    assert Notification.objects.unread().count() == 1


def test_reading_all_takes_a_post_and_returns_where_one_was(agent, tell, sign_in):
    tell(agent.user, url="/a/")
    tell(agent.user, url="/b/")
    client = sign_in(agent.user)

    answers = [
        client.get(f"{LIST}read-all/").status_code,
        client.post(f"{LIST}read-all/", {"next": "/admin/customers/order/"}).url,
        client.post(f"{LIST}read-all/", {"next": "https://elsewhere.example/"}).url,
    ]

    assert answers == [405, "/admin/customers/order/", LIST]
    assert Notification.objects.unread().count() == 0


def test_list_filters_the_unread_and_pages(agent, tell, sign_in, now):
    for no in range(21):
        tell(agent.user, url=f"/{no}/", no=no)
    Notification.objects.filter(parameters={"no": 3}).update(read_at=now)
    client = sign_in(agent.user)

    everything, unread = client.get(LIST).context["cl"], client.get(f"{LIST}?read_at__isnull=True").context["cl"]

    assert (everything.result_count, len(everything.result_list), unread.result_count) == (21, 20, 20)


@pytest.mark.parametrize("address", [LIST, f"{LIST}newest/", "/admin/customers/order/"])
def test_bell_takes_as_many_queries_for_3_rows_as_for_1(agent, tell, sign_in, count_queries, address):
    client = sign_in(agent.user)
    tell(agent.user, url="/1/")
    client.get(address)
    one = count_queries(lambda: client.get(address))
    tell(agent.user, url="/2/")
    tell(agent.user, url="/3/")

    assert count_queries(lambda: client.get(address)) == one


def test_asking_for_the_number_is_one_query_beside_the_session(agent, tell, sign_in, count_queries):
    tell(agent.user)
    client = sign_in(agent.user)
    client.get(f"{LIST}unread/")

    assert count_queries(lambda: client.get(f"{LIST}unread/")) == 3  # session, user, number


def test_visitor_is_asked_to_sign_in(client, db):
    assert client.get("/admin/login/").status_code == 200

    answers = [
        client.get(f"{LIST}{door}").status_code for door in ("", "unread/", "newest/", "1/open/", "preferences/")
    ]

    assert answers == [302] * 5


# Preferences --------------------------------------------------------------------------------------------------------


def test_preferences_page_rings_for_all_kinds_until_one_is_switched_off(agent, lead, sign_in):
    client = sign_in(agent.user)
    before = client.get(f"{LIST}preferences/").context["form"]["kinds"].value()

    answer = client.post(f"{LIST}preferences/", {"kinds": ["mended"]})

    assert (before, answer.status_code) == (["broke", "mended"], 302)
    assert list(UnwantedNews.objects.values_list("user__username", "kind")) == [("ming", "broke")]
    assert client.get(f"{LIST}preferences/").context["form"]["kinds"].value() == ["mended"]
    client.post(f"{LIST}preferences/", {"kinds": ["mended", "broke"]})
    assert not UnwantedNews.objects.exists()


def test_preferences_refuse_an_unknown_kind_and_change_nothing(agent, sign_in):
    UnwantedNews.objects.create(user=agent.user, kind="broke")

    page = sign_in(agent.user).post(f"{LIST}preferences/", {"kinds": ["unheard"]})

    assert (page.status_code, "unheard" in page.context["form"].errors["kinds"][0]) == (200, True)
    assert list(UnwantedNews.objects.values_list("kind", flat=True)) == ["broke"]


def test_menu_of_ones_name_leads_to_the_preferences(agent, sign_in):
    menu = sign_in(agent.user).get("/admin/").context["account_links"]

    assert menu[0] == {"title": "Notifications", "link": f"{LIST}preferences/"}
