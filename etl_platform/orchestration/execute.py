"""Run jobs through Dagster in this process, and watch them."""

import logging
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO
from uuid import uuid4

import dagster as dg

from etl_platform.config.models.job import Job
from etl_platform.config.project import Config
from etl_platform.notify.errors import LedgerError
from etl_platform.orchestration.build import build_definitions
from etl_platform.orchestration.gates import gates_of
from etl_platform.orchestration.instance import open_instance
from etl_platform.orchestration.keys import Graph
from etl_platform.orchestration.notifications import after_run_ended
from etl_platform.orchestration.partitions import partitions_of
from etl_platform.orchestration.shared_jobs import shared_jobs
from etl_platform.tracking.errors import StoreError
from etl_platform.tracking.open import open_store
from etl_platform.tracking.records import JobExecution

_log = logging.getLogger(__name__)

WATCH_SECONDS = 0.3
"""How often a watched run's events are read from Dagster's storage."""

LATEST = 100
"""Executions of a job among which that of a run is looked for when the run has ended."""

TAG_LENGTH = 2_000
"""A run's tag is to stay readable; with many jobs the names of the first are kept."""

OnEvent = Callable[[str, str], None]
"""Called with a job id and what it does now."""


class CannotRunError(ValueError):
    """A job that cannot be run as it was asked for; the message says what to change."""


@dataclass(frozen=True)
class JobResult:
    """How one job fared in a run.

    Attributes:
        job_id: The job.
        execution: The record of its run; None where it was not started.
        reason: Why it was not started, or why it failed; None after a success.
        checks_passed: Checks of the job's rules that held.
        checks_warned: Names of the checks that did not hold and stop nothing.
        checks_failed: Names of the checks that did not hold and stop the job, or the jobs that read it.
    """

    job_id: str
    execution: JobExecution | None
    reason: str | None
    checks_passed: int
    checks_warned: tuple[str, ...]
    checks_failed: tuple[str, ...]

    @property
    def status(self) -> str:
        """Of the execution; `not started` where there was none."""
        return self.execution.status if self.execution else "not started"

    @property
    def succeeded(self) -> bool:
        """The run succeeded, and no rule that stops the job failed."""
        return self.status == "success" and not self.checks_failed


@dataclass(frozen=True)
class RunResult:
    """How a run of jobs ended.

    Attributes:
        run_id: Id of the Dagster run.
        jobs: How each job fared, in the order in which they were named.
    """

    run_id: str
    jobs: tuple[JobResult, ...]


def run_jobs(
    config: Config, job_ids: list[str], *, partition_key: str | None, on_event: OnEvent
) -> RunResult:
    """Materialize the assets of jobs, with the checks of their sources and targets, in one Dagster run.

    Args:
        config: The configuration.
        job_ids: The jobs; they run in the order of their data.
        partition_key: The partition of those that are partitioned.
        on_event: Told what each job does.

    Raises:
        UnknownJobError: The configuration has no such job.
    """
    graph = Graph(config)
    check_keys = {key for job_id in job_ids for key in graph.check_keys(config.job(job_id))}
    subset = _dagster_job(config, job_ids).get_subset(
        asset_selection={dg.AssetKey(job_id) for job_id in job_ids}, asset_check_selection=check_keys
    )
    run_id = str(uuid4())
    with open_instance(config) as instance, _watching(instance, run_id, set(job_ids), on_event):
        result = subset.execute_in_process(
            instance=instance,
            run_id=run_id,
            partition_key=partition_key,
            tags={"etl_platform/jobs": " ".join(job_ids)[:TAG_LENGTH]},
            raise_on_error=False,
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
        )
    return RunResult(run_id, tuple(_result(job_id, result, graph) for job_id in job_ids))


def tell_people(config: Config, run_id: str) -> str | None:
    """Tell people of a run that ended, as the sensors of a code location do; they will not tell it again.

    Returns:
        Why they could not be told; None where they were, or where somebody stopped the run.
    """
    with open_instance(config) as instance:
        run = instance.get_run_by_id(run_id)
        if run is None or run.status not in (dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE):
            return None
        try:
            after_run_ended(Graph(config), instance, run, "the run failed", log=_log)
        except (LedgerError, StoreError) as error:
            return f"People were not told of this run: {error}"
    return None


def _dagster_job(config: Config, job_ids: list[str]) -> dg.JobDefinition:
    """The shared job that holds all of them, or Dagster's own over all assets where they are spread."""
    definitions = build_definitions(config)
    for name, jobs in shared_jobs(config).items():
        if {job.job_id for job in jobs}.issuperset(job_ids):
            return definitions.resolve_job_def(name)
    return definitions.resolve_implicit_global_asset_job_def()


def refuse_what_cannot_run(config: Config, job_ids: list[str], partition_key: str | None) -> None:
    """Say what is wrong with a request before anything is started.

    Raises:
        CannotRunError: A job is disabled, or the partition key does not fit.
        UnknownJobError: The configuration has no such job.
        StoreError: The tracking store cannot be reached.
    """
    for job_id in job_ids:
        _refuse_job(config, job_id, partition_key)
    if partition_key and not any(config.job(job_id).execution.partitions for job_id in job_ids):
        raise CannotRunError(f"--partition {partition_key} was given, and none of the jobs is partitioned.")
    open_store(config).latest_execution(job_ids[0])


