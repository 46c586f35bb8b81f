"""News of the customers app, sent inside the transaction that made them."""

from django.dispatch import Signal

# Orders that an import has just recorded: `orders` (a queryset of the new ones only), `run`, `source`. Each order is
# told once. No gate was asked: a marketplace had accepted these orders already.
orders_imported = Signal()

# Orders whose buyer was unknown when they were recorded and is known now: `orders` (a queryset), `source`.
orders_identified = Signal()

# Something was told of customers that may tie them to others: `customers` (a queryset), `at`.
customers_told = Signal()

# Jobs wait for a worker. Sent when the transaction that wrote them has committed.
work_waiting = Signal()

# An answer goes out to the buyer, an agent's or an automatic one: `message`, an InquiryMessage.
message_answered = Signal()

# Something happened that the staff is told of at the bell: `kind`, `parameters`, `url`, `at`. Sent once for each event,
# however many are told of it, nobody included.
news_told = Signal()

# A customer was merged into another, and all that was his is the kept one's: `kept`, `merged`, `by`, `at`. Under the
# exclusive intake lock.
customer_merged = Signal()

# Orders wait for a person's review now, or were released: `holds` (a queryset of OrderHold), `by` (None: the gate held
# them, or nobody decided in time), `at`. What an order's source tells of it is not among them.
orders_held = Signal()
orders_released = Signal()

# An open order was closed here: `order`, `refund` (the Refund that asks its money back, or None), `by`, `at`.
order_closed = Signal()

# Customers who were known before got an account in a source, lost one there, or have another number or nick in one:
# `customers` (ids), `source_id`.
accounts_changed = Signal()
