import random
from datetime import timedelta
from decimal import Decimal

import pytest

from customers.models import Customer, Job, RfmScale, RfmScore
from customers.models.rfm import CELLS, SCORES, SEGMENTS
from customers.services import jobs, rfm
from tests.factories import NOON, CustomerFactory

PAGE = "/admin/customers/rfmscale/"
LIST = "/admin/customers/customer/"
SCORED = ("recency", "frequency", "monetary", "segment")


def buyer(*, days=0, count=1, amount="10.00", **fields):
    return CustomerFactory(
        last_trade_at=NOON - timedelta(days=days), trade_count=count, trade_amount=Decimal(amount), **fields
    )


def scores(*names):
    return list(RfmScore.objects.order_by("customer").values_list(*(names or SCORED)))


def test_scores_cut_each_value_into_five_classes_of_the_same_size(db, now):
    for place in range(10):
        buyer(days=90 - place, count=place + 1, amount=100 - place)

    rfm.refresh(at=now)

    up = [1, 1, 2, 2, 3, 3, 4, 4, 5, 5]
    assert scores("recency", "frequency", "monetary") == [
        (score, score, other) for score, other in zip(up, reversed(up), strict=True)
    ]


def test_customers_who_are_alike_share_a_score(db, now):
    for count in (1, 1, 1, 1, 1, 1, 2, 2, 3, 9):
        buyer(count=count)

    scale = rfm.refresh(at=now)

    assert scores("recency", "frequency") == [(1, score) for score in (1, 1, 1, 1, 1, 1, 4, 4, 5, 5)]
    assert (scale.recency_cuts, scale.frequency_cuts) == ([None] * 4, [2, 2, 2, 3])


def test_scores_are_those_of_the_definition_for_any_shop(db, now):
    dice = random.Random(5)
    people = [
        buyer(days=dice.randint(0, 30), count=dice.randint(1, 4), amount=f"{dice.randint(1, 9)}.10") for _ in range(60)
    ]

    rfm.refresh(at=now)

    def score(values, value):
        return 1 + 5 * sum(other < value for other in values) // len(values)

    fields = ("last_trade_at", "trade_count", "trade_amount")
    values = [[getattr(person, field) for person in people] for field in fields]
    assert scores("recency", "frequency", "monetary") == [
        tuple(score(of, getattr(person, field)) for field, of in zip(fields, values, strict=True)) for person in people
    ]


def test_who_never_traded_has_no_score(db, now, settings):
    settings.WRITE_BATCH = 2
    gone, stays = buyer(), buyer()
    CustomerFactory()
    rfm.refresh(at=now)
    Customer.objects.filter(pk=gone.pk).update(trade_count=0, last_trade_at=None)

    scale = rfm.refresh(at=now)

    assert list(RfmScore.objects.values_list("customer", flat=True)) == [stays.pk]
    assert scale.cells == [[1, 1, 1, "10.00"]]


def test_refresh_of_an_empty_shop_scores_nobody(db, now):
    scale = rfm.refresh(at=now)

    assert (scale.customer_count, scale.cells, scores()) == (0, [], [])


def test_refresh_moves_whom_others_have_overtaken(db, now):
    people = [buyer(count=count) for count in (1, 2, 3, 4, 5)]
    rfm.refresh(at=now)
    Customer.objects.filter(pk=people[0].pk).update(trade_count=9)

    rfm.refresh(at=now)

    assert scores("frequency") == [(5,), (1,), (2,), (3,), (4,)]
    assert RfmScale.objects.count() == 2


def test_segments_cover_the_map_once():
    cells = [(recency, frequency) for recency in SCORES for frequency in SCORES]

    covered = [cell for pair in CELLS.values() for cell in ((r, f) for r in pair[0] for f in pair[1])]

    assert (sorted(covered), sorted(SEGMENTS)) == (cells, cells)


