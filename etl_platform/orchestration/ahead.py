"""Decides ahead where jobs run next, as far as what a decision rests on has changed since the last look."""

import hashlib
import json
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from etl_platform.agents.agent import Case
from etl_platform.catalog.measure import measure_jobs
from etl_platform.catalog.stats import TableStats
from etl_platform.config.models.job import Job
from etl_platform.decide.circuit import open_circuits
from etl_platform.decide.plan import Plan, plan_jobs, redecided
from etl_platform.orchestration.decisions import decide_ahead, fingerprint_of, script_hash, stored_decision
from etl_platform.orchestration.in_time import Tick, jobs_after
from etl_platform.orchestration.keys import Graph
from etl_platform.pricing.book import book_of
from etl_platform.tracking.open import open_store
from etl_platform.tracking.store import TrackingStore

DECISION_SECONDS = 300
"""From the end of one look at all jobs to the next: measuring a source costs calls."""

PAGE = 50
"""Jobs whose sources are measured together."""


def decide_changed(
    graph: Graph,
    cursor: dict[str, Any],
    keep: Callable[[dict[str, Any]], None],
    tell: Callable[[Plan], None],
    *,
    clock: Callable[[], float] = time.time,
) -> str:
    """Look at the enabled jobs as long as a tick may take, and decide anew what has changed.

    Args:
        graph: The jobs.
        cursor: What the last tick kept: `after`, the job where it stopped, `seen`, what each job's decision
            rested on, and `ended`, when the last look was done.
        keep: Takes the cursor, page by page: what was decided stays decided, even if the tick is ended.
        tell: Gets each plan that was decided anew.
        clock: Unix seconds.

    Returns:
        What was done, in a sentence.

    Raises:
        StoreError: The store cannot be used.
    """
    config = graph.config
    if not config.settings.agents.decision_agent.enabled:
        return "`agents.decision_agent` is off."
    tick = Tick(clock)
    if not cursor.get("after") and tick.now < cursor.get("ended", 0) + DECISION_SECONDS:
        return "All jobs were looked at just now."
    store, seen = open_store(config), dict(cursor.get("seen", {}))
    shared = _shared(graph, store, tick.now)
    after, jobs = cursor.get("after"), jobs_after(graph, cursor.get("after"))
    looked_at = decided = 0
    for first in range(0, len(jobs), PAGE):
        if not tick.has_time():
            break
        page = jobs[first : first + PAGE]
        inputs = _inputs(graph, page, store, shared)
        changed = [job for job in page if seen.get(job.job_id) != inputs[job.job_id]]
        plans = {plan.job.job_id: plan for plan in plan_jobs(config, changed, store, now=tick.now)}
        for job in page:
            if plan := plans.get(job.job_id):
                fresh = _is_fresh(graph, store, plan)
                if fresh and not tick.has_time():
                    keep({"after": after, "seen": seen})
                    return _told(looked_at, decided, "; the others are next.")
                decided += fresh and _decide(graph, store, plan, tick, tell)
                seen[job.job_id] = inputs[job.job_id]
            looked_at, after = looked_at + 1, job.job_id
        keep({"after": after, "seen": seen})
    if looked_at < len(jobs):
        return _told(looked_at, decided, "; the others are next.")
    there = {job.job_id for job in config.jobs}
    keep(
        {"after": None, "seen": {name: one for name, one in seen.items() if name in there}, "ended": clock()}
    )
    return _told(looked_at, decided, ".")


def _told(looked_at: int, decided: int, end: str) -> str:
    return f"{looked_at} jobs looked at, {decided} decided anew{end}"


def _is_fresh(graph: Graph, store: TrackingStore, plan: Plan) -> bool:
    """Whether there is something to decide that was not decided yet, by any process."""
    return plan.decision is not None and (
        stored_decision(store, plan.job, fingerprint_of(graph.config, plan)) is None
    )


def _decide(graph: Graph, store: TrackingStore, plan: Plan, tick: Tick, tell: Callable[[Plan], None]) -> bool:
    case = Case(tick.limited(graph.config), plan.job, store, tick.now, planned=plan)
    adopted = decide_ahead(case, fingerprint_of(graph.config, plan)).decision
    assert adopted is not None, "an agent chooses among options, and takes none away"
    tell(redecided(plan, adopted))
    return True


def _shared(graph: Graph, store: TrackingStore, now: float) -> str:
    """What all decisions rest on: settings, prices, and the platforms that are left out."""
    config = graph.config
    book = book_of(config)
    settings = config.settings.model_dump(mode="json", exclude={"agents": {"model": {"api_key"}}})
    prices = [book.date, book.region, sorted((key, str(one.usd)) for key, one in book.prices.items())]
    return _hash([config.profile, settings, prices, sorted(open_circuits(store, now))])


def _inputs(graph: Graph, jobs: Sequence[Job], store: TrackingStore, shared: str) -> dict[str, str]:
    """What each job's decision rests on, as far as it can be told without planning it.

    Runs of similar jobs are not in it: a run sees by itself that they are new, and decides in place.
    """
    measured = measure_jobs(graph.config, jobs)
    return {job.job_id: _hash([shared, *_of_job(graph, job, measured[job.job_id], store)]) for job in jobs}


def _of_job(graph: Graph, job: Job, stats: Mapping[str, TableStats], store: TrackingStore) -> list[Any]:
    latest = next(iter(store.summaries(job.job_id, limit=1).items), None)
    return [
        job.model_dump(mode="json"),
        {name: one.model_dump(mode="json", exclude={"measured_at"}) for name, one in stats.items()},
        script_hash(graph.config, job),
        [latest.execution_id, latest.status, latest.total_cost_usd] if latest else None,
    ]


def _hash(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()[:16]
