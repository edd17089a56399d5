"""After a run: the supervisor's report, recommendations and learning, in the record of each of its jobs."""

import logging
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import dagster as dg

from etl_platform.agents.agent import Case
from etl_platform.agents.urgency import most_urgent_first
from etl_platform.config.models.job import Job
from etl_platform.notify import deliver
from etl_platform.orchestration.keys import Graph
from etl_platform.orchestration.run_records import execution_of
from etl_platform.tracking.open import open_store
from etl_platform.tracking.records import AgentInvocation, CostBreakdown, JobExecution, Recommendation
from etl_platform.tracking.store import TrackingStore

if TYPE_CHECKING:
    from etl_platform.agents.supervisor import Review

MOST_GB = 1.0
"""Larger datasets are not read for a report: a tick of a sensor has a minute."""

LEASE_SECONDS = 600.0
"""When another process may report on a run although the one that began has not ended: by then it is dead."""


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
        if execution is not None and (said := report_once(graph, store, job, execution)):
            log.info("%s", said)
            made += 1
    return made


def report_once(graph: Graph, store: TrackingStore, job: Job, execution: JobExecution) -> str | None:
    """Let the supervisor report on an execution that ended, unless some process has or is about to.

    The command line reports on its own runs, which a sensor sees too.

    Returns:
        The report; None where it is not made here.
    """
    if not _waits_for_report(execution):
        return None
    ledger, name = deliver.ledger_of(graph.config), f"report/{execution.execution_id}"
    with ledger.alone(name, uuid4().hex, LEASE_SECONDS) as alone:
        # The process that held it before may have made the report meanwhile.
        latest = store.execution(execution.execution_id) if alone else None
        return report_on(graph, store, job, latest) if latest and _waits_for_report(latest) else None


def _waits_for_report(execution: JobExecution) -> bool:
    return execution.status != "running" and execution.recommendations is None


def report_on(graph: Graph, store: TrackingStore, job: Job, execution: JobExecution) -> str:
    """Let the supervisor report on one execution, and write into its record what follows.

    That are recommendations, what was learned, what the law's demands come to, with an audit of its own, and
    what the agents' models cost.
    """
    from etl_platform.agents.learning import remember
    from etl_platform.agents.supervisor import review

    case = Case(graph.config, job, store, time.time(), execution.execution_id, most_gb=MOST_GB)
    found = review(case)
    changes: dict[str, Any] = {"recommendations": _recommendations(case, found, execution)}
    if "compliance" in found.answers:
        from etl_platform.agents.compliance import audit, status

        answer = found.answers["compliance"].answer
        changes["compliance"] = status(case, answer)
        evidence = audit(case, answer) if _is_audited(job) else None
        if evidence:
            store.put_audit(evidence)
    whole = remember(case) or store.execution(execution.execution_id) or execution
    changes["cost_breakdown"] = with_models(whole.cost_breakdown, store.invocations(execution.execution_id))
    store.put_execution(whole.model_copy(update=changes))
    return found.report.answer.summary


def _is_audited(job: Job) -> bool:
    """Whether somebody said that there is personal data, or a law; else what is found is advice alone."""
    keys = job.compliance
    return bool(keys.pii_fields) or keys.gdpr_applicable or keys.hipaa_applicable


def with_models(cost: CostBreakdown | None, invocations: Sequence[AgentInvocation]) -> CostBreakdown | None:
    """The cost of a run with what the models of its agents cost.

    Args:
        cost: The cost so far; None: unknown.
        invocations: All that agents were asked about the run.

    Returns:
        The cost, whose total is without the models where their cost is unknown; None where nothing is known.
    """
    asked = [one.tokens_consumed.total_cost_usd if one.tokens_consumed else None for one in invocations]
    known = [usd for usd in asked if usd is not None]
    models = sum(known) if asked and len(known) == len(asked) else None
    if cost is None and models is None:
        return None
    before = cost or CostBreakdown()
    total = before.total_cost_usd
    if total is not None:
        total += (models or 0.0) - (before.bedrock_cost_usd or 0.0)
    return before.model_copy(update={"bedrock_cost_usd": models, "total_cost_usd": total})


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
