"""`etl-platform schema`: what an editor needs to complete and check a configuration."""

import click

from etl_platform.cli.options import failing_as_sentence, print_json
from etl_platform.config.schema import json_schema
from etl_platform.config.source_types import SourceTypeError


@click.command()
@failing_as_sentence(SourceTypeError)
def schema() -> None:
    """Print the JSON Schema of the configuration.

    Write it to a file, and name that file in the key `$schema` of the configuration.
    """
    print_json(json_schema())
