"""`etl-platform run`: run jobs through Dagster, in this process."""

import os
import sys
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from etl_platform.cli.figures import count
from etl_platform.cli.options import (
    config_option,
    failing_as_sentence,
    format_option,
    messages,
    print_json,
    print_table,
)
from etl_platform.config.faults import ConfigError
from etl_platform.config.load import load
from etl_platform.config.project import UnknownJobError
from etl_platform.notify.figures import duration
from etl_platform.tracking.errors import StoreError


@click.command()
@click.argument("job_ids", nargs=-1, metavar="JOB...")
@click.option("--all", "all_jobs", is_flag=True, help="Run all enabled jobs.")
@click.option("--partition", "partition_key", metavar="KEY", help="Partition of partitioned jobs.")
@click.option(
    "--engine",
    type=click.Choice(["auto", "spark", "sail"]),
    help="Local engine; wins over ETL_PLATFORM_ENGINE and `global_settings.local.engine`.",
)
@config_option
@format_option
@failing_as_sentence(ConfigError, UnknownJobError, StoreError, OSError)
def run(
    job_ids: tuple[str, ...],
    all_jobs: bool,
    partition_key: str | None,
    engine: str | None,
    config_path: Path,
    output_format: str,
) -> None:
    """Run jobs through Dagster, in this process, with the checks of their sources and targets."""
    if bool(job_ids) == all_jobs:
        raise click.UsageError("Name the jobs to run, or say --all.")
    if engine:
        os.environ["ETL_PLATFORM_ENGINE"] = engine
    config = load(config_path)
    chosen = [job.job_id for job in config.jobs if job.enabled] if all_jobs else list(dict.fromkeys(job_ids))
    for job_id in chosen:
        config.job(job_id)

    # Dagster takes seconds to import; what is wrong with the call is said before.
    from etl_platform.orchestration.execute import (
        CannotRunError,
        refuse_what_cannot_run,
        run_jobs,
        silenced,
        tell_people,
    )

    if all_jobs and partition_key is None:
        partitioned = [job_id for job_id in chosen if config.job(job_id).execution.partitions]
        if partitioned:
            messages.print(
                f"left out, because no --partition is named: {', '.join(partitioned)}", style="yellow"
            )
            chosen = [job_id for job_id in chosen if job_id not in partitioned]
    if not chosen:
        raise click.ClickException(f"{config.path} has no job to run.")
    try:
        refuse_what_cannot_run(config, chosen, partition_key)
    except CannotRunError as error:
        raise click.ClickException(str(error)) from error
    columns = (SpinnerColumn(finished_text=" "), TextColumn("{task.description}"), TimeElapsedColumn())
    with silenced() as terminal, Progress(*columns, console=Console(file=terminal)) as progress:
        lines = {job_id: progress.add_task(job_id, total=1, start=False) for job_id in chosen}

        def show(job_id: str, doing: str) -> None:
            line = lines[job_id]
            if doing == "running":
                progress.start_task(line)
            done = 1 if doing in ("success", "failed") else 0
            progress.update(line, description=f"{job_id}: {doing.splitlines()[0]}", completed=done)

        ended = run_jobs(config, chosen, partition_key=partition_key, on_event=show)

    results = ended.jobs
    rows = [_row(result) for result in results]
    if output_format == "json":
        print_json(rows)
    else:
        print_table(_table(rows))
    for result in results:
        if result.reason:
            messages.print(f"{result.job_id}: {result.reason}", style="red", markup=False, highlight=False)
    if not_told := tell_people(config, ended.run_id):
        messages.print(not_told, style="yellow", markup=False, highlight=False)
    if any(result.status == "cancelled" for result in results):
        # What a shell gives for a program that SIGINT ended.
        sys.exit(130)
    sys.exit(0 if all(result.succeeded for result in results) else 1)


def _row(result: Any) -> dict[str, Any]:
    execution = result.execution
    metrics = execution.execution_metrics if execution else None
    return {
        "job_id": result.job_id,
        "status": result.status,
        "platform": execution.job_type if execution else None,
        "duration_seconds": execution.duration_seconds if execution else None,
        "rows": metrics.records_written if metrics else None,
        "checks_passed": result.checks_passed,
        "checks_warned": list(result.checks_warned),
        "checks_failed": list(result.checks_failed),
        "execution_id": execution.execution_id if execution else None,
        "reason": result.reason,
    }


def _table(rows: list[dict[str, Any]]) -> Table:
    table = Table("job", "status", "platform", "duration", "rows", "checks", "execution")
    for row in rows:
        counts = {
            "passed": row["checks_passed"],
            "warned": len(row["checks_warned"]),
            "failed": len(row["checks_failed"]),
        }
        table.add_row(
            row["job_id"],
            row["status"],
            row["platform"] or "",
            duration(row["duration_seconds"]) if row["execution_id"] else "",
            count(row["rows"]) if row["execution_id"] else "",
            ", ".join(f"{number} {how}" for how, number in counts.items() if number) or "none",
            row["execution_id"] or "",
            style="red" if row["status"] != "success" else None,
        )
    return table
