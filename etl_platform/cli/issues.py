"""`etl-platform issues`: what is wrong with jobs, over their runs."""

from pathlib import Path

import click
from rich.table import Table

from etl_platform.cli.figures import moment
from etl_platform.cli.options import (
    config_option,
    failing_as_sentence,
    format_option,
    print_json,
    print_table,
)
from etl_platform.config.faults import ConfigError
from etl_platform.config.load import load
from etl_platform.config.project import UnknownJobError
from etl_platform.tracking.errors import StoreError
from etl_platform.tracking.open import open_store


@click.command()
@click.argument("job_id", required=False, metavar="[JOB]")
@click.option("--open", "only_open", is_flag=True, help="Leave out what is resolved.")
@config_option
@format_option
@failing_as_sentence(ConfigError, UnknownJobError, StoreError)
def issues(job_id: str | None, only_open: bool, config_path: Path, output_format: str) -> None:
    """List the issues that runs of JOB, or of all jobs, have shown, newest first."""
    config = load(config_path)
    jobs = [config.job(job_id)] if job_id else config.jobs
    with open_store(config) as store:
        found = [issue for job in jobs for issue in store.issues(job.job_id)]
    found = [issue for issue in found if not (only_open and issue.resolved)]
    found.sort(key=lambda issue: issue.timestamp, reverse=True)
    if output_format == "json":
        print_json([issue.model_dump(mode="json") for issue in found])
        return
    table = Table("job", "issue", "severity", "seen in", "first seen", "resolved", "first run")
    for issue in found:
        table.add_row(
            issue.job_name,
            issue.issue_type,
            issue.severity,
            f"{issue.occurrences} run{'' if issue.occurrences == 1 else 's'}",
            moment(issue.timestamp),
            moment(issue.resolution_timestamp) if issue.resolved else "no",
            issue.execution_id,
        )
    print_table(table)
