"""`etl-platform runs` and `show`: what was recorded of past runs."""

import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import click
from pydantic import BaseModel
from rich.console import Group
from rich.markup import escape
from rich.table import Table

from etl_platform.cli.figures import UNKNOWN, count, dollars, moment, size
from etl_platform.cli.options import (
    config_option,
    failing_as_sentence,
    format_option,
    print_json,
    print_table,
)
from etl_platform.config.faults import ConfigError
from etl_platform.config.load import load
from etl_platform.config.models.base import PlatformName
from etl_platform.config.project import Config, UnknownJobError
from etl_platform.notify.figures import duration
from etl_platform.platforms.local import LocalPlatform
from etl_platform.platforms.open import access_of, open_platform
from etl_platform.platforms.protocol import Platform
from etl_platform.platforms.reconcile import reconcile
from etl_platform.tracking.answers import Dossier
from etl_platform.tracking.errors import StoreError
from etl_platform.tracking.open import open_store
from etl_platform.tracking.records import AgentInvocation, ExecutionSummary, TokensConsumed

STATUS_STYLES = {
    "success": "green",
    "failed": "red",
    "timeout": "red",
    "running": "cyan",
    "cancelled": "yellow",
}


class UnknownExecutionError(LookupError):
    """An execution id that the store does not have."""

    def __init__(self, execution_id: str, store: object):
        super().__init__(
            f'no execution "{execution_id}" in {store}; `etl-platform runs` lists them. '
            "Executions are kept for 90 days."
        )


@click.command("runs")
@click.argument("job_id", required=False, metavar="[JOB]")
@click.option(
    "--limit", default=20, show_default=True, type=click.IntRange(1), help="Show that many at most."
)
@config_option
@format_option
@failing_as_sentence(ConfigError, UnknownJobError, StoreError)
def runs(job_id: str | None, limit: int, config_path: Path, output_format: str) -> None:
    """List past runs of JOB, or of all jobs, newest first."""
    config = load(config_path)
    with open_store(config) as store:
        reconcile(partial(_platform, config), config, store, time.time())
        page = store.summaries(job_id, limit=limit)
    if job_id is not None and not page.items:
        # A job that was removed from the configuration may still have runs; one without runs has to be in it.
        config.job(job_id)
    if output_format == "json":
        print_json([summary.model_dump() for summary in page.items])
        return
    table = Table("execution", "job", "status", "platform", "partition", "started", "duration", "cost")
    for summary in page.items:
        table.add_row(*_row(summary))
    table.caption = _caption(len(page.items), more=page.cursor is not None)
    print_table(table)


def _platform(config: Config, name: PlatformName) -> Platform:
    """Where a run is asked how it stands: once and not for long, because a list is waited for."""
    if name == "local":
        return LocalPlatform()
    hasty = replace(access_of(config), attempts=1, connect_timeout_seconds=2, read_timeout_seconds=5)
    return open_platform(name, hasty)


def _row(summary: ExecutionSummary) -> list[str]:
    style = STATUS_STYLES[summary.status]
    return [
        escape(summary.execution_id),
        escape(summary.job_name),
        f"[{style}]{summary.status}[/{style}]",
        escape(summary.job_type or UNKNOWN),
        escape(summary.partition_key or ""),
        moment(summary.timestamp),
        duration(summary.duration_seconds),
        dollars(summary.total_cost_usd),
    ]


def _caption(shown: int, *, more: bool) -> str:
    if not shown:
        return "no run yet; `etl-platform run JOB` makes one"
    return f"the newest {shown}; --limit shows more" if more else f"{shown} in all"


@click.command("show")
@click.argument("execution_id")
@config_option
@format_option
@failing_as_sentence(ConfigError, UnknownExecutionError, StoreError)
def show(execution_id: str, config_path: Path, output_format: str) -> None:
    """Show one run with all that was recorded of it."""
    with open_store(load(config_path)) as store:
        dossier = store.dossier(execution_id)
    if dossier is None:
        raise UnknownExecutionError(execution_id, store)
    if output_format == "json":
        print_json(
            {
                "execution": dossier.execution.model_dump(),
                "invocations": [record.model_dump() for record in dossier.invocations],
                "issues": [record.model_dump() for record in dossier.issues],
                "quality": [record.model_dump() for record in dossier.quality],
                "audits": [record.model_dump() for record in dossier.audits],
            }
        )
        return
    print_table(Group(*_tables(dossier)))


