"""What the staff of the demo shop have written about its customers."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from customers.models import Customer, FormerNick, Order, User
from customers.services.notes import add_note
from customers.services.orders import update_order
from messaging.models import OptOut
from messaging.services.opt_outs import opt_out

NOTES = [
    "喜欢顺丰，发货前请先联系。 Prefers SF Express; call before sending.",
    "老客户，生日 5 月 20 日。",
    "Asked for an invoice with the company's name.",
]
MEMOS = ["明天发货 Send tomorrow", "改地址已确认", "Gift: no price in the parcel"]


def seed_words(staff: Mapping[str, User], *, at: datetime) -> None:
    """What a customer's page is for: notes, flags and memos on orders, a former nick, an opt-out."""
    known = Customer.objects.served_by(staff["ming"]).filter(orders__isnull=False).distinct().order_by("pk")
    for number, customer in enumerate(known[: len(NOTES)]):
        said_at = at - timedelta(hours=3 * number + 1)
        add_note(customer, text=NOTES[number], by=staff["ming" if number % 2 else "lin"], at=said_at)
        order = Order.objects.filter(customer=customer).latest("ordered_at", "pk")
        update_order(order, at=said_at, by=staff["ming"], memo=MEMOS[number % len(MEMOS)], flag=1 + number % 5)
        for account in customer.accounts.all():
            FormerNick.objects.create(account=account, nick=f"{account.nick}_old", until_at=at - timedelta(days=30))
        if number == 0:
            opt_out(customer, channel="email", source=OptOut.Source.LINK, at=said_at)
