"""What one execution adds to the cost trend of its job and day, and what the sums say."""

from etl_platform.tracking.changes import Change, Increment, Put
from etl_platform.tracking.items import to_record
from etl_platform.tracking.records import CostTrend, JobExecution
from etl_platform.tracking.tables import COST_TRENDS, Item, utc_date

_MARKER = "counted#"


def counted_once(record: JobExecution) -> list[Change]:
    """The changes that count an execution; a store refuses them all where it was counted before.

    Raises:
        ValueError: The execution is still running.
    """
    if record.status == "running":
        raise ValueError(
            f"execution {record.execution_id} is running: its cost is counted when it has ended."
        )
    expiry = COST_TRENDS.expiry(record.timestamp)
    # The marker stands in the same table, so that it expires with the trend. It is both parts of its key, so
    # that no partition of the table or of its index fills with markers.
    marker = f"{_MARKER}{record.execution_id}"
    day = {"date": utc_date(record.timestamp), "job_name": record.job_name, **expiry}
    return [
        Put(COST_TRENDS, {"date": marker, "job_name": marker, **expiry}, "new"),
        Increment(COST_TRENDS, day, _amounts(record)),
    ]


def to_trend(item: Item) -> CostTrend:
    """The record in an item of sums; the average is over the executions whose cost is known."""
    priced, total = item["priced_executions"], item.get("total_cost_usd")
    return to_record(CostTrend, {**item, "avg_cost_per_execution": total / priced if priced else None})


def _amounts(record: JobExecution) -> dict[str, float]:
    cost = record.cost_breakdown.total_cost_usd if record.cost_breakdown else None
    sums = {
        "total_cost_usd": cost,
        "total_duration_seconds": record.duration_seconds,
        "total_data_processed_gb": record.execution_metrics.data_processed_gb
        if record.execution_metrics
        else None,
    }
    return {
        "total_executions": 1,
        "successful_executions": int(record.status == "success"),
        "failed_executions": int(record.status in ("failed", "timeout")),
        "priced_executions": int(cost is not None),
        **{name: amount for name, amount in sums.items() if amount is not None},
    }
