"""The figures of a run by the names that `monitoring.alerts` uses."""

import operator
from collections.abc import Callable
from typing import Final

from etl_platform.config.models.monitoring import Alert
from etl_platform.tracking.records import CostBreakdown, DataQualityScores, ExecutionMetrics, JobExecution

_HOLDS: Final[dict[str, Callable[[float, float], bool]]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
}

METRICS: Final = frozenset(
    {
        "duration_seconds",
        "attempt",
        *ExecutionMetrics.model_fields,
        *(name for name in CostBreakdown.model_fields if name != "price_book_date"),
        *DataQualityScores.model_fields,
    }
)
"""Names that an alert may use: those of a run's record in tracking."""


def value_of(execution: JobExecution, metric: str) -> float | None:
    """A figure of a run; None where nobody measured it, or where there is no such figure."""
    if metric not in METRICS:
        return None
    parts = (execution, execution.execution_metrics, execution.cost_breakdown, execution.data_quality)
    return next((value for part in parts if (value := getattr(part, metric, None)) is not None), None)


def bound_of(alert: Alert) -> str:
    """The bound in words, such as `duration_seconds > 600`."""
    return f"{alert.metric} {alert.operator} {alert.threshold:g}"


def is_crossed(alert: Alert, value: float) -> bool:
    """Whether a figure is one that the alert is about."""
    return _HOLDS[alert.operator](value, alert.threshold)