def test_segment_follows_from_recency_and_frequency(db, now):
    champion, lost = buyer(days=0, count=9), buyer(days=9, count=1)
    for place in range(3):
        buyer(days=place + 1, count=place + 2)

    rfm.refresh(at=now)

    assert [RfmScore.objects.get(customer=customer).segment for customer in (champion, lost)] == ["champions", "lost"]


def test_list_is_filtered_by_segment_and_scores(manager, sign_in, now):
    best, worst = buyer(days=0, count=9, amount="90.00"), buyer(days=9)
    for place in range(3):
        buyer(days=place + 1, count=place + 2, amount=f"{place + 2}0.00")
    CustomerFactory()
    rfm.refresh(at=now)
    client = sign_in(manager)

    found = {
        values: [customer.pk for customer in client.get(f"{LIST}?{values}").context["cl"].result_list]
        for values in (
            "rfm_segment=champions",
            "rfm_recency=1",
            "rfm_frequency=5&rfm_recency=5",
            "rfm_monetary=5&rfm_monetary=1",
            "rfm_segment=none",
        )
    }

    assert found == {
        "rfm_segment=champions": [best.pk],
        "rfm_recency=1": [worst.pk],
        "rfm_frequency=5&rfm_recency=5": [best.pk],
        "rfm_monetary=5&rfm_monetary=1": [best.pk, worst.pk],
        "rfm_segment=none": [],
    }
    assert ">champions<" in client.get(LIST).text


def test_map_shows_counts_averages_and_leads_to_the_customers(lead, sign_in, now):
    buyer(days=0, count=9, amount="1290.00")
    for place in range(4):
        buyer(days=place + 1, count=place + 1)
    rfm.refresh(at=now)

    page = sign_in(lead).get(PAGE)

    texts = [
        "?rfm_recency=5&amp;rfm_frequency=5",
        "1,290.00",
        "champions",
        "since 2026-03-05",
        "from 9 trades",
        "20.0%",
    ]
    assert [text in page.text for text in texts] == [True] * len(texts)
    assert [cell.count for row in page.context["rows"] for cell in row.cells if cell.count] == [1] * 5


def test_map_takes_as_many_queries_for_3_customers_as_for_1(lead, sign_in, now, count_queries):
    client = sign_in(lead)
    buyer()
    rfm.refresh(at=now)
    client.get(PAGE)
    one = count_queries(lambda: client.get(PAGE))
    for place in range(2):
        buyer(days=place + 1, count=place + 2)
    rfm.refresh(at=now)

    assert count_queries(lambda: client.get(PAGE)) == one


def test_map_is_for_leads_and_managers(agent, sign_in, now):
    client = sign_in(agent.user)

    statuses = [client.get(PAGE).status_code, client.post(f"{PAGE}refresh/").status_code]

    assert (statuses, Job.objects.count()) == ([403, 403], 0)
    with pytest.raises(rfm.MayNotRefresh):
        rfm.ask_for_refresh(by=agent.user, at=now)


def test_scores_are_computed_on_demand_in_one_job_at_a_time(lead, sign_in):
    buyer()
    client = sign_in(lead)

    addresses = {client.post(f"{PAGE}refresh/").url for _ in range(2)}
    job = jobs.run_to_end(Job.objects.get())

    assert addresses == {job.get_absolute_url()}
    assert (job.state, job.total, job.done_count, job.by) == (Job.State.FINISHED, 1, 1, lead)
    assert "No scores yet" not in client.get(PAGE).text


def test_scores_are_computed_once_a_night(db, settings):
    settings.NIGHT_HOUR = 3
    night = NOON.replace(hour=19)  # three in the morning in Shanghai
    moments = [night - timedelta(hours=2), night - timedelta(hours=1), night, night + timedelta(hours=9)]

    asked = []
    for at in moments:
        job = rfm.refresh_nightly(at=at)
        asked.append(job is not None and job.by is None)
        if job:
            jobs.run_to_end(job, clock=lambda at=at: at)

    assert asked == [True, False, True, False]
