"""`etl-platform list`: the jobs of the configuration."""

from pathlib import Path
from typing import Any

import click
from rich.markup import escape
from rich.table import Table

from etl_platform.cli.options import (
    config_option,
    failing_as_sentence,
    format_option,
    print_json,
    print_table,
)
from etl_platform.config.faults import ConfigError
from etl_platform.config.identity import target_key
from etl_platform.config.load import load
from etl_platform.config.models.job import Job
from etl_platform.config.project import Config


@click.command("list")
@config_option
@format_option
@failing_as_sentence(ConfigError)
def list_jobs(config_path: Path, output_format: str) -> None:
    """List the jobs."""
    config = load(config_path)
    rows = [_row(job, config) for job in config.jobs]
    if output_format == "json":
        print_json(rows)
        return
    table = Table("job", "kind", "group", "schedule", "sources", "target", "where")
    for job, row in zip(config.jobs, rows, strict=True):
        name = row["job_id"] if job.enabled else f"{row['job_id']} (disabled)"
        cells = [
            name,
            row["kind"],
            row["group"],
            row["schedule"] or "",
            str(len(row["sources"])),
            row["target"] or "",
        ]
        where = f"{Path(row['path']).name}:{row['line']}"
        table.add_row(*map(escape, [*cells, where]), style=None if job.enabled else "dim")
    print_table(table)


def _row(job: Job, config: Config) -> dict[str, Any]:
    target = target_key(job.target) if job.target else None
    place = config.places[job.job_id]
    return {
        "job_id": job.job_id,
        "title": job.title,
        "enabled": job.enabled,
        "kind": job.execution.kind,
        "group": job.group,
        "schedule": job.execution.schedule,
        "sources": [source.name for source in job.data_sources],
        "target": "/".join(target) if target else None,
        "path": str(place.path),
        "line": place.line,
    }
