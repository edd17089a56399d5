"""Which S3 buckets a run may use on this machine."""

from etl_platform.runtime.contract import Json, Launch
from etl_platform.runtime.script_facts import buckets_in, script_buckets


class UnknownBucketError(LookupError):
    """An S3 bucket that neither the configuration nor the script's text names."""

    def __init__(self, bucket: str, uri: str | None = None):
        self.bucket = bucket
        where = uri or f"s3://{bucket}/"
        super().__init__(
            f'{where}: bucket "{bucket}" is not known to this job, so it has no place on this machine. '
            f'Declare it in the configuration: as a source (`data_sources[]` with `"source_type": "s3"` and '
            f'`"path": "s3://{bucket}/…"`), as the `target.path`, or as a value of `execution.arguments`.'
        )


def known_buckets(launch: Launch) -> set[str]:
    """S3 buckets that a run may use: of the configuration, its arguments, the script and its modules."""
    buckets = set(launch.buckets)
    values: list[Json] = [*launch.arguments.values(), *launch.spark_conf.values(), launch.sql]
    for value in values:
        if isinstance(value, str):
            buckets |= buckets_in(value)
    for path in (launch.script, *launch.python_modules):
        if path is not None and path.suffix == ".py":
            buckets |= script_buckets(path.read_text(encoding="utf-8"))
        elif path is not None and path.suffix == ".sql":
            buckets |= buckets_in(path.read_text(encoding="utf-8"))
    return buckets
