import datetime as dt

import pytest

from etl_platform.pricing.history import totals
from etl_platform_tests.pricing.points import at

OCTOBER, NOVEMBER = dt.date(2026, 10, 31), dt.date(2026, 11, 1)
RUNS = [
    at(NOVEMBER, 2.0, team="a"),
    at(NOVEMBER, 5.0, job="sales", platform="emr", team="b"),
    at(NOVEMBER, None, job="sales", platform="emr"),
    at(OCTOBER, 1.0, team="a"),
    at(OCTOBER, None, job="sales", platform=None),
]


@pytest.mark.parametrize(
    ("by", "groups"),
    [
        ("job", ["2026-11 sales 5.0", "2026-11 orders 2.0", "2026-10 orders 1.0", "2026-10 sales None"]),
        ("platform", ["2026-11 emr 5.0", "2026-11 glue 2.0", "2026-10 glue 1.0", "2026-10 none None"]),
        (
            "tag:team",
            ["2026-11 b 5.0", "2026-11 a 2.0", "2026-11 none None", "2026-10 a 1.0", "2026-10 none None"],
        ),
    ],
)
def test_totals_of_a_month(by, groups):
    assert [f"{one.month} {one.group} {one.usd}" for one in totals(RUNS, by)] == groups


def test_runs_of_unknown_cost_are_counted_apart():
    sales = totals(RUNS, "job")[0]
    assert (sales.runs, sales.unpriced, sales.usd) == (2, 1, 5.0)


def test_an_unknown_grouping_is_refused():
    with pytest.raises(ValueError, match="tag:NAME"):
        totals(RUNS, "colour")
