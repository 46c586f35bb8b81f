from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import models
from django.db.models import Exists, F, OuterRef, Q, Subquery
from django.db.models.functions import Now
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from customers import identity
from customers.row_ids import row_id

from . import lookups  # noqa: F401  (nick__begins)
from .account import Account, FormerNick
from .agent import Agent, Deputyship
from .contact import ContactValue
from .import_run import Imported
from .saved_filter import SavedFilter

if TYPE_CHECKING:
    from datetime import datetime

    from .source import Source
    from .user import User


# Above so many rows of another table it is dearer to look up their customers than to ask each customer in turn.
MANY = 10_000


def _index(name: str, **fields: str) -> models.Index:
    """An index by these fields as `in_order` reads it: from the greatest to the least, with what is empty last.

    Each field comes with PostgreSQL's name of its type: there the order stands behind it, which Django has no other
    place for that SQLite leaves alone. SQLite takes what is empty for the least, so any direction suits it.
    """
    orders = [f"{kind}_ops DESC NULLS LAST" for kind in fields.values()]
    return models.Index(fields=[*fields, "id"], opclasses=[*orders, "int8_ops DESC"], name=f"customer_{name}")


class Group(models.Model):
    """A label on customers (分组). One with a rule holds whoever matches a saved filter, and nobody by hand."""

    name = models.CharField(_("name"), max_length=60, unique=True)
    rule = models.ForeignKey(
        SavedFilter,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("rule"),
        help_text=_("Empty: customers are put into the group by hand."),
    )
    rule_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        editable=False,
        related_name="+",
        verbose_name=_("rule set by"),
    )
    refreshed_at = models.DateTimeField(_("last refresh"), null=True, editable=False)
    rule_error = models.TextField(_("why the rule stopped"), blank=True, editable=False)

    class Meta:
        verbose_name = _("group")
        verbose_name_plural = _("groups")
        constraints = [
            models.CheckConstraint(
                condition=Q(rule__isnull=True) | Q(rule_by__isnull=False),
                name="group_rule_names_who_set_it",
                violation_error_message=_("A rule names who set it."),
            ),
        ]

    def __str__(self) -> str:
        return self.name


def _own(user: User) -> Q:
    """His exclusive customers; without a join, so that the index by agent is read."""
    return Q(agent=Subquery(Agent.objects.filter(user=user).values("pk")))


def sees_all(user: User) -> bool:
    """Whether this staff user sees the customers of every agent (setting AGENTS_SEE_CUSTOMERS)."""
    return settings.AGENTS_SEE_CUSTOMERS != "own" or user.has_perm("customers.view_any_customer")


def changes_all(user: User) -> bool:
    """Whether this staff user, who may change customers, may change those of every agent."""
    return settings.AGENTS_SEE_CUSTOMERS == "all" or user.has_perm("customers.view_any_customer")


