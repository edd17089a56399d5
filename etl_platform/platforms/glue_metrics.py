"""What CloudWatch measured of a Glue run."""

from datetime import timedelta
from typing import Any, NamedTuple

from etl_platform.platforms.aws_access import AwsAccess, calling
from etl_platform.platforms.errors import PlatformError, TransientError
from etl_platform.platforms.figures import Figures

_GB = 2**30
_MARGIN = timedelta(minutes=2)
_PERIOD_SECONDS = 60
_MOST_SECONDS = 15 * 86_400
"""CloudWatch keeps points of a minute for 15 days."""


class _Metric(NamedTuple):
    name: str
    kind: str
    statistic: str
    factor: float


METRICS: dict[str, _Metric] = {
    "data_read_gb": _Metric("glue.driver.aggregate.bytesRead", "count", "Sum", 1 / _GB),
    "records_processed": _Metric("glue.driver.aggregate.recordsRead", "count", "Sum", 1),
    "shuffle_write_gb": _Metric("glue.driver.aggregate.shuffleBytesWritten", "count", "Sum", 1 / _GB),
    "task_count": _Metric("glue.driver.aggregate.numCompletedTasks", "count", "Sum", 1),
    "memory_utilization_percent": _Metric("glue.ALL.jvm.heap.usage", "gauge", "Average", 100),
    "cpu_utilization_percent": _Metric("glue.ALL.system.cpuSystemLoad", "gauge", "Average", 100),
}
"""Figure of a record to its metric (AWS Glue Developer Guide, "AWS Glue metrics"); loads are shares of 1."""

_COUNTS = ("records_processed", "task_count")


def cloudwatch_figures(access: AwsAccess, run: dict[str, Any]) -> Figures:
    """The figures of a run that ended, in one call; what CloudWatch does not have is absent.

    Raises:
        TransientError: CloudWatch did not answer.
    """
    started, ended = run.get("StartedOn"), run.get("CompletedOn")
    if started is None or ended is None or (ended - started).total_seconds() > _MOST_SECONDS:
        return Figures()
    client = access.client("cloudwatch")
    try:
        with calling("cloudwatch"):
            results = client.get_metric_data(
                MetricDataQueries=[_query(run, figure, metric) for figure, metric in METRICS.items()],
                StartTime=started - _MARGIN,
                EndTime=ended + _MARGIN,
            )["MetricDataResults"]
    except TransientError:
        raise
    except PlatformError as error:
        return Figures(warnings=(f"CloudWatch's figures of the run are unknown: {error}",))
    values: dict[str, float] = {}
    for result in results:
        if points := result["Values"]:
            metric = METRICS[result["Id"]]
            total = sum(points) if metric.statistic == "Sum" else sum(points) / len(points)
            values[result["Id"]] = round(total) if result["Id"] in _COUNTS else total * metric.factor
    return Figures(values)


def _query(run: dict[str, Any], figure: str, metric: _Metric) -> dict[str, Any]:
    dimensions = {"JobName": run["JobName"], "JobRunId": run["Id"], "Type": metric.kind}
    return {
        "Id": figure,
        "MetricStat": {
            "Metric": {
                "Namespace": "Glue",
                "MetricName": metric.name,
                "Dimensions": [{"Name": name, "Value": value} for name, value in dimensions.items()],
            },
            "Period": _PERIOD_SECONDS,
            "Stat": metric.statistic,
        },
    }
