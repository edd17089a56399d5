"""`etl-platform quarantine`: the bad rows of a job's runs."""

from dataclasses import asdict
from datetime import datetime, timezone
from pathlib import Path

import click
from rich.markup import escape
from rich.table import Table

from etl_platform.catalog.location import NoLocationError
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
from etl_platform.quality.bad_rows import UnusableRuleError
from etl_platform.quality.files import NoDataError
from etl_platform.quality.frame import QueryError
from etl_platform.quality.quarantined import QuarantineError
from etl_platform.quality.replay import list_quarantine, replay, show_quarantine
from etl_platform.quality.rules import TARGET

_sentences = failing_as_sentence(
    ConfigError,
    UnknownJobError,
    QuarantineError,
    UnusableRuleError,
    NoLocationError,
    NoDataError,
    QueryError,
)


@click.group()
def quarantine() -> None:
    """List, show and replay the bad rows of a job's runs."""


@quarantine.command("list")
@click.argument("job_id", metavar="JOB")
@config_option
@format_option
@_sentences
def list_(job_id: str, config_path: Path, output_format: str) -> None:
    """List what lies in quarantine of a job, newest first."""
    config = load(config_path)
    contents = list_quarantine(config, config.job(job_id))
    if output_format == "json":
        print_json([asdict(content) for content in contents])
        return
    table = Table("execution", "dataset", "when", "rows", "of", "rules", "folder")
    for content in contents:
        when = datetime.fromtimestamp(content.quarantined_at, timezone.utc).strftime("%Y-%m-%d %H:%M:%SZ")
        rules = ", ".join(f"{name} {count:,}" for name, count in content.by_rule.items())
        figures = (f"{content.quarantined:,}", f"{content.rows_in:,}")
        table.add_row(
            content.execution_id, content.dataset, when, *figures, escape(rules), escape(content.path)
        )
    print_table(table)


@quarantine.command()
@click.argument("job_id", metavar="JOB")
@click.argument("execution_id", metavar="EXECUTION")
@click.option("--dataset", default=TARGET, show_default=True, help="`target`, or the name of a source.")
@click.option("--limit", default=20, show_default=True, help="Rows to show.")
@config_option
@format_option
@_sentences
def show(
    job_id: str, execution_id: str, dataset: str, limit: int, config_path: Path, output_format: str
) -> None:
    """Show rows in quarantine and the rules that they break; personal data stays hidden."""
    config = load(config_path)
    rows = show_quarantine(config, config.job(job_id), execution_id, dataset=dataset, limit=limit)
    if output_format == "json":
        print_json(rows)
        return
    table = Table(*(escape(name) for name in (rows[0] if rows else {})))
    for row in rows:
        table.add_row(*(escape(str(value)) for value in row.values()))
    print_table(table)


@quarantine.command("replay")
@click.argument("job_id", metavar="JOB")
@click.argument("execution_id", metavar="EXECUTION")
@config_option
@format_option
@_sentences
def replay_(job_id: str, execution_id: str, config_path: Path, output_format: str) -> None:
    """Put the rows that hold by now back into the target; the others stay."""
    config = load(config_path)
    done = replay(config, config.job(job_id), execution_id)
    if output_format == "json":
        print_json(asdict(done))
        return
    messages.print(f"{done.back:,} of {done.rows:,} rows are back in the target; {done.staying:,} stay.")
