"""The decision agent against exhaustive pricing: `python -m etl_platform_tests.eval [--config FILE]`."""

import sys
import tempfile
from pathlib import Path
from typing import Any

import click

from etl_platform.agents.models import provider_of
from etl_platform.config.load import load
from etl_platform.config.project import Config
from etl_platform.config.secrets import resolve_secrets
from etl_platform_tests.eval.experiment import run


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
    click.echo(f"  {found.workloads} workloads, {found.by_model} answered by a language model")
    click.echo(f"  exact match: {found.exact:.0%}; same platform: {found.platforms:.0%}")
    click.echo(
        f"  regret: ${found.regret_usd:,.2f} over the ${found.oracle_usd:,.2f} of the oracle's choices"
    )
    click.echo(f"  worst: ${found.worst[1]:,.2f} ({found.worst[0]})")
    click.echo(f"  late where the oracle is not: {found.late}; undecided where it is not: {found.undecided}")
    click.echo(f"  hard limits passed: {len(found.violations)}")
    for one in found.violations:
        click.echo(f"    {one}")
    sys.exit(1 if found.violations else 0)


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
