"""What happens when a job's asset is materialized: gates, then the driver, then the record of the run."""

import sys
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from datetime import datetime, timezone
from uuid import uuid4

import dagster as dg

from etl_platform.config.models.base import PlatformName
from etl_platform.config.models.job import Job
from etl_platform.config.project import Config
from etl_platform.decide.plan import Plan
from etl_platform.decide.remedies import Remedy
from etl_platform.orchestration.bad_rows import clean_copies
from etl_platform.orchestration.gates import pass_gates
from etl_platform.orchestration.issue_registry import register_issues, with_failure
from etl_platform.orchestration.job_run import JobRun
from etl_platform.orchestration.keys import Graph
from etl_platform.orchestration.one_at_a_time import alone
from etl_platform.orchestration.pipes import Reported, pipes_run
from etl_platform.orchestration.planning import (
    issues_of,
    plan_metadata,
    plan_run,
    planned_job,
    workload_record,
)
from etl_platform.orchestration.resources import AwsResource
from etl_platform.orchestration.retrying import next_remedy, optimizations_of, retry_request
from etl_platform.orchestration.unreachable import note_unreachable
from etl_platform.platforms import driver
from etl_platform.platforms.aws_access import AwsAccess
from etl_platform.platforms.errors import PlatformError
from etl_platform.platforms.local import LocalPlatform
from etl_platform.platforms.open import access_of
from etl_platform.platforms.protocol import LogLine, Platform, RunOutcome, RunRequest
from etl_platform.platforms.records import finished
from etl_platform.tracking.open import open_store
from etl_platform.tracking.outbox import Outbox, open_outbox
from etl_platform.tracking.records import JobExecution


def run_job(
    context: dg.AssetExecutionContext,
    job: Job,
    graph: Graph,
    services: Mapping[PlatformName, str],
    reported: list[Reported],
) -> JobRun | None:
    """Run a job once, where its plan says.

    Args:
        context: Of the step.
        job: The job.
        graph: How the jobs of the configuration hang together.
        services: Platform to the Dagster key of its resource; empty under the profile `local`.
        reported: Gets what the script reports by Dagster Pipes, also where its run fails.

    Returns:
        The run; None for a disabled job in a run of several, which is left out with a warning.

    Raises:
        Failure: The job is disabled and alone, a gate does not hold, it cannot run here, or its run did not
            succeed. A retry is allowed only where it can help.
    """
    if not job.enabled:
        if len(context.job_def.asset_layer.selected_asset_keys) > 1:
            context.log.warning("%s is disabled and left out.", job.job_id)
            return None
        raise dg.Failure(
            description=f"{job.job_id} is disabled; to run it, set its `enabled` to true "
            f"in {graph.config.path}.",
            allow_retries=False,
        )
    pass_gates(context, job, graph)
    store = open_store(graph.config)
    outbox = open_outbox(graph.config, store)
    partition_key = _partition_key(context, job)
    group = attempt_group(context, partition_key)
    plan, remedy = plan_run(graph.config, job, store, group)
    context.log.info("%s", " ".join(plan.decision.reasoning) if plan.decision else "")
    request = _request(context, job, graph, plan, remedy, group, partition_key)
    platform, access = _platform(context, plan, graph.config, services)
    try:
        with (
            alone(platform, request, store) if platform.name == "local" else nullcontext(),
            pipes_run(context, graph.config, job, request.execution_id, access) as pipes,
        ):

            def tell(line: str) -> None:
                context.log.info(line)
                pipes.look()

            outcome = driver.run(
                platform,
                replace(request, pipes=pipes.params),
                store,
                on_log=lambda lines: _print(pipes.without_messages(lines)),
                on_progress=tell,
                outbox=outbox,
            )
            pipes.look(outcome.execution_id)
        reported += pipes.reported
    except PlatformError as error:
        if error.retry_can_help:
            note_unreachable(platform, request, store, error, context.log)
        raise dg.Failure(description=str(error), allow_retries=error.retry_can_help) from error
    except BaseException as interruption:
        if not isinstance(interruption, Exception):
            _count_cancelled(outbox, store.execution(request.execution_id))
        raise
    assert outcome.record is not None, "the driver records each attempt before it submits it"
    execution = finished(outcome.record, outcome, request)
    if outcome.status != "success":
        execution = with_failure(execution)
        outbox.write("put_execution", execution)
        outbox.write("count_cost", execution)
        for warning in dict.fromkeys(register_issues(graph.config, execution)):
            context.log.warning(warning)
        raise _failed(context, graph.config, job, plan, outcome, execution)
    return JobRun(execution, outcome.result, plan_metadata(plan))


