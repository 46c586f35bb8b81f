from django.db.models import CharField, IntegerField

from customers.models import Account
from customers.prepared import Prepared, Slot
from tests.factories import AccountFactory


def test_prepared_query_answers_as_the_queryset_does_for_any_values(db, django_assert_num_queries):
    ann, bob = AccountFactory(nick="ann", external_id="7"), AccountFactory(nick="bob", external_id="7 or more")
    rows = Account.objects.select_related("customer").filter(nick=Slot("nick", CharField()), external_id__gte="7")
    query = Prepared(rows.filter(customer__trade_count__lte=Slot("most", IntegerField())).order_by("pk")[:1])

    found = [query.first(nick=nick, most=most) for nick, most in (("ann", 0), ("bob", 5), ("bob", -1), ("eve", 9))]

    assert found == [ann, bob, None, None]
    with django_assert_num_queries(0):
        assert found[0].customer.registered_at == ann.customer.registered_at
