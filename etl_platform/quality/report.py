"""What came of evaluating rules: one result a rule, one report a dataset."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from etl_platform.quality.rules import Rule

Value = object
"""A value of the data as JSON holds it, or a mapping of column to value where several are shown."""


@dataclass(frozen=True)
class RuleResult:
    """What came of one rule.

    Attributes:
        rule: The rule.
        rows_checked: Rows looked at; None where the rule could not be evaluated.
        rows_failed: Rows that break the rule; None for rules about the dataset as a whole (freshness,
            row count, schema) and where it could not be evaluated.
        failed_percent: `rows_failed` of `rows_checked`; None where either is unknown or there are no rows.
        passed: Whether the rule holds within its threshold. False where it could not be evaluated.
        message: One sentence: what was expected and what was found; no values of personal-data columns.
        failing_values: Up to ten different values that fail, in no order; none of a personal-data column.
        failing_rows: Up to ten different rows that fail, cut to the columns of the rule and of the dataset's
            key (`duplicate_check.key_fields`); values of personal-data columns are `(personal data)`.
        error: Why the rule could not be evaluated, and what to do; None where it was.
        reason_code: pandera's `SchemaErrorReason` name of a failure, such as `DUPLICATES`.
        interval_percent: 95% confidence interval of `failed_percent` where only a sample was looked at.
        seconds: Wall time of the queries that the rule took part in.
        scans: Passes over files that the rule took part in; rules that share a pass each count it.
    """

    rule: Rule
    rows_checked: int | None
    rows_failed: int | None
    failed_percent: float | None
    passed: bool
    message: str
    failing_values: tuple[Value, ...] = ()
    failing_rows: tuple[Mapping[str, Value], ...] = ()
    error: str | None = None
    reason_code: str | None = None
    interval_percent: tuple[float, float] | None = None
    seconds: float = 0.0
    scans: int = 0


@dataclass(frozen=True)
class DatasetReport:
    """What came of the rules of one dataset.

    Attributes:
        job_id: The job.
        dataset: `target`, or the name of a source.
        engine: `local`, `spark`, or the kind of server that looked at its table.
        location: Where the data stands.
        partition: Folder values that were looked at, such as `{"day": "2013-01-01"}`; empty: all data.
        rows: Rows of the dataset (or partition); None where they could not be counted.
        sampled_rows: Rows of the random sample that row rules looked at; None: every row.
        columns: Column to type, in Spark's names.
        results: One for each rule, in the order of the rules.
        scans: Passes over the dataset's and its parents' files in all.
        seconds: Wall time.
        missing_optional: The data is missing, and the source is declared optional.
        out_of_reach: It has no rows before or after a run, as a stream has none: its rules warn and hold
            nothing back.
    """

    job_id: str
    dataset: str
    engine: str
    location: str
    partition: Mapping[str, str]
    rows: int | None
    sampled_rows: int | None
    columns: Mapping[str, str]
    results: tuple[RuleResult, ...]
    scans: int
    seconds: float
    missing_optional: bool = field(default=False)
    out_of_reach: bool = field(default=False)

    @property
    def passed(self) -> bool:
        """Whether every rule passed."""
        return all(result.passed for result in self.results)

    @property
    def blocking_failures(self) -> tuple[RuleResult, ...]:
        """Results that must stop the job; none where nothing could be looked at."""
        if self.missing_optional or self.out_of_reach:
            return ()
        return tuple(result for result in self.results if result.rule.blocking and not result.passed)