def _refuse_job(config: Config, job_id: str, partition_key: str | None) -> None:
    job = config.job(job_id)
    if not job.enabled:
        raise CannotRunError(f"{job_id} is disabled; set its `enabled` to true in {config.path} to run it.")
    partitions = partitions_of(job)
    if partitions is None:
        return
    if partition_key is None:
        keys = partitions.get_partition_keys()
        example = f", such as {keys[-1]}" if keys else ""
        raise CannotRunError(f"{job_id} is partitioned; name its partition with --partition KEY{example}.")
    if not partitions.has_partition_key(partition_key):
        keys = partitions.get_partition_keys()
        span = f"its {len(keys)} partitions are {keys[0]} … {keys[-1]}" if keys else "it has none yet"
        raise CannotRunError(f'{job_id} has no partition "{partition_key}"; {span}.')


@contextmanager
def silenced() -> Iterator[TextIO]:
    """Keep what steps print out of the terminal; it is in Dagster's compute logs.

    Dagster mirrors the file descriptors 1 and 2 of the process while it captures them.

    Yields:
        Where to write to the terminal in the meantime: standard error, as it was.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    stdout, stderr = os.dup(1), os.dup(2)
    with Path(os.devnull).open("wb") as nowhere, os.fdopen(os.dup(stderr), "w", encoding="utf-8") as terminal:
        os.dup2(nowhere.fileno(), 1)
        os.dup2(nowhere.fileno(), 2)
        try:
            yield terminal
        finally:
            os.dup2(stdout, 1)
            os.dup2(stderr, 2)
            os.close(stdout)
            os.close(stderr)


@contextmanager
def _watching(
    instance: dg.DagsterInstance, run_id: str, job_ids: set[str], on_event: OnEvent
) -> Iterator[None]:
    """Tell what happens in a run while the block executes it."""
    done = threading.Event()

    def tell(cursor: str | None) -> str | None:
        connection = instance.get_records_for_run(run_id, cursor=cursor)
        for record in connection.records:
            entry = record.event_log_entry
            job_id = entry.step_key or ""
            if job_id not in job_ids:
                continue
            event = entry.dagster_event
            if event is None:
                on_event(job_id, entry.user_message)
            elif event.event_type in _STEP_EVENTS:
                on_event(job_id, _STEP_EVENTS[event.event_type])
        return connection.cursor

    def watch() -> None:
        cursor = None
        while not done.wait(WATCH_SECONDS):
            cursor = tell(cursor)
        tell(cursor)

    watcher = threading.Thread(target=watch, name="watch run", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()


_STEP_EVENTS = {
    dg.DagsterEventType.STEP_START: "running",
    dg.DagsterEventType.STEP_SUCCESS: "success",
    dg.DagsterEventType.STEP_FAILURE: "failed",
    dg.DagsterEventType.STEP_UP_FOR_RETRY: "waiting for a retry",
}


def _result(job_id: str, result: dg.ExecuteInProcessResult, graph: Graph) -> JobResult:
    job = graph.config.job(job_id)
    # Another run of the job may have started meanwhile.
    latest = open_store(graph.config).executions(job_id, limit=LATEST).items
    execution = next((each for each in latest if each.dagster_run_id == result.run_id), None)
    rules = {key: rule for checks in graph.checks[job_id].values() for key, rule in checks.items()}
    evaluations = [each for each in result.get_asset_check_evaluations() if each.asset_check_key in rules]
    failed = [each for each in evaluations if not each.passed]
    # A rule that could not be looked at at all warns, whatever it would do.
    serious = [each for each in failed if each.severity == dg.AssetCheckSeverity.ERROR]
    stopping = tuple(each.check_name for each in serious if rules[each.asset_check_key].blocking)
    reason = None
    if execution and execution.status == "cancelled":
        reason = "cancelled; its run was stopped"
    elif execution is None or execution.status != "success":
        failures = [
            _words(event.step_failure_data)
            for event in result.all_events
            if event.is_step_failure and event.step_key == job_id
        ]
        reason = failures[-1] if failures else _held_back(job, result, graph)
    elif stopping:
        reason = "; ".join(_sentence(each) for each in failed if each.check_name in stopping)
    return JobResult(
        job_id=job_id,
        execution=execution,
        reason=reason,
        checks_passed=len(evaluations) - len(failed),
        checks_warned=tuple(each.check_name for each in failed if each.check_name not in stopping),
        checks_failed=stopping,
    )


def _held_back(job: Job, result: dg.ExecuteInProcessResult, graph: Graph) -> str:
    """Why a job that did not fail was not started either."""
    broken = {each.asset_check_key: each for each in result.get_asset_check_evaluations() if not each.passed}
    gates = [
        broken[key]
        for gate in gates_of(job, graph)
        for key, rule in gate[2].items()
        if rule.blocking and key in broken
    ]
    if gates:
        return f"held back: {'; '.join(_sentence(each) for each in gates)}"
    upstream = [name for source in job.data_sources if (name := graph.producer(source))]
    return f"not started, because {' and '.join(upstream) or 'the run'} did not succeed"


def _sentence(evaluation: dg.AssetCheckEvaluation) -> str:
    where = evaluation.asset_key.to_user_string()
    return f"{where}: {evaluation.check_name}: {evaluation.description}"


def _words(failure: Any) -> str:
    """What a failed step says: the sentence of our own failures, else the exception."""
    if failure.user_failure_data and failure.user_failure_data.description:
        return failure.user_failure_data.description
    return failure.error.message.strip() if failure.error else "the step failed"
