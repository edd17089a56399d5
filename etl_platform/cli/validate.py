"""`etl-platform validate`: all faults of the configuration, its warnings, and what it asks for in vain."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from etl_platform.cli.options import config_option, format_option, messages, print_json
from etl_platform.config.faults import ConfigError, Fault
from etl_platform.config.findings import Findings
from etl_platform.config.load import Loaded, load_traced
from etl_platform.config.models.data_quality import RegexRule
from etl_platform.config.models.job import Job
from etl_platform.config.origin import origin_at
from etl_platform.config.pending import PendingKey, pending
from etl_platform.config.project import Config
from etl_platform.notify.faults import job_faults, settings_faults, silent_channels
from etl_platform.pricing.book import (
    BadPriceFileError,
    UnknownPriceKeyError,
    book_of,
    region_warning,
    unknown_keys,
)

_JOBS_SHOWN = 3


@click.command()
@config_option
@format_option
@click.option("--strict", is_flag=True, help="An environment variable that is not set is a fault.")
def validate(config_path: Path, output_format: str, strict: bool) -> None:
    """Check the configuration and list all its faults."""
    config, faults = _checked(config_path, strict=strict)
    warnings = _warnings(config, faults)
    unused = pending(config) if config else []
    if output_format == "json":
        answer: dict[str, Any] = {
            "path": str(config_path),
            "faults": [{**vars(fault), "path": str(fault.path)} for fault in faults],
        }
        if config:
            answer["warnings"] = warnings
        if config and not faults:
            answer |= {"jobs": len(config.jobs), "pending": [key._asdict() for key in unused]}
        print_json(answer)
        sys.exit(1 if faults else 0)
    for warning in warnings:
        messages.print(f"warning: {warning}", style="yellow", markup=False, highlight=False)
    if faults or config is None:
        messages.print(str(ConfigError(faults)), style="red", markup=False, highlight=False)
        messages.print(_counted(len(faults), "fault"), style="red", highlight=False)
        sys.exit(1)
    disabled = sum(not job.enabled for job in config.jobs)
    jobs = _counted(len(config.jobs), "job") + (f" ({disabled} disabled)" if disabled else "")
    click.echo(f"{config_path}: {jobs}, {_counted(len(warnings), 'warning')}, no faults")
    if unused:
        click.echo("accepted, not acted on yet:")
        for key in unused:
            click.echo(f"  {_described(key)}")


def _checked(config_path: Path, *, strict: bool) -> tuple[Config | None, tuple[Fault, ...]]:
    """The configuration, where it can be loaded at all, and its faults."""
    try:
        loaded = load_traced(config_path)
    except ConfigError as error:
        return None, error.faults
    config = loaded.config
    try:
        if strict:
            load_traced(config_path, strict=True)
    except ConfigError as error:
        return config, error.faults
    faults = {*_rule_faults(config), *_notification_faults(config), *_price_faults(loaded)}
    return config, tuple(sorted(faults))


def _warnings(config: Config | None, faults: tuple[Fault, ...]) -> list[str]:
    """What is probably not meant, without what `--strict` makes a fault at the same place."""
    if config is None:
        return []
    places = tuple(f"{fault.path}:{fault.line}:{fault.column}:" for fault in faults)
    silent = [
        f"{_place(config, job)}: job {job.job_id}: {place}: {sentence}"
        for job in config.jobs
        for place, sentence in silent_channels(config, job)
    ]
    return [
        *(each for each in config.warnings if not each.startswith(places)),
        *silent,
        *_price_warnings(config),
    ]


def _place(config: Config, job: Job) -> str:
    place = config.places[job.job_id]
    return f"{place.path}:{place.line}"


def _price_faults(loaded: Loaded) -> list[Fault]:
    """Overrides of prices that the book does not know; each at its place."""
    findings = Findings()
    overrides = origin_at(loaded.top.origin, ("global_settings", "pricing", "overrides"))
    for unknown in unknown_keys(loaded.config.settings.pricing.overrides):
        findings.fault(overrides, unknown.sentence, key=unknown.key)
    return findings.faults


def _price_warnings(config: Config) -> Iterator[str]:
    """Prices that are unknown in the region, and a refreshed price book that cannot be read."""
    try:
        sentence = region_warning(book_of(config))
    except UnknownPriceKeyError:
        return  # A fault at its place.
    except BadPriceFileError as error:
        sentence = str(error)
    if sentence:
        yield f"{config.path.name}: {sentence}"


def _notification_faults(config: Config) -> Iterator[Fault]:
    """Events and channels that nothing knows."""
    for place, sentence in settings_faults(config):
        yield Fault(config.path, 1, 1, place, sentence)
    for job in config.jobs:
        written = config.places[job.job_id]
        for place, sentence in job_faults(job):
            yield Fault(written.path, written.line, 1, f"job {job.job_id}: {place}", sentence)


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