class CustomerQuerySet(models.QuerySet["Customer"]):
    def unmerged(self) -> CustomerQuerySet:
        """Who was not found to be somebody else."""
        return self.filter(merged_into__isnull=True)

    def kept_instead_of(self, pk: str | int) -> Customer | None:
        """Into whom the customer with this id was merged; None where he was not."""
        merged = self.select_related("merged_into").filter(pk=row_id(pk) or 0, merged_into__isnull=False).first()
        return merged.merged_into if merged else None

    def bound(self) -> CustomerQuerySet:
        return self.filter(agent__isnull=False)

    def unbound(self) -> CustomerQuerySet:
        return self.filter(agent__isnull=True)

    def served_by(self, user: User) -> CustomerQuerySet:
        """Whose exclusive agent is this staff user."""
        return self.filter(_own(user))

    def visible_to(self, user: User) -> CustomerQuerySet:
        """Whom this staff user sees in list, page, API and export (setting AGENTS_SEE_CUSTOMERS).

        Who may see any customer (leads, managers) sees all, and so do agents unless the setting is `own`. Nobody sees
        one who was merged into another: he is that other now.
        """
        if sees_all(user):
            return self.unmerged()
        return self.unmerged().served_now_by(user)

    def editable_by(self, user: User) -> CustomerQuerySet:
        """Whom this staff user may change: anybody, or only those whom he serves (setting AGENTS_SEE_CUSTOMERS)."""
        if not user.has_perm("customers.change_customer"):
            return self.none()
        if changes_all(user):
            return self.unmerged()
        return self.unmerged().served_now_by(user)

    def served_now_by(self, user: User, *, at: datetime | None = None) -> CustomerQuerySet:
        """His own customers, those whose running inquiry he has, and those of the agent whose deputy he is.

        The deputy at that moment, or without one by the clock of the database.
        """
        from .inquiry import Inquiry  # noqa: PLC0415  (an inquiry knows its customer; this goes the other way)

        running = Inquiry.objects.running().filter(agent__user=user)
        stood_in_for = Deputyship.objects.in_force(at or Now()).of_deputy(user)
        return self.filter(
            _own(user) | Q(pk__in=running.values("customer")) | Q(agent__in=stood_in_for.values("agent"))
        )

    def stood_in_for_by(self, user: User, *, at: datetime) -> CustomerQuerySet:
        """Whose exclusive agent has this staff user as his deputy at that moment."""
        return self.filter(agent__in=Deputyship.objects.in_force(at).of_deputy(user).values("agent"))

    def bound_since(self, moment: datetime) -> CustomerQuerySet:
        """Whose binding to the agent they have began then or later."""
        from .binding import Binding  # noqa: PLC0415  (a binding knows its customer; this question goes the other way)

        return self.having(Binding.objects.filter(ended_at__isnull=True, started_at__gte=moment))

    def active_since(self, moment: datetime) -> CustomerQuerySet:
        """Who bought or asked since."""
        from .inquiry import Inquiry  # noqa: PLC0415  (an inquiry knows its customer; this goes the other way)

        asked = Inquiry.objects.filter(opened_at__gte=moment)
        return self.filter(Q(last_trade_at__gte=moment) | Q(pk__in=asked.values("customer")))

    def with_account(self) -> CustomerQuerySet:
        return self.filter(Exists(Account.objects.filter(customer=OuterRef("pk"))))

    def known_to(self, source: Source) -> CustomerQuerySet:
        """Who has an account or an order there: whom that source's API key may see."""
        from .order import Order  # noqa: PLC0415  (an order knows its customer; this question goes the other way)

        accounts = Account.objects.filter(source=source, customer=OuterRef("pk"))
        orders = Order.objects.filter(source=source, customer=OuterRef("pk"))
        return self.filter(Exists(accounts) | Exists(orders))

    def called(self, nick: str) -> CustomerQuerySet:
        """Who has exactly this nick now."""
        return self.filter(pk__in=Account.objects.filter(nick=nick).values("customer"))

    def in_order(self, order: str) -> CustomerQuerySet:
        """By a figure, the level, the agent or a moment, with "-" in front the greatest first, as the indexes have it.

        Those alike in level or agent follow by their last trade; whoever has nothing there comes after all others.
        """
        is_falling, name = order.startswith("-"), order.removeprefix("-")
        names = [name, "last_trade_at"] if name in ("level", "agent") else [name]
        parts = [F(name).desc(nulls_last=True) if is_falling else F(name).asc(nulls_first=True) for name in names]
        return self.order_by(*parts, "-pk" if is_falling else "pk")

    def having(self, rows: models.QuerySet[Any], customer: str = "customer") -> CustomerQuerySet:
        """Who has at least one of the rows of another table, whose field `customer` names him.

        SQLite plans without knowing how many rows there are, so it is told which way to go: few rows lead to their
        customers; where there are many, each customer is asked for one, in the order of the list.
        """
        if rows.order_by().values("pk")[MANY : MANY + 1]:
            return self.filter(Exists(rows.filter(**{customer: OuterRef("pk")})))
        return self.filter(pk__in=rows.values(customer))

    def search(self, text: str) -> CustomerQuerySet:
        """What a clerk types: the beginning of a nick (or a former one), or a whole name, phone, e-mail, order number
        or id, in whatever format.
        """
        from .order import Order  # noqa: PLC0415  (an order knows its customer; this one question goes the other way)

        text = text.strip()
        if not text:
            return self
        called = Q()
        for spelling in {text, text.lower(), text.upper(), text.capitalize()}:
            called |= Q(nick__begins=spelling)
        accounts = Account.objects.filter(called)
        exact = [
            Account.objects.filter(external_id=text).values("customer"),
            FormerNick.objects.filter(called).values("account__customer"),
            Order.objects.filter(number=text, customer__isnull=False).values("customer"),
        ]
        for kind in (ContactValue.Kind.NAME, ContactValue.Kind.PHONE, ContactValue.Kind.EMAIL):
            if key := identity.contact_key(kind, text):
                exact.append(ContactValue.objects.filter(kind=kind, key=key).values("customer"))
        if accounts.values("pk")[MANY : MANY + 1]:
            return self.filter(
                Exists(accounts.filter(customer=OuterRef("pk"))) | Q(pk__in=exact[0].union(*exact[1:], all=True))
            )
        return self.filter(pk__in=accounts.values("customer").union(*exact, all=True))


