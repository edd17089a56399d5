"""From what was found to what is told: messages, failing values and confidence, without personal data."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from math import isfinite, sqrt
from typing import Any
from zoneinfo import ZoneInfo

from etl_platform.config.models import data_quality as models
from etl_platform.config.models.job import Job
from etl_platform.quality.backend import Checked, Outcome, parent_of, row_conditions
from etl_platform.quality.column_types import find_column
from etl_platform.quality.expressions import columns_in, parse_expression, render
from etl_platform.quality.frame import QueryError
from etl_platform.quality.report import RuleResult, Value
from etl_platform.quality.rules import Rule
from etl_platform.quality.schema import RuleFault, RuleSchema

MAX_VALUES = 10
_ROWS_LOOKED_AT = 200
"""Failing rows among which different values are sought; a scan ends as soon as it has found them."""

_MAX_TEXT = 200
"""Characters of a failing value that are shown."""

_Z95 = 1.959963984540054
"""Quantile of the normal distribution for a two-sided interval of 95%."""


def error_results(rules: Sequence[Rule], error: str, reason: str = "CHECK_ERROR") -> tuple[RuleResult, ...]:
    """The results of rules that could not be evaluated, all for one reason."""
    return tuple(_unknown(rule, error, reason) for rule in rules)


def results_of(
    rules: Sequence[Rule],
    schema: RuleSchema,
    checked: Checked,
    reasons: Mapping[str, str],
    job: Job,
) -> tuple[RuleResult, ...]:
    """A result for each rule, with values of those that fail.

    Args:
        rules: The rules, in order.
        schema: Their schema, with the rules that it could not hold.
        checked: The dataset after its validation.
        reasons: Check name to pandera's reason code, of the rules that failed.
        job: The job, for its personal-data fields.
    """
    return tuple(_result(rule, schema, checked, reasons, job) for rule in rules)


def told(error: Exception, job: Job) -> str:
    """An engine's error as a sentence; withheld where there is personal data, which it may quote."""
    if not isinstance(error, QueryError):
        return str(error)
    if job.compliance.pii_fields:
        return f"the engine answered {error.kind}; its message is withheld, as it may quote personal data."
    return f"the engine answered {error.kind}: {' '.join(str(error).split())[: _MAX_TEXT * 2]}"


def wilson(failed: int, rows: int) -> tuple[float, float]:
    """95% confidence interval, in percent, of a share seen in a random sample (Wilson's score interval)."""
    share, spread = failed / rows, _Z95**2 / rows
    middle = (share + spread / 2) / (1 + spread)
    half = _Z95 * sqrt(share * (1 - share) / rows + spread / (4 * rows)) / (1 + spread)
    return max(0.0, (middle - half) * 100), min(100.0, (middle + half) * 100)


def _result(
    rule: Rule, schema: RuleSchema, checked: Checked, reasons: Mapping[str, str], job: Job
) -> RuleResult:
    name = rule.check_name
    if name in schema.faults:
        fault = schema.faults[name]
        return _unknown(rule, str(fault), fault.reason)
    outcome = checked.outcomes.get(name)
    if outcome is None:
        # The only rule that leaves no trace in the schema: a column that need not exist, and does not.
        return RuleResult(
            rule, checked.rows, 0, None, True, f"{rule.description} There is no such column, as it may be."
        )
    if outcome.error:
        reason = reasons.get(name, "CHECK_ERROR")
        return _unknown(rule, told(outcome.error, job), reason, outcome.seconds, outcome.scans)
    rows, failed = outcome.rows_checked, outcome.rows_failed
    sampled = checked.sampled and rule.kind in _ROW_KINDS
    values: tuple[Value, ...] = ()
    scans = outcome.scans
    if failed:
        before = checked.frame.scans + (checked.rows_frame.scans if checked.sampled else 0)
        values = _failing_values(rule, schema, checked, job)
        scans += checked.frame.scans + (checked.rows_frame.scans if checked.sampled else 0) - before
    return RuleResult(
        rule=rule,
        rows_checked=rows,
        rows_failed=failed,
        failed_percent=failed / rows * 100 if rows and failed is not None else None,
        passed=outcome.passed,
        message=_message(rule, outcome, sampled=sampled),
        failing_values=values,
        reason_code=None if outcome.passed else reasons.get(name),
        interval_percent=wilson(failed, rows) if sampled and rows and failed is not None else None,
        seconds=outcome.seconds,
        scans=scans,
    )


