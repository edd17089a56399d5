import math

import pytest

from etl_platform.quality.history import anomaly, deviation, trend
from etl_platform.quality.scores import grade, scores_of
from etl_platform_tests.quality.builders import check


def scored(quality, folder, rows):
    return scores_of([check(rows, quality, folder)])


def test_a_dimension_is_the_mean_of_its_rules_weighted_by_severity(tmp_path):
    quality = {
        "completeness_checks": [
            {"field": "a", "severity": "critical", "action": "warn"},
            {"field": "b", "severity": "low"},
        ]
    }
    rows = [{"a": None, "b": 1}, {"a": 1, "b": 1}]
    assert scored(quality, tmp_path, rows).completeness_score == pytest.approx((50 * 8 + 100 * 1) / 9)


def test_a_dimension_without_rules_is_unknown_and_does_not_count(tmp_path):
    quality = {
        "completeness_checks": [{"field": "a"}],
        "accuracy_rules": [{"field": "a", "rule_type": "range", "min": 0}],
    }
    scores = scored(quality, tmp_path, [{"a": None}, {"a": 1}, {"a": 1}, {"a": -1}])
    assert (scores.completeness_score, scores.accuracy_score, scores.timeliness_score) == (75, 75, None)
    assert scores.overall_score == 75


def test_a_rule_that_could_not_be_evaluated_has_no_score_and_counts_as_failed(tmp_path):
    scores = scored({"completeness_checks": [{"field": "nope"}]}, tmp_path, [{"a": 1}])
    assert (scores.overall_score, scores.quality_checks_passed, scores.quality_checks_failed) == (None, 0, 1)


def test_percentages_and_violations(tmp_path):
    quality = {
        "completeness_checks": [{"field": "a"}, {"field": "b"}],
        "duplicate_check": {"key_fields": ["b"]},
        "custom_validations": [{"name": "c", "sql": "a > 1"}],
        "schema_check": {"columns": {"a": "string"}},
    }
    scores = scored(quality, tmp_path, [{"a": None, "b": 1}, {"a": 2, "b": 1}])
    assert (scores.null_percentage, scores.duplicate_percentage) == (25, 50)
    assert (scores.schema_violations, scores.business_rule_violations, scores.validity_score) == (1, 1, 0)


def test_nothing_checked_is_nothing_known():
    assert scores_of([]).model_dump(exclude_none=True) == {}


@pytest.mark.parametrize(("score", "letter"), [(100, "A"), (95, "A"), (94.9, "B"), (0, "F"), (None, None)])
def test_grades(score, letter):
    assert grade(score) == letter


def test_a_value_far_from_the_past_is_an_anomaly_and_one_outlier_of_the_past_hides_none():
    history = [100, 101, 99, 100, 5000, 102, 98]
    assert anomaly("rows", history, 103) is None
    told = anomaly("rows", history, 150)
    assert told is not None and told.startswith("rows is 150, far above the usual 100 of the last 7 runs")


def test_the_modified_z_score_is_that_of_iglewicz_and_hoaglin():
    # median 3, median absolute deviation 1: 0.6745 · (10 − 3) / 1.
    assert deviation([1, 2, 3, 4, 5], 10) == pytest.approx(0.6745 * 7, rel=1e-4)


def test_where_the_past_never_varied_any_other_value_is_out_of_line():
    assert deviation([5.0] * 6, 5.1) == math.inf
    assert deviation([5.0] * 6, 5.0) == 0


def test_too_short_a_past_says_nothing():
    assert anomaly("rows", [1, 1, 1, 1], 99) is None
    assert trend([90, 80, 70, 60]) is None


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        ([90, 91, 90, 91, 90, 91], "stable"),
        ([70, 75, 80, 85, 90], "improving"),
        ([99, 98, 96, 95, 93, 20, 90], "degrading"),
        ([90, 90.1, 90.2, 90.3, 90.4], "stable"),
    ],
)
def test_the_trend_of_scores(scores, expected):
    assert trend(scores) == expected
