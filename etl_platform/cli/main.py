"""The command `etl-platform`: its subcommands are imported only when they are called."""

from importlib import import_module

import click

COMMANDS = {
    "validate": "etl_platform.cli.validate:validate",
    "explain": "etl_platform.cli.explain:explain",
    "schema": "etl_platform.cli.schema:schema",
    "list": "etl_platform.cli.jobs:list_jobs",
    "run": "etl_platform.cli.run:run",
    "runs": "etl_platform.cli.runs:runs",
    "show": "etl_platform.cli.runs:show",
    "issues": "etl_platform.cli.issues:issues",
    "check": "etl_platform.cli.check:check",
    "quality": "etl_platform.cli.quality:quality",
    "quarantine": "etl_platform.cli.quarantine:quarantine",
    "profile": "etl_platform.cli.profile:profile",
    "plan": "etl_platform.cli.plan:plan",
    "costs": "etl_platform.cli.costs:costs",
    "prices": "etl_platform.cli.prices:prices",
    "ask": "etl_platform.cli.ask:ask",
    "recommend": "etl_platform.cli.recommend:recommend",
    "generate": "etl_platform.cli.generate:generate",
    "mcp": "etl_platform.cli.mcp:mcp",
    "deploy": "etl_platform.cli.deploy:deploy",
    "iam": "etl_platform.cli.iam:iam",
    "tracking": "etl_platform.cli.tracking:tracking",
    "doctor": "etl_platform.cli.doctor:doctor",
}
"""Name of each subcommand to its `module:function`; the first line of its docstring is in SUMMARIES."""

SUMMARIES = {
    "validate": "Check the configuration and list all its faults.",
    "explain": "Show a resolved job and which layer set each value.",
    "schema": "Print the JSON Schema of the configuration.",
    "list": "List the jobs.",
    "run": "Run jobs through Dagster, in this process.",
    "runs": "List past runs.",
    "show": "Show one run with all that was recorded of it.",
    "issues": "List what is wrong with jobs, over their runs.",
    "check": "Evaluate the quality rules of a job now, on the data that is there.",
    "quality": "Show what the quality rules of a job come to.",
    "quarantine": "List, show and replay the bad rows of a job's runs.",
    "profile": "Profile the columns of a source, or of the target of `--job`, in one scan.",
    "plan": "Say where jobs would run, how long and for how many dollars, before a cent is spent.",
    "costs": "Show what runs cost: history, trend, forecast, anomalies, savings.",
    "prices": "Quote anything in the price book, list its prices, refresh them from AWS.",
    "ask": "Answer a question about jobs.",
    "recommend": "Say what to change about a job.",
    "generate": "Write quality rules from what is in the data.",
    "mcp": "Serve the agents' tools to an assistant, by the Model Context Protocol.",
    "deploy": "Make or update what jobs need in the account.",
    "iam": "Print the least-privilege policy that this configuration needs, for each role.",
    "tracking": "Make, move and prune the store of records.",
    "doctor": "Say what works on this machine, and what to do where not.",
}


class LazyGroup(click.Group):
    """A group that knows its subcommands' names and summaries without importing them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of all subcommands, in the order of use."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return a subcommand; None where there is none of that name."""
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name].partition(":")
        return getattr(import_module(module), name)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the summaries, so that `--help` imports no subcommand."""
        with formatter.section("Commands"):
            formatter.write_dl(list(SUMMARIES.items()))


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="etl-platform")
def main() -> None:
    """Every ETL job of a team, from one configuration file."""


if __name__ == "__main__":
    main(prog_name="etl-platform")
