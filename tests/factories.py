"""Plain factories: each makes one valid row, and nothing that the test did not ask for."""

from datetime import UTC, datetime
from decimal import Decimal

import factory
from django.contrib.auth.models import Group as Role

from blocklist.models import AccountLink, Ban, Exemption, Watch
from customers import identity
from customers.models import (
    Account,
    Agent,
    Binding,
    ContactValue,
    Customer,
    Group,
    Inquiry,
    Order,
    OrderHold,
    OrderLine,
    Product,
    Review,
    Source,
    User,
)
from messaging.models import Broadcast, Endpoint, Robot

NOON = datetime(2026, 3, 5, 4, 0, tzinfo=UTC)  # noon in Shanghai


class UserFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = User
        skip_postgeneration_save = True

    username = factory.Sequence(lambda n: f"staff{n}")
    is_staff = True

    @factory.post_generation
    def role(self, create, extracted, **kwargs):
        if extracted:
            self.groups.add(Role.objects.get(name=extracted))


class AgentFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Agent

    user = factory.SubFactory(UserFactory, role="agent")
    display_name = factory.Sequence(lambda n: f"Agent {n}")
    status = Agent.Status.ONLINE


class SourceFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Source
        django_get_or_create = ("code",)

    code = "own"
    name = "Own shop"


class GroupFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Group

    name = factory.Sequence(lambda n: f"Group {n}")


class CustomerFactory(factory.django.DjangoModelFactory):
    """`nick=` also makes the account, `agent=` also the binding, `phone=`, `email=`, `address=` the contact values."""

    class Meta:
        model = Customer
        skip_postgeneration_save = True

    registered_at = NOON

    @factory.post_generation
    def nick(self, create, extracted, **kwargs):
        if extracted:
            AccountFactory(customer=self, nick=extracted, external_id=extracted)

    @factory.post_generation
    def binding(self, create, extracted, **kwargs):
        if self.agent_id:
            Binding.objects.create(customer=self, agent=self.agent, started_at=NOON, by=self.agent.user)

    @factory.post_generation
    def phone(self, create, extracted, **kwargs):
        if extracted:
            ContactValueFactory(customer=self, kind="phone", value=extracted)

    @factory.post_generation
    def email(self, create, extracted, **kwargs):
        if extracted:
            ContactValueFactory(customer=self, kind="email", value=extracted)

    @factory.post_generation
    def address(self, create, extracted, **kwargs):
        if extracted:
            ContactValueFactory(customer=self, kind="address", value=extracted)


class AccountFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Account

    customer = factory.SubFactory(CustomerFactory)
    source = factory.SubFactory(SourceFactory)
    external_id = factory.Sequence(lambda n: f"id-{n}")
    nick = factory.Sequence(lambda n: f"nick-{n}")


class ContactValueFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = ContactValue

    customer = factory.SubFactory(CustomerFactory)
    kind = "phone"
    value = "13800138000"
    key = factory.LazyAttribute(lambda row: identity.contact_key(row.kind, row.value))


class ProductFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Product

    source = factory.SubFactory(SourceFactory)
    external_id = factory.Sequence(lambda n: f"product-{n}")
    name = factory.Sequence(lambda n: f"Product {n}")
    price = Decimal("19.90")


class OrderFactory(factory.django.DjangoModelFactory):
    """An order as it stands; the trade figures of its customer are not touched."""

    class Meta:
        model = Order

    source = factory.SubFactory(SourceFactory)
    number = factory.Sequence(lambda n: f"{n:016d}")
    amount = Decimal("10.00")
    ordered_at = NOON


class HeldOrderFactory(OrderFactory):
    """An order that the gate held: `hold__code=`, `hold__status_before=`, `hold__held_at=` for its hold."""

    class Meta:
        model = Order
        skip_postgeneration_save = True

    status = "held"

    @factory.post_generation
    def hold(self, create, extracted, **facts):
        OrderHold.objects.create(order=self, **{"code": "address", "status_before": "unpaid", "held_at": NOON, **facts})


class OrderLineFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = OrderLine

    order = factory.SubFactory(OrderFactory)
    line_number = 1


class ReviewFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Review

    source = factory.SubFactory(SourceFactory)
    external_id = factory.Sequence(lambda n: f"review-{n}")
    score = 5
    reviewed_at = NOON


class BanFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Ban

    customer = factory.SubFactory(CustomerFactory)
    type = Ban.Type.OTHER
    started_at = NOON
    by = factory.SubFactory(UserFactory, role="manager")


class WatchFactory(factory.django.DjangoModelFactory):
    """Set by a person, so confirmed."""

    class Meta:
        model = Watch

    customer = factory.SubFactory(CustomerFactory)
    type = Ban.Type.OTHER
    started_at = NOON
    by = factory.SubFactory(UserFactory, role="manager")
    confirmed_at = factory.SelfAttribute("started_at")
    confirmed_by = factory.SelfAttribute("by")


class ExemptionFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Exemption

    customer = factory.SubFactory(CustomerFactory)
    reason = "shares a phone with his brother"
    started_at = NOON
    by = factory.SubFactory(UserFactory, role="manager")


class LinkFactory(factory.django.DjangoModelFactory):
    """A proposed link; the service confirms it."""

    class Meta:
        model = AccountLink

    first = factory.SubFactory(CustomerFactory)
    second = factory.SubFactory(CustomerFactory)
    reasons = ["phone"]
    confidence = 80
    found_at = NOON


class BroadcastFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Broadcast

    channel = "inbox"
    subject = "News"
    body = "Hello {nick}"
    created_at = NOON
    by = factory.SubFactory(UserFactory, role="manager")


class InquiryFactory(factory.django.DjangoModelFactory):
    """An inquiry as it stands: with an agent it is new, without one it waits."""

    class Meta:
        model = Inquiry

    customer = factory.SubFactory(CustomerFactory)
    source = factory.SubFactory(SourceFactory)
    agent = None
    state = factory.LazyAttribute(lambda row: "new" if row.agent else "waiting")
    routed_reason = factory.LazyAttribute(lambda row: "unbound" if row.agent else "nobody_online")
    opened_at = NOON
    last_message_at = factory.SelfAttribute("opened_at")


class EndpointFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Endpoint

    name = factory.Sequence(lambda n: f"Endpoint {n}")
    url = "https://shop.example/hook"
    secret = "whsec_c2VjcmV0IG9mIGEgdGVzdCwgMjQgYnl0ZXMgbG9uZw=="
    source = factory.SubFactory(SourceFactory)


class RobotFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Robot

    name = factory.Sequence(lambda n: f"Robot {n}")
    style = "dingtalk"
    url = "https://oapi.dingtalk.com/robot/send?access_token=x"
    secret = "SECkey"
    kinds = ["broke"]
    language = "en"
