"""Which folders of a dataset belong to a partition of a run."""

import re
from collections.abc import Mapping

from etl_platform.config.models.job import Job

_TIME_KEY = re.compile(
    r"^(?P<year>\d{4})-(?P<month>\d{2})(-(?P<day>\d{2})([-T ](?P<hour>\d{2})(:\d{2})?)?)?$"
)
"""Dagster's keys of monthly, weekly, daily and hourly partitions: 2024-01-31, 2024-01-31-13:00."""

_DATE_NAMES = ("date", "day", "dt", "ds")
"""Names that a column of whole dates has where there are several partition columns."""


def partition_folders(job: Job, key: str | None, columns: Mapping[str, str]) -> dict[str, str] | None:
    """The folder values that a partition key stands for.

    One partition column holds the key itself. Of several, `year`, `month`, `day` and `hour` hold the parts
    of a time key, and one of `date`, `dt`, `ds` (or `day` without `month`) its date.

    Args:
        job: The job; its `target.partition_by` says which columns cut the data. Where it names none, the
            dataset's own folder columns do.
        key: The run's partition key.
        columns: Folder columns of the dataset with their types.

    Returns:
        Column to folder value, as the folder names spell it when they are numbers without leading zeros or
        texts; None where the dataset is not cut that way, so that all of it is meant.
    """
    if key is None:
        return {}
    names = list(job.target.partition_by) if job.target and job.target.partition_by else list(columns)
    if not names or not set(names) <= set(columns):
        return None
    if len(names) == 1 and names[0] not in ("year", "hour"):
        return {names[0]: key}
    parts = _TIME_KEY.match(key)
    if not parts:
        return None
    values: dict[str, str] = {}
    for name in names:
        if name in _DATE_NAMES and not (name == "day" and "month" in names):
            value = "-".join(filter(None, (parts["year"], parts["month"], parts["day"])))
        elif name in ("year", "month", "day", "hour") and parts[name]:
            value = parts[name]
        else:
            return None
        values[name] = value
    return values
