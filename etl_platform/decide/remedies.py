"""What to change before the next attempt, by the class of the failure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from etl_platform.config.models.job import Job
from etl_platform.config.models.platform import WorkerType
from etl_platform.decide.decision import Decision
from etl_platform.decide.obstacles import LAMBDA_MEMORY_MB
from etl_platform.decide.options import Forecaster
from etl_platform.decide.ranking import CERTAINTY
from etl_platform.decide.size import candidates
from etl_platform.tracking.records import ErrorClass

NEXT_WORKER: dict[WorkerType, WorkerType] = {
    "G.025X": "G.1X",
    "G.1X": "G.2X",
    "G.2X": "G.4X",
    "G.4X": "G.8X",
    "G.8X": "G.12X",
    "G.12X": "G.16X",
    "R.1X": "R.2X",
    "R.2X": "R.4X",
    "R.4X": "R.8X",
}
"""Worker type to the next one with more memory."""

THROTTLED_SECONDS = 300.0
"""Wait after a refused call: AWS refills most request quotas within minutes."""


@dataclass(frozen=True)
class Remedy:
    """What to do after a failure.

    Attributes:
        retry: Whether another attempt can help with this change.
        sentence: What is changed and why, or why nothing helps.
        keys: Keys of `platform` to change.
        platform: Another platform to go to; None: the same.
        wait_seconds: Wait before the attempt.
    """

    retry: bool
    sentence: str
    keys: Mapping[str, Any] = field(default_factory=dict)
    platform: str | None = None
    wait_seconds: float = 0.0

    def apply(self, job: Job) -> Job:
        """The job with the changed keys."""
        if not self.keys:
            return job
        return job.model_copy(update={"platform": job.platform.model_copy(update=dict(self.keys))})


def remedy(
    error_class: ErrorClass, job: Job, decision: Decision, forecaster: Forecaster | None = None
) -> Remedy:
    """What may help after a failure of a run.

    Args:
        error_class: What it died of.
        job: The job with the size that it ran with.
        decision: What was decided for that run.
        forecaster: Tells whether a larger size ends in time; None: nobody knows.
    """
    match error_class:
        case "out_of_memory":
            return _more_memory(job, decision)
        case "capacity":
            return _elsewhere(job, decision)
        case "throttled":
            return Remedy(
                True, "The service refused calls: the same again, later.", wait_seconds=THROTTLED_SECONDS
            )
        case "timeout":
            return _larger(job, decision, forecaster)
        case "unknown":
            return Remedy(True, "The cause is unknown: the same again.")
        case "permission" | "missing_input" | "code":
            what = {
                "permission": "a missing permission",
                "missing_input": "missing input",
                "code": "its code",
            }
            return Remedy(False, f"It failed by {what[error_class]}: another attempt fails likewise.")


def _more_memory(job: Job, decision: Decision) -> Remedy:
    keys, platform = job.platform, decision.selected.platform
    if platform == "glue" and job.execution.script_type != "python":
        now = keys.worker_type or "G.1X"
        larger = NEXT_WORKER.get(now)
        if larger is None:
            return Remedy(False, f"It ran out of memory on {now}, the largest worker type.")
        # As many workers of twice the memory.
        dpu = (keys.dpu_count or 2.0) * 2
        if keys.max_dpu and dpu > keys.max_dpu:
            return Remedy(
                False, f"It ran out of memory; {larger} needs {dpu:g} DPU, over `max_dpu` {keys.max_dpu:g}."
            )
        return Remedy(
            True, f"It ran out of memory on {now}: {larger}.", {"worker_type": larger, "dpu_count": dpu}
        )
    if platform == "emr_serverless" and decision.selected.size:
        memory = 2 * decision.selected.size.memory_gb / decision.selected.size.nodes
        if memory > 120:
            return Remedy(False, "It ran out of memory on the largest executors, 120 GB.")
        return Remedy(
            True, f"It ran out of memory: executors of {memory:g} GB.", {"executor_memory_gb": memory}
        )
    if platform in ("lambda", "batch") and decision.selected.size:
        memory_mb = round(2 * decision.selected.size.memory_gb * 1024)
        if platform == "lambda" and decision.selected.size.memory_gb * 1024 >= LAMBDA_MEMORY_MB:
            return _next_platform(decision, "It ran out of memory on the largest function")
        if platform == "lambda":
            memory_mb = min(memory_mb, LAMBDA_MEMORY_MB)
        return Remedy(True, f"It ran out of memory: {memory_mb:,} MB.", {"memory_mb": memory_mb})
    return _next_platform(decision, f"It ran out of memory on {platform}")


def _elsewhere(job: Job, decision: Decision) -> Remedy:
    if decision.selected.platform == "glue" and job.platform.execution_class == "flex":
        return Remedy(True, "Flex had no spare capacity: standard.", {"execution_class": "standard"})
    if decision.selected.platform == "emr" and job.cost.spot_instances.enabled:
        return Remedy(True, "Spot instances were taken back or not to be had: on demand.", {})
    return _next_platform(decision, f"{decision.selected.platform} had no capacity")


def _next_platform(decision: Decision, why: str) -> Remedy:
    others = [one for one in decision.options if one.feasible and one.platform != decision.selected.platform]
    strict = len(decision.options) == 1
    if not others:
        hint = "; `allow_agent_override` is false, so no other platform may be taken" if strict else ""
        return Remedy(
            not strict, f"{why}, and there is no other platform{hint}.", wait_seconds=THROTTLED_SECONDS
        )
    best = min(others, key=lambda one: (one.figures.usd is None, one.figures.usd or 0.0))
    keys = dict(best.size.keys) if best.size else {}
    return Remedy(True, f"{why}: {best.platform}.", keys, best.platform)


def _larger(job: Job, decision: Decision, forecaster: Forecaster | None) -> Remedy:
    limit = job.execution.timeout_minutes * 60
    now = decision.selected.size
    if forecaster is None or now is None:
        return Remedy(False, "It ran into its timeout, and nothing is known of larger sizes.")
    sizes = [one for one in candidates(job, now.platform) if one.cores > now.cores]
    figures = forecaster.figures(sizes, limit)
    enough = [size for size, one in zip(sizes, figures, strict=True) if (one.on_time or 0) >= CERTAINTY]
    if not enough:
        return Remedy(
            False,
            f"It ran into its timeout of {limit / 60:,.0f} minutes; no larger size is likely to meet it.",
        )
    best = min(enough, key=lambda size: size.cores)
    return Remedy(
        True, f"It ran into its timeout: {best.label} ends within it by the model.", dict(best.keys)
    )
