"""What one run costs, apart by kind, from the platform's own counters."""

from collections.abc import Iterable, Mapping
from decimal import Decimal

from pydantic import BaseModel, ConfigDict

from etl_platform.config.models.base import PlatformName
from etl_platform.config.models.platform import Platform
from etl_platform.pricing.book import Category, PriceBook
from etl_platform.pricing.emr import EmrCluster, EmrServerlessUsage
from etl_platform.pricing.functions import FargateSeconds, LambdaUsage
from etl_platform.pricing.glue import GlueDpuSeconds, GlueUsage, dpu_price_key
from etl_platform.pricing.quote import Line, Usage, total
from etl_platform.pricing.storage import S3Usage, TransferUsage
from etl_platform.pricing.tokens import TokenUsage


class RunCost(BaseModel):
    """Dollars of a run; the names are those of the record's `cost_breakdown`.

    A kind that nothing was counted of is None, and so is one with an unknown price. `total_cost_usd` is the
    sum of what was counted; None where a price of it is unknown, or where nothing was counted.

    Attributes:
        lines: Each charge with its arithmetic.
    """

    model_config = ConfigDict(frozen=True)

    total_cost_usd: float | None = None
    compute_cost_usd: float | None = None
    storage_cost_usd: float | None = None
    network_cost_usd: float | None = None
    bedrock_cost_usd: float | None = None
    dpu_hours: float | None = None
    dpu_cost_per_hour: float | None = None
    price_book_date: str
    lines: tuple[Line, ...] = ()

    def breakdown(self) -> dict[str, float | str]:
        """The known figures, as the record's `cost_breakdown` takes them."""
        return self.model_dump(exclude={"lines"}, exclude_none=True)


class MissingCounterError(ValueError):
    """A platform did not tell what its cost is computed from.

    Attributes:
        platform: The platform.
        counters: Names of which one was expected.
    """

    def __init__(self, platform: str, counters: tuple[str, ...], found: Iterable[str]):
        self.platform = platform
        self.counters = counters
        super().__init__(
            f"{platform}: the cost needs {' or '.join(counters)}; the run told "
            f"{', '.join(sorted(found)) or 'nothing'}."
        )


def run_cost(book: PriceBook, usages: Iterable[Usage]) -> RunCost:
    """Price the parts of one run."""
    lines = tuple(line for usage in usages for line in usage.lines(book))
    dpu = [line for line in lines if line.unit in ("DPU-hour", "M-DPU-hour")]
    return RunCost(
        total_cost_usd=total(lines) if lines else None,
        compute_cost_usd=_of("compute", lines),
        storage_cost_usd=_of("storage", lines),
        network_cost_usd=_of("network", lines),
        bedrock_cost_usd=_of("model", lines),
        dpu_hours=sum(line.quantity for line in dpu) if dpu else None,
        dpu_cost_per_hour=dpu[0].unit_price_usd if dpu else None,
        price_book_date=book.date.isoformat(),
        lines=lines,
    )


def actual_usages(platform: PlatformName, size: Platform, counters: Mapping[str, float]) -> list[Usage]:
    """What a finished run used, from the platform's own counters.

    Args:
        platform: Where it ran.
        size: The size that it ran with.
        counters: Measured figures, their unit in the name.
            Glue: `dpu_seconds`, which it reports for Flex and auto scaling only, else `execution_seconds`,
            with `dpu`, `flex_dpu`, `m_dpu` (workers of an R type), `python_shell_dpu`, or `workers`, where
            the size does not tell. EMR: `instance_hours`, with their fraction.
            EMR Serverless: `vcpu_hours`, `memory_gb_hours`, `storage_gb_hours` of its
            `billedResourceUtilization`. Lambda: `billed_duration_ms`, `memory_mb`. Batch: `vcpu_seconds`,
            `memory_gb_seconds`. Any: `s3_put_requests`, `s3_get_requests`, `internet_gb`.

    Returns:
        The usages; empty for the local platform, which nobody bills.

    Raises:
        MissingCounterError: The counters do not tell the cost.
    """
    usages = _compute(platform, size, counters)
    puts, gets = counters.get("s3_put_requests", 0), counters.get("s3_get_requests", 0)
    if puts or gets:
        usages.append(S3Usage(put_requests=int(puts), get_requests=int(gets)))
    if counters.get("internet_gb"):
        usages.append(TransferUsage(internet_gb=_exact(counters["internet_gb"])))
    return usages


