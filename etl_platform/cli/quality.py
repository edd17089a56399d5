"""`etl-platform quality`: what the rules of a job come to."""

import json
from datetime import datetime, timezone
from pathlib import Path
from typing import TextIO
from zoneinfo import ZoneInfo

import click
from rich.markup import escape
from rich.table import Table

from etl_platform.cli.figures import UNKNOWN, moment
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
from etl_platform.quality.rules import TARGET, rules_of
from etl_platform.quality.scores import grade
from etl_platform.tracking.errors import StoreError
from etl_platform.tracking.open import open_store

DIMENSION_NAMES = ("completeness", "accuracy", "consistency", "timeliness", "validity")


class _JobGroup(click.Group):
    """A group where the name of a job alone asks for its history."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read `quality JOB` as `quality history JOB`."""
        if args and args[0] not in self.commands and args[0] not in (*ctx.help_option_names, "--help"):
            args = ["history", *args]
        return super().parse_args(ctx, args)


@click.group(cls=_JobGroup)
def quality() -> None:
    """Show what the quality rules of a job come to; `quality JOB` is its history.

    A job that is called as one of the commands is named after `history`.
    """


@quality.command()
@click.argument("job_id", metavar="JOB")
@click.argument("dataset", required=False)
@config_option
@format_option
@failing_as_sentence(ConfigError, UnknownJobError)
def schema(job_id: str, dataset: str | None, config_path: Path, output_format: str) -> None:
    """Print the rules of each dataset as the pandera schema that checks it.

    Columns have the types that the configuration declares; where it declares none, each rule has the type
    that it needs.
    """
    from etl_platform.quality.schema import Context, schema_of
    from etl_platform.quality.schema_text import schema_document

    job = load(config_path).job(job_id)
    declared = {source.name: source.columns for source in job.data_sources}
    if job.target:
        declared[TARGET] = job.target.columns
    rules = rules_of(job)
    zone, now = ZoneInfo(job.execution.timezone), datetime.now(timezone.utc)
    documents = []
    for name in dict.fromkeys(rule.dataset for rule in rules):
        if dataset in (None, name):
            chosen = [rule for rule in rules if rule.dataset == name]
            found = schema_of(chosen, Context(declared.get(name) or None, zone, now), dataset=name)
            documents.append(schema_document(found))
    if output_format == "json":
        print_json(documents)
        return
    table = Table("dataset", "column", "rule", "check", "arguments", "threshold", "action")
    for document in documents:
        about = document["rules"]
        shown = {
            check["rule"]: (column, check["check"], check["arguments"])
            for column, entry in document["columns"].items()
            for check in entry["checks"]
        }
        for rule, facts in about.items():
            column, check, arguments = shown.get(rule, (", ".join(facts["fields"]), facts["kind"], {}))
            text = document["computed"].get(column) or ", ".join(f"{k}={v}" for k, v in arguments.items())
            visible = "" if column.startswith("__rule_") else column
            cells = (document["dataset"], visible, rule, check, document["faults"].get(rule) or text)
            table.add_row(*map(escape, cells), f"{facts['threshold_percent']:g}%", facts["action"])
    print_table(table)


@quality.command("import-dqdl")
@click.argument("file", metavar="FILE|-", type=click.File("r", encoding="utf-8"))
@click.option("--dataset", help="`target` or the name of a source, which the rules are to name.")
@format_option
@failing_as_sentence(ValueError)
def import_dqdl_(file: TextIO, dataset: str | None, output_format: str) -> None:
    """Turn a DQDL ruleset of AWS Glue Data Quality into configuration.

    Prints the section `data_quality` of a job, ready to be pasted. What has no counterpart is listed.
    """
    from etl_platform.quality.dqdl_import import import_dqdl

    try:
        text = file.read()
    except UnicodeDecodeError as error:
        raise click.ClickException(
            f"{file.name} is no UTF-8 text, so no ruleset can be read from it."
        ) from error
    if not text.strip():
        raise click.ClickException(f"{file.name} is empty; a ruleset is written as Rules = [ … ].")
    made = import_dqdl(text, dataset=dataset)
    if output_format == "json":
        print_json(
            {
                "data_quality": made.data_quality,
                "left_over": [vars(rule) for rule in made.left_over],
                "notes": made.notes,
            }
        )
        return
    click.echo(f'"data_quality": {json.dumps(made.data_quality, indent=2, ensure_ascii=False)}')
    for note in made.notes:
        messages.print(f"note: {note}", markup=False, highlight=False)
    for rule in made.left_over:
        messages.print(f"left over: {rule.rule}: {rule.reason}.", markup=False, highlight=False)


@quality.command()
@click.argument("job_id", metavar="JOB")
@click.option(
    "--limit", default=20, show_default=True, type=click.IntRange(1), help="Show that many at most."
)
@config_option
@format_option
@failing_as_sentence(ConfigError, UnknownJobError, StoreError)
def history(job_id: str, limit: int, config_path: Path, output_format: str) -> None:
    """Show the scores of a job's runs, newest first, with their trend and what was out of line."""
    config = load(config_path)
    job = config.job(job_id)
    with open_store(config) as store:
        records = store.quality_trend(job.job_id, limit=limit)
    if output_format == "json":
        print_json([record.model_dump(mode="json") for record in records])
        return
    table = Table("when", "execution", "overall", "grade", *DIMENSION_NAMES, "trend", "out of line")
    for record in records:
        scores = [getattr(record, f"{name}_score") for name in DIMENSION_NAMES]
        table.add_row(
            moment(record.timestamp),
            record.execution_id,
            _score(record.overall_score),
            grade(record.overall_score) or UNKNOWN,
            *map(_score, scores),
            record.trend or UNKNOWN,
            "\n".join(record.anomalies_detected or []),
        )
    print_table(table)


def _score(score: float | None) -> str:
    return UNKNOWN if score is None else f"{score:.1f}"
