"""The shop that the benchmarks work on."""

from django.db import connection
from django.db.models import F
from django.utils import timezone

from blocklist.models import Ban
from customers import identity
from customers.bulk import insert_from
from customers.models import Account, Agent, ContactValue, Customer, Source, User
from messaging.models import Broadcast
from messaging.services.work import work

BATCH = 5_000
ONE_BANNED_IN = 20


def fill(customers):
    """Bound customers, each with an account and an e-mail address; one in twenty is banned. Returns a staff user."""
    at = timezone.now()
    user = User.objects.create_user("bench")
    agent = Agent.objects.create(user=user, display_name="bench")
    source = Source.objects.create(code="bench", name="bench")
    for start in range(0, customers, BATCH):
        numbers = range(start, min(start + BATCH, customers))
        people = Customer.objects.bulk_create(Customer(registered_at=at, agent=agent) for _ in numbers)
        named = list(zip(numbers, people, strict=True))
        Account.objects.bulk_create(
            Account(customer=person, source=source, external_id=f"{number}", nick=f"nick{number}")
            for number, person in named
        )
        ContactValue.objects.bulk_create(_email(person, f"buyer{number}@example.com") for number, person in named)
    banned = Customer.objects.alias(slot=F("pk") % ONE_BANNED_IN).filter(slot=0)
    insert_from(Ban, banned, customer=F("pk"), type="other", started_at=at, by=user)
    settle_down()
    return user


def _email(person, address):
    return ContactValue(customer=person, kind="email", value=address, key=identity.contact_key("email", address))


def settle_down():
    """What a database does by itself after a while."""
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE" if connection.vendor == "sqlite" else "VACUUM ANALYZE")


def new_broadcast(user, state, channel="inbox"):
    return Broadcast.objects.create(
        channel=channel, subject="bench", body="Hello {nick}", by=user, created_at=timezone.now(), state=state
    )


def work_off(kind):
    """Do all that waits, as a worker would."""
    while work(kind, clock=timezone.now):
        pass
