"""`etl-platform recommend`: what the agents would change about a job."""

import time
from pathlib import Path

import click
from rich.markup import escape
from rich.table import Table

from etl_platform.cli.figures import UNKNOWN
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
from etl_platform.tracking.errors import StoreError
from etl_platform.tracking.open import open_store

_STYLES = {"critical": "red", "high": "red", "medium": "yellow", "low": None}


@click.command()
@click.argument("job_id", metavar="JOB")
@config_option
@format_option
@failing_as_sentence(ConfigError, UnknownJobError, StoreError)
def recommend(job_id: str, config_path: Path, output_format: str) -> None:
    """Say what to change about JOB: script, settings, size, data quality, compliance, cost."""
    config = load(config_path)
    job = config.job(job_id)

    from etl_platform.agents.agent import Case
    from etl_platform.agents.guard import invoke
    from etl_platform.agents.registry import enabled_agents, recommendations_of
    from etl_platform.agents.urgency import most_urgent_first

    with open_store(config) as store:
        case = Case(config, job, store, time.time())
        answers = {name: invoke(agent, case).answer for name, agent in enabled_agents(config).items()}
        found = most_urgent_first(
            one for name, answer in answers.items() for one in recommendations_of(name, case, answer)
        )
    if output_format == "json":
        print_json([one.model_dump(mode="json") for one in found])
        return
    if not found:
        messages.print(f"Nothing is recommended for {job_id}.", highlight=False)
        return
    table = Table("priority", "about", "what", "do", "effect", "USD a run")
    for one in found:
        usd = one.estimated_cost_impact
        table.add_row(
            one.priority,
            one.category,
            escape(one.description),
            escape(one.action or ""),
            escape(one.estimated_impact or UNKNOWN),
            UNKNOWN if usd is None else f"{usd:+,.2f}",
            style=_STYLES[one.priority],
        )
    print_table(table)
