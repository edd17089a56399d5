"""`etl-platform check`: the quality rules of a job, evaluated now, outside a run."""

import os
import sys
from pathlib import Path
from typing import Any, Literal

import click
from rich.markup import escape
from rich.table import Table

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
from etl_platform.config.project import UnknownJobError
from etl_platform.quality.dataset import NoSparkError
from etl_platform.quality.engine import evaluate_all
from etl_platform.quality.report import DatasetReport, RuleResult
from etl_platform.quality.rules import rules_of
from etl_platform.runtime.java import NoJavaError, java_home


class UnknownDatasetError(LookupError):
    """A dataset that has no rules in the job."""


@click.command()
@click.argument("job_id", metavar="JOB")
@click.argument("dataset", required=False)
@click.option("--engine", type=click.Choice(["auto", "local", "spark"]), help="Instead of the job's own.")
@click.option("--partition", "partition_key", metavar="KEY", help="Only the data of this partition.")
@config_option
@format_option
@failing_as_sentence(ConfigError, UnknownJobError, UnknownDatasetError, NoSparkError, NoJavaError)
def check(
    job_id: str,
    dataset: str | None,
    engine: Literal["auto", "local", "spark"] | None,
    partition_key: str | None,
    config_path: Path,
    output_format: str,
) -> None:
    """Evaluate the quality rules of a job now, on the data that is there.

    DATASET is `target` or the name of a source; absent: all that have rules. Exit status 1: a rule that stops
    the job does not hold, or a rule could not be evaluated.
    """
    config = load(config_path)
    job = config.job(job_id)
    names = _datasets(job, dataset)
    reports = evaluate_all(config, job, names, engine=engine, partition_key=partition_key, spark=local_spark)
    if output_format == "json":
        print_json([_document(report) for report in reports])
    else:
        print_table(_table(reports))
        for report in reports:
            _tell(report)
    if any(report.blocking_failures or _broken(report) for report in reports):
        sys.exit(1)


def local_spark() -> Any:
    """A Spark session in this process."""
    from pyspark.sql import SparkSession

    os.environ.setdefault("JAVA_HOME", str(java_home()))
    builder: Any = SparkSession.builder
    session = builder.master("local[*]").config("spark.ui.enabled", "false").getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    return session


def _datasets(job: Job, dataset: str | None) -> list[str]:
    known = list(dict.fromkeys(rule.dataset for rule in rules_of(job)))
    if not known:
        raise UnknownDatasetError(f'job "{job.job_id}" has no quality rules; add some to `data_quality`.')
    if dataset is None:
        return known
    if dataset not in known:
        raise UnknownDatasetError(
            f'job "{job.job_id}" has no rules on "{dataset}"; it has rules on {", ".join(known)}.'
        )
    return [dataset]


def _broken(report: DatasetReport) -> bool:
    return not report.missing_optional and any(result.error for result in report.results)


def _document(report: DatasetReport) -> dict[str, Any]:
    return {**vars(report), "results": [_rule_document(result) for result in report.results]}


def _rule_document(result: RuleResult) -> dict[str, Any]:
    rule = result.rule
    figures = {key: value for key, value in vars(result).items() if key != "rule"}
    return {
        "check": rule.check_name,
        "kind": rule.kind,
        "severity": rule.severity,
        "action": rule.action,
        "threshold_percent": rule.threshold_percent,
        "description": rule.description,
        **figures,
    }


def _table(reports: tuple[DatasetReport, ...]) -> Table:
    table = Table("dataset", "check", "rows", "failing", "percent", "allowed", "result", "action")
    for report in reports:
        for result in report.results:
            table.add_row(
                escape(report.dataset),
                escape(result.rule.check_name),
                _number(result.rows_checked),
                _number(result.rows_failed),
                _percent(result),
                f"{result.rule.threshold_percent:g}%",
                _verdict(result),
                result.rule.action,
            )
    return table


def _number(value: int | None) -> str:
    return "unknown" if value is None else f"{value:,}"


def _percent(result: RuleResult) -> str:
    if result.failed_percent is None:
        return "unknown"
    if result.interval_percent:
        low, high = result.interval_percent
        return f"{result.failed_percent:.3f} ({low:.3f}–{high:.3f})"
    return f"{result.failed_percent:.3f}"


def _verdict(result: RuleResult) -> str:
    if result.error:
        return "[red]not evaluated[/]"
    return "[green]passed[/]" if result.passed else "[red]failed[/]"


def _tell(report: DatasetReport) -> None:
    rows = _number(report.rows)
    sample = f", {report.sampled_rows:,} of them sampled" if report.sampled_rows is not None else ""
    messages.print(
        f"{report.dataset}: {rows} rows{sample}, {report.scans} scans in {report.seconds:.2f} s "
        f"on the {report.engine} engine.",
        markup=False,
        highlight=False,
    )
    for result in report.results:
        if result.error:
            messages.print(f"  {result.rule.check_name}: {result.error}", markup=False, highlight=False)
