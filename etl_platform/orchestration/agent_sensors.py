"""Sensors that ask agents: where jobs run next, and what they cost."""

import datetime as dt
import json
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import dagster as dg

from etl_platform.agents.agent import Case
from etl_platform.config.models.job import Job
from etl_platform.decide.plan import Plan, plan_jobs
from etl_platform.notify import deliver
from etl_platform.notify.budget_forecast import BudgetForecast
from etl_platform.notify.events import CostAnomaly, Happening
from etl_platform.orchestration.decisions import decide_ahead, fingerprint_of, stored_decision
from etl_platform.orchestration.keys import Graph
from etl_platform.tracking.open import open_store
from etl_platform.tracking.store import TrackingStore

DECISION_SECONDS = 300
"""How often inputs are looked at: measuring a source costs calls, so not as often as Dagster would ask."""

COST_SECONDS = 3600
"""How often the day's look at costs goes on, where one tick did not reach all jobs."""

TICK_SECONDS = 25.0
"""No further page of jobs is begun after this long; Dagster ends a tick after 60 seconds."""

PAGE = 50
"""Jobs whose sources are measured together."""


def agent_sensors(graph: Graph, job_name: str) -> list[dg.SensorDefinition]:
    """The sensors of the decision agent and of the cost agent.

    Args:
        graph: The jobs.
        job_name: Name of the Dagster job over them; the sensors are named after it.
    """

    @dg.sensor(
        name=f"{job_name}_platform_decision",
        minimum_interval_seconds=DECISION_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Decides anew where a job runs next when its sizes, columns, script, configuration or "
        "history have changed; a run takes the decision while nothing has changed again.",
    )
    def platform_decision(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        cursor = _read(context.cursor)
        store, now = open_store(graph.config), time.time()
        seen: dict[str, str] = cursor.get("seen", {})
        decided = looked_at = 0
        for page, last in _pages(graph, cursor.get("after"), now + TICK_SECONDS):
            for plan in plan_jobs(graph.config, page, store, now=now):
                decided += _decide(graph, store, plan, seen, now, context.log)
            looked_at += len(page)
            # Kept page by page: what was decided stays decided, even if the tick ends here.
            cursor = {"after": last, "seen": seen}
            context.update_cursor(json.dumps(cursor))
        return dg.SkipReason(f"{looked_at} jobs looked at, {decided} decided anew.")

    @dg.sensor(
        name=f"{job_name}_cost",
        minimum_interval_seconds=COST_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Looks each day at budgets, forecasts and unusual costs, and tells people, once for "
        "each cause.",
    )
    def cost(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        cursor, today = _read(context.cursor), dt.datetime.now(dt.timezone.utc).date().isoformat()
        if cursor.get("done") == today:
            return dg.SkipReason("Today's costs were looked at.")
        if not graph.config.settings.agents.cost_tracking_agent.enabled:
            return dg.SkipReason("`agents.cost_tracking_agent` is off.")
        store, now = open_store(graph.config), time.time()
        looked_at, sent = 0, 0
        after = cursor.get("after") if cursor.get("day") == today else None
        for page, last in _pages(graph, after, now + TICK_SECONDS):
            causes = [cause for job in page for cause in _causes(graph, store, job, now)]
            sent += len(deliver.tell(graph.config, causes))
            looked_at += len(page)
            context.update_cursor(
                json.dumps({"day": today, "after": last, "done": today if last is None else None})
            )
        return dg.SkipReason(f"{looked_at} jobs looked at, {sent} messages sent.")

    return [platform_decision, cost]


def _read(cursor: str | None) -> dict[str, Any]:
    return json.loads(cursor) if cursor else {}


def _pages(
    graph: Graph, after: str | None, until: float, now: Callable[[], float] = time.time
) -> Iterator[tuple[Sequence[Job], str | None]]:
    """The enabled jobs from where the last tick stopped, page by page while there is time.

    Yields:
        The jobs, and the last one's id; None where it is the last of all, so that the next tick begins anew.
    """
    jobs = [job for job in graph.config.jobs if job.enabled]
    ids = [job.job_id for job in jobs]
    start = ids.index(after) + 1 if after in ids else 0
    for first in range(start, len(jobs), PAGE):
        if first > start and now() > until:
            return
        page = jobs[first : first + PAGE]
        yield page, page[-1].job_id if first + PAGE < len(jobs) else None


def _decide(
    graph: Graph, store: TrackingStore, plan: Plan, seen: dict[str, str], now: float, log: logging.Logger
) -> bool:
    """Decide for a job if its inputs have changed, and say so."""
    job, found = plan.job, fingerprint_of(graph.config, plan)
    if plan.decision is None or not graph.config.settings.agents.decision_agent.enabled:
        return False
    if seen.get(job.job_id) == found:
        return False
    seen[job.job_id] = found
    if stored_decision(store, job, found) is not None:
        return False
    adopted = decide_ahead(Case(graph.config, job, store, now, planned=plan)).decision
    assert adopted is not None, "an agent chooses among options, and takes none away"
    log.info("%s runs next on %s: %s", job.job_id, adopted.selected.platform, " ".join(adopted.reasoning))
    return True


def _causes(graph: Graph, store: TrackingStore, job: Job, now: float) -> Iterator[Happening]:
    """What the cost agent finds worth telling of a job that has run."""
    latest = store.latest_execution(job.job_id)
    if latest is None:
        return
    from etl_platform.agents.cost import AGENT
    from etl_platform.agents.guard import invoke

    answer = invoke(AGENT, Case(graph.config, job, store, now, execution_id=latest.execution_id)).answer
    for cause in answer.causes:
        kind, _, about = cause.cause_id.partition(":")
        if kind == "anomaly":
            yield CostAnomaly(
                job_id=job.job_id, execution=latest, explanation=cause.sentence.removesuffix(".")
            )
        elif kind == "forecast":
            yield BudgetForecast(job_id=job.job_id, month=about.partition(":")[0], explanation=cause.sentence)
        # Budgets that are used up are told when the run ends that used them up.
