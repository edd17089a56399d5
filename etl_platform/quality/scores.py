"""Scores of data quality from the results of rules: five dimensions, an overall score and its grade."""

from collections.abc import Iterable, Sequence
from typing import Final, Literal

from etl_platform.config.models.base import Severity
from etl_platform.quality.report import DatasetReport, RuleResult
from etl_platform.quality.rules import RuleKind
from etl_platform.tracking.records import DataQualityScores

Dimension = Literal["completeness", "accuracy", "consistency", "timeliness", "validity"]

DIMENSIONS: Final[dict[RuleKind, Dimension]] = {
    "completeness": "completeness",
    "row_count": "completeness",
    "regex": "accuracy",
    "range": "accuracy",
    "allowed_values": "accuracy",
    "integrity": "consistency",
    "duplicates": "consistency",
    "custom": "consistency",
    "freshness": "timeliness",
    "date_range": "timeliness",
    "schema": "validity",
    "type": "validity",
    "length": "validity",
}
"""The dimension that each kind of rule belongs to."""

SEVERITY_WEIGHTS: Final[dict[Severity, int]] = {"critical": 8, "high": 4, "medium": 2, "low": 1}
"""How much a rule counts: each step of severity twice the one below. A convention of this project."""

GRADES: Final = ((95.0, "A"), (85.0, "B"), (70.0, "C"), (50.0, "D"), (0.0, "F"))
"""Lowest overall score of each grade. A convention of this project."""


def scores_of(reports: Iterable[DatasetReport]) -> DataQualityScores:
    """Score the results of a run's rules.

    A rule about rows scores 100 · (1 − rows failed / rows checked); a rule about a dataset as a whole
    (freshness, row count, schema) scores 100 where it holds, else 0. A dimension's score is the mean of its
    rules', each weighted by rows checked · severity weight. The overall score is the mean of the dimensions
    that have a score, all with the same weight: one without rules is unknown, and the others count as if it
    were not there. A rule that could not be evaluated has no score; it counts among the failed checks.

    Args:
        reports: Reports of all datasets of a run.

    Returns:
        Scores and percentages from 0 to 100; None for what no rule measured.
    """
    results = [(report, result) for report in reports for result in report.results]
    found = {
        dimension: _mean([(_score(result), _weight(report, result)) for report, result in chosen])
        for dimension in dict.fromkeys(DIMENSIONS.values())
        if (chosen := [pair for pair in results if DIMENSIONS[pair[1].rule.kind] == dimension])
    }
    known = [score for score in found.values() if score is not None]
    each = [result for _, result in results]
    return DataQualityScores(
        overall_score=sum(known) / len(known) if known else None,
        completeness_score=found.get("completeness"),
        accuracy_score=found.get("accuracy"),
        consistency_score=found.get("consistency"),
        timeliness_score=found.get("timeliness"),
        validity_score=found.get("validity"),
        null_percentage=_percentage(each, "completeness"),
        duplicate_percentage=_percentage(each, "duplicates"),
        schema_violations=_violations(each, ("schema",)),
        business_rule_violations=_failed_rows(each, "custom"),
        quality_checks_passed=sum(result.passed for result in each) if each else None,
        quality_checks_failed=sum(not result.passed for result in each) if each else None,
    )


def grade(overall_score: float | None) -> str | None:
    """The grade of an overall score, A to F; None where there is no score."""
    if overall_score is None:
        return None
    return next(letter for lowest, letter in GRADES if overall_score >= lowest)


def _score(result: RuleResult) -> float | None:
    if result.error:
        return None
    if result.rows_failed is None:
        return 100.0 if result.passed else 0.0
    return None if result.failed_percent is None else 100.0 - result.failed_percent


def _weight(report: DatasetReport, result: RuleResult) -> float:
    rows = result.rows_checked if result.rows_checked is not None else report.rows
    # A rule about an empty dataset as a whole still says something.
    return max(rows or 0, 1) * SEVERITY_WEIGHTS[result.rule.severity]


def _mean(scores: Sequence[tuple[float | None, float]]) -> float | None:
    known = [(score, weight) for score, weight in scores if score is not None]
    total = sum(weight for _, weight in known)
    return sum(score * weight for score, weight in known) / total if known else None


def _percentage(results: Sequence[RuleResult], kind: RuleKind) -> float | None:
    chosen = [r for r in results if r.rule.kind == kind and r.rows_failed is not None and r.rows_checked]
    checked = sum(result.rows_checked or 0 for result in chosen)
    return sum(result.rows_failed or 0 for result in chosen) / checked * 100 if checked else None


def _violations(results: Sequence[RuleResult], kinds: tuple[RuleKind, ...]) -> int | None:
    chosen = [result for result in results if result.rule.kind in kinds and not result.error]
    return sum(not result.passed for result in chosen) if chosen else None


def _failed_rows(results: Sequence[RuleResult], kind: RuleKind) -> int | None:
    chosen = [r.rows_failed for r in results if r.rule.kind == kind and r.rows_failed is not None]
    return sum(chosen) if chosen else None
