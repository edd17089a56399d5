"""Why a rule fails: likely causes from its result, the profile, upstream runs and the history."""

from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from statistics import median

from etl_platform.agents.agent import Case
from etl_platform.agents.datasets import guarded, looks
from etl_platform.agents.once import once
from etl_platform.agents.rule_generation import tolerated_percent
from etl_platform.catalog.location import NoLocationError
from etl_platform.config.identity import producers, source_key, upstream_jobs
from etl_platform.config.models.base import Severity
from etl_platform.config.models.data_sources import JobSource
from etl_platform.quality.engine import evaluate
from etl_platform.quality.files import NoDataError
from etl_platform.quality.frame import QueryError
from etl_platform.quality.history import anomaly
from etl_platform.quality.profile import ColumnProfile, profile
from etl_platform.quality.report import RuleResult
from etl_platform.quality.rules import TARGET, rules_of
from etl_platform.tracking.records import JobExecution

PAST = 20
"""Runs and scores that are compared with."""

NEARLY_ALL_PERCENT = 95.0
"""Share of failing rows from which the column as a whole is wrong, and not single rows."""

FEW_PERCENT = 5.0
"""Share of failing rows up to which they are single ones; as much as rules that are generated tolerate."""

TWICE = 0.9
"""Share of half of the rows that must repeat a key for each to seem to be there twice."""


@dataclass(frozen=True)
class Failure:
    """A rule that does not hold, without any value.

    Attributes:
        check: Dataset and check name.
        told: What was expected and counted.
    """

    check: str
    dataset: str
    kind: str
    fields: tuple[str, ...]
    severity: Severity
    rows_checked: int | None
    rows_failed: int | None
    failed_percent: float | None
    told: str
    error: bool


@dataclass(frozen=True)
class Cause:
    """A likely cause of a failing rule.

    Attributes:
        cause_id: Such as `target/completeness__email/empty_column`.
        weight: How strongly it speaks; the highest first. An order, not a probability.
    """

    cause_id: str
    check: str
    sentence: str
    weight: int


@once
def failures(case: Case) -> list[Failure]:
    """The rules of the job that do not hold on the data as it is now; not those of data that is too large."""
    seen = looks(case)
    found = []
    for dataset in dict.fromkeys(rule.dataset for rule in rules_of(case.job)):
        if dataset in seen and seen[dataset].too_big:
            continue
        job = guarded(case.job, seen[dataset]) if dataset in seen else case.job
        report = evaluate(
            case.config,
            job,
            dataset,
            engine="local",
            past_row_counts=[count for one in _past(case) if (count := _written(one)) is not None],
            show_values=False,
        )
        private = {field.lower() for field in job.compliance.pii_fields}
        found += [_failure(dataset, one, private) for one in report.results if not one.passed]
    return found


def _failure(dataset: str, one: RuleResult, private: Set[str]) -> Failure:
    rule = one.rule
    told = f"{rule.description} It could not be evaluated." if one.error else one.message
    if rule.kind == "freshness" and private & {field.lower() for field in rule.fields}:
        # The message of this rule tells the newest value.
        told = rule.description
    return Failure(
        check=f"{dataset}/{rule.check_name}",
        dataset=dataset,
        kind=rule.kind,
        fields=rule.fields,
        severity=rule.severity,
        rows_checked=one.rows_checked,
        rows_failed=one.rows_failed,
        failed_percent=one.failed_percent,
        told=told,
        error=bool(one.error),
    )


@once
def profiles(case: Case) -> dict[str, Mapping[str, ColumnProfile]]:
    """Columns of the datasets with failing rules; none where the agent's `profiling_enabled` is off."""
    if not case.config.settings.agents.quality_agent.profiling_enabled:
        return {}
    found: dict[str, Mapping[str, ColumnProfile]] = {}
    for dataset in dict.fromkeys(one.dataset for one in failures(case)):
        seen = looks(case).get(dataset)
        if seen is None or seen.unread:
            continue
        columns = profile(case.config, guarded(case.job, seen), dataset).columns
        found[dataset] = {one.name.lower(): one for one in columns}
    return found


@once
def causes(case: Case) -> list[Cause]:
    """Likely causes of all failing rules, those of one rule together, the likeliest first."""
    found = []
    for failure in failures(case):
        own = [
            *_of_columns(case, failure),
            *_of_result(case, failure),
            *_of_upstream(case, failure),
            *_of_runs(case, failure),
        ]
        found += sorted(own, key=lambda one: -one.weight)
    return found


def _cause(failure: Failure, name: str, weight: int, sentence: str) -> Cause:
    return Cause(f"{failure.check}/{name}", failure.check, sentence, weight)


def _of_columns(case: Case, failure: Failure) -> Iterator[Cause]:
    """Columns that are missing, or data that is."""
    seen = looks(case).get(failure.dataset)
    if seen is None:
        return
    if seen.unread:
        yield _cause(failure, "unread", 95, f"The data of {failure.dataset} was not read: {seen.unread}")
        return
    there = {name.lower() for name in seen.columns}
    missing = [name for name in failure.fields if name.lower() not in there]
    if missing:
        yield _cause(
            failure,
            "missing_column",
            90,
            f"{failure.dataset} has no column {', '.join(missing)}: it was renamed or is no longer written.",
        )
    elif failure.error:
        types = {name.lower(): kind for name, kind in seen.columns.items()}
        told = ", ".join(f"{name} is {types[name.lower()]}" for name in failure.fields)
        yield _cause(failure, "type", 85, f"The rule cannot be evaluated on the types of today: {told}.")


