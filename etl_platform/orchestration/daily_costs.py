"""Each day's look at what jobs cost: budgets, forecasts and unusual costs are told, once for each cause."""

import datetime as dt
import time
from collections.abc import Callable
from typing import Any

from etl_platform.agents.agent import Case
from etl_platform.agents.cost_facts import Cause, alert_causes
from etl_platform.config.models.job import Job
from etl_platform.notify import deliver
from etl_platform.notify.budget_forecast import BudgetForecast
from etl_platform.notify.events import BudgetExceeded, BudgetThreshold, CostAnomaly, Event
from etl_platform.notify.ledger import Ledger
from etl_platform.orchestration.in_time import Tick, jobs_after
from etl_platform.orchestration.keys import Graph
from etl_platform.tracking.open import open_store
from etl_platform.tracking.records import JobExecution
from etl_platform.tracking.store import TrackingStore

SEND_SECONDS = 10.0
"""Sending takes no longer in a tick; what a target did not take waits for the next sensor that sends."""


def tell_of_costs(
    graph: Graph,
    cursor: dict[str, Any],
    keep: Callable[[dict[str, Any]], None],
    *,
    clock: Callable[[], float] = time.time,
) -> str:
    """Look at the costs of all enabled jobs once a UTC day, as far as one tick gets, and tell people.

    Args:
        graph: The jobs.
        cursor: What the last tick kept: the `day`, `after`, the job where it stopped, and whether all is
            `done`.
        keep: Takes the cursor.
        clock: Unix seconds.

    Returns:
        What was done, in a sentence.

    Raises:
        StoreError: The store cannot be used.
        LedgerError: The file of notifications cannot be used.
    """
    tick = Tick(clock)
    today = dt.datetime.fromtimestamp(tick.now, dt.timezone.utc).date().isoformat()
    of_today = cursor.get("day") == today
    if of_today and cursor.get("done"):
        return "Today's costs were looked at."
    if not graph.config.settings.agents.cost_tracking_agent.enabled:
        return "`agents.cost_tracking_agent` is off."
    store, ledger = open_store(graph.config), deliver.ledger_of(graph.config, clock)
    after = cursor.get("after") if of_today else None
    jobs, events = jobs_after(graph, after), list[Event]()
    looked_at = 0
    for job in jobs:
        if not tick.has_time():
            break
        events += _events(graph, store, job, tick, ledger)
        looked_at, after = looked_at + 1, job.job_id
    # Told before the cursor moves on: a cause that is told already is not told again.
    sent = deliver.tell(graph.config, events, clock=clock, bound_seconds=SEND_SECONDS)
    keep({"day": today, "after": after, "done": looked_at == len(jobs)})
    rest = "" if looked_at == len(jobs) else " The others are next."
    return f"{looked_at} jobs looked at, {len(sent)} messages sent.{rest}"


def _events(graph: Graph, store: TrackingStore, job: Job, tick: Tick, ledger: Ledger) -> list[Event]:
    """What the cost agent finds of a job that nobody was told, when its run ended or on a day before."""
    latest = store.latest_execution(job.job_id) if job.cost.cost_alerts.enabled else None
    if latest is None or latest.status == "running":
        return []
    from etl_platform.agents.cost import AGENT
    from etl_platform.agents.guard import invoke

    case = Case(tick.limited(graph.config), job, store, tick.now, execution_id=latest.execution_id)

    def untold(why: str = "") -> list[Event]:
        found = [_event(latest, cause, why) for cause in alert_causes(case)]
        return [one for one in found if not ledger.is_open(one.cause, one.details)]

    # The rule tells whether there is a cause; the agent is asked why only where there is news.
    if not untold():
        return []
    answer = invoke(AGENT, case).answer
    return untold(f" {answer.explanation}" if answer.changes else "")


def _event(latest: JobExecution, cause: Cause, why: str) -> Event:
    kind, _, about = cause.cause_id.partition(":")
    about = about.partition(":")[0]
    if kind == "anomaly":
        return CostAnomaly(
            job_id=latest.job_name, execution=latest, explanation=f"{cause.sentence}{why}".removesuffix(".")
        )
    if kind == "forecast":
        return BudgetForecast(job_id=latest.job_name, month=about, explanation=cause.sentence)
    assert cause.usd is not None and cause.budget_usd is not None, "a budget's cause has both"
    of_run = kind == "budget_per_run_usd"
    started = dt.datetime.fromtimestamp(latest.timestamp, dt.timezone.utc)
    over = cause.usd > cause.budget_usd
    return (BudgetExceeded if over else BudgetThreshold)(
        job_id=latest.job_name,
        execution=latest if of_run else None,
        period="run" if of_run else "month",
        usd=cause.usd,
        budget_usd=cause.budget_usd,
        month=f"{started:%Y-%m}" if of_run else about,
    )
