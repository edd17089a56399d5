"""The blocking rules of what a job reads: they hold however the run was started."""

import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import dagster as dg
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus

from etl_platform.config.models.job import Job
from etl_platform.orchestration.checks import result_metadata, severity_of
from etl_platform.orchestration.keys import Graph
from etl_platform.orchestration.remote_checks import evaluate_in_step
from etl_platform.quality.report import DatasetReport, RuleResult
from etl_platform.quality.rules import Rule

Gate = tuple[Job, str, dict[dg.AssetCheckKey, Rule]]
"""The job whose rules they are, the dataset as that job names it, and the checks on it."""


def gates_of(job: Job, graph: Graph) -> Iterator[Gate]:
    """The blocking checks of a job's inputs: its own rules on them, and those of their producers."""
    for dataset, checks in graph.checks[job.job_id].items():
        if dataset != "target":
            yield job, dataset, checks
    producers = dict.fromkeys(graph.producer(source) for source in job.data_sources)
    for producer in producers:
        if producer and producer != job.job_id and "target" in graph.checks[producer]:
            yield graph.config.job(producer), "target", graph.checks[producer]["target"]


def pass_gates(context: dg.AssetExecutionContext, job: Job, graph: Graph) -> None:
    """Evaluate the gates that this run has not yet evaluated, and report them as check results.

    Dagster itself holds the job back behind the checks that were selected with it. Those that were not, as
    when a person materializes the asset alone, are evaluated here.

    Raises:
        Failure: A gate does not hold; no retry.
    """
    waiting = [
        (owner, dataset, missing)
        for owner, dataset, checks in gates_of(job, graph)
        if (missing := _not_passed_here(context, checks))
    ]
    failed: list[RuleResult] = []
    for (_, dataset, missing), report in zip(waiting, _reports(context, job, graph, waiting), strict=True):
        if report.missing_optional:
            context.log.warning("%s is missing and optional: its rules hold nothing back.", dataset)
            continue
        if report.out_of_reach:
            context.log.warning("The rules on %s hold nothing back: %s", dataset, report.results[0].error)
            continue
        results = {result.rule.check_name: result for result in report.results}
        for key, rule in missing.items():
            result = results[rule.check_name]
            context.instance.report_runless_asset_event(_evaluation(key, result, report.engine))
            if not result.passed:
                failed.append(result)
    if failed:
        sentences = "; ".join(f"{each.rule.check_name}: {each.error or each.message}" for each in failed)
        raise dg.Failure(
            description=f"{job.job_id} was not started, because its inputs break rules: {sentences}. "
            "Mend the data, or set the rule's `action` to `warn`.",
            metadata={each.rule.check_name: each.error or each.message for each in failed},
            allow_retries=False,
        )


def _not_passed_here(
    context: dg.AssetExecutionContext, checks: Mapping[dg.AssetCheckKey, Rule]
) -> dict[dg.AssetCheckKey, Rule]:
    blocking = {key: rule for key, rule in checks.items() if rule.blocking}
    passed = _passed_here(context, list(blocking))
    return {key: rule for key, rule in blocking.items() if key not in passed}


def _reports(
    context: dg.AssetExecutionContext, job: Job, graph: Graph, gates: Sequence[Gate]
) -> list[DatasetReport]:
    """What comes of the gates, side by side where the job says `parallel_validation`."""

    def report(gate: Gate) -> DatasetReport:
        owner, dataset, checks = gate
        context.log.info("Evaluating %d blocking rules on %s.", len(checks), dataset)
        return evaluate_in_step(context, graph.config, owner, dataset, rules=tuple(checks.values()))

    at_once = min(len(gates), os.cpu_count() or 1) if job.data_quality.parallel_validation else 1
    with ThreadPoolExecutor(max_workers=max(at_once, 1)) as pool:
        return list(pool.map(report, gates))


def _passed_here(context: dg.AssetExecutionContext, keys: list[dg.AssetCheckKey]) -> set[dg.AssetCheckKey]:
    """The checks that this run has evaluated, and that hold."""
    latest = context.instance.event_log_storage.get_latest_asset_check_execution_by_key(keys)
    held = AssetCheckExecutionRecordStatus.SUCCEEDED
    run_id = context.run.run_id
    return {key for key, record in latest.items() if record.run_id == run_id and record.status == held}


def _evaluation(key: dg.AssetCheckKey, result: RuleResult, engine: str) -> dg.AssetCheckEvaluation:
    return dg.AssetCheckEvaluation(
        asset_key=key.asset_key,
        check_name=key.name,
        passed=result.passed,
        severity=severity_of(result.rule),
        blocking=result.rule.blocking,
        description=result.error or result.message,
        metadata=result_metadata(result, engine),
    )
