"""What runs and when: script or query, cron lines, zones, partitions."""

from collections.abc import Iterator
from datetime import datetime, timezone
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

from cronsim import CronSim, CronSimError

from etl_platform.config.checks.problem import Problem
from etl_platform.config.dates import parse_instant
from etl_platform.config.faults import did_you_mean
from etl_platform.config.models.execution import Partitions
from etl_platform.config.models.job import Job


@lru_cache(maxsize=4096)
def cron_fault(line: str) -> str | None:
    """What is wrong with a cron line of five fields; None where nothing is."""
    count = len(line.split())
    if count != 5:
        return f"is no cron line: it has {count} field{'' if count == 1 else 's'}, not five"
    *_, day, _, weekday = line.upper().split()
    if "LW" in day or weekday.endswith("L"):
        return "is a cron line that the scheduler does not know: L stands only for the last day of a month"
    try:
        CronSim(line, datetime(2000, 1, 1, tzinfo=timezone.utc))
    except CronSimError as error:
        reason = str(error)
        return f"is no cron line: {reason[0].lower()}{reason[1:]}"
    return None


@lru_cache(maxsize=1024)
def zone_fault(name: str) -> str | None:
    """What is wrong with the name of a time zone; None where nothing is."""
    try:
        ZoneInfo(name)
    except (OSError, ValueError, KeyError):
        return f"is no time zone of the IANA database{did_you_mean(name, available_timezones())}"
    return None


def script_or_query(job: Job) -> Iterator[Problem]:
    """A job has a script or a query, and not both."""
    execution = job.execution
    if execution.script_path is None and execution.sql is None:
        yield Problem(("execution",), "a job needs `script_path` or `sql`")
    elif execution.script_path is not None and execution.sql is not None:
        yield Problem(("execution", "sql"), "a job has `script_path` or `sql`, not both")
    elif execution.sql is not None and execution.script_type not in (None, "sql"):
        message = f'a query runs with `script_type` "sql", not "{execution.script_type}"'
        yield Problem(("execution", "script_type"), message)


def times(job: Job) -> Iterator[Problem]:
    """Cron lines and zones can be read."""
    execution = job.execution
    if execution.schedule not in (None, "streaming"):
        fault = cron_fault(execution.schedule)
        if fault:
            yield Problem(("execution", "schedule"), fault, execution.schedule)
    fault = zone_fault(execution.timezone)
    if fault:
        yield Problem(("execution", "timezone"), fault, execution.timezone)
    if execution.partitions is not None:
        yield from _partitions(execution.partitions)


def deadline(job: Job) -> Iterator[Problem]:
    """The cron line of the deadline can be read."""
    fault = cron_fault(job.sla.deadline_cron) if job.sla.deadline_cron is not None else None
    if fault:
        yield Problem(("sla", "deadline_cron"), fault, job.sla.deadline_cron)


def _partitions(partitions: Partitions) -> Iterator[Problem]:
    path = ("execution", "partitions")
    if partitions.timezone is not None:
        fault = zone_fault(partitions.timezone)
        if fault:
            yield Problem((*path, "timezone"), fault, partitions.timezone)
    if partitions.type == "static":
        yield from _static_partitions(partitions)
        return
    if partitions.start is None:
        yield Problem(path, f'{partitions.type} partitions need `start`, such as "2024-01-01"')
    if partitions.values is not None:
        yield Problem((*path, "values"), f"{partitions.type} partitions have no `values`")
    instants = {}
    for key in ("start", "end"):
        text = getattr(partitions, key)
        if text is not None:
            instants[key] = parse_instant(text)
            if instants[key] is None:
                yield Problem((*path, key), "is no ISO 8601 date or time", text)
    start, end = instants.get("start"), instants.get("end")
    if start and end and start.replace(tzinfo=None) >= end.replace(tzinfo=None):
        yield Problem((*path, "end"), "the end must be later than the start")


def _static_partitions(partitions: Partitions) -> Iterator[Problem]:
    path = ("execution", "partitions")
    if partitions.values is None:
        yield Problem(path, "static partitions need `values`")
    elif len(set(partitions.values)) < len(partitions.values):
        yield Problem((*path, "values"), "a partition is named twice")
    for key in ("start", "end"):
        if getattr(partitions, key) is not None:
            yield Problem((*path, key), f"static partitions have no `{key}`")
