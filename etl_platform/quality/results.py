"""From what was found to what is told: messages, failing values and confidence, without personal data."""

from collections.abc import Mapping, Sequence
from math import sqrt

from etl_platform.config.models.job import Job
from etl_platform.quality.backend import Checked, Outcome
from etl_platform.quality.frame import QueryError
from etl_platform.quality.report import RuleResult
from etl_platform.quality.rules import Rule
from etl_platform.quality.samples import Sample, samples_of
from etl_platform.quality.schema import RuleSchema

_MAX_MESSAGE = 400
"""Characters of an engine's message that are shown."""

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
    *,
    show_values: bool,
) -> tuple[RuleResult, ...]:
    """A result for each rule, with values of those that fail.

    Args:
        rules: The rules, in order.
        schema: Their schema, with the rules that it could not hold.
        checked: The dataset after its validation.
        reasons: Check name to pandera's reason code, of the rules that failed.
        job: The job, for its personal-data fields.
        show_values: Read values of the rules that fail.
    """
    failed = [
        rule for rule in rules if (outcome := checked.outcomes.get(rule.check_name)) and outcome.rows_failed
    ]
    samples: Mapping[str, Sample] = {}
    note = ""
    try:
        samples = samples_of(failed, schema.schema, checked, job) if show_values else {}
    except QueryError as error:
        # The counts stand; what is missing is told beside them.
        note = f" No failing values: {told(error, job)}"
    return tuple(
        _result(rule, schema, checked, reasons, job, samples.get(rule.check_name), note) for rule in rules
    )


def told(error: Exception, job: Job) -> str:
    """An engine's error as a sentence; withheld where there is personal data, which it may quote."""
    if not isinstance(error, QueryError):
        return str(error)
    if job.compliance.pii_fields:
        return f"the engine answered {error.kind}; its message is withheld, as it may quote personal data."
    return f"the engine answered {error.kind}: {' '.join(str(error).split())[:_MAX_MESSAGE]}"


def wilson(failed: int, rows: int) -> tuple[float, float]:
    """95% confidence interval, in percent, of a share seen in a random sample (Wilson's score interval)."""
    share, spread = failed / rows, _Z95**2 / rows
    middle = (share + spread / 2) / (1 + spread)
    half = _Z95 * sqrt(share * (1 - share) / rows + spread / (4 * rows)) / (1 + spread)
    return max(0.0, (middle - half) * 100), min(100.0, (middle + half) * 100)


def _result(
    rule: Rule,
    schema: RuleSchema,
    checked: Checked,
    reasons: Mapping[str, str],
    job: Job,
    sample: Sample | None,
    note: str,
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
    return RuleResult(
        rule=rule,
        rows_checked=rows,
        rows_failed=failed,
        failed_percent=failed / rows * 100 if rows and failed is not None else None,
        passed=outcome.passed,
        message=_message(rule, outcome, sampled=sampled) + (note if failed else ""),
        failing_values=sample.values if sample else (),
        failing_rows=sample.rows if sample else (),
        reason_code=None if outcome.passed else reasons.get(name),
        interval_percent=wilson(failed, rows) if sampled and rows and failed is not None else None,
        seconds=outcome.seconds,
        scans=outcome.scans,
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