class Customer(Imported):
    """A person known to the shop. His accounts name him, his contact values stand in their own table."""

    class Level(models.IntegerChoices):
        NONE = 0, _("store customer")
        REGULAR = 1, _("regular member")
        PREMIUM = 2, _("premium member")
        VIP = 3, _("VIP member")
        SUPREME = 4, _("supreme VIP member")

    class CustomerSource(models.IntegerChoices):
        TRADED = 1, _("traded")
        NOT_TRADED = 2, _("not traded")
        BY_HAND = 3, _("added by hand")

    class LevelBasis(models.TextChoices):
        """Why he has his level: it decides what trade figures may do to it."""

        FIGURES = "figures", _("earned by trade figures")
        BY_HAND = "by_hand", _("set by hand; trade figures may raise it")
        HELD = "held", _("set by hand below what was earned; trade figures leave it")

    level = models.PositiveSmallIntegerField(_("level"), choices=Level.choices, default=Level.NONE)
    level_basis = models.CharField(
        _("basis of the level"), max_length=8, choices=LevelBasis.choices, default=LevelBasis.FIGURES, editable=False
    )
    groups = models.ManyToManyField(Group, blank=True, related_name="customers", verbose_name=_("groups"))
    customer_source = models.PositiveSmallIntegerField(
        _("customer source"), choices=CustomerSource.choices, default=CustomerSource.NOT_TRADED
    )
    agent = models.ForeignKey(
        Agent,
        on_delete=models.PROTECT,
        db_index=False,
        null=True,
        blank=True,
        related_name="customers",
        verbose_name=_("exclusive agent"),
    )
    language = models.CharField(_("language"), max_length=10, blank=True, help_text=_("Empty: the shop's language."))
    time_zone = models.CharField(_("time zone"), max_length=40, blank=True, help_text=_("Empty: the shop's zone."))
    province = models.CharField(_("province"), max_length=60, blank=True)
    city = models.CharField(_("city"), max_length=80, blank=True)
    registered_at = models.DateTimeField(_("known since"))
    merged_into = models.ForeignKey(
        "self",
        on_delete=models.PROTECT,
        db_index=False,
        null=True,
        editable=False,
        related_name="+",
        verbose_name=_("merged into"),
        help_text=_("Who he was found to be: all that was his is that one's."),
    )

    # Trade figures: kept by services.trade_figures, which defines each of them.
    trade_count = models.PositiveIntegerField(_("trade count"), default=0)
    trade_amount = models.DecimalField(_("trade amount"), max_digits=14, decimal_places=2, default=0)
    item_count = models.PositiveIntegerField(_("item count"), default=0)
    avg_price = models.DecimalField(_("average price"), max_digits=14, decimal_places=2, default=0)
    close_trade_count = models.PositiveIntegerField(_("closed trades"), default=0)
    close_trade_amount = models.DecimalField(_("closed amount"), max_digits=14, decimal_places=2, default=0)
    last_trade_at = models.DateTimeField(_("last trade"), null=True, blank=True)

    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    updated_at = models.DateTimeField(_("changed"), auto_now=True)

    objects = CustomerQuerySet.as_manager()

    class Meta:
        verbose_name = _("customer")
        verbose_name_plural = _("customers")
        indexes = [
            # the audience "one agent's customers" in order of planning
            models.Index(fields=["agent", "id"], name="customer_agent"),
            # the list as it opens, by last trade, and narrowed to what many have alike, by last trade too
            _index("last_trade", last_trade_at="timestamptz"),
            _index("level", level="int2", last_trade_at="timestamptz"),
            _index("agent_last_trade", agent="int8", last_trade_at="timestamptz"),
            _index("source", customer_source="int2", last_trade_at="timestamptz"),
            _index("province", province="text", last_trade_at="timestamptz"),
            _index("city", city="text", last_trade_at="timestamptz"),
            # the list ordered by a figure, and a range of it
            _index("trade_count", trade_count="int4"),
            _index("trade_amount", trade_amount="numeric"),
            _index("avg_price", avg_price="numeric"),
            _index("item_count", item_count="int4"),
            _index("close_trade_count", close_trade_count="int4"),
            _index("close_trade_amount", close_trade_amount="numeric"),
            _index("registered", registered_at="timestamptz"),
            # who was merged into this customer
            models.Index(fields=["merged_into"], condition=Q(merged_into__isnull=False), name="customer_merged_into"),
        ]
        permissions = [
            ("view_any_customer", _("May see and change the customers of all agents, whatever the shop's setting")),
            ("merge_customer", _("May merge customers who are the same person")),
            ("view_contact", _("May see contact data unmasked")),
            ("export_customer", _("May export customers")),
            ("bind_customer", _("May bind a customer without an agent to himself")),
            ("bind_any_customer", _("May bind and hand over any customer")),
            ("view_shop_figures", _("May see the figures of the whole shop")),
        ]

    def __str__(self) -> str:
        return f"{self._meta.verbose_name} #{self.pk}"

    def get_absolute_url(self) -> str:
        return reverse("admin:customers_customer_change", args=[self.pk])
