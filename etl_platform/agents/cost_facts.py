"""What the cost agent looks up: changes between runs and weeks, savings, causes for an alert."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal

from etl_platform.agents.agent import Case, ToolError
from etl_platform.agents.cost_change import CostChange, change, figures_of
from etl_platform.agents.once import once
from etl_platform.decide.history import cost_points
from etl_platform.decide.plan import WhatIf, plan_job, runs_a_month
from etl_platform.pricing.anomaly import anomalies
from etl_platform.pricing.book import book_of
from etl_platform.pricing.forecast import HISTORY_DAYS, Forecast, forecast_month, spent_in_month
from etl_platform.pricing.history import days_of, known_sum
from etl_platform.pricing.savings import savings
from etl_platform.tracking.records import JobExecution
from etl_platform.tracking.tables import DAY_SECONDS

WEEK_SECONDS = 7 * DAY_SECONDS

PAGE = 500

WHAT_IFS = ("size=2x", "size=10x")


@dataclass(frozen=True)
class Saving:
    """A way to pay less, in the figures of the engine.

    Attributes:
        saving_id: Stable name.
        usd_a_run: What a run costs less; None: unknown.
        usd_a_month: The same times the runs of a month; None: unknown.
        how: The key to set, or what to do.
    """

    saving_id: str
    title: str
    usd_a_run: float | None
    usd_a_month: float | None
    risk: str
    how: str


@dataclass(frozen=True)
class Cause:
    """A reason to tell people.

    Attributes:
        cause_id: The same as long as it is the same cause, so that it is told once.
        usd: What is held against a budget; None where it is about none.
        budget_usd: The budget.
    """

    cause_id: str
    severity: Literal["high", "medium"]
    sentence: str
    usd: float | None = None
    budget_usd: float | None = None


@once
def past(case: Case) -> list[JobExecution]:
    """The ended runs of the job within the days that a forecast uses, newest first."""
    since, cursor, found = case.now - HISTORY_DAYS * DAY_SECONDS, None, []
    while True:
        page = case.store.executions(case.job.job_id, since=since, until=case.now, limit=PAGE, cursor=cursor)
        found += [one for one in page.items if one.status != "running"]
        cursor = page.cursor
        if cursor is None:
            return found


def the_run(case: Case) -> JobExecution | None:
    """The run that the case is about, else the newest."""
    if case.execution_id is None:
        return past(case)[0] if past(case) else None
    found = case.store.execution(case.execution_id)
    if found is None or found.job_name != case.job.job_id:
        raise ToolError(f"{case.job.job_id} has no run {case.execution_id}.")
    return found


def between_runs(case: Case) -> CostChange | None:
    """The run, with the attempts before it, against the last successful run before; None without one."""
    run = the_run(case)
    if run is None:
        return None
    group = _attempts(case, run)
    own = {one.execution_id for one in group}
    earlier = next(
        (
            one
            for one in past(case)
            if one.status == "success" and one.timestamp < run.timestamp and one.execution_id not in own
        ),
        None,
    )
    if earlier is None:
        return None
    return change([figures_of(one) for one in _attempts(case, earlier)], [figures_of(one) for one in group])


def between_weeks(case: Case) -> CostChange:
    """The last seven days against the seven before."""
    weeks = [
        [
            figures_of(one)
            for one in past(case)
            if case.now - (back + 1) * WEEK_SECONDS < one.timestamp <= case.now - back * WEEK_SECONDS
        ]
        for back in (1, 0)
    ]
    return change(weeks[0], weeks[1])


def _attempts(case: Case, run: JobExecution) -> list[JobExecution]:
    if run.attempt_group is None:
        return [run]
    group = case.store.attempts(case.job.job_id, run.attempt_group)
    return [one for one in group if one.status != "running" and one.timestamp <= run.timestamp]


def forecast(case: Case) -> Forecast | None:
    """The month's forecast; None where `forecast_monthly_costs` is off."""
    if not case.config.settings.agents.cost_tracking_agent.forecast_monthly_costs:
        return None
    return forecast_month(days_of(cost_points(past(case))), _today(case))


def what_if(case: Case, text: str) -> float | None:
    """Dollars of a run on more data; None: unknown."""
    answer = plan_job(case.config, case.job, case.store, now=case.now, what_if=WhatIf.parse(text))
    return answer.decision.selected.figures.usd if answer.decision else None


def ranked_savings(case: Case) -> list[Saving]:
    """Ways to pay less, the most dollars a month first, unknown ones last."""
    found = [*_platform_savings(case), *_decision_savings(case), *_failure_savings(case)]
    return sorted(
        found, key=lambda one: (one.usd_a_month is None, -(one.usd_a_month or 0), -(one.usd_a_run or 0))
    )


