"""`etl-platform schema`: what an editor needs to complete and check a configuration."""

from pathlib import Path

import click

from etl_platform.cli.options import config_option, failing_as_sentence, format_option, print_json
from etl_platform.config.schema import json_schema
from etl_platform.config.source_types import SourceTypeError


@click.command()
@config_option
@format_option
@failing_as_sentence(SourceTypeError)
def schema(config_path: Path, output_format: str) -> None:
    """Print the JSON Schema of the configuration.

    Write it to a file, and name that file in the key `$schema` of the configuration. It is the same for all
    configurations, and always JSON: the common options are there so that scripts may give them everywhere.
    """
    print_json(json_schema())
