"""`etl-platform explain`: a resolved job, each value with the layer that set it."""

import json
from pathlib import Path

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
from etl_platform.config import explain as explanation
from etl_platform.config.faults import ConfigError, dotted
from etl_platform.config.project import Place, UnknownJobError


@click.command()
@click.argument("job_id", metavar="JOB")
@config_option
@format_option
@failing_as_sentence(ConfigError, UnknownJobError)
def explain(job_id: str, config_path: Path, output_format: str) -> None:
    """Show a resolved job and which layer set each value."""
    values = explanation.explain(config_path, job_id)
    if output_format == "json":
        print_json(
            [
                {
                    "key": dotted(value.key),
                    "value": value.value,
                    "layer": value.layer,
                    "path": str(value.place.path) if value.place else None,
                    "line": value.place.line if value.place else None,
                }
                for value in values
            ]
        )
        return
    table = Table("key", "value", "set by", "where")
    for value in values:
        shown = json.dumps(value.value, ensure_ascii=False)
        style = "dim" if value.layer == explanation.DEFAULT_LAYER else None
        table.add_row(
            escape(dotted(value.key)), escape(shown), escape(value.layer), _where(value.place), style=style
        )
    print_table(table)


def _where(place: Place | None) -> str:
    return escape(f"{place.path.name}:{place.line}") if place else ""