def _platform_savings(case: Case) -> list[Saving]:
    done = [one for one in past(case) if one.status == "success" and one.job_type]
    platform = done[0].job_type if done else None
    if platform is None:
        return []
    compute = [
        one.cost_breakdown.compute_cost_usd
        for one in done
        if one.job_type == platform and one.cost_breakdown and one.cost_breakdown.compute_cost_usd is not None
    ]
    usual = median(compute) if compute else None
    return [
        Saving(
            one.title.lower().replace(" ", "_"),
            one.title,
            one.usd_per_run,
            _a_month(case, one.usd_per_run),
            one.risk,
            one.how,
        )
        for one in savings(book_of(case.config), case.job, platform, usual)
        if one.usd_per_run is None or one.usd_per_run > 0
    ]


def _decision_savings(case: Case) -> list[Saving]:
    """Another platform, or another size of the same, that the engine expects to be cheaper."""
    decision = case.plan.decision
    if decision is None or not decision.selected.charged:
        return []
    now = decision.selected
    rivals = [(now.platform, now.recommended_size, now.recommended_figures)]
    if decision.recommended and decision.recommended.platform != now.platform:
        best = decision.recommended
        rivals.append((best.platform, best.size, best.figures))
    found = []
    for platform, size, figures in rivals:
        if size is None or figures is None or figures.usd is None or now.figures.usd is None:
            continue
        usd = now.figures.usd - figures.usd
        if usd <= 0:
            continue
        keys = ", ".join(f"platform.{key}: {value!r}" for key, value in size.keys.items())
        other = platform != now.platform
        slower = (figures.seconds or 0) - (now.figures.seconds or 0)
        found.append(
            Saving(
                f"platform_{platform}" if other else "size",
                f"{platform}, {size.label}",
                usd,
                _a_month(case, usd),
                f"a run takes {slower / 60:,.0f} minutes longer"
                if slower > 60
                else "none that the model sees",
                f'platform.user_preference: "{platform}", {keys}' if other else keys,
            )
        )
    return found


def _failure_savings(case: Case) -> list[Saving]:
    """What attempts without success cost in the last thirty days."""
    since = case.now - 30 * DAY_SECONDS
    lost = [one for one in past(case) if one.status != "success" and one.timestamp >= since]
    usd = known_sum(one.cost_breakdown.total_cost_usd if one.cost_breakdown else None for one in lost)
    if not usd:
        return []
    classes = sorted({one.error_details.error_class or "unknown" for one in lost if one.error_details})
    return [
        Saving(
            "failures",
            f"{len(lost)} attempts without success in thirty days",
            None,
            usd,
            "none",
            f"mend what they died of: {', '.join(classes) or 'unknown'}",
        )
    ]


def _a_month(case: Case, usd: float | None) -> float | None:
    """Times the scheduled runs of the month, else the runs of the last thirty days."""
    if usd is None:
        return None
    runs = runs_a_month(case.job, _today(case))
    if runs is None:
        since = case.now - 30 * DAY_SECONDS
        runs = sum(one.status == "success" and one.timestamp >= since for one in past(case))
    return usd * runs if runs else None


def alert_causes(case: Case) -> list[Cause]:
    """Why people should be told: budgets, where `alert_on_budget_overrun` is on, and unusual costs."""
    run = the_run(case)
    found = []
    if case.config.settings.agents.cost_tracking_agent.alert_on_budget_overrun:
        found += _budget_causes(case, run)
    for one in anomalies(cost_points(past(case))):
        # Unusually little is no cause; and only the run in question, the others were told before.
        if run is not None and one.run.execution_id == run.execution_id and one.score > 0:
            found.append(Cause(f"anomaly:{run.execution_id}", "high", one.sentence))
    return found


def _budget_causes(case: Case, run: JobExecution | None) -> Sequence[Cause]:
    cost, month = case.job.cost, _today(case).isoformat()[:7]
    share = cost.cost_alerts.threshold_percent / 100
    spent = spent_in_month(days_of(cost_points(past(case))), _today(case))
    ahead = forecast(case)
    paid = run.cost_breakdown.total_cost_usd if run and run.cost_breakdown else None
    run_id = run.execution_id if run else ""
    held = [
        (f"Run {run_id} cost", paid, cost.budget_per_run_usd, "budget_per_run_usd", run_id, share),
        (
            f"The runs of {month} so far cost",
            spent,
            cost.budget_monthly_usd,
            "budget_monthly_usd",
            month,
            share,
        ),
        (
            f"The runs of {month} will cost",
            ahead.expected_usd if ahead else None,
            cost.budget_monthly_usd,
            "forecast",
            month,
            1.0,
        ),
    ]
    found = []
    for what, usd, budget, kind, about, least in held:
        if usd is None or budget is None or usd < least * budget or (least == 1 and usd == budget):
            continue
        over = usd > budget
        sentence = f"{what} ${usd:,.2f}: {usd / budget:.0%} of the budget of ${budget:,.2f}."
        found.append(
            Cause(
                f"{kind}:{about}:{'over' if over else 'near'}",
                "high" if over else "medium",
                sentence,
                usd,
                budget,
            )
        )
    return found


def _today(case: Case) -> dt.date:
    return dt.datetime.fromtimestamp(case.now, dt.timezone.utc).date()
