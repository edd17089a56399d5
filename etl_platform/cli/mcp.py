"""`etl-platform mcp`: the agents' tools for an assistant."""

from pathlib import Path

import click

from etl_platform.cli.options import config_option, failing_as_sentence
from etl_platform.config.faults import ConfigError


@click.command()
@config_option
@failing_as_sentence(ConfigError)
def mcp(config_path: Path) -> None:
    """Serve the agents' read-only tools over standard input and output, by the Model Context Protocol.

    An assistant starts this command by itself; register it there as `etl-platform mcp --config FILE`.
    """
    from etl_platform.agents.mcp_server import mcp_server

    mcp_server(config_path.resolve()).run("stdio")
