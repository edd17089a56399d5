"""After a run: the supervisor's report, recommendations and learning, in the record of each of its jobs."""

import logging
import time
from typing import TYPE_CHECKING, Any

import dagster as dg

from etl_platform.agents.agent import Case
from etl_platform.agents.urgency import most_urgent_first
from etl_platform.config.models.job import Job
from etl_platform.orchestration.keys import Graph
from etl_platform.orchestration.run_records import execution_of
from etl_platform.tracking.open import open_store
from etl_platform.tracking.records import JobExecution, Recommendation
from etl_platform.tracking.store import TrackingStore

if TYPE_CHECKING:
    from etl_platform.agents.supervisor import Review

MOST_GB = 1.0
"""Larger datasets are not read for a report: a tick of a sensor has a minute."""


def report_on_run(graph: Graph, run: dg.DagsterRun, since: float, log: logging.Logger) -> int:
    """Let the supervisor report on each job of a Dagster run that ended, once.

    Args:
        graph: The jobs.
        run: The run.
        since: Unix seconds, before its start.
        log: Gets the reports.

    Returns:
        How many reports were made.

    Raises:
        StoreError: The store cannot be used.
    """
    if not graph.config.settings.agents.supervisor_agent.post_run:
        return 0
    store, made = open_store(graph.config), 0
    for job in graph.config.jobs:
        execution = execution_of(store, job, run, since)
        if execution is not None and execution.status != "running" and not _reported(store, execution):
            log.info("%s", report_on(graph, store, job, execution))
            made += 1
    return made


def report_on(graph: Graph, store: TrackingStore, job: Job, execution: JobExecution) -> str:
    """Let the supervisor report on one execution; recommendations and learning go into its record."""
    from etl_platform.agents.learning import remember
    from etl_platform.agents.supervisor import review

    case = Case(graph.config, job, store, time.time(), execution.execution_id)
    found = review(case)
    whole = remember(case) or store.execution(execution.execution_id) or execution
    store.put_execution(
        whole.model_copy(update={"recommendations": _recommendations(case, found, execution)})
    )
    return found.report.answer.summary


def _recommendations(case: Case, found: "Review", execution: JobExecution) -> list[Recommendation]:
    """What the agents recommend, and what the next attempt does after a failure; the most urgent first."""
    from etl_platform.agents.registry import recommendations_of

    of_agents = [
        one for name, each in found.answers.items() for one in recommendations_of(name, case, each.answer)
    ]
    return most_urgent_first([*_remedy(case, execution), *of_agents])


def _remedy(case: Case, execution: JobExecution) -> list[Recommendation]:
    from etl_platform.decide.retry import remedy_after

    error, plan = execution.error_details, case.plan
    if execution.status == "success" or error is None or plan.decision is None:
        return []
    remedy = remedy_after(case.config, case.job, plan.situation, plan.decision, execution)
    if remedy is None:
        return []
    return [
        Recommendation(
            recommendation_id=f"{case.job.job_id}/remedy/{error.error_class}",
            priority="high",
            category="reliability",
            title=f"After a failure of the class {error.error_class}",
            description=remedy.sentence,
            action=", ".join(f"platform.{key}: {value!r}" for key, value in remedy.keys.items()) or None,
        )
    ]


def _reported(store: TrackingStore, execution: JobExecution) -> bool:
    """Whether another process, such as the command line that ran it, has made the report."""
    invocations: list[Any] = store.invocations(execution.execution_id)
    return any(one.agent_name == "supervisor" for one in invocations)
