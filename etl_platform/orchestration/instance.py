"""The Dagster instance that the command line and `make dev` share."""

import os
from pathlib import Path

import dagster as dg

from etl_platform.config.project import Config


def dagster_home(config: Config) -> Path:
    """DAGSTER_HOME where it is set, else `.dagster` beside the configuration."""
    home = os.environ.get("DAGSTER_HOME")
    return Path(home) if home else config.path.parent / ".dagster"


def open_instance(config: Config) -> dg.DagsterInstance:
    """The instance whose history `make dev` shows; made, without telemetry, where it does not exist.

    Raises:
        OSError: The folder cannot be written.
    """
    home = dagster_home(config)
    settings = home / "dagster.yaml"
    try:
        home.mkdir(parents=True, exist_ok=True)
        if not settings.exists():
            settings.write_text("telemetry: {enabled: false}\nnux: {enabled: false}\n", encoding="utf-8")
    except OSError as error:
        raise OSError(
            f"{home}: Dagster's history is kept here, and it cannot be written ({error.strerror}). "
            "Make the folder writable, or set DAGSTER_HOME to one that is."
        ) from error
    # Child processes and Dagster's own storage look the folder up here.
    os.environ["DAGSTER_HOME"] = str(home.resolve())
    return dg.DagsterInstance.get()
