"""`etl-platform ask`: a question about a job, answered by the agents."""

import time
from dataclasses import asdict
from pathlib import Path

import click

from etl_platform.cli.options import config_option, failing_as_sentence, format_option, messages, print_json
from etl_platform.config.faults import ConfigError
from etl_platform.config.load import load
from etl_platform.tracking.errors import StoreError
from etl_platform.tracking.open import open_store


@click.command()
@click.argument("question", nargs=-1, required=True)
@config_option
@format_option
@failing_as_sentence(ConfigError, StoreError, LookupError)
def ask(question: tuple[str, ...], config_path: Path, output_format: str) -> None:
    """Answer a QUESTION about jobs, such as "why did flights_enriched cost more last week?".

    Questions about all jobs need no name: "what failed last night?".

    With a language model configured any question may be asked; without one, those that rules can answer.
    Nothing is changed or started.
    """
    config = load(config_path)

    from etl_platform.agents.questions import ask as ask_agents

    with open_store(config) as store:
        reply = ask_agents(config, store, " ".join(question), time.time())
    if output_format == "json":
        print_json(asdict(reply))
        return
    click.echo(reply.text)
    by = "by rule" if reply.provider.startswith("policy:") else f"by {reply.provider}"
    records = f", from {', '.join(reply.records)}" if reply.records else ""
    messages.print(f"(answered {by}{records})", style="dim", markup=False, highlight=False)
    if reply.fallback_reason:
        messages.print(f"The model did not answer: {reply.fallback_reason}", style="yellow", markup=False)
