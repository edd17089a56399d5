"""`etl-platform tracking`: make, move and prune the store of records."""

import time
from pathlib import Path

import click
from rich.markup import escape
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
from etl_platform.tracking.errors import StoreError
from etl_platform.tracking.open import open_store

READABLE = (ConfigError, StoreError, OSError)


@click.group()
def tracking() -> None:
    """Make, move and prune the store of records."""


@tracking.command("init")
@click.option("--dry-run", is_flag=True, help="Only tell what is missing or differs.")
@config_option
@format_option
@failing_as_sentence(*READABLE)
def init(dry_run: bool, config_path: Path, output_format: str) -> None:
    """Make the tables, tell what differs from what stands, and never drop anything."""
    with open_store(load(config_path)) as store:
        differences = store.init(dry_run=dry_run)
    if output_format == "json":
        print_json([vars(difference) for difference in differences])
        return
    if not differences:
        messages.print(f"{store}: all is as it should be.", markup=False, highlight=False)
        return
    table = Table("place", "what", "expected", "found", "done")
    for each in differences:
        done = "made" if each.made else "left as it is"
        table.add_row(*map(escape, (each.place, each.aspect, each.expected, each.found, done)))
    print_table(table)


@tracking.command("export")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@config_option
@format_option
@failing_as_sentence(*READABLE)
def export(folder: Path, config_path: Path, output_format: str) -> None:
    """Write all records to FOLDER, as a Parquet file for each table."""
    from etl_platform.tracking.transfer import export_store

    with open_store(load(config_path)) as store:
        written = export_store(store, folder)
    _print_counts({name: {"written": number} for name, number in written.items()}, output_format)


@tracking.command("import")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@config_option
@format_option
@failing_as_sentence(*READABLE)
def import_command(folder: Path, config_path: Path, output_format: str) -> None:
    """Add the records of an export in FOLDER; what stands already stays. Let no job run meanwhile."""
    from etl_platform.tracking.transfer import import_store

    with open_store(load(config_path)) as store:
        store.init()
        imported = import_store(store, folder)
    counts = {name: {"added": added, "stood already": stood} for name, (added, stood) in imported.items()}
    _print_counts(counts, output_format)


@tracking.command("prune")
@config_option
@format_option
@failing_as_sentence(*READABLE)
def prune(config_path: Path, output_format: str) -> None:
    """Remove the records whose lifetime is over, and the folders of the runs that they were of."""
    from etl_platform.platforms.prune import prune_runs

    config = load(config_path)
    with open_store(config) as store:
        removed = store.prune()
        folders = prune_runs(config, store, time.time())
    if not removed:
        messages.print(f"{store} removes records by itself.", markup=False, highlight=False)
    counts = {**removed, "run folders": folders}
    _print_counts({name: {"removed": number} for name, number in counts.items()}, output_format)


def _print_counts(counts: dict[str, dict[str, int]], output_format: str) -> None:
    if output_format == "json":
        print_json(counts)
    elif counts:
        table = Table("table", *next(iter(counts.values())))
        for name, numbers in counts.items():
            table.add_row(name, *(f"{number:,}" for number in numbers.values()))
        print_table(table)
