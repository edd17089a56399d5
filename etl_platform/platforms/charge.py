"""What a run that ended cost, on whatever platform, from the counters that the platform gave."""

from etl_platform.config.models.job import Job
from etl_platform.config.models.platform import Platform
from etl_platform.platforms.protocol import RunOutcome, RunRequest
from etl_platform.pricing.book import BadPriceFileError, UnknownPriceKeyError, book_of
from etl_platform.pricing.run_cost import actual_usages, run_cost
from etl_platform.tracking.records import CostBreakdown, JobExecution


def charge(
    record: JobExecution, outcome: RunOutcome, request: RunRequest
) -> tuple[CostBreakdown | None, tuple[str, ...]]:
    """Price a run.

    Args:
        record: The attempt, with the size that was decided for it.
        outcome: How it ended; its `usage` has the platform's counters.
        request: For the job and the price book.

    Returns:
        The cost with the estimate beside it, and warnings. Total None: it is unknown, because a counter or
        a price is. A run of this machine costs nothing, which is known and therefore 0. None for an attempt
        that never came to a run.
    """
    if outcome.handle is None:
        return None, ()
    platform = outcome.handle.platform
    if platform == "local":
        return CostBreakdown(total_cost_usd=0.0, compute_cost_usd=0.0), ()
    estimate = record.platform_decision and record.platform_decision.estimated_cost_usd
    try:
        usages = actual_usages(platform, size_of(record, request.job), outcome.usage)
        cost = run_cost(book_of(request.config), usages)
    except (ValueError, UnknownPriceKeyError, BadPriceFileError, OSError) as error:
        # A run that ended well does not fail because nobody can tell what it cost.
        return CostBreakdown(estimated_cost_usd=estimate), (f"The cost of the run is unknown: {error}",)
    processed = outcome.metrics.data_processed_gb
    per_gb = cost.total_cost_usd / processed if cost.total_cost_usd is not None and processed else None
    unpriced = tuple(
        f"The cost of the run is unknown: {line.arithmetic}." for line in cost.lines if line.usd is None
    )
    breakdown = {**cost.breakdown(), "estimated_cost_usd": estimate, "cost_per_gb": per_gb}
    return CostBreakdown.model_validate(breakdown), unpriced


def size_of(record: JobExecution, job: Job) -> Platform:
    """The keys of `platform` that an attempt ran with: those of its decision, else the job's own."""
    decided = record.platform_decision and record.platform_decision.settings
    return job.platform.model_copy(update=decided) if decided else job.platform
