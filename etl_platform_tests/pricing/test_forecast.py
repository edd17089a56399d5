import datetime as dt

import numpy as np
import pytest

from etl_platform.pricing.forecast import forecast_month
from etl_platform.pricing.history import days_of
from etl_platform_tests.pricing.points import at, daily

TODAY = dt.date(2026, 11, 20)


def weeks(count: int) -> dt.date:
    return TODAY - dt.timedelta(days=7 * count)


def test_a_steady_job_costs_its_daily_sum_for_each_day_of_the_month():
    forecast = forecast_month(days_of(daily(dt.date(2026, 11, 1), [2.0] * 19)), TODAY)
    assert forecast.spent_usd == 38
    assert forecast.expected_usd == pytest.approx(60)
    assert forecast.low_usd == pytest.approx(60, abs=1e-6) and forecast.high_usd == pytest.approx(
        60, abs=1e-6
    )


def test_today_is_not_counted_twice():
    runs = daily(dt.date(2026, 11, 1), [2.0] * 20)
    assert forecast_month(days_of(runs), TODAY).expected_usd == pytest.approx(60)


def test_weekdays_without_runs_stay_free():
    first = weeks(6)
    costs = [5.0 if (first + dt.timedelta(days=n)).weekday() < 5 else 0.0 for n in range(42)]
    runs = [run for run in daily(first, costs) if run.usd]
    # 21 working days in November 2026.
    assert forecast_month(days_of(runs), TODAY).expected_usd == pytest.approx(105, abs=0.5)


def test_growth_is_told_by_month():
    costs = [10 + 0.1 * n for n in range(56)]
    forecast = forecast_month(days_of(daily(weeks(8), costs)), TODAY)
    assert forecast.growth_monthly == pytest.approx(0.1 * 365.25 / 12 / np.mean(costs), rel=1e-3)
    assert forecast.expected_usd == pytest.approx(sum(10 + 0.1 * n for n in range(37, 67)), rel=1e-3)


@pytest.mark.parametrize("days", [0, 2])
def test_too_little_history_gives_no_number(days):
    forecast = forecast_month(days_of(daily(TODAY - dt.timedelta(days=days), [1.0] * days)), TODAY)
    assert forecast.expected_usd is None and forecast.low_usd is None
    assert "needs 3 whole days" in forecast.notes[-1]


def test_runs_of_unknown_cost_are_left_out_and_noted():
    runs = [*daily(dt.date(2026, 11, 1), [2.0] * 19), at(dt.date(2026, 11, 3), None)]
    forecast = forecast_month(days_of(runs), TODAY)
    assert forecast.spent_usd == 38
    assert "1 of 20 runs have no known cost" in forecast.notes[0]


def test_the_range_holds_about_nine_months_in_ten():
    random = np.random.default_rng(0)
    held = 0
    for _ in range(200):
        costs = random.normal(10, 2, 72)
        actual = sum(costs[42:])
        # History ends on the twentieth of the month: six weeks before the month and nineteen days of it.
        runs = daily(dt.date(2026, 9, 20), costs[: 42 + 19])
        forecast = forecast_month(days_of(runs), TODAY)
        assert forecast.low_usd is not None and forecast.high_usd is not None
        held += forecast.low_usd <= actual <= forecast.high_usd
    assert 0.84 <= held / 200 <= 0.96


def test_what_is_already_spent_is_the_least_that_the_month_costs():
    runs = [*daily(dt.date(2026, 11, 1), [0.01] * 18), at(dt.date(2026, 11, 19), 500.0)]
    forecast = forecast_month(days_of(runs), TODAY)
    assert forecast.low_usd is not None and forecast.spent_usd is not None
    assert forecast.low_usd >= forecast.spent_usd
