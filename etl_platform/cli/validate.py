"""`etl-platform validate`: all faults of the configuration, its warnings, and what it asks for in vain."""

import sys
from collections.abc import Iterator
from pathlib import Path

import click

from etl_platform.cli.options import config_option, format_option, messages, print_json
from etl_platform.config.faults import ConfigError, Fault
from etl_platform.config.load import load
from etl_platform.config.models.data_quality import RegexRule
from etl_platform.config.pending import PendingKey, pending
from etl_platform.config.project import Config

_JOBS_SHOWN = 3


@click.command()
@config_option
@format_option
@click.option("--strict", is_flag=True, help="An environment variable that is not set is a fault.")
def validate(config_path: Path, output_format: str, strict: bool) -> None:
    """Check the configuration and list all its faults."""
    try:
        config = load(config_path, strict=strict)
        if faults := list(_rule_faults(config)):
            raise ConfigError(faults)
    except ConfigError as error:
        if output_format == "json":
            faults = [{**vars(fault), "path": str(fault.path)} for fault in error.faults]
            print_json({"path": str(config_path), "faults": faults})
        else:
            messages.print(str(error), style="red", markup=False, highlight=False)
            messages.print(_counted(len(error.faults), "fault"), style="red", highlight=False)
        sys.exit(1)
    unused = pending(config)
    if output_format == "json":
        print_json(
            {
                "path": str(config_path),
                "faults": [],
                "jobs": len(config.jobs),
                "warnings": config.warnings,
                "pending": [key._asdict() for key in unused],
            }
        )
        return
    for warning in config.warnings:
        messages.print(f"warning: {warning}", style="yellow", markup=False, highlight=False)
    disabled = sum(not job.enabled for job in config.jobs)
    jobs = _counted(len(config.jobs), "job") + (f" ({disabled} disabled)" if disabled else "")
    click.echo(f"{config_path}: {jobs}, {_counted(len(config.warnings), 'warning')}, no faults")
    if unused:
        click.echo("accepted, not acted on yet:")
        for key in unused:
            click.echo(f"  {_described(key)}")


def _rule_faults(config: Config) -> Iterator[Fault]:
    """What no engine could evaluate: told here, since their languages are above the configuration."""
    for job in config.jobs:
        quality = job.data_quality
        patterns = any(isinstance(rule, RegexRule) for rule in quality.accuracy_rules)
        if not quality.custom_validations and not patterns:
            continue
        from etl_platform.quality.faults import check_expressions

        place = config.places[job.job_id]
        for sentence in check_expressions(job):
            yield Fault(place.path, place.line, 1, f"job {job.job_id}: data_quality", sentence)


def _counted(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"


def _described(key: PendingKey) -> str:
    if not key.jobs:
        return key.key
    further = len(key.jobs) - _JOBS_SHOWN
    names = ", ".join(key.jobs[:_JOBS_SHOWN]) + (f" and {further} more" if further > 0 else "")
    return f"{key.key} (in {names})"
