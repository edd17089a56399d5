"""`etl-platform generate`: configuration that the agents write."""

import json
from dataclasses import asdict
from pathlib import Path

import click

from etl_platform.catalog.location import NoLocationError
from etl_platform.cli.options import config_option, failing_as_sentence, format_option, messages, print_json
from etl_platform.cli.profile import UnknownSourceError, reader_of
from etl_platform.config.faults import ConfigError
from etl_platform.config.load import load
from etl_platform.config.project import UnknownJobError
from etl_platform.quality.files import NoDataError
from etl_platform.quality.frame import QueryError


@click.group()
def generate() -> None:
    """Write configuration from what is in the data."""


@generate.command("rules")
@click.argument("source", metavar="SOURCE")
@click.option("--job", "job_id", help="The job that reads it; needed where several do, and for `target`.")
@config_option
@format_option
@failing_as_sentence(
    ConfigError, UnknownJobError, UnknownSourceError, NoLocationError, NoDataError, QueryError
)
def rules(source: str, job_id: str | None, config_path: Path, output_format: str) -> None:
    """Write quality rules for SOURCE that hold on its data as it is, ready to paste into the job.

    The configuration goes to standard output, the evidence of each rule to standard error.
    """
    config = load(config_path)
    job = config.job(job_id or reader_of(config, source))

    from etl_platform.agents.rule_generation import generate as generate_rules

    found = generate_rules(config, job, source)
    if output_format == "json":
        print_json({**asdict(found), "configuration": found.configuration})
        return
    for one in found.rules:
        messages.print(f"{one.rule_id}: {one.evidence}", markup=False, highlight=False)
    for why in found.left_out:
        messages.print(f"left out: {why}", style="yellow", markup=False, highlight=False)
    if not found.rules:
        raise click.ClickException(f"No rule can be told from {source}.")
    click.echo(json.dumps(found.configuration, indent=2, ensure_ascii=False, default=str))
