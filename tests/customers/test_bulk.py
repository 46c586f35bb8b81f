from decimal import Decimal

import pytest
from django.db.models import F, Value

from customers.bulk import in_batches, insert_from
from customers.models import Customer, Group, Product
from tests.factories import CustomerFactory, GroupFactory, ProductFactory, SourceFactory

pytestmark = pytest.mark.django_db


def test_insert_from_writes_each_row_of_the_queryset_with_defaults():
    source = SourceFactory()
    CustomerFactory(city="苏州")
    CustomerFactory(city="杭州")

    written = insert_from(
        Product,
        Customer.objects.order_by("city"),
        source=source,
        external_id=F("city"),
        name=Value("x"),
        price=Decimal("1.50"),
        created_at=F("registered_at"),
    )

    assert written == 2
    assert set(Product.objects.values_list("source", "external_id", "name", "price", "is_new")) == {
        (source.pk, "苏州", "x", Decimal("1.50"), False),
        (source.pk, "杭州", "x", Decimal("1.50"), False),
    }


def test_insert_from_leaves_out_what_is_there_when_told_to():
    ProductFactory(external_id="a", name="a")
    ProductFactory(external_id="b", name="b")
    GroupFactory(name="a")

    assert insert_from(Group, Product.objects.all(), name=F("name"), ignore_conflicts=True) == 1
    assert insert_from(Group, Product.objects.all(), name=F("name"), ignore_conflicts=True) == 0
    assert set(Group.objects.values_list("name", flat=True)) == {"a", "b"}


def test_insert_from_nothing_writes_nothing():
    assert insert_from(Group, Product.objects.filter(pk__in=[]), name=F("name")) == 0


def test_insert_from_names_an_unknown_field():
    with pytest.raises(TypeError, match="colour"):
        insert_from(Group, Product.objects.all(), name=F("name"), colour="red")


def test_in_batches_reaches_every_row_once_even_when_rows_leave_the_filter():
    customers = CustomerFactory.create_batch(7)
    seen = []

    for stretch in in_batches(Customer.objects.filter(level=0), size=3):
        seen.append(sorted(stretch.values_list("pk", flat=True)))
        stretch.update(level=1)

    ids = [customer.pk for customer in customers]
    assert seen == [ids[:3], ids[3:6], ids[6:]]
