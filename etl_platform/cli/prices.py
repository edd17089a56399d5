"""`etl-platform prices`: what anything in the price book costs, with its arithmetic."""

import datetime as dt
from pathlib import Path
from typing import Any

import click
from rich.table import Table

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
from etl_platform.config.regions import region_problem
from etl_platform.pricing.book import (
    BadPriceFileError,
    Price,
    PriceBook,
    UnknownPriceKeyError,
    book_of,
    open_book,
    packaged_prices,
    refreshed_path,
    region_warning,
)
from etl_platform.pricing.quote import quote
from etl_platform.pricing.refresh import RefreshError, refresh_prices
from etl_platform.pricing.services import BadUsageError, parse_usage


class BadRegionError(ValueError):
    """A name that is no region of AWS."""


READABLE = (BadRegionError, ConfigError, BadPriceFileError, UnknownPriceKeyError, BadUsageError, RefreshError)


@click.group()
def prices() -> None:
    """Quote anything in the price book, list its prices, refresh them from AWS."""


def region_option(function: Any) -> Any:
    """Add `--region`; the command gets `region`."""
    return click.option("--region", help="AWS region; absent: the configuration's, else us-east-1.")(function)


@prices.command("quote")
@click.argument("service")
@click.argument("parameters", nargs=-1, metavar="[KEY=VALUE]...")
@region_option
@config_option
@format_option
@failing_as_sentence(*READABLE)
def quote_command(
    service: str, parameters: tuple[str, ...], region: str | None, config_path: Path, output_format: str
) -> None:
    """Price the use of a SERVICE, such as `glue dpu=6 minutes=15`."""
    given: dict[str, str] = {}
    for parameter in parameters:
        key, equals, value = parameter.partition("=")
        if not equals:
            raise BadUsageError(f'"{parameter}" is not KEY=VALUE; write for example `glue dpu=6 minutes=15`.')
        if key in given:
            raise BadUsageError(f'"{key}" is given twice.')
        given[key] = value
    book = _book(config_path, region)
    answer = quote(book, parse_usage(service, given))
    age = book.age_warning(dt.datetime.now(dt.timezone.utc).date())
    warnings = [*answer.warnings, *([age] if age else [])]
    if output_format == "json":
        print_json(answer.model_dump(mode="json") | {"warnings": warnings})
        return
    table = Table(title=f"{service}, {book.region}, prices of {book.date}")
    table.add_column("what")
    table.add_column("arithmetic")
    table.add_column("USD", justify="right")
    for one in answer.lines:
        table.add_row(one.what, one.arithmetic, _dollars(one.usd, 6))
    table.add_section()
    whole_cents = answer.total_usd is None or answer.total_usd >= 1
    table.add_row("total", "", _dollars(answer.total_usd, 2 if whole_cents else 6))
    print_table(table)
    for warning in warnings:
        messages.print(warning, style="yellow", markup=False, highlight=False)


@prices.command("list")
@region_option
@config_option
@format_option
@failing_as_sentence(*READABLE)
def list_command(region: str | None, config_path: Path, output_format: str) -> None:
    """List the prices in force, overrides included."""
    book = _book(config_path, region)
    if missing := region_warning(book):
        messages.print(f"{missing}.", style="yellow", markup=False, highlight=False)
    if output_format == "json":
        print_json([price.model_dump(mode="json") for price in book.prices.values()])
        return
    if not book.prices:
        return
    table = Table(title=f"{book.region}, prices of {book.date}")
    for column in ("key", "USD", "for", "what", "source"):
        table.add_column(column)
    for price in book.prices.values():
        unit = f"{price.per:,} {price.unit}s" if price.per != 1 else price.unit
        table.add_row(price.key, f"{price.usd:f}", unit, _described(price), price.source)
    print_table(table)


@prices.command("refresh")
@region_option
@config_option
@failing_as_sentence(*READABLE)
def refresh_command(region: str | None, config_path: Path) -> None:
    """Read the prices of a region from the AWS Price List API, where there are credentials."""
    config = load(config_path)
    book = _book(config_path, region)
    path = refreshed_path(config)
    report = refresh_prices(book.region, path, packaged_prices())
    for sentence in report:
        messages.print(sentence, markup=False, highlight=False)


def _described(price: Price) -> str:
    return f"{price.description}; other sizes in proportion" if price.scales else price.description


def _book(config_path: Path, region: str | None) -> PriceBook:
    problem = region_problem(region) if region else None
    if problem and problem.kind == "fault":
        raise BadRegionError(f'--region: "{region}" {problem.message}.')
    # A quote needs no project around it; with one, its region, overrides and refreshed prices count.
    if not config_path.exists():
        return open_book(region) if region else open_book()
    config = load(config_path)
    if region is None or region == config.settings.pricing.region:
        return book_of(config)
    path = refreshed_path(config)
    return open_book(region, None, path if path.exists() else None)


def _dollars(usd: float | None, decimals: int) -> str:
    return "unknown" if usd is None else f"{usd:,.{decimals}f}"
