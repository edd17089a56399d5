"""Sensors that tell people what happened: of runs that ended, and of runs, checks and deadlines meanwhile.

Nothing is sent inside a step: a target that does not answer costs a sensor its time, never a run.
"""

import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass

import dagster as dg

from etl_platform.config.models.job import Job
from etl_platform.notify import deliver
from etl_platform.notify.events import Happening, Recovery, RunFailed, RunSucceeded
from etl_platform.notify.observe import (
    CheckOutcome,
    after_checks,
    after_deadline,
    after_run,
    deadline_between,
    read_past,
    while_running,
)
from etl_platform.orchestration.keys import Graph
from etl_platform.orchestration.post_run import report_on_run
from etl_platform.orchestration.run_records import execution_of, start_of
from etl_platform.tracking.errors import StoreError
from etl_platform.tracking.open import open_store
from etl_platform.tracking.records import JobExecution
from etl_platform.tracking.store import TrackingStore

TICK_SECONDS = 30
"""How often Dagster asks a sensor; its own default."""

_DAY_SECONDS = 86_400


def notification_sensors(graph: Graph, job_name: str) -> list[dg.SensorDefinition]:
    """Three sensors: runs that succeeded, runs that failed, and what happens while nothing has ended.

    They are on from the start, under the profile `local` too, where they write to the outbox alone.

    Args:
        graph: The jobs.
        job_name: Name of the Dagster job over them; the sensors are named after it.
    """

    def ended(context: dg.RunStatusSensorContext) -> None:
        message = context.dagster_event.message or "Dagster gives no reason."
        after_run_ended(graph, context.instance, context.dagster_run, message, log=context.log)

    of_runs = [
        dg.run_status_sensor(
            run_status=status,
            name=f"{job_name}_{name}",
            minimum_interval_seconds=TICK_SECONDS,
            default_status=dg.DefaultSensorStatus.RUNNING,
            description=f"Tells people of runs that {words}, and of what such a run says of its jobs.",
        )(ended)
        for status, name, words in (
            (dg.DagsterRunStatus.SUCCESS, "run_succeeded", "succeeded"),
            (dg.DagsterRunStatus.FAILURE, "run_failed", "failed"),
        )
    ]

    @dg.sensor(
        name=f"{job_name}_watch",
        minimum_interval_seconds=TICK_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Tells people of checks, long runs and missed deadlines while they happen, and sends "
        "what targets did not take before.",
    )
    def watch(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        now = time.time()
        since = float(context.cursor) if context.cursor else now
        try:
            happenings = list(_meanwhile(graph, context.instance, since, now))
        except StoreError:
            # The cursor stays, so that no deadline is lost; what waits does not wait for the store.
            deliver.send_waiting(graph.config)
            raise
        sent = deliver.tell(graph.config, happenings)
        _note_deliveries(open_store(graph.config), sent, context.log)
        context.update_cursor(str(now))
        return dg.SkipReason(f"{len(sent)} messages sent.")

    return [*of_runs, watch]


def after_run_ended(
    graph: Graph, instance: dg.DagsterInstance, run: dg.DagsterRun, message: str, *, log: logging.Logger
) -> None:
    """Let the supervisor report on a Dagster run that ended, and tell people of it; each is done once.

    Args:
        graph: The jobs.
        instance: Where the run is stored.
        run: The run.
        message: What Dagster says of its end.
        log: Gets the reports, and what could not be read.

    Raises:
        LedgerError: The file of notifications cannot be used.
        StoreError: No report could be made; people were told nevertheless.
    """
    try:
        report_on_run(graph, run, start_of(instance, run), log)
    finally:
        tell_of_run(graph, instance, run, message, log=log)


def tell_of_run(
    graph: Graph, instance: dg.DagsterInstance, run: dg.DagsterRun, message: str, *, log: logging.Logger
) -> list[deliver.Delivery]:
    """Tell people of a Dagster run that ended, once.

    Args:
        graph: The jobs.
        instance: Where the run is stored.
        run: The run.
        message: What Dagster says of its end.
        log: Told what could not be read.

    Returns:
        What was sent.

    Raises:
        LedgerError: The file of notifications cannot be used.
    """
    start = start_of(instance, run)
    failures = _failed_steps(instance, run)
    store = open_store(graph.config)
    happenings: list[Happening] = []
    plan = _plan_of(instance, run)
    for job in graph.config.jobs:
        execution = None
        if dg.AssetKey(job.job_id) in plan.assets:
            reason = failures.get(job.job_id) if failures else message
            failed = reason if run.status == dg.DagsterRunStatus.FAILURE else None
            try:
                execution = execution_of(store, job, run, start)
                happenings += _of_job(store, job, execution, failed)
            except StoreError as error:
                # Dagster would not ask about this run again.
                log.warning("job_id=<%s> | told without the record of its run: %s", job.job_id, error)
                happenings += _without_record(job, failed)
        elif plan.checks.isdisjoint(graph.check_keys(job)):
            continue
        happenings += _of_checks(graph, instance, job, run, start, execution)
    # The command line tells of its own runs, which a sensor that starts later sees too.
    sent = deliver.tell(graph.config, happenings, once=f"dagster_run/{run.run_id}")
    _note_deliveries(store, sent, log)
    return sent


def _of_job(
    store: TrackingStore, job: Job, execution: JobExecution | None, failed: str | None
) -> list[Happening]:
    if execution is None:
        return [RunFailed(job_id=job.job_id, reason=failed)] if failed else []
    if execution.status == "running" and failed:
        return [RunFailed(job_id=job.job_id, execution=execution, reason=failed)]
    return after_run(job, execution, read_past(store, execution))


def _without_record(job: Job, failed: str | None) -> list[Happening]:
    if failed:
        return [RunFailed(job_id=job.job_id, reason=failed)]
    return [Recovery(event=RunFailed, job_id=job.job_id, sentence=RunSucceeded(job_id=job.job_id).sentence)]


@dataclass(frozen=True)
class _Plan:
    """What a Dagster run set out to do; a run in this process does not keep its selection otherwise."""

    assets: frozenset[dg.AssetKey]
    checks: frozenset[dg.AssetCheckKey]


def _plan_of(instance: dg.DagsterInstance, run: dg.DagsterRun) -> _Plan:
    assets, checks = set(), set()
    for event in _events(instance, run, _PLANNED):
        if event.event_type == dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED:
            assets.add(event.asset_materialization_planned_data.asset_key)
        else:
            checks.add(event.asset_check_planned_data.asset_check_key)
    return _Plan(frozenset(assets), frozenset(checks))


_PLANNED = {
    dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED,
    dg.DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED,
}


def _events(
    instance: dg.DagsterInstance,
    run: dg.DagsterRun,
    kinds: dg.DagsterEventType | set[dg.DagsterEventType],
) -> Iterator[dg.DagsterEvent]:
    for record in instance.get_records_for_run(run.run_id, of_type=kinds).records:
        if event := record.event_log_entry.dagster_event:
            yield event


def _failed_steps(instance: dg.DagsterInstance, run: dg.DagsterRun) -> dict[str, str]:
    """Step key to what the step says; the key of a job's step is the job's id."""
    failures = {}
    for event in _events(instance, run, dg.DagsterEventType.STEP_FAILURE):
        failure = event.step_failure_data
        own = failure.user_failure_data.description if failure.user_failure_data else None
        words = own or (failure.error.message.strip() if failure.error else "the step failed")
        failures[event.step_key or ""] = words
    return failures


def _of_checks(
    graph: Graph,
    instance: dg.DagsterInstance,
    job: Job,
    run: dg.DagsterRun,
    start: float,
    execution: JobExecution | None = None,
) -> list[Happening]:
    """What the checks of a job say that a run evaluated, or that its step evaluated as gates."""
    keys = graph.check_keys(job)
    if not keys:
        return []
    latest = instance.event_log_storage.get_latest_asset_check_execution_by_key(keys)
    happenings: list[Happening] = []
    for dataset, checks in graph.checks[job.job_id].items():
        outcomes = []
        for key, rule in checks.items():
            record = latest.get(key)
            if record is None or record.event is None or record.event.dagster_event is None:
                continue
            event = record.event.dagster_event
            # A check that was planned and has not come to its turn has another event there.
            if event.event_type != dg.DagsterEventType.ASSET_CHECK_EVALUATION:
                continue
            of_this_run = record.run_id == run.run_id or (
                not record.run_id and record.event.timestamp >= start
            )
            if of_this_run:
                found = event.asset_check_evaluation_data
                sentence = found.description or rule.description
                outcomes.append(CheckOutcome(key.name, found.passed, rule.blocking, sentence))
        happenings += after_checks(job, dataset, outcomes, execution)
    return happenings


def _meanwhile(graph: Graph, instance: dg.DagsterInstance, since: float, now: float) -> Iterator[Happening]:
    store = open_store(graph.config)
    jobs = {job.job_id: job for job in graph.config.jobs if job.enabled}
    timed = [job for job in jobs.values() if job.sla.alert_threshold_minutes or job.sla.max_duration_minutes]
    if timed:
        longest = max(job.execution.timeout_minutes for job in timed) * 60 + _DAY_SECONDS
        for execution in store.executions_by_status("running", now - longest):
            if job := jobs.get(execution.job_name):
                yield from while_running(job, execution, now)
    for job in jobs.values():
        if (window := deadline_between(job, since, now)) and (
            missed := after_deadline(job, window, store.executions(job.job_id, until=now).items)
        ):
            yield missed
    for run in instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED])):
        start, plan = start_of(instance, run), _plan_of(instance, run)
        for job in graph.config.jobs:
            own = graph.check_keys(job)
            if dg.AssetKey(job.job_id) in plan.assets or not plan.checks.isdisjoint(own):
                yield from _of_checks(graph, instance, job, run, start)


def _note_deliveries(store: TrackingStore, sent: list[deliver.Delivery], log: logging.Logger) -> None:
    """Write on the records of runs that people were told; a run that goes on is left to its driver."""
    told: dict[str, set[str]] = {}
    for each in sent:
        if each.message.execution_id:
            told.setdefault(each.message.execution_id, set()).add(each.target)
    for execution_id, targets in told.items():
        try:
            execution = store.execution(execution_id)
            if execution is None or execution.status == "running":
                continue
            store.put_execution(
                execution.model_copy(
                    update={
                        "notification_sent": True,
                        "notification_timestamp": time.time(),
                        "notification_recipients": sorted(
                            targets | set(execution.notification_recipients or ())
                        ),
                    }
                )
            )
        except StoreError as error:
            log.warning("execution_id=<%s> | not noted that people were told: %s", execution_id, error)
