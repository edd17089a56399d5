import datetime as dt

import pytest

from etl_platform.pricing.anomaly import anomalies, anomaly
from etl_platform_tests.pricing.points import at, daily

FIRST = dt.date(2026, 10, 1)
USUAL = [1.0, 1.1, 0.9, 1.05, 0.95, 1.0, 1.02, 0.98]


def next_run(usd):
    return at(FIRST + dt.timedelta(days=100), usd)


@pytest.mark.parametrize(("usd", "unusual"), [(1.1, False), (1.4, True), (0.6, True), (None, False)])
def test_a_run_is_held_against_the_median_of_those_before_it(usd, unusual):
    assert (anomaly(next_run(usd), daily(FIRST, USUAL)) is not None) is unusual


def test_one_earlier_outlier_does_not_hide_the_next():
    found = anomaly(next_run(1.5), daily(FIRST, [*USUAL, 400.0]))
    assert found and found.usual_usd == pytest.approx(1.0)


def test_equal_costs_make_no_alarm_of_a_small_difference():
    history = daily(FIRST, [1.0] * 10)
    assert anomaly(next_run(1.1), history) is None
    assert anomaly(next_run(1.3), history) is not None


def test_too_few_runs_tell_nothing():
    assert anomaly(next_run(100.0), daily(FIRST, USUAL[:4])) is None


def test_each_job_is_judged_by_its_own_runs_newest_first():
    runs = [
        *daily(FIRST, [*USUAL, 9.0]),
        *daily(FIRST, [9.0] * 9, job="large"),
        *daily(FIRST, [*USUAL, 1.0, 0.2], job="third"),
    ]
    assert [(one.run.job_id, one.score > 0) for one in anomalies(runs)] == [
        ("third", False),
        ("orders", True),
    ]


def test_the_sentence_tells_both_figures():
    found = anomaly(next_run(2.0), daily(FIRST, USUAL))
    assert found and "$2.0000 (+100%)" in found.sentence and "$1.0000" in found.sentence


def test_runs_that_nobody_bills_are_no_history_of_what_is_charged():
    free = daily(FIRST, [0.0] * 10, platform="local")
    assert anomaly(next_run(1.0), free) is None
    assert anomaly(at(FIRST + dt.timedelta(days=100), 0.0, platform="local"), daily(FIRST, USUAL)) is None