def _tables(dossier: Dossier) -> list[Table]:
    execution = dossier.execution
    parts: dict[str, BaseModel | None] = {}
    lists: dict[str, list[Any]] = {}
    figures: dict[str, Any] = {}
    for name in type(execution).model_fields:
        value = getattr(execution, name)
        kind = type(execution).model_fields[name].annotation
        if isinstance(value, BaseModel) or (
            value is None and "records." in str(kind) and "list" not in str(kind)
        ):
            parts[name] = value
        elif isinstance(value, list) and value and isinstance(value[0], BaseModel):
            lists[name] = value
        else:
            figures[name] = value
    lists |= {
        "issue registry": dossier.issues,
        "quality history": dossier.quality,
        "audits": dossier.audits,
    }
    return [
        _figures(execution.execution_id, figures),
        *(_figures(_title(name), dict(part)) for name, part in parts.items() if part is not None),
        *([_agents(dossier.invocations)] if dossier.invocations else []),
        *(_list(_title(name), records) for name, records in lists.items() if records),
    ]


def _agents(invocations: list[AgentInvocation]) -> Table:
    """Who was asked about the run, and at what cost; `--format json` has what was asked and answered."""
    table = Table(
        *("agent", "asked", "answered by", "tokens in", "out", "cost", "ms", "why not the model"),
        title="agents",
        title_justify="left",
    )
    for one in sorted(invocations, key=lambda one: one.timestamp):
        tokens = one.tokens_consumed or TokensConsumed()
        table.add_row(
            escape(one.agent_name),
            moment(one.timestamp),
            escape(one.provider or UNKNOWN) if one.success else "[red]nobody[/red]",
            count(tokens.input_tokens),
            count(tokens.output_tokens),
            dollars(tokens.total_cost_usd),
            UNKNOWN if one.duration_ms is None else f"{one.duration_ms:,.0f}",
            escape(one.fallback_reason or (one.error_message if not one.success else "") or ""),
        )
    return table


def _figures(title: str, values: dict[str, Any]) -> Table:
    table = Table(title=escape(title), title_justify="left", show_header=False)
    for name, value in values.items():
        table.add_row(_title(name), _shown(name, value))
    return table


def _list(title: str, records: list[BaseModel]) -> Table:
    # A column that no record fills says nothing.
    names = [
        name for name in type(records[0]).model_fields if any(getattr(r, name) is not None for r in records)
    ]
    table = Table(*map(_title, names), title=escape(title), title_justify="left")
    for record in records:
        table.add_row(*(_shown(name, getattr(record, name)) for name in names))
    return table


def _title(name: str) -> str:
    return name.replace("_", " ")


def _shown(name: str, value: Any) -> str:
    """A value of a record as people read it; the unit is in the name of its field."""
    if value is None:
        return UNKNOWN
    if isinstance(value, BaseModel | dict | list | tuple):
        return escape(_nested(value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    if name in ("timestamp", "start_time", "end_time") or name.endswith("_timestamp"):
        return moment(value)
    if name.endswith("_seconds"):
        return duration(value)
    if name.endswith("_gb") and not name.startswith("cost_per"):
        return size(value)
    if name.endswith(("_usd", "cost_per_gb", "cost_per_hour", "cost_impact")):
        return dollars(value)
    if isinstance(value, int):
        return count(value)
    return f"{value:,.2f}" if isinstance(value, float) else escape(str(value))


def _nested(value: Any) -> str:
    if isinstance(value, BaseModel):
        value = {name: inner for name, inner in value if inner is not None}
    if isinstance(value, dict):
        return ", ".join(f"{name}: {_nested(inner)}" for name, inner in value.items()) or "none"
    if isinstance(value, list | tuple):
        return "\n".join(map(_nested, value)) or "none"
    return str(value)
