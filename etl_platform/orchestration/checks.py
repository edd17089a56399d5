"""Quality rules as asset checks: one op a dataset of a job, so that its rules share one scan."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import dagster as dg

from etl_platform.config.models.job import Job
from etl_platform.orchestration.bad_rows import KEPT_UNDER_RUN, put_aside
from etl_platform.orchestration.keys import Graph
from etl_platform.orchestration.quality_records import own_execution, past_row_counts, record_quality
from etl_platform.orchestration.remote_checks import evaluate_in_step
from etl_platform.quality.report import RuleResult
from etl_platform.quality.rules import Rule


def dataset_checks(
    job: Job, graph: Graph, resource_keys: frozenset[str] = frozenset()
) -> Iterator[dg.AssetChecksDefinition]:
    """One op for each dataset that the job has rules on.

    Args:
        job: The job.
        graph: How the jobs of the configuration hang together.
        resource_keys: The services that rules may run on.
    """
    for dataset, checks in graph.checks[job.job_id].items():
        yield _checks_op(job, dataset, checks, graph, resource_keys)


def _checks_op(
    job: Job,
    dataset: str,
    checks: Mapping[dg.AssetCheckKey, Rule],
    graph: Graph,
    resource_keys: frozenset[str],
) -> dg.AssetChecksDefinition:
    @dg.multi_asset_check(
        name=f"{job.job_id}__{re.sub('[^A-Za-z0-9_]', '_', dataset)}__checks",
        specs=[_spec(key, rule, job, graph) for key, rule in checks.items()],
        description=f"Rules of {job.title} on {dataset}, evaluated in one scan.",
        can_subset=True,
        required_resource_keys=set(resource_keys),
    )
    def check(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
        selected = {key: checks[key] for key in checks if key in context.selected_asset_check_keys}
        partition_key = context.run.tags.get("dagster/partition") if dataset == "target" else None
        options: dict[str, Any] = {"partition_key": partition_key}
        if dataset == "target":
            options["past_row_counts"] = past_row_counts(graph.config, job)
        report = evaluate_in_step(
            context, graph.config, job, dataset, rules=tuple(selected.values()), **options
        )
        whole = dataset == "target" and len(selected) == len(checks)
        if whole and (warning := record_quality(graph.config, job, report, context.run.run_id)):
            context.log.warning(warning)
        execution = own_execution(graph.config, job, context.run.run_id) if dataset == "target" else None
        kept_under = execution.execution_id if execution else KEPT_UNDER_RUN.format(run_id=context.run.run_id)
        places, warnings = put_aside(graph.config, job, report, kept_under, partition_key)
        for warning in warnings:
            context.log.warning(warning)
        results = {result.rule.check_name: result for result in report.results}
        for key, rule in selected.items():
            result = results[rule.check_name]
            yield dg.AssetCheckResult(
                asset_key=key.asset_key,
                check_name=key.name,
                passed=result.passed or report.missing_optional,
                severity=dg.AssetCheckSeverity.WARN if report.out_of_reach else severity_of(rule),
                description=result.error or result.message,
                metadata=result_metadata(result, report.engine)
                | _link(places.get(rule.check_name), job, kept_under),
            )

    return check


def _spec(key: dg.AssetCheckKey, rule: Rule, job: Job, graph: Graph) -> dg.AssetCheckSpec:
    return dg.AssetCheckSpec(
        key.name,
        asset=key.asset_key,
        description=rule.description,
        # What reads the dataset waits until its bad rows are out; a failure with WARN holds nothing back.
        blocking=graph.holds_back_in_dagster(key, rule) or rule.action == "quarantine",
        metadata={"job": job.job_id, "severity": rule.severity, "action": rule.action},
    )


def severity_of(rule: Rule) -> dg.AssetCheckSeverity:
    """ERROR for a rule that stops the job, and for a critical one whose bad rows stay; WARN otherwise.

    A rule that would stop the job, were it not for `fail_on_error: false`, warns, and so does one whose bad
    rows go to quarantine.
    """
    stay = rule.action in ("warn", "dead_letter_queue")
    serious = rule.blocking or (rule.severity == "critical" and stay)
    return dg.AssetCheckSeverity.ERROR if serious else dg.AssetCheckSeverity.WARN


def result_metadata(result: RuleResult, engine: str) -> dict[str, Any]:
    """A result as metadata; figures that were not measured are left out, so that Dagster plots true ones.

    Args:
        result: What came of the rule.
        engine: What evaluated it: `local`, `spark`, or a kind of server.
    """
    figures = {
        "rows_checked": result.rows_checked,
        "rows_failed": result.rows_failed,
        "failed_percent": result.failed_percent,
        "threshold_percent": result.rule.threshold_percent,
        "seconds": result.seconds,
        "scans": result.scans,
    }
    metadata: dict[str, Any] = {name: value for name, value in figures.items() if value is not None}
    metadata["engine"] = engine
    if result.interval_percent:
        low, high = result.interval_percent
        metadata["interval_percent"] = f"{low:.3g} … {high:.3g} (95 %, of a sample)"
    if result.failing_values:
        metadata["failing_values"] = dg.MetadataValue.json([str(value) for value in result.failing_values])
    if result.failing_rows:
        metadata["failing_rows"] = _table(result.failing_rows)
    return metadata


def _table(rows: Sequence[Mapping[str, object]]) -> dg.TableMetadataValue:
    """Rows as Dagster shows them; a value that its tables cannot hold is shown as text."""

    def cell(value: object) -> str | int | float | bool | None:
        return value if isinstance(value, str | int | float | bool) or value is None else str(value)

    records = [dg.TableRecord({name: cell(value) for name, value in row.items()}) for row in rows]
    columns = [dg.TableColumn(name, _column_type([row[name] for row in rows])) for name in rows[0]]
    return dg.MetadataValue.table(records, dg.TableSchema(columns))


def _column_type(values: Sequence[object]) -> str:
    kinds = {type(value) for value in values if value is not None}
    names = {str: "string", int: "int", float: "float", bool: "bool"}
    return names.get(kinds.pop(), "string") if len(kinds) == 1 else "string"


def _link(place: str | None, job: Job, kept_under: str) -> dict[str, Any]:
    """Where the bad rows are now, and how to look at them."""
    if place is None:
        return {}
    where = dg.MetadataValue.url(place) if "://" in place else dg.MetadataValue.path(place)
    return {"bad_rows": where, "execution": kept_under, "job": job.job_id}
