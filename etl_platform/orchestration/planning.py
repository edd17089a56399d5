"""The plan of a run: what it reads, where it goes and for how much, on the asset's page and in its record."""

import time
from collections.abc import Iterable
from typing import Any

import dagster as dg

from etl_platform.catalog.findings import Finding
from etl_platform.catalog.markdown import stats_table
from etl_platform.config.models.job import Job
from etl_platform.config.project import Config
from etl_platform.decide.markdown import decision_table
from etl_platform.decide.plan import Plan, plan_job
from etl_platform.decide.remedies import Remedy
from etl_platform.orchestration.decisions import ask_before_run, with_agent
from etl_platform.orchestration.retrying import for_this_attempt
from etl_platform.tracking.records import Issue, WorkloadCharacteristics
from etl_platform.tracking.store import TrackingStore
from etl_platform.workload.markdown import workload_report


def plan_run(
    config: Config, job: Job, store: TrackingStore, attempt_group: str
) -> tuple[Plan, Remedy | None]:
    """Measure, analyze, decide, learn from the attempts before, and hold the estimate against the budget.

    Returns:
        The plan, and the remedy in it of the last attempt's failure; None where there is none.

    Raises:
        Failure: The job can run nowhere, a hard budget forbids the run, or an agent's rules do; no retry.
    """
    now = time.time()
    plan, remedy = plan_job(config, job, store, now=now), None
    if attempts := store.attempts(job.job_id, attempt_group):
        # The decision of a retry carries what the failure before it teaches.
        plan, remedy = for_this_attempt(config, job, plan, attempts)
    else:
        plan = with_agent(config, job, store, plan, now)
        ask_before_run(config, job, store, plan, now)
    if plan.refusal:
        raise dg.Failure(description=plan.refusal, allow_retries=False)
    if not plan.budget.allowed:
        raise dg.Failure(
            description=f"{job.job_id} was not started: {' '.join(plan.budget.refusals)} Raise the budget in "
            "its `cost`, choose a cheaper size, or set `hard_limit` to false.",
            metadata=plan_metadata(plan),
            allow_retries=False,
        )
    return plan, remedy


def planned_job(config: Config, job: Job, plan: Plan) -> Job:
    """The job as it is run: with the size that was decided, and the Spark settings that its data flow needs.

    The job's own settings stand. On this machine none are added: its data is small, and a setting that only
    Spark knows would keep a job from the faster engine.
    """
    if plan.decision is None:
        return job
    decided = plan.decision.apply(job)
    settings = config.settings
    tuned = settings.feature_flags.enable_auto_optimization and (
        settings.agents.optimization_agent.auto_tune_spark_config
    )
    if not tuned or plan.decision.selected.platform == "local":
        return decided
    conf = {**plan.workload.spark_conf, **decided.execution.spark_conf}
    execution = decided.execution.model_copy(update={"spark_conf": conf})
    return decided.model_copy(update={"execution": execution})


def plan_metadata(plan: Plan) -> dict[str, Any]:
    """A plan as metadata: tables in markdown, figures as numbers; what is unknown is left out."""
    decision = plan.decision
    figures = decision.selected.figures if decision else None
    numbers = {
        "input_gb": plan.workload.volume_gb,
        "shuffle_gb": plan.workload.shuffle_gb,
        "estimated_seconds": figures.seconds if figures else None,
        "estimated_cost_usd": figures.usd if figures else None,
        "decision_confidence": decision.confidence if decision else None,
        "forecast_month_usd": plan.forecast_usd,
        "spent_this_month_usd": plan.spent_usd,
    }
    metadata: dict[str, Any] = {name: number for name, number in numbers.items() if number is not None}
    metadata["sources"] = dg.MetadataValue.md(stats_table(plan.stats))
    metadata["data_flow"] = dg.MetadataValue.md(workload_report(plan.workload))
    if decision:
        metadata["decision"] = dg.MetadataValue.md(decision_table(decision))
    notes = [*plan.budget.refusals, *plan.budget.warnings, *plan.notes]
    if notes:
        metadata["notes"] = dg.MetadataValue.md("\n".join(f"- {note}" for note in notes))
    return metadata


def workload_record(plan: Plan, job: Job) -> WorkloadCharacteristics:
    """What the run was expected to do, as it is stored with it."""
    seconds = plan.decision.selected.figures.seconds if plan.decision else None
    return WorkloadCharacteristics(
        data_volume_gb=plan.workload.volume_gb,
        data_volume_category=plan.workload.volume_category,
        complexity=plan.workload.complexity,
        criticality=job.workload.criticality,
        estimated_runtime_minutes=None if seconds is None else seconds / 60,
    )


def issues_of(plan: Plan) -> list[Issue]:
    """What was found about the job's data and data flow, as issues of the run."""
    of_data = (finding for stats in plan.stats.values() for finding in stats.findings)
    return [_issue(each, plan.job.job_id) for each in _different((*of_data, *plan.workload.findings))]


def _different(findings: Iterable[Finding]) -> Iterable[Finding]:
    return {(each.type, each.dataset): each for each in findings}.values()


def _issue(finding: Finding, job_id: str) -> Issue:
    return Issue(
        issue_id="/".join(filter(None, (job_id, finding.type, finding.dataset))),
        severity=finding.severity,
        category=finding.category,
        type=finding.type,
        description=finding.description,
        recommendation=finding.recommendation,
    )