_ROW_KINDS = ("completeness", "regex", "range", "date_range", "allowed_values", "length", "type", "custom")


def _unknown(rule: Rule, error: str, reason: str, seconds: float = 0.0, scans: int = 0) -> RuleResult:
    message = f"{rule.description} Not evaluated: {error}"
    return RuleResult(
        rule, None, None, None, False, message, error=error, reason_code=reason, seconds=seconds, scans=scans
    )


def _message(rule: Rule, outcome: Outcome, *, sampled: bool) -> str:
    if outcome.rows_failed is None:
        return f"{rule.description} Found: {outcome.found}." if outcome.found else rule.description
    rows, failed = outcome.rows_checked or 0, outcome.rows_failed
    share = f" ({failed / rows:.3%})" if rows else ""
    of = "a random sample of " if sampled else ""
    return f"{rule.description} {failed:,} of {of}{rows:,} rows fail{share}."


def _failing_values(rule: Rule, schema: RuleSchema, checked: Checked, job: Job) -> tuple[Value, ...]:
    """Up to ten failing values; none of a personal-data column ever leaves the engine."""
    private = {field.lower() for field in job.compliance.pii_fields}
    columns = [name for name in _shown_columns(rule, checked) if name.lower() not in private]
    if not columns or rule.kind == "completeness":
        return ()
    try:
        rows = _failing_rows(rule, schema, checked, columns)
    except (QueryError, RuleFault):
        # The counts stand; the values are a courtesy that the engine could not give.
        return ()
    types = [checked.frame.columns[column] for column in columns]
    zone = ZoneInfo(job.execution.timezone)
    shown = [tuple(_shown(v, kind, zone) for v, kind in zip(row, types, strict=True)) for row in rows]
    different = list({repr(row): row for row in shown}.values())[:MAX_VALUES]
    if len(columns) == 1 and rule.kind != "custom":
        return tuple(row[0] for row in different)
    return tuple(dict(zip(columns, row, strict=True)) for row in different)


def _shown_columns(rule: Rule, checked: Checked) -> list[str]:
    fields = rule.fields
    if isinstance(rule.spec, models.CustomValidation):
        fields = tuple(columns_in(parse_expression(rule.spec.sql)))
    found = (find_column(field, list(checked.frame.columns)) for field in fields)
    return [column for column in found if column]


def _failing_rows(
    rule: Rule, schema: RuleSchema, checked: Checked, columns: Sequence[str]
) -> list[tuple[Any, ...]]:
    metadata, name = schema.schema.metadata, rule.check_name
    frame = checked.frame
    if rule.kind == "duplicates":
        keys = metadata["unique"][name]
        rows = frame.duplicated_keys(keys, MAX_VALUES)
        return [tuple(row[keys.index(column)] for column in columns) for row in rows]
    if rule.kind == "integrity":
        link = metadata["integrity"][name]
        parent, parent_key = parent_of(link, frame, checked.open_parent)
        return frame.orphans(link["key"], parent, parent_key, MAX_VALUES)
    computed = {
        column: render(sql, frame.dialect)
        for column, sql in metadata["computed"].items()
        if column == f"__rule_{name}"
    }
    condition = row_conditions(schema.schema, frame)[name]
    return checked.rows_frame.matching(condition, computed, columns, _ROWS_LOOKED_AT)


def _shown(value: Any, column_type: str, zone: ZoneInfo) -> Value:
    """A value as JSON can hold it; times with a zone are in the job's."""
    match value:
        case None | bool() | int():
            return value
        case float():
            return value if isfinite(value) else str(value)
        case datetime() if column_type == "timestamp":
            # Spark gives an instant as the clock time of this machine; `astimezone` takes it as that.
            return value.astimezone(zone).isoformat()
        case date():
            return value.isoformat()
        case bytes() | bytearray():
            value = value.hex()
    text = str(value)
    return text[:_MAX_TEXT] + "…" if len(text) > _MAX_TEXT else text
