"""`etl-platform plan`: what a job will do, where, how long and for how many dollars."""

import sys
import time
from contextlib import closing
from dataclasses import asdict, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click
from rich.markdown import Markdown
from rich.table import Table
from rich.text import Text

from etl_platform.catalog.markdown import gb, stats_table
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
from etl_platform.config.models.job import Job
from etl_platform.config.project import Config, UnknownJobError
from etl_platform.decide.arithmetic import arithmetic
from etl_platform.decide.options import Figures, PlatformOption
from etl_platform.decide.plan import BadWhatIfError, Plan, WhatIf, plan_jobs
from etl_platform.decide.reasons import percent
from etl_platform.notify.figures import duration
from etl_platform.pricing.book import BadPriceFileError, UnknownPriceKeyError
from etl_platform.pricing.history import known_sum
from etl_platform.tracking.errors import StoreError
from etl_platform.tracking.open import open_store
from etl_platform.tracking.sqlite import SqliteStore
from etl_platform.workload.markdown import workload_report


@click.command()
@click.argument("job_ids", nargs=-1, metavar="JOB...")
@click.option("--all", "all_jobs", is_flag=True, help="Plan all enabled jobs, one line each.")
@click.option("--what-if", metavar="size=10x", help="Plan for other inputs: size=10x, size=200mb, size=2tb.")
@config_option
@format_option
@failing_as_sentence(
    ConfigError, UnknownJobError, StoreError, BadWhatIfError, BadPriceFileError, UnknownPriceKeyError, OSError
)
def plan(
    job_ids: tuple[str, ...], all_jobs: bool, what_if: str | None, config_path: Path, output_format: str
) -> None:
    """Say where jobs would run, how big, how long and for how many dollars; nothing is started.

    The exit status is 1 where one of them would not be started.
    """
    if bool(job_ids) == all_jobs:
        raise click.UsageError("Name the jobs to plan, or say --all.")
    config = load(config_path)
    jobs = [job for job in config.jobs if job.enabled] if all_jobs else [config.job(one) for one in job_ids]
    changed = WhatIf.parse(what_if) if what_if else None
    plans = _planned(config, jobs, changed)
    if output_format == "json":
        answers = [plan_json(one) for one in plans]
        print_json(answers if all_jobs or len(answers) > 1 else answers[0])
    elif all_jobs:
        print_table(_overview(plans, what_if))
        for one in plans:
            for sentence in _refusals(one):
                messages.print(f"{one.job.job_id}: {sentence}", style="red", markup=False, highlight=False)
    else:
        today = _planned(config, jobs, None) if changed else plans
        for one, now in zip(plans, today, strict=True):
            _print(one, what_if, now)
    sys.exit(any(map(_refusals, plans)))


def _planned(config: Config, jobs: list[Job], what_if: WhatIf | None) -> list[Plan]:
    """The plans; where the records cannot be reached they know of no past run, and say so."""
    now = time.time()
    try:
        return plan_jobs(config, jobs, open_store(config), now=now, what_if=what_if)
    except StoreError as error:
        note = f"nothing is known of past runs, of this month's costs and of failing services: {error}"
    with TemporaryDirectory() as folder, closing(SqliteStore(Path(folder) / "empty.db")) as empty:
        plans = plan_jobs(config, jobs, empty, now=now, what_if=what_if)
    return [replace(one, spent_usd=None, notes=(note, *one.notes)) for one in plans]


def _refusals(one: Plan) -> list[str]:
    return [*([one.refusal] if one.refusal else []), *one.budget.refusals]


def plan_json(one: Plan) -> dict[str, Any]:
    """A plan for programs; what is unknown is null."""
    decision = one.decision
    return {
        "job_id": one.job.job_id,
        "sources": {name: stats.model_dump(mode="json") for name, stats in one.stats.items()},
        "workload": one.workload.model_dump(mode="json"),
        "decision": None
        if decision is None
        else {
            "selected_platform": decision.selected.platform,
            "recommended_platform": decision.recommended.platform if decision.recommended else None,
            "preference": decision.preference,
            "charged": decision.selected.charged,
            "arithmetic": arithmetic(one.situation.book, one.job, decision.selected),
            "confidence": decision.confidence,
            "learned_from_runs": decision.learned_from,
            "reasoning": list(decision.reasoning),
            "provenance": decision.provenance,
            "input_fingerprint": decision.fingerprint,
            "options": [_option_json(option) for option in decision.options],
        },
        "refusal": one.refusal,
        "budget": asdict(one.budget),
        "spent_this_month_usd": one.spent_usd,
        "forecast_month_usd": one.forecast_usd,
        "forecast_from": one.forecast_from,
        "saving_per_run_usd": one.saving_usd,
        "notes": list(one.notes),
    }


def _option_json(option: PlatformOption) -> dict[str, Any]:
    return {
        "platform": option.platform,
        "feasible": option.feasible,
        "reasons": list(option.reasons),
        "size": option.size.record() if option.size else None,
        **asdict(option.figures),
        "charged": option.charged,
        "recommended_size": option.recommended_size.record() if option.recommended_size else None,
        "recommended_figures": asdict(option.recommended_figures) if option.recommended_figures else None,
    }