def _count_cancelled(outbox: Outbox, record: JobExecution | None) -> None:
    """A run that was cancelled is in the totals of its day too."""
    if record is not None and record.status == "cancelled":
        outbox.write("count_cost", record)


def _failed(
    context: dg.AssetExecutionContext,
    config: Config,
    job: Job,
    plan: Plan,
    outcome: RunOutcome,
    execution: JobExecution,
) -> dg.Failure | dg.RetryRequested:
    """How a run that did not succeed ends its step: for good, or to be tried again, at once or later."""
    remedy = next_remedy(config, job, plan, execution)
    failure = _failure(job, outcome, remedy)
    retry = retry_request(job, context.retry_number, remedy)
    if retry is not None:
        retry.__cause__ = failure
        return retry
    return failure


def _platform(
    context: dg.AssetExecutionContext, plan: Plan, config: Config, services: Mapping[PlatformName, str]
) -> tuple[Platform, AwsAccess]:
    """Where the job was decided to run, and how AWS is reached from there."""
    assert plan.decision is not None, "a plan without a refusal has a decision"
    name = plan.decision.selected.platform
    if name == "local":
        return LocalPlatform(), access_of(config)
    resource: AwsResource = getattr(context.resources, services[name])
    return resource.platform(config), resource.access(config)


def _request(
    context: dg.AssetExecutionContext,
    job: Job,
    graph: Graph,
    plan: Plan,
    remedy: Remedy | None,
    group: str,
    partition_key: str | None,
) -> RunRequest:
    started = datetime.now(timezone.utc)
    return RunRequest(
        job=planned_job(graph.config, job, plan),
        config=graph.config,
        execution_id=f"exec-{started:%Y-%m-%d}-{uuid4().hex[:8]}",
        attempt_group=group,
        timeout_seconds=job.execution.timeout_minutes * 60,
        attempt=context.retry_number + 1,
        partition_key=partition_key,
        dagster_run_id=context.run.run_id,
        step_key=context.get_step_execution_context().step.key,
        decision=plan.decision.record() if plan.decision else None,
        workload=workload_record(plan, job),
        issues=tuple(issues_of(plan)),
        optimizations=optimizations_of(job, remedy),
        clean_sources=clean_copies(graph.config, job, context.run.run_id),
    )


def attempt_group(context: dg.AssetExecutionContext, partition_key: str | None) -> str:
    """What all automatic retries of a step share, and a deliberate re-execution does not.

    A step's own retries stay in its run. Dagster's run retries (`dagster/max_retries`) start a new run, which
    carries `dagster/retry_number`; a run that a person re-executes does not.
    """
    tags = context.run.tags
    retried = "dagster/retry_number" in tags
    run_id = tags.get("dagster/root_run_id", context.run.run_id) if retried else context.run.run_id
    return f"{run_id}/{context.asset_key.to_user_string()}/{partition_key or ''}"


def _partition_key(context: dg.AssetExecutionContext, job: Job) -> str | None:
    """The partition to fill, or a range in Dagster's own notation `first...last`.

    The run may have one although the job has none, where it also fills a partitioned asset.
    """
    if job.execution.partitions is None:
        return None
    if not context.has_partition_key and not context.has_partition_key_range:
        raise dg.Failure(
            description=f"{job.job_id} is partitioned, and this run names no partition; choose one.",
            allow_retries=False,
        )
    if context.has_partition_key_range:
        keys = context.partition_key_range
        return f"{keys.start}...{keys.end}"
    return context.partition_key


def _print(lines: Sequence[LogLine]) -> None:
    """Into Dagster's compute log, which captures what the step prints."""
    for line in lines:
        stream = sys.stderr if line.stream == "stderr" else sys.stdout
        stream.write(line.text + "\n")


def _failure(job: Job, outcome: RunOutcome, remedy: Remedy | None) -> dg.Failure:
    error = outcome.error
    message = (error and error.error_message) or f"the run ended as {outcome.status}"
    metadata: dict[str, dg.MetadataValue] = {"execution_id": dg.MetadataValue.text(outcome.execution_id)}
    if outcome.log_location:
        metadata["log"] = dg.MetadataValue.path(outcome.log_location)
    if error and error.error_class:
        metadata["error_class"] = dg.MetadataValue.text(error.error_class)
    if error and error.error_stack_trace:
        metadata["stack_trace"] = dg.MetadataValue.md(f"```\n{error.error_stack_trace}\n```")
    if remedy:
        metadata["next_attempt"] = dg.MetadataValue.text(remedy.sentence)
    return dg.Failure(
        description=f"{job.job_id} {outcome.status}: {message}\n"
        f"`etl-platform show {outcome.execution_id}` shows all that is known of the run.",
        metadata=metadata,
        allow_retries=remedy.retry if remedy else outcome.retry_can_help,
    )