def _of_result(case: Case, failure: Failure) -> Iterator[Cause]:
    """What the counts and the profile show."""
    percent, rows = failure.failed_percent, failure.rows_checked or 0
    column = failure.fields[0] if failure.fields else None
    if failure.kind == "completeness" and percent is not None and percent >= NEARLY_ALL_PERCENT:
        yield _cause(
            failure,
            "empty_column",
            80,
            f"{column} is null in {percent:.1f} % of the rows: it is no longer filled, or its join finds "
            "nothing.",
        )
    elif failure.kind == "duplicates" and failure.rows_failed is not None and rows:
        if failure.rows_failed >= TWICE * rows / 2:
            mode = case.job.target.mode if case.job.target and failure.dataset == TARGET else None
            how = (
                " The target is appended to, so a run that is repeated doubles it."
                if mode == "append"
                else ""
            )
            yield _cause(
                failure,
                "loaded_twice",
                80,
                f"{failure.rows_failed:,} of {rows:,} rows repeat a key: each seems to be there twice.{how}",
            )
    elif percent is not None and percent >= NEARLY_ALL_PERCENT:
        yield _cause(
            failure,
            "whole_column",
            70,
            f"{percent:.1f} % of the rows fail: unit, format or meaning of {column or 'the rows'} changed.",
        )
    elif percent:
        few = percent < FEW_PERCENT
        yield _cause(
            failure,
            "single_rows" if few else "some_rows",
            20,
            ("Single rows, not the data as a whole: " if few else "Some of the rows, not the whole column: ")
            + _bearable(failure, rows),
        )
    found = profiles(case).get(failure.dataset, {}).get((column or "").lower())
    if found is not None and failure.kind in ("regex", "type", "length", "allowed_values") and found.pattern:
        yield _cause(
            failure, "pattern", 50, f"Nearly all texts of {column} look like this now: {found.pattern}."
        )
    if found is not None and failure.kind == "range" and not found.hidden and found.min is not None:
        yield _cause(
            failure,
            "outliers",
            40,
            f"{column} now goes from {found.min} to {found.max}, mean {found.mean:g}."
            if found.mean is not None
            else f"{column} now goes from {found.min} to {found.max}.",
        )


def _bearable(failure: Failure, rows: int) -> str:
    """How a job lives with rows that break a rule."""
    key = {"completeness": "null_threshold_percent"}.get(failure.kind, "threshold_percent")
    share = tolerated_percent(failure.rows_failed or 0, rows)
    return f'quarantine them (`"action": "quarantine"`), or tolerate them (`"{key}": {share:g}`).'


def _of_upstream(case: Case, failure: Failure) -> Iterator[Cause]:
    """Jobs that write what the dataset is, or is made of, and whose last run went wrong."""
    written_by = producers(case.config.jobs)
    if failure.dataset == TARGET:
        names = upstream_jobs(case.job, written_by)
    else:
        source = next(one for one in case.job.data_sources if one.name == failure.dataset)
        job_id = source.job_id if isinstance(source, JobSource) else written_by.get(source_key(source))
        names = [job_id] if job_id and job_id != case.job.job_id else []
    for name in names:
        latest = case.store.latest_execution(name)
        if latest is None:
            continue
        if latest.status in ("failed", "timeout"):
            died = (latest.error_details and latest.error_details.error_class) or "unknown"
            yield _cause(
                failure,
                f"upstream_{name}",
                60,
                f"The last run of {name}, which writes its input, ended as {latest.status} "
                f"({died.replace('_', ' ')}).",
            )
        scores = [one.overall_score for one in case.store.quality_trend(name, limit=2)]
        if len(scores) == 2 and scores[0] is not None and scores[1] is not None and scores[0] < scores[1]:
            yield _cause(
                failure,
                f"upstream_quality_{name}",
                55,
                f"The quality of {name}, which writes its input, fell from {scores[1]:.1f} "
                f"to {scores[0]:.1f}.",
            )


def _of_runs(case: Case, failure: Failure) -> Iterator[Cause]:
    """What was unusual of the job's own last run, and since when the scores are lower."""
    past = _past(case)
    if failure.dataset != TARGET or not past:
        return
    latest, earlier = past[0], past[1:]
    if latest.status != "success":
        yield _cause(
            failure,
            "own_run",
            65,
            f"The job's last run ended as {latest.status}; its target may be half written.",
        )
    rows = _written(latest)
    before = [count for one in earlier if (count := _written(one)) is not None]
    unusual = anomaly("the number of written rows", before, rows) if rows is not None else None
    if unusual:
        yield _cause(failure, "row_count", 45, f"In the last run {unusual}")
    trend = case.store.quality_trend(case.job.job_id, limit=PAST)
    known = [(one.execution_id, one.overall_score) for one in trend if one.overall_score is not None]
    if len(known) > 1:
        (run, score), usual = known[0], median(score for _, score in known[1:])
        if score < usual - 1:
            yield _cause(
                failure,
                "since",
                30,
                f"The score fell to {score:.1f} with {run}; the {len(known) - 1} before it had {usual:.1f}.",
            )
        elif abs(score - usual) <= 1:
            yield _cause(
                failure,
                "not_new",
                15,
                f"The score is what it was in the {len(known) - 1} runs before: this is not new.",
            )


@once
def _past(case: Case) -> list[JobExecution]:
    found = case.store.executions(case.job.job_id, until=case.now, limit=PAST).items
    return [one for one in found if one.status != "running"]


def _written(one: JobExecution) -> int | None:
    return one.execution_metrics.records_written if one.execution_metrics else None


UNREADABLE = (NoLocationError, NoDataError, QueryError)
"""What a dataset raises that cannot be read."""