def _print(one: Plan, what_if: str | None, today: Plan) -> None:
    heading = ": ".join(dict.fromkeys((one.job.job_id, one.job.title)))
    print_table(Text(f"{heading}, if {what_if}" if what_if else heading, style="bold"))
    print_table(Markdown(f"#### Sources\n\n{stats_table(one.stats)}\n{workload_report(one.workload)}"))
    if one.decision:
        print_table(_options(one.decision.options, what_if))
        print_table(_sentences(one, today if what_if else None))
    for sentence in _refusals(one):
        messages.print(f"Would not be started: {sentence}", style="red", markup=False, highlight=False)
    for sentence in (*one.budget.warnings, *one.notes):
        messages.print(f"Note: {sentence}", style="yellow", markup=False, highlight=False)


def _sentences(one: Plan, today: Plan | None) -> Table:
    decision = one.decision
    assert decision is not None, "only a plan with a decision is shown so"
    rows = [
        ("runs on", f"{decision.selected.platform}, {_size(decision.selected)}"),
        ("preferred", decision.preference or "none"),
        ("recommended", decision.recommended.platform if decision.recommended else "not computed"),
        ("why", " ".join(decision.reasoning)),
        ("confidence", decision.certainty),
        (
            "learned from",
            f"{decision.learned_from} runs" if decision.learned_from else "no runs yet: physics alone",
        ),
        (
            "this month",
            (f"{_spent(one)} so far, " if one.spent_usd or decision.selected.charged else "")
            + f"{_usd(one.forecast_usd, decision.selected.charged)} in all ({one.forecast_from})",
        ),
    ]
    if steps := arithmetic(one.situation.book, one.job, decision.selected):
        rows.append(("arithmetic", steps))
    if today and today.decision:
        now = today.decision.selected
        rows.append(
            (
                "as it is",
                f"{now.platform}, {_size(now)}, {_time(now.figures)}, {_cost(now.figures, now.charged)}",
            )
        )
    table = Table(show_header=False, box=None)
    table.add_column(style="bold")
    table.add_column()
    for row in rows:
        table.add_row(*row)
    return table


def _spent(one: Plan) -> str:
    first = one.spent_usd == 0 and not one.situation.history.days
    return "$0.00 (no run yet)" if first else _usd(one.spent_usd)


def _size(option: PlatformOption) -> str:
    return option.size.label if option.size else UNKNOWN


def _options(options: tuple[PlatformOption, ...], what_if: str | None) -> Table:
    table = Table(title=f"Where it could run if {what_if}" if what_if else "Where it could run")
    for column in ("platform", "size", "time", "cost", "on time", "possible"):
        table.add_column(column)
    for option in options:
        size = _size(option)
        if option.recommended_size and option.recommended_figures:
            better = option.recommended_figures
            size += (
                f"\nbetter: {option.recommended_size.label}, {duration(better.seconds)}, "
                f"{_usd(better.usd, option.charged)}"
            )
        on_time = option.figures.on_time
        table.add_row(
            option.platform,
            size,
            _time(option.figures),
            _cost(option.figures, option.charged),
            UNKNOWN if on_time is None else percent(on_time),
            "; ".join(("yes", *option.notes) if option.feasible else option.reasons),
        )
    return table


def _overview(plans: list[Plan], what_if: str | None) -> Table:
    table = Table(title=f"Where jobs would run with {what_if}" if what_if else "Where jobs would run today")
    month = _usd(known_sum(one.forecast_usd for one in plans), any(map(_charged, plans)))
    unknown = sum(one.forecast_usd is None and _charged(one) for one in plans)
    columns = {
        "job": f"{len(plans)} jobs",
        "input": "",
        "runs on": "",
        "size": "",
        "time": "",
        "cost a run": "",
        "month": f"{month} and {unknown} unknown" if unknown and month != UNKNOWN else month,
        "recommended": "",
        "saves a run": "",
    }
    for column, footer in columns.items():
        table.add_column(column, footer)
    table.show_footer = True
    table.caption = "saves a run: against the preferred platform"
    for one in plans:
        decision = one.decision
        selected = decision.selected if decision else None
        table.add_row(
            one.job.job_id,
            gb(one.workload.volume_gb),
            _place(one),
            _size(selected) if selected else UNKNOWN,
            duration(selected.figures.seconds) if selected else UNKNOWN,
            _usd(selected.figures.usd, selected.charged) if selected else UNKNOWN,
            _usd(one.forecast_usd, _charged(one)),
            decision.recommended.platform if decision and decision.recommended else "–",
            "–" if one.saving_usd is None or one.saving_usd <= 0 else _usd(one.saving_usd),
        )
    return table


def _charged(one: Plan) -> bool:
    return one.decision is None or one.decision.selected.charged


def _place(one: Plan) -> str:
    if one.decision is None:
        return "nowhere"
    platform = one.decision.selected.platform
    return f"{platform} (refused)" if _refusals(one) else platform


def _time(figures: Figures) -> str:
    if figures.seconds is None:
        return UNKNOWN
    return (
        f"{duration(figures.seconds)} ({duration(figures.seconds_low)} to {duration(figures.seconds_high)})"
    )


def _cost(figures: Figures, charged: bool) -> str:
    if not charged or figures.usd is None:
        return _usd(figures.usd, charged)
    return f"{_usd(figures.usd)} ({_usd(figures.usd_low)} to {_usd(figures.usd_high)})"


def _usd(usd: float | None, charged: bool = True) -> str:
    if not charged:
        return "no charge"
    if usd is None:
        return UNKNOWN
    return f"${usd:,.2f}" if abs(usd) >= 0.1 or usd == 0 else f"${usd:,.2g}"
