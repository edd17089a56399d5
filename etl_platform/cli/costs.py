"""`etl-platform costs`: what runs cost, where it goes, and what could be saved."""

import datetime as dt
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any

import click
from rich.table import Table

from etl_platform.cli.figures import UNKNOWN, moment
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
from etl_platform.config.project import Config, UnknownJobError
from etl_platform.decide.history import cost_points
from etl_platform.pricing.anomaly import anomalies
from etl_platform.pricing.book import BadPriceFileError, PriceBook, UnknownPriceKeyError, book_of
from etl_platform.pricing.forecast import HISTORY_DAYS, Forecast, forecast_month
from etl_platform.pricing.history import CostPoint, Total, days_of, known_sum, totals
from etl_platform.pricing.savings import Saving, savings
from etl_platform.tracking.errors import StoreError
from etl_platform.tracking.open import open_store
from etl_platform.tracking.records import JobExecution
from etl_platform.tracking.store import TrackingStore

TOP = 10
PAGE = 500


@click.command()
@click.argument("job_id", required=False, metavar="[JOB]")
@click.option(
    "--since",
    type=click.DateTime(["%Y-%m-%d"]),
    help="First day, UTC; absent: the days that a forecast uses.",
)
@click.option("--by", default="job", show_default=True, help="Monthly totals by job, platform or tag:NAME.")
@config_option
@format_option
@failing_as_sentence(
    ConfigError, UnknownJobError, StoreError, BadPriceFileError, UnknownPriceKeyError, OSError
)
def costs(
    job_id: str | None, since: dt.datetime | None, by: str, config_path: Path, output_format: str
) -> None:
    """Show what runs cost: totals, trend, forecast of the month, dearest runs, anomalies, savings."""
    if by not in ("job", "platform") and not by.removeprefix("tag:") != by:
        raise click.UsageError("--by takes job, platform or tag:NAME.")
    config = load(config_path)
    if job_id:
        config.job(job_id)
    now = dt.datetime.now(dt.timezone.utc)
    start = since.replace(tzinfo=dt.timezone.utc) if since else now - dt.timedelta(days=HISTORY_DAYS)
    executions = list(_executions(open_store(config), job_id, start.timestamp()))
    finished = cost_points(executions)
    points = [one for one in finished if one.charged]
    forecast = forecast_month(days_of(points), now.date())
    answer = {
        "job_id": job_id,
        "since": start.date().isoformat(),
        "runs": len(points),
        "unpriced_runs": sum(one.usd is None for one in points),
        "uncharged_runs": len(finished) - len(points),
        "models_usd": _models_usd(executions),
        "forecast": asdict(forecast),
        "totals": [asdict(one) for one in totals(points, by)],
        "days": _days(points),
        "top": [_run(one) for one in _dearest(points)],
        "anomalies": [
            {**_run(one.run), "usual_usd": one.usual_usd, "score": one.score, "sentence": one.sentence}
            for one in anomalies(points)
        ],
        "savings": _savings(config, book_of(config), executions),
    }
    if output_format == "json":
        print_json(answer)
        return
    if not finished:
        messages.print("No finished run is recorded in that time.", markup=False)
    if points:
        _print(answer, forecast, totals(points, by), by)
    if free := answer["uncharged_runs"]:
        click.echo(f"Runs on this machine, which had no charge: {free}.")


def _executions(store: TrackingStore, job_id: str | None, since: float):
    cursor = None
    while True:
        page = store.executions(job_id, since=since, limit=PAGE, cursor=cursor)
        yield from page.items
        cursor = page.cursor
        if cursor is None:
            return


def _models_usd(executions: list[JobExecution]) -> float | None:
    """What the models of agents cost for these runs, which is in their totals; None where nobody knows."""
    return known_sum(
        one.cost_breakdown.bedrock_cost_usd if one.cost_breakdown else None for one in executions
    )


def _dearest(points: list[CostPoint]) -> list[CostPoint]:
    priced = [one for one in points if one.usd is not None]
    return sorted(priced, key=lambda one: -(one.usd or 0))[:TOP]


