"""What each option of a workload really takes, and the best of them: the oracle prices them all."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import inf

from etl_platform.agents.agent import Case
from etl_platform.config.models.base import PlatformName
from etl_platform.decide.cold_start import BILLED_START, estimate_seconds, start_seconds
from etl_platform.decide.obstacles import LAMBDA_SECONDS, obstacles
from etl_platform.decide.ranking import ALPHA
from etl_platform.decide.size import (
    Size,
    as_one_process_uses,
    candidates,
    glue_limit,
    is_one_process,
    usage,
)
from etl_platform.pricing.quote import quote

AWS: tuple[PlatformName, ...] = ("glue", "emr", "emr_serverless", "lambda", "batch")


@dataclass(frozen=True)
class Priced:
    """One size of one platform, with its true seconds and dollars."""

    platform: PlatformName
    size: str
    seconds: float
    usd: float

    @property
    def name(self) -> tuple[str, str]:
        """Platform and size."""
        return self.platform, self.size


def seconds_of(case: Case, size: Size, weight: float) -> float:
    """True seconds of a run: the start, and the work times the weight."""
    running = case.job.platform.cluster_id is not None
    used = as_one_process_uses(size) if is_one_process(case.job) else size
    expected = estimate_seconds(case.plan.situation.work, used, running)
    assert expected is not None, "the volume of a labelled workload is known"
    start = start_seconds(size.platform, running)
    return start + (expected - start) * weight


def priced(case: Case, weight: float) -> list[Priced]:
    """Every size of every platform that the job can run on at all."""
    return [
        one
        for platform in AWS
        if not obstacles(case.config, case.job, platform)
        for size in candidates(case.job, platform)
        if (one := _price(case, size, weight)) is not None
    ]


def allowed(case: Case, options: list[Priced]) -> list[Priced]:
    """Those that no hard limit forbids: the team's preference, a hard budget."""
    keys, cost = case.job.platform, case.job.cost
    if keys.user_preference and not keys.auto_select_platform:
        options = [one for one in options if one.platform == keys.user_preference]
    if cost.hard_limit and cost.budget_per_run_usd is not None:
        options = [one for one in options if one.usd <= cost.budget_per_run_usd]
    return options


def best(case: Case, options: list[Priced]) -> Priced | None:
    """The oracle's choice; None where nothing is allowed."""
    return min(allowed(case, options), key=lambda one: (late(case, one), *objective(case, one)), default=None)


def late(case: Case, one: Priced) -> float:
    """Seconds after the deadline."""
    return max(0.0, one.seconds - _deadline(case))


def objective(case: Case, one: Priced) -> tuple[float, float]:
    """What the job is to minimize."""
    match case.job.cost.optimization_priority:
        case "cost":
            return one.usd, one.seconds
        case "speed":
            return one.seconds, one.usd
        case "balanced":
            return one.usd * (one.seconds / 3600) ** ALPHA, one.seconds


def regret_usd(case: Case, chosen: Priced, oracle: Priced) -> float:
    """Dollars that the choice gives away.

    By cost: what it costs more. By speed: the seconds that it takes longer, at the oracle's price of one.
    Balanced: what it costs more than the dollars at which it would be as good.
    """
    match case.job.cost.optimization_priority:
        case "cost":
            return max(0.0, chosen.usd - oracle.usd)
        case "speed":
            return max(0.0, chosen.seconds - oracle.seconds) * oracle.usd / oracle.seconds
        case "balanced":
            as_good = objective(case, oracle)[0] / (chosen.seconds / 3600) ** ALPHA
            return max(0.0, chosen.usd - as_good)


def _deadline(case: Case) -> float:
    limits = (case.job.execution.timeout_minutes, case.job.sla.max_duration_minutes)
    return min((one * 60 for one in limits if one is not None), default=inf)


def _price(case: Case, size: Size, weight: float) -> Priced | None:
    seconds, plan = seconds_of(case, size, weight), case.plan
    if size.platform == "lambda":
        volume = plan.situation.work.volume_gb or 0.0
        if seconds > LAMBDA_SECONDS or volume > size.memory_gb:
            return None
    if size.platform == "glue" and glue_limit(size):
        return None
    start = start_seconds(size.platform, case.job.platform.cluster_id is not None)
    used = usage(size, case.job, seconds if BILLED_START[size.platform] else seconds - start)
    usd = quote(plan.situation.book, used).total_usd if used else None
    return None if usd is None else Priced(size.platform, size.label, seconds, usd)


def violations(case: Case, platform: str | None, estimate_usd: float | None) -> Iterator[str]:
    """The hard limits that an answer passes."""
    if platform is None:
        return
    keys, cost = case.job.platform, case.job.cost
    if keys.allowed_platforms and platform not in keys.allowed_platforms:
        yield f"{platform} is not allowed"
    if keys.user_preference and not keys.auto_select_platform and platform != keys.user_preference:
        yield f"{platform} is not the preference"
    hard = cost.budget_per_run_usd if cost.hard_limit else None
    if hard is not None and estimate_usd is not None and estimate_usd > hard:
        yield f"${estimate_usd:,.2f} is over the budget"
