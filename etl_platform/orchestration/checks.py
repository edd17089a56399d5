"""Quality rules as asset checks: one op a dataset of a job, so that its rules share one scan."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import dagster as dg

from etl_platform.config.models.job import Job
from etl_platform.orchestration.bad_rows import put_aside
from etl_platform.orchestration.keys import Graph
from etl_platform.orchestration.quality_records import own_execution, past_row_counts, record_quality
from etl_platform.quality.engine import evaluate
from etl_platform.quality.report import RuleResult
from etl_platform.quality.rules import Rule


def dataset_checks(job: Job, graph: Graph) -> Iterator[dg.AssetChecksDefinition]:
    """One op for each dataset that the job has rules on."""
    for dataset, checks in graph.checks[job.job_id].items():
        yield _checks_op(job, dataset, checks, graph)


def _checks_op(
    job: Job, dataset: str, checks: Mapping[dg.AssetCheckKey, Rule], graph: Graph
) -> dg.AssetChecksDefinition:
    @dg.multi_asset_check(
        name=f"{job.job_id}__{re.sub('[^A-Za-z0-9_]', '_', dataset)}__checks",
        specs=[_spec(key, rule, job, graph) for key, rule in checks.items()],
        description=f"Rules of {job.title} on {dataset}, evaluated in one scan.",
        can_subset=True,
    )
    def check(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
        selected = {key: checks[key] for key in checks if key in context.selected_asset_check_keys}
        partition_key = context.run.tags.get("dagster/partition") if dataset == "target" else None
        report = evaluate(
            graph.config,
            job,
            dataset,
            rules=tuple(selected.values()),
            partition_key=partition_key,
            past_row_counts=past_row_counts(graph.config, job) if dataset == "target" else (),
        )
        whole = dataset == "target" and len(selected) == len(checks)
        if whole and (warning := record_quality(graph.config, job, report, context.run.run_id)):
            context.log.warning(warning)
        # Rows of a source are kept before the job has an execution of its own.
        execution = own_execution(graph.config, job, context.run.run_id) if dataset == "target" else None
        kept_under = execution.execution_id if execution else f"run-{context.run.run_id}"
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
                severity=severity_of(rule),
                description=result.error or result.message,
                metadata=result_metadata(result)
                | (
                    {"bad_rows": dg.MetadataValue.path(places[rule.check_name])}
                    if rule.check_name in places
                    else {}
                ),
            )

    return check


def _spec(key: dg.AssetCheckKey, rule: Rule, job: Job, graph: Graph) -> dg.AssetCheckSpec:
    return dg.AssetCheckSpec(
        key.name,
        asset=key.asset_key,
        description=rule.description,
        blocking=graph.holds_back_in_dagster(key, rule),
        metadata={"job": job.job_id, "severity": rule.severity, "action": rule.action},
    )


def severity_of(rule: Rule) -> dg.AssetCheckSeverity:
    """ERROR for a rule that stops the job, WARN for all others."""
    return dg.AssetCheckSeverity.ERROR if rule.blocking else dg.AssetCheckSeverity.WARN


def result_metadata(result: RuleResult) -> dict[str, Any]:
    """A result as metadata; figures that were not measured are left out, so that Dagster plots true ones."""
    figures = {
        "rows_checked": result.rows_checked,
        "rows_failed": result.rows_failed,
        "failed_percent": result.failed_percent,
        "threshold_percent": result.rule.threshold_percent,
        "seconds": result.seconds,
        "scans": result.scans,
    }
    metadata: dict[str, Any] = {name: value for name, value in figures.items() if value is not None}
    if result.interval_percent:
        low, high = result.interval_percent
        metadata["interval_percent"] = f"{low:.3g} … {high:.3g} (95 %, of a sample)"
    if result.failing_values:
        metadata["failing_values"] = dg.MetadataValue.json([str(value) for value in result.failing_values])
    return metadata
