"""What a retry knows of the attempts before it, and what it changes."""

from collections.abc import Sequence
from dataclasses import replace

import dagster as dg

from etl_platform.config.models.job import Job
from etl_platform.config.project import Config
from etl_platform.decide.decision import PLATFORMS
from etl_platform.decide.plan import Plan, redecided
from etl_platform.decide.remedies import Remedy
from etl_platform.decide.retry import after_failure, remedy_after, taken_up
from etl_platform.platforms.attempts import attempt_in_use
from etl_platform.pricing.budget import BudgetVerdict
from etl_platform.tracking.records import JobExecution, Optimization


def for_this_attempt(
    config: Config, job: Job, plan: Plan, attempts: Sequence[JobExecution]
) -> tuple[Plan, Remedy | None]:
    """The plan of an attempt in the light of those before it.

    Where one of them may still go on, or has succeeded, the attempt goes back to its platform. Else the
    remedy of the last one's failure is applied.

    Args:
        config: The configuration.
        job: The job.
        plan: What would be planned without them.
        attempts: Those before it of its group, newest first; there is one at least.

    Returns:
        The plan, and the remedy that is in it; None where there is none.
    """
    if (attempt := attempt_in_use(attempts)) is not None:
        platform = PLATFORMS[PLATFORMS.index(attempt.job_type)]
        back = taken_up(config, job, plan.situation, attempt, platform)
        # Its budget was asked before it was started.
        return replace(redecided(plan, back), refusal=None, budget=BudgetVerdict(True)), None
    if plan.decision is None:
        return plan, None
    decision, remedy = after_failure(config, job, plan.situation, plan.decision, attempts[0])
    return redecided(plan, decision), remedy


def next_remedy(config: Config, job: Job, plan: Plan, failed: JobExecution) -> Remedy | None:
    """What may help the attempt after one that failed; None where nobody knows."""
    assert plan.decision is not None, "an attempt that was started was decided"
    return remedy_after(config, job, plan.situation, plan.decision, failed)


def optimizations_of(job: Job, remedy: Remedy | None) -> tuple[Optimization, ...] | None:
    """A remedy as it is recorded with the attempt that it changes; None where there is none."""
    if remedy is None or not remedy.changes:
        return None
    changed = ", ".join([*remedy.keys, *(["platform"] if remedy.platform else [])]) or "spot capacity"
    found = Optimization(
        optimization_id=f"{job.job_id}/remedy/{changed.replace(', ', '+').replace(' ', '_')}",
        type="remedy",
        description=remedy.sentence,
        applied=True,
    )
    return (found,)


def retry_request(job: Job, retry_number: int, remedy: Remedy | None) -> dg.RetryRequested | None:
    """A retry that waits longer than the job's retry policy, where the remedy asks for that.

    A `retry_delay_minutes` that the configuration sets itself stands.

    Args:
        job: The job.
        retry_number: How often the step was retried so far.
        remedy: Of the failure that ended it now.
    """
    execution = job.execution
    if remedy is None or not remedy.retry or "retry_delay_minutes" in execution.model_fields_set:
        return None
    if retry_number >= execution.max_retries:
        return None
    policy_seconds = execution.retry_delay_minutes * 60
    if execution.retry_backoff == "exponential":
        policy_seconds *= 2**retry_number
    if remedy.wait_seconds <= policy_seconds:
        return None
    return dg.RetryRequested(max_retries=execution.max_retries, seconds_to_wait=remedy.wait_seconds)
