"""The decision of a retry: back to a run that may go on, or what the failure of the last attempt teaches."""

from collections.abc import Sequence
from dataclasses import replace

from etl_platform.config.models.base import PlatformName
from etl_platform.config.models.job import Job
from etl_platform.config.project import Config
from etl_platform.decide.decision import Decision, fingerprint, with_settings
from etl_platform.decide.options import Forecaster, PlatformOption, Situation, options
from etl_platform.decide.ranking import goal_of
from etl_platform.decide.remedies import Remedy, remedy
from etl_platform.tracking.records import JobExecution


def as_it_ran(job: Job, attempt: JobExecution) -> Job:
    """The job with the size that was decided for an attempt, which no flag may change any more."""
    decision = attempt.platform_decision
    fixed = {
        **((decision and decision.settings) or {}),
        "auto_adjust_dpu": False,
        "auto_adjust_memory": False,
    }
    return with_settings(job, fixed, on_demand=bool(decision and decision.on_demand))


def taken_up(
    config: Config, job: Job, situation: Situation, attempt: JobExecution, platform: PlatformName
) -> Decision:
    """The decision to go back to where an earlier attempt may still run, or has succeeded.

    Nothing else is looked at: another platform would be a second run, and no budget forbids what is spent.
    """
    option, forecaster = _option(config, as_it_ran(job, attempt), situation, platform)
    return Decision(
        job_id=job.job_id,
        selected=option,
        recommended=None,
        preference=job.platform.user_preference,
        options=(option,),
        reasoning=(
            f"{attempt.execution_id} of the same run may still go on on {platform}, or has succeeded: "
            "the retry goes back to it.",
        ),
        confidence=None,
        learned_from=forecaster.learned_from,
        fingerprint=fingerprint(config, job, situation),
        provenance="policy",
    )


def remedy_after(
    config: Config, job: Job, situation: Situation, decision: Decision, failed: JobExecution
) -> Remedy | None:
    """What may help after an attempt that failed.

    Args:
        config: The configuration.
        job: The job, as the configuration has it.
        situation: What its decisions rest on.
        decision: What is decided without regard to the failure; its options are where the job could go.
        failed: The attempt.

    Returns:
        None where the attempt does not tell what it died of, or where it ran.
    """
    error_class = failed.error_details and failed.error_details.error_class
    platform = _platform_of(decision.options, failed, decision.selected)
    if error_class is None or platform is None:
        return None
    ran = as_it_ran(job, failed)
    option, forecaster = _option(config, ran, situation, platform)
    return remedy(error_class, ran, replace(decision, selected=option), forecaster)


def after_failure(
    config: Config, job: Job, situation: Situation, decision: Decision, failed: JobExecution
) -> tuple[Decision, Remedy | None]:
    """The decision of the attempt that follows a failed one: the remedy of its failure, and the size it had.

    Where the remedy's size or platform is not possible now, the decision stands as it would without it, and
    says why. Arguments are those of `remedy_after`.
    """
    found = remedy_after(config, job, situation, decision, failed)
    platform = _platform_of(decision.options, failed, decision.selected)
    if found is None or platform is None:
        return decision, None
    attempt = f"Attempt {failed.attempt or 1} failed. {found.sentence}"
    if not found.retry:
        return replace(decision, reasoning=(*decision.reasoning, attempt)), None
    # The size of one platform means nothing on another.
    base = as_it_ran(job, failed) if found.platform is None else job
    changed = found.apply(base)
    target = found.platform or platform
    option, _ = _option(config, changed, situation, target)
    if not option.feasible:
        hindered = f"{attempt} That is not possible now: {'; '.join(option.reasons)}."
        return replace(decision, reasoning=(*decision.reasoning, hindered)), None
    earlier = failed.platform_decision
    kept = {**((earlier and earlier.settings) or {})} if found.platform is None else {}
    return (
        replace(
            decision,
            selected=option,
            reasoning=(*decision.reasoning, attempt),
            changes={**kept, **found.keys},
            on_demand=found.on_demand or bool(earlier and earlier.on_demand),
        ),
        found,
    )


def _option(
    config: Config, job: Job, situation: Situation, platform: PlatformName
) -> tuple[PlatformOption, Forecaster]:
    (option,), forecaster = options(config, job, situation, goal_of(config, job), [platform])
    return option, forecaster


def _platform_of(
    found: Sequence[PlatformOption], failed: JobExecution, selected: PlatformOption
) -> PlatformName | None:
    names: dict[str, PlatformName] = {one.platform: one.platform for one in (*found, selected)}
    return names.get(failed.job_type or "")
