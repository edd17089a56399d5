"""`kinesis`: a stream, by its summary and by CloudWatch's figures of the last day."""

from datetime import datetime, timedelta, timezone

from etl_platform.catalog.aws import aws_errors_as_sentences
from etl_platform.catalog.context import Context
from etl_platform.catalog.stats import CannotMeasureError, TableStats
from etl_platform.config.models.data_sources import KinesisSource

DAY_SECONDS = 86_400


def measure_kinesis(source: KinesisSource, dataset: str, context: Context) -> TableStats:
    """Open shards and, with `auto_detect_throughput`, records a second and their size over the last day.

    A stream has no size; that stays unknown.

    Raises:
        CannotMeasureError: Kinesis refuses, or has no such stream.
    """
    with aws_errors_as_sentences("kinesis", missing=("ResourceNotFoundException",)):
        summary = context.aws.client("kinesis").describe_stream_summary(StreamName=source.stream_name)[
            "StreamDescriptionSummary"
        ]
    warnings: list[str] = []
    records = size_bytes = None
    if source.auto_detect_throughput:
        try:
            records = _daily_sum(source.stream_name, "IncomingRecords", context)
            size_bytes = _daily_sum(source.stream_name, "IncomingBytes", context)
            if records is None:
                warnings.append(
                    "CloudWatch has no IncomingRecords of the last day, so the throughput is unknown; set "
                    "`workload.events_per_second`."
                )
        except CannotMeasureError as error:
            warnings.append(f"throughput unknown: {error}")
    return TableStats(
        dataset=dataset,
        exists=True,
        partition_count=summary["OpenShardCount"],
        records_per_second=None if records is None else records / DAY_SECONDS,
        avg_record_kb=size_bytes / records / 1024 if records and size_bytes is not None else None,
        format="kinesis",
        detected_by="Kinesis DescribeStreamSummary (partitions are its open shards)"
        + ("; CloudWatch sums of the last 24 hours" if records is not None else ""),
        measured_at=context.now,
        warnings=tuple(warnings),
    )


def _daily_sum(stream: str, metric: str, context: Context) -> float | None:
    end = datetime.fromtimestamp(context.now, timezone.utc)
    with aws_errors_as_sentences("cloudwatch"):
        points = context.aws.client("cloudwatch").get_metric_statistics(
            Namespace="AWS/Kinesis",
            MetricName=metric,
            Dimensions=[{"Name": "StreamName", "Value": stream}],
            StartTime=end - timedelta(seconds=DAY_SECONDS),
            EndTime=end,
            Period=3600,
            Statistics=["Sum"],
        )["Datapoints"]
    return sum(point["Sum"] for point in points) if points else None
