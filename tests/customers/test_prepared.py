import pytest
from django.db.models import CharField, IntegerField, Q

from customers.models import Account
from customers.prepared import Fixed, Prepared, PreparedValues, Slot
from tests.factories import AccountFactory


def test_prepared_query_answers_as_the_queryset_does_for_any_values(db, django_assert_num_queries):
    ann, bob = AccountFactory(nick="ann", external_id="7"), AccountFactory(nick="bob", external_id="7 or more")
    rows = Account.objects.select_related("customer").filter(nick=Slot("nick", CharField()), external_id__gte="7")
    query = Prepared(rows.filter(customer__trade_count__lte=Slot("most", IntegerField())).order_by("pk")[:1])

    found = [query.first(nick=nick, most=most) for nick, most in (("ann", 0), ("bob", 5), ("bob", -1), ("eve", 9))]

    assert found == [ann, bob, None, None]
    with django_assert_num_queries(0):
        assert found[0].customer.registered_at == ann.customer.registered_at


def test_prepared_values_answer_as_the_queryset_does(db):
    for nick in ("ann", "bob"):
        AccountFactory(nick=nick, external_id=nick)
    rows = Account.objects.filter(nick=Slot("nick", CharField())).annotate(is_ann=Q(external_id=Fixed("ann")))
    query = PreparedValues(rows.values("is_ann", "nick"))

    found = [query.all(nick=nick) for nick in ("ann", "bob", "eve")]

    assert found == [[{"is_ann": True, "nick": "ann"}], [{"is_ann": False, "nick": "bob"}], []]


@pytest.mark.parametrize("word", ["", "it's", "A", "a b", "a\n"])
def test_only_a_word_of_our_own_stands_in_the_sql_itself(word):
    with pytest.raises(ValueError, match="word of our own"):
        Fixed(word)
