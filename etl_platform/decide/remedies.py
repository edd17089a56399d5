"""What to change before the next attempt, by the class of the failure."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from etl_platform.config.container_sizes import container
from etl_platform.config.models.base import PlatformName
from etl_platform.config.models.job import Job
from etl_platform.config.models.platform import WorkerType
from etl_platform.decide.decision import Decision, with_settings
from etl_platform.decide.obstacles import LAMBDA_MEMORY_MB
from etl_platform.decide.options import Forecaster
from etl_platform.decide.ranking import CERTAINTY
from etl_platform.decide.size import EMR_TYPE, INSTANCES, candidates
from etl_platform.pricing.glue import DPU_PER_WORKER
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
        on_demand: Spot capacity is not taken again.
        wait_seconds: Wait before the attempt.
    """

    retry: bool
    sentence: str
    keys: Mapping[str, Any] = field(default_factory=dict)
    platform: PlatformName | None = None
    on_demand: bool = False
    wait_seconds: float = 0.0

    @property
    def changes(self) -> bool:
        """Whether the next attempt differs from the last one in more than its time."""
        return bool(self.keys or self.platform or self.on_demand)

    def apply(self, job: Job) -> Job:
        """The job with the changed keys."""
        return with_settings(job, self.keys, on_demand=self.on_demand)


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
    keys, selected = job.platform, decision.selected
    platform, size = selected.platform, selected.size
    if platform == "glue" and job.execution.kind == "python":
        if (keys.dpu_count or 0) < 1:
            return Remedy(True, "It ran out of memory on 0.0625 DPU: 1 DPU.", {"dpu_count": 1.0})
        return _next_platform(decision, "It ran out of memory on 1 DPU, the larger Python shell")
    if platform == "glue":
        return _larger_worker(keys.worker_type or "G.1X", keys.dpu_count or 2.0, keys.max_dpu)
    if platform == "emr" and not keys.cluster_id:
        return _larger_instance(keys.core_instance_type or keys.instance_type or EMR_TYPE, decision)
    if size is None or platform in ("emr", "local"):
        return _next_platform(decision, f"It ran out of memory on {platform}")
    if platform == "lambda":
        if size.memory_gb * 1024 >= LAMBDA_MEMORY_MB:
            return _next_platform(decision, "It ran out of memory on the largest function")
        memory_mb = min(round(2 * size.memory_gb * 1024), LAMBDA_MEMORY_MB)
        return Remedy(True, f"It ran out of memory: {memory_mb:,} MB.", {"memory_mb": memory_mb})
    larger = container(size.cores / size.nodes, 2 * size.memory_gb / size.nodes)
    if larger is None:
        return _next_platform(decision, f"It ran out of memory on the largest containers of {platform}")
    vcpu, memory = larger
    sentence = f"It ran out of memory: {vcpu:g} vCPU and {memory:g} GB."
    if platform == "batch":
        return Remedy(True, sentence, {"vcpus": float(vcpu), "memory_mb": round(memory * 1024)})
    return Remedy(True, sentence, {"executor_cores": round(vcpu), "executor_memory_gb": memory})


def _larger_worker(now: WorkerType, dpu: float, most: float | None) -> Remedy:
    larger = NEXT_WORKER.get(now)
    if larger is None:
        return Remedy(False, f"It ran out of memory on {now}, the largest worker type.")
    # As many workers, each of the next type.
    dpu = dpu / float(DPU_PER_WORKER[now]) * float(DPU_PER_WORKER[larger])
    if most and dpu > most:
        return Remedy(False, f"It ran out of memory; {larger} needs {dpu:g} DPU, over `max_dpu` {most:g}.")
    return Remedy(
        True, f"It ran out of memory on {now}: {larger}.", {"worker_type": larger, "dpu_count": dpu}
    )


def _larger_instance(now: str, decision: Decision) -> Remedy:
    memory = INSTANCES[now][1] if now in INSTANCES else None
    larger = [kind for kind, (_, gb) in INSTANCES.items() if memory is not None and gb >= 2 * memory * 0.9]
    if not larger:
        return _next_platform(decision, f"It ran out of memory on {now}")
    best = min(larger, key=lambda kind: (INSTANCES[kind][1], kind[0] != now[0], kind))
    return Remedy(
        True, f"It ran out of memory on {now}: {best}.", {"instance_type": best, "core_instance_type": best}
    )


def _elsewhere(job: Job, decision: Decision) -> Remedy:
    if decision.selected.platform == "glue" and job.platform.execution_class == "flex":
        return Remedy(True, "Flex had no spare capacity: standard.", {"execution_class": "standard"})
    if decision.selected.platform == "emr" and job.cost.spot_instances.enabled:
        return Remedy(True, "Spot instances were taken back or not to be had: on demand.", on_demand=True)
    why = f"{decision.selected.platform} had no capacity"
    found = _next_platform(decision, why)
    return found if found.retry else replace(found, retry=True, wait_seconds=THROTTLED_SECONDS)


def _next_platform(decision: Decision, why: str) -> Remedy:
    others = [one for one in decision.options if one.feasible and one.platform != decision.selected.platform]
    if not others:
        strict = len(decision.options) == 1
        hint = "; `allow_agent_override` is false, so no other platform may be taken" if strict else ""
        return Remedy(False, f"{why}, and there is no other platform{hint}.")
    best = min(others, key=lambda one: (one.figures.usd is None, one.figures.usd or 0.0))
    keys = dict(best.size.keys) if best.size else {}
    return Remedy(True, f"{why}: {best.platform}.", keys, best.platform)


def _larger(job: Job, decision: Decision, forecaster: Forecaster | None) -> Remedy:
    limit = job.execution.timeout_minutes * 60
    now = decision.selected.size
    same = None
    if forecaster is not None and now is not None:
        same = forecaster.figures([now], limit)[0].on_time
    if forecaster is None or now is None or same is None:
        return Remedy(True, "It ran into its timeout; how long it should take is unknown: the same again.")
    if same >= CERTAINTY:
        return Remedy(True, f"It ran into its timeout, which {same:.0%} of such runs do not: the same again.")
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
