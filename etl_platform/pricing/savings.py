"""Where money could be saved, how much, and at which risk."""

from dataclasses import dataclass

from etl_platform.config.models.job import Job
from etl_platform.pricing.book import PriceBook
from etl_platform.pricing.emr import spot_key
from etl_platform.pricing.run_cost import flex_share

FLEX_WORKERS = ("G.1X", "G.2X")
"""Worker types that Flex takes (AWS Glue Developer Guide, "Flex execution")."""

FLEX_RISK = (
    "Flex runs on spare capacity: it may start late and lose workers on the way; Glue 3.0 or later, "
    "G.1X and G.2X workers only"
)
SPOT_RISK = (
    "EC2 may take spot instances back with two minutes' notice; lost tasks run again, core nodes lose data"
)


@dataclass(frozen=True)
class Saving:
    """A way to pay less for a job.

    Attributes:
        title: What to change.
        usd_per_run: Dollars of a run that it saves; None where a price is unknown.
        share: The same as a share of the compute cost, 0 to 1.
        risk: What may go wrong.
        how: The key to set.
    """

    title: str
    usd_per_run: float | None
    share: float | None
    risk: str
    how: str


def savings(book: PriceBook, job: Job, platform: str, compute_usd: float | None) -> list[Saving]:
    """Cheaper ways to run a job where it runs now.

    Args:
        book: The prices.
        job: The job with the size that it runs with.
        platform: Where it runs.
        compute_usd: Compute cost of a usual run; None: unknown.
    """
    if platform == "glue":
        return _flex(book, job, compute_usd)
    if platform == "emr":
        return _spot(book, job, compute_usd)
    return []


def _flex(book: PriceBook, job: Job, compute_usd: float | None) -> list[Saving]:
    size = job.platform
    if size.execution_class == "flex" or (size.worker_type or "G.1X") not in FLEX_WORKERS:
        return []
    share = flex_share(book)
    risk = FLEX_RISK
    if job.sla.max_duration_minutes or job.sla.deadline_cron:
        risk += "; this job has a deadline in `sla`"
    return [
        Saving(
            title="Glue Flex",
            usd_per_run=None if share is None or compute_usd is None else share * compute_usd,
            share=share,
            risk=risk,
            how='platform.execution_class: "flex"',
        )
    ]


def _spot(book: PriceBook, job: Job, compute_usd: float | None) -> list[Saving]:
    kind = job.platform.core_instance_type or job.platform.instance_type
    if kind is None or job.cost.spot_instances.enabled:
        return []
    key = spot_key(kind)
    instance, uplift = book.price(f"ec2.{kind}.instance_hour"), book.price(f"emr.{kind}.instance_hour")
    spot = book.price(key)
    share = None
    if instance and uplift and spot:
        most = job.cost.spot_instances.max_spot_percentage / 100
        share = float((instance.usd - spot.usd) / (instance.usd + uplift.usd)) * most
    how = "cost.spot_instances.enabled: true"
    if spot is None:
        how += f"; give the spot price as pricing.overrides `{key}` to see the saving"
    return [
        Saving(
            title="EMR spot instances",
            usd_per_run=None if share is None or compute_usd is None else share * compute_usd,
            share=share,
            risk=SPOT_RISK,
            how=how,
        )
    ]
