"""The decision agent against exhaustive pricing: `python -m etl_platform_tests.eval [--config FILE]`."""

import sys
import tempfile
from pathlib import Path
from typing import Any

import click
from rich.table import Table

from etl_platform.agents.models import provider_of
from etl_platform.cli.options import print_table
from etl_platform.config.load import load
from etl_platform.config.project import Config
from etl_platform.config.secrets import resolve_secrets
from etl_platform_tests.eval.experiment import Score, run


@click.command()
@click.option(
    "--config", type=click.Path(exists=True, path_type=Path), help="Configuration whose agents.model answers."
)
def main(config: Path | None) -> None:
    """Let the decision agent decide the labelled workloads; fail where it passes a hard limit.

    Without a configuration the policy answers.
    """
    model = None
    if config:
        model = _model(load(config))
    with tempfile.TemporaryDirectory() as folder:
        found = run(Path(folder), model)
    print_table(table_of(found))
    click.echo(f"{found.by_model} of {found.workloads} workloads were decided by a language model.")
    click.echo(f"The dearest mistake: ${found.worst[1]:,.2f} ({found.worst[0]}).")
    if found.undecided:
        click.echo(f"Undecided where the oracle has a choice: {found.undecided}.")
    for one in found.violations:
        click.echo(f"A hard limit was passed: {one}")
    sys.exit(1 if found.violations else 0)


def table_of(found: Score) -> Table:
    """The score by kind of workload, and of all."""
    table = Table(title="The decision agent against the oracle, which prices every option")
    table.add_column("workloads")
    for name in ("how many", "exact", "same platform", "regret", "oracle pays", "late", "limits passed"):
        table.add_column(name, justify="right")
    for one in found.groups:
        table.add_row(
            one.kind,
            str(one.workloads),
            f"{one.exact / one.workloads:.0%}",
            f"{one.platforms / one.workloads:.0%}",
            f"${one.regret_usd:,.2f}",
            f"${one.oracle_usd:,.2f}",
            str(one.late),
            str(one.violations),
        )
    table.add_section()
    table.add_row(
        "all",
        str(found.workloads),
        f"{found.exact:.0%}",
        f"{found.platforms:.0%}",
        f"${found.regret_usd:,.2f}",
        f"${found.oracle_usd:,.2f}",
        str(found.late),
        str(len(found.violations)),
    )
    return table


def _model(config: Config) -> dict[str, Any]:
    """The section `agents.model` with all that it takes from elsewhere in the configuration."""
    model = config.settings.agents.model
    filled = {
        "provider": provider_of(config),
        "region": model.region or config.settings.aws_region,
        "api_key": resolve_secrets(model.api_key, config) if model.api_key else None,
    }
    return {**model.model_dump(exclude_none=True), **filled}


if __name__ == "__main__":
    main()
