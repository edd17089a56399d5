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


def spiky(days: int, spike_usd: float, *, day: int) -> list[float]:
    """Days of about half a dollar, and one that is not."""
    costs = np.random.default_rng(1).normal(0.52, 0.02, days)
    costs[day] = spike_usd
    return costs.tolist()


def test_a_single_spike_is_no_growth():
    costs = spiky(45, 6.0, day=42)
    forecast = forecast_month(days_of(daily(TODAY - dt.timedelta(days=45), costs)), TODAY)
    assert forecast.spent_usd is not None and forecast.growth_monthly is not None
    assert forecast.expected_usd == pytest.approx(forecast.spent_usd + 11 * 0.52, abs=0.3)
    assert abs(forecast.growth_monthly) < 0.1
    assert "unusual days say nothing of those to come: 2026-11-17 ($6.00)" in forecast.notes


def test_a_spike_in_a_short_history_is_left_out_too():
    costs = spiky(20, 6.0, day=10)
    forecast = forecast_month(days_of(daily(TODAY - dt.timedelta(days=20), costs)), TODAY)
    assert forecast.spent_usd is not None
    assert forecast.expected_usd == pytest.approx(forecast.spent_usd + 11 * 0.52, abs=0.3)


@pytest.mark.parametrize(
    "costs",
    [
        [50.0 if n % 7 == 0 else 5.0 for n in range(42)],
        [30.0 if n % 15 == 4 else 0.0 for n in range(45)],
        [1.0 + 0.2 * n for n in range(60)],
        [2.0 if n < 30 else 8.0 for n in range(45)],
    ],
    ids=["dear Mondays", "twice a month", "growth", "a new level"],
)
def test_what_happens_again_and_again_is_not_unusual(costs):
    forecast = forecast_month(days_of(daily(TODAY - dt.timedelta(days=len(costs)), costs)), TODAY)
    assert not any("unusual" in note for note in forecast.notes)


def test_a_month_without_a_run_has_cost_nothing():
    assert forecast_month([], TODAY).spent_usd == 0.0
    assert forecast_month(days_of([at(dt.date(2026, 10, 3), 2.0)]), TODAY).spent_usd == 0.0
    assert forecast_month(days_of([at(dt.date(2026, 11, 3), None)]), TODAY).spent_usd is None
