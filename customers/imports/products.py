"""Products of a list: new ones are recorded, known ones updated unless a person edited them here."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import transaction

from customers.bulk import update_rows
from customers.models import EventRow, Product, Source

from .loading import Loading

TOLD = ("name", "category", "price")


@transaction.atomic
def keep_products(told: Sequence[Product], loading: Loading) -> int:
    """Write unsaved products, named by their numbers; return how many known ones changed. Repeating is safe."""
    changed = renew_known(told, loading.source)
    update_rows(Product, changed, TOLD)
    loading.products(told)
    return len(changed)


def renew_known(told: Sequence[Product], source: Source) -> list[Product]:
    """The known products that are told otherwise, as they would be, not saved. What is told empty is not told."""
    by_number = {product.external_id: product for product in told}
    known = list(Product.objects.filter(source=source, external_id__in=list(by_number)))
    rows = EventRow.objects.filter(model=Product._meta.label_lower, row_id__in=[product.pk for product in known])
    edited_here = set(rows.filter(event__verb="product.changed").values_list("row_id", flat=True))
    changed = []
    for product in known:
        news = {name: getattr(by_number[product.external_id], name) for name in TOLD}
        news = {name: value for name, value in news.items() if value not in ("", None, getattr(product, name))}
        if news and product.pk not in edited_here:
            for name, value in news.items():
                setattr(product, name, value)
            changed.append(product)
    return changed