def token_usage(model_id: str, input_tokens: int, output_tokens: int) -> Usage:
    """The tokens that one model consumed for a run."""
    return TokenUsage(model_id=model_id, input_tokens=input_tokens, output_tokens=output_tokens)


def _compute(platform: PlatformName, size: Platform, counters: Mapping[str, float]) -> list[Usage]:
    match platform:
        case "local":
            return []
        case "glue":
            return [_glue(size, counters)]
        case "emr":
            hours = _counter(platform, counters, "instance_hours")
            kind = size.core_instance_type or size.instance_type
            if kind is None:
                raise MissingCounterError(platform, ("platform.instance_type",), counters)
            # All nodes of a cluster run about as long.
            nodes = size.instance_count or 1
            primary = size.instance_type or kind if nodes > 1 else kind
            return [
                EmrCluster(primary_type=primary, worker_type=kind, workers=nodes - 1, hours=hours / nodes)
            ]
        case "emr_serverless":
            return [
                EmrServerlessUsage(
                    vcpu_hours=_counter(platform, counters, "vcpu_hours"),
                    memory_gb_hours=_counter(platform, counters, "memory_gb_hours"),
                    storage_gb_hours=_exact(counters.get("storage_gb_hours", 0)),
                )
            ]
        case "lambda":
            return [
                LambdaUsage(
                    requests=int(counters.get("requests", 1)),
                    duration_ms=_counter(platform, counters, "billed_duration_ms"),
                    memory_mb=int(counters.get("memory_mb") or _known(platform, size.memory_mb, counters)),
                    architecture=size.architecture or "x86_64",
                )
            ]
        case "batch":
            return [
                FargateSeconds(
                    vcpu_seconds=_counter(platform, counters, "vcpu_seconds"),
                    memory_gb_seconds=_counter(platform, counters, "memory_gb_seconds"),
                    architecture=size.architecture or "x86_64",
                )
            ]


_GLUE_DPU: dict[str, dict[str, str]] = {
    "dpu": {},
    "flex_dpu": {"execution_class": "flex"},
    "m_dpu": {"worker_type": "R.1X"},
    "python_shell_dpu": {"kind": "python_shell"},
}
"""Counter of the DPU that a run had to what it says of the price."""


def _glue(size: Platform, counters: Mapping[str, float]) -> Usage:
    execution_class = size.execution_class or "standard"
    if "dpu_seconds" in counters:
        return GlueDpuSeconds(
            dpu_seconds=_exact(counters["dpu_seconds"]),
            execution_class=execution_class,
            worker_type=size.worker_type,
        )
    if "execution_seconds" not in counters:
        raise MissingCounterError("glue", ("dpu_seconds", "execution_seconds"), counters)
    seconds = _exact(counters["execution_seconds"])
    if counted := next((name for name in _GLUE_DPU if name in counters), None):
        dpu = GlueUsage(dpu=_exact(counters[counted]), seconds=seconds)
        return dpu.model_copy(update=_GLUE_DPU[counted])
    if "workers" in counters:
        return GlueUsage(
            workers=int(counters["workers"]),
            worker_type=size.worker_type or "G.1X",
            seconds=seconds,
            execution_class=execution_class,
        )
    if size.dpu_count is None:
        raise MissingCounterError("glue", ("dpu_seconds", "workers", "platform.dpu_count"), counters)
    return GlueUsage(
        dpu=_exact(size.dpu_count),
        worker_type=size.worker_type,
        seconds=seconds,
        execution_class=execution_class,
    )


def _known(platform: str, memory_mb: int | None, counters: Mapping[str, float]) -> int:
    if memory_mb is None:
        raise MissingCounterError(platform, ("memory_mb", "platform.memory_mb"), counters)
    return memory_mb


def _counter(platform: str, counters: Mapping[str, float], name: str) -> Decimal:
    if name not in counters:
        raise MissingCounterError(platform, (name,), counters)
    return _exact(counters[name])


def _exact(value: float) -> Decimal:
    return Decimal(str(value))


def _of(category: Category, lines: tuple[Line, ...]) -> float | None:
    mine = [line for line in lines if line.category == category]
    return total(mine) if mine else None


def flex_share(book: PriceBook) -> float | None:
    """What part of a standard Glue run's compute cost Flex saves, 0 to 1; None where a price is unknown."""
    standard = book.price(dpu_price_key("spark", False, None))
    flex = book.price(dpu_price_key("spark", True, None))
    if standard is None or flex is None:
        return None
    return float(1 - flex.usd / standard.usd)