def _days(points: list[CostPoint]) -> list[dict[str, Any]]:
    days: dict[str, list[float | None]] = {}
    for one in points:
        days.setdefault(one.day.isoformat(), []).append(one.usd)
    return [
        {
            "date": day,
            "runs": len(costs),
            "usd": sum(known) if (known := [usd for usd in costs if usd is not None]) else None,
        }
        for day, costs in sorted(days.items())
    ]


def _run(one: CostPoint) -> dict[str, Any]:
    return {
        "execution_id": one.execution_id,
        "job_id": one.job_id,
        "platform": one.platform,
        "timestamp": one.timestamp,
        "usd": one.usd,
    }


def _savings(config: Config, book: PriceBook, executions: list[JobExecution]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    known = {job.job_id: job for job in config.jobs}
    for (job_id, platform), runs in _by_platform(executions).items():
        if job_id not in known:
            continue
        compute = [one.cost_breakdown.compute_cost_usd for one in runs if one.cost_breakdown]
        priced = [usd for usd in compute if usd is not None]
        usual = median(priced) if priced else None
        found += [
            {"job_id": job_id, "platform": platform, "runs": len(runs), **asdict(one)}
            for one in _worth(savings(book, known[job_id], platform, usual))
        ]
    return sorted(found, key=lambda one: -(one["usd_per_run"] or 0) * one["runs"])


def _worth(found: list[Saving]) -> list[Saving]:
    return [one for one in found if one.usd_per_run is None or one.usd_per_run > 0]


def _by_platform(executions: list[JobExecution]) -> dict[tuple[str, str], list[JobExecution]]:
    groups: dict[tuple[str, str], list[JobExecution]] = {}
    for one in executions:
        if one.job_type and one.status == "success":
            groups.setdefault((one.job_name, one.job_type), []).append(one)
    return groups


def _print(answer: dict[str, Any], forecast: Forecast, sums: list[Total], by: str) -> None:
    table = Table(title=f"Month by {by}, since {answer['since']}")
    for column in ("month", by, "runs", "of unknown cost", "cost"):
        table.add_column(column, justify="left" if column in ("month", by) else "right")
    for one in sums:
        table.add_row(one.month, one.group, str(one.runs), str(one.unpriced), _usd(one.usd))
    if answer["models_usd"] is not None:
        table.caption = f"of it {_usd(answer['models_usd'])} for the models of agents"
    print_table(table)
    if forecast.expected_usd is None:
        click.echo(f"Forecast of {forecast.month}: unknown; {'; '.join(forecast.notes)}.")
    else:
        growth = "" if forecast.growth_monthly is None else f", growth {forecast.growth_monthly:+.0%} a month"
        click.echo(
            f"Forecast of {forecast.month}: {_usd(forecast.expected_usd)} "
            f"({_usd(forecast.low_usd)} to {_usd(forecast.high_usd)} in nine months of ten){growth}; "
            f"{'; '.join(forecast.notes)}."
        )
    if answer["top"]:
        table = Table(title="Dearest runs")
        for column in ("run", "job", "platform", "started", "cost"):
            table.add_column(column)
        for one in answer["top"]:
            table.add_row(
                one["execution_id"],
                one["job_id"],
                one["platform"],
                moment(one["timestamp"]),
                _usd(one["usd"]),
            )
        print_table(table)
    for one in answer["anomalies"]:
        click.echo(f"Unusual: {one['sentence']}")
    for one in answer["savings"]:
        share = UNKNOWN if one["share"] is None else f"{one['share']:.0%}"
        click.echo(
            f"{one['job_id']} on {one['platform']}: {one['title']} saves {_usd(one['usd_per_run'])} "
            f"a run ({share} of compute); {one['how']}. Risk: {one['risk']}."
        )


def _usd(usd: float | None) -> str:
    return UNKNOWN if usd is None else f"${usd:,.4f}"
