"""The options that all subcommands take, and how they answer: tables for people, JSON for programs."""

import json
import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar

import click
from rich.console import Console

F = TypeVar("F", bound=Callable[..., Any])

messages = Console(stderr=True, soft_wrap=True)
"""Where sentences for people go, so that standard output holds nothing but the answer."""


def config_option(function: F) -> F:
    """Add `--config`; the command gets `config_path`."""
    return click.option(
        "--config",
        "config_path",
        type=click.Path(path_type=Path, dir_okay=False),
        envvar="ETL_PLATFORM_CONFIG",
        default="etl_config.json",
        show_default=True,
        help="Configuration file.",
    )(function)


def format_option(function: F) -> F:
    """Add `--format`; the command gets `output_format`."""
    return click.option(
        "--format",
        "output_format",
        type=click.Choice(["table", "json"]),
        default="table",
        show_default=True,
        help="JSON goes to standard output alone.",
    )(function)


def print_json(value: Any) -> None:
    """Write a JSON document to standard output."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False, default=str))


def print_table(table: Any) -> None:
    """Write a rich renderable to standard output, wide enough for a pipe to keep its lines whole."""
    width = None if sys.stdout.isatty() else 160
    Console(width=width).print(table)


def failing_as_sentence(*errors: type[Exception]) -> Callable[[F], F]:
    """Turn errors that are sentences for people into that sentence and exit status 1."""

    def decorate(function: F) -> F:
        @wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            try:
                return function(*args, **kwargs)
            except errors as error:
                messages.print(str(error), style="red", markup=False, highlight=False)
                sys.exit(1)

        return call  # type: ignore[return-value]

    return decorate
