"""The keys of contact values that are stored already, when the normalisers have changed since.

A key of an older version is not found by what is asked today, so the keys are made anew before the shop is served.
"""

from __future__ import annotations

from collections.abc import Sequence

from django.db import transaction
from django.db.models import CharField, Value
from django.db.models.functions import Cast, Concat

from customers import identity
from customers.bulk import in_batches, update_rows
from customers.models import ContactValue, KeyVersion

# Of shops that were filled before versions were counted.
FIRST_VERSION = 1


def note_version() -> None:
    """Write down the version of an empty shop: this code's; one that has values already was filled by the first.

    Runs after every migrate; repeating is safe.
    """
    if not KeyVersion.objects.exists():
        is_filled = ContactValue.objects.exists()
        KeyVersion.objects.create(version=FIRST_VERSION if is_filled else identity.VERSION)


def are_current() -> bool:
    """Whether what is asked today finds what is stored."""
    return not KeyVersion.objects.filter(version__lt=identity.VERSION).exists()


def renew() -> int:
    """Make the stored keys anew where they are of an older version; return how many changed.

    In short transactions; one that was stopped goes on where it was. Repeating is safe.
    """
    stored = KeyVersion.objects.filter(version__lt=identity.VERSION).first()
    if stored is None:
        return 0
    changed = 0
    for stretch in in_batches(ContactValue.objects.filter(pk__gt=stored.renewed_up_to).exclude(value="")):
        with transaction.atomic():
            values = list(stretch.order_by("pk"))
            changed += _renew(values)
            stored.renewed_up_to = values[-1].pk
            stored.save(update_fields=["renewed_up_to"])
    stored.version, stored.renewed_up_to = identity.VERSION, 0
    stored.save(update_fields=["version", "renewed_up_to"])
    return changed


def _renew(values: Sequence[ContactValue]) -> int:
    """Two values of a customer that are one by now stay once: the older, as bad where either is known to be bad."""
    outdated = {row.customer_id for row in values if row.key != _key(row)}
    together = ContactValue.objects.filter(customer__in=outdated).exclude(value="").order_by("pk")
    kept: dict[tuple[int, str, str], ContactValue] = {}
    doubled, changed = [], []
    for row in together:
        key = _key(row)
        first = kept.setdefault((row.customer_id, row.kind, key), row)
        if first is not row:
            doubled.append(row)
            if row.state == ContactValue.State.BAD:
                first.state = row.state
                changed.append(first)
        elif row.key != key:
            row.key = key
            changed.append(row)
    ContactValue.objects.filter(pk__in=[row.pk for row in doubled]).delete()
    # out of each other's way first: two may exchange their keys
    own = Concat(Value("renewed-"), Cast("pk", CharField()))
    ContactValue.objects.filter(pk__in=[row.pk for row in changed]).update(key=own)
    update_rows(ContactValue, changed, ["key", "state"])
    return len({row.pk for row in changed}) + len(doubled)


def _key(row: ContactValue) -> str:
    return identity.stored_key(row.kind, row.value, row.customer_id)
