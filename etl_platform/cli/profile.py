"""`etl-platform profile`: what the columns of a dataset are like."""

from dataclasses import asdict
from pathlib import Path

import click
from rich.markup import escape
from rich.table import Table

from etl_platform.catalog.location import NoLocationError
from etl_platform.cli.options import (
    config_option,
    failing_as_sentence,
    format_option,
    print_json,
    print_table,
)
from etl_platform.config.faults import ConfigError
from etl_platform.config.load import load
from etl_platform.config.project import Config, UnknownJobError
from etl_platform.quality.files import NoDataError
from etl_platform.quality.frame import QueryError
from etl_platform.quality.profile import ColumnProfile
from etl_platform.quality.profile import profile as profile_of
from etl_platform.quality.rules import TARGET


class UnknownSourceError(LookupError):
    """A name that no source of the job, or none of all jobs, has."""


@click.command()
@click.argument("source", metavar="SOURCE")
@click.option("--job", "job_id", help="The job that reads it; needed where several do, and for `target`.")
@click.option("--partition", "partition_key", metavar="KEY", help="Only the data of this partition.")
@config_option
@format_option
@failing_as_sentence(
    ConfigError, UnknownJobError, UnknownSourceError, NoLocationError, NoDataError, QueryError
)
def profile(
    source: str, job_id: str | None, partition_key: str | None, config_path: Path, output_format: str
) -> None:
    """Profile the columns of a source, or of the target of `--job`, in one scan.

    Distinct values, quantiles and frequent values are approximate. Values of personal data are not shown.
    """
    config = load(config_path)
    job = config.job(job_id or reader_of(config, source))
    found = profile_of(config, job, source, partition_key=partition_key)
    if output_format == "json":
        print_json(asdict(found))
        return
    table = Table(
        "column", "type", "nulls", "distinct ≈", "min", "max", "median ≈", "frequent ≈", "looks like"
    )
    for column in found.columns:
        table.add_row(*map(escape, _cells(column)))
    print_table(table)


def reader_of(config: Config, source: str) -> str:
    """The only job that reads a source of that name."""
    jobs = [job.job_id for job in config.jobs if any(s.name == source for s in job.data_sources)]
    if len(jobs) == 1:
        return jobs[0]
    if source == TARGET or jobs:
        which = f"jobs {', '.join(jobs)} have" if jobs else "every job may have"
        raise UnknownSourceError(f'{which} a dataset "{source}"; say which with --job.')
    known = sorted({s.name for job in config.jobs for s in job.data_sources})
    raise UnknownSourceError(f'no job has a source "{source}"; there are {", ".join(known) or "none"}.')


def _cells(column: ColumnProfile) -> list[str]:
    def cell(value: object) -> str:
        return "(hidden)" if column.hidden else "" if value is None else str(value)

    median = f"{column.quantiles[0.5]:g}" if column.quantiles else None
    share = "unknown" if column.null_percent is None else f"{column.null_percent:.2f}%"
    distinct = "" if column.distinct_approx is None else f"{column.distinct_approx:,}"
    frequent = ", ".join(map(str, column.top)) or None
    return [
        *(column.name, column.type, share, distinct),
        *(cell(value) for value in (column.min, column.max, median, frequent)),
        column.pattern or "",
    ]
