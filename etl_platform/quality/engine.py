"""Evaluate the rules of a dataset now, on the engine that suits it."""

import os
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone
from typing import Any
from zoneinfo import ZoneInfo

from etl_platform.catalog.location import NoLocationError, NotFilesError
from etl_platform.catalog.stats import CannotMeasureError
from etl_platform.config.models.job import Job
from etl_platform.config.project import Config
from etl_platform.quality.dataset import Dataset, Engine, open_dataset
from etl_platform.quality.files import NoDataError
from etl_platform.quality.frame import QueryError
from etl_platform.quality.locations import locate
from etl_platform.quality.report import DatasetReport
from etl_platform.quality.rules import Rule, rules_of
from etl_platform.quality.servers import open_server, server_table


def evaluate(
    config: Config,
    job: Job,
    dataset: str,
    *,
    rules: Sequence[Rule] | None = None,
    partition_key: str | None = None,
    engine: Engine | None = None,
    spark: Any = None,
    past_row_counts: Sequence[int] = (),
    now: datetime | None = None,
    show_values: bool = True,
) -> DatasetReport:
    """Evaluate the rules of one dataset of a job over its files, or in the server whose table it is.

    All rules about rows share one scan; a uniqueness rule takes one more over its key, a foreign key one more
    over the child's key and one over the parent's. Of rules that fail, up to ten values are read besides.

    Args:
        config: The configuration.
        job: The job.
        dataset: `target`, or the name of a source.
        rules: The rules to evaluate; None: all of this dataset's.
        partition_key: Key of the run's partition; only its folders are read, where the dataset has such.
        engine: `local`, `spark` or `auto`, see `dataset.open_dataset`; None: `data_quality.engine`. A table
            of a server is looked at by the server.
        spark: A `SparkSession`, or a function that gives one, called only where it is needed.
        past_row_counts: Row counts of the last runs, for `max_change_percent`.
        now: The present moment, for `current_date` and freshness; None: the clock.
        show_values: False: rules that fail are not looked at again for `failing_values`.

    Returns:
        A result for each rule, in their order. A rule that could not be evaluated has `error` and has not
        passed; where the data is missing, these are all of them.

    Raises:
        NoSparkError: The engine is `spark`, and no session was given.
    """
    start = time.perf_counter()
    chosen = [rule for rule in rules_of(job) if rule.dataset == dataset] if rules is None else list(rules)
    wanted: Engine = engine or job.data_quality.engine
    moment = now or datetime.now(timezone.utc)
    table = server_table(config, job, dataset)
    opened = (
        open_server(config, job, table, now=moment)
        if table
        else open_dataset(config, job, dataset, engine=wanted, spark=spark, partition_key=partition_key)
    )
    try:
        with opened as data:
            return report_on(
                data,
                job,
                dataset,
                chosen,
                past_row_counts=past_row_counts,
                now=moment,
                start=start,
                show_values=show_values,
            )
    except (NoLocationError, NoDataError, QueryError, CannotMeasureError) as error:
        reached = table.source_type if table else "local" if wanted == "auto" else wanted
        return unreadable(config, job, dataset, chosen, error, engine=reached, start=start)


def unreadable(
    config: Config,
    job: Job,
    dataset: str,
    rules: Sequence[Rule],
    error: Exception,
    *,
    engine: str,
    start: float,
) -> DatasetReport:
    """The report on a dataset that nobody could look at: the error is the result of each rule."""
    from etl_platform.quality.results import error_results, told

    missing = isinstance(error, (NoLocationError, NoDataError))
    return DatasetReport(
        job_id=job.job_id,
        dataset=dataset,
        engine=engine,
        location=_uri(config, job, dataset),
        partition={},
        rows=None,
        sampled_rows=None,
        columns={},
        results=error_results(rules, told(error, job)),
        scans=0,
        seconds=time.perf_counter() - start,
        missing_optional=missing and any(s.name == dataset and s.optional for s in job.data_sources),
        out_of_reach=isinstance(error, NotFilesError),
    )


def _uri(config: Config, job: Job, dataset: str) -> str:
    try:
        return locate(dataset, job, config).uri
    except NoLocationError:
        return dataset


def report_on(
    data: Dataset,
    job: Job,
    dataset: str,
    rules: Sequence[Rule],
    *,
    past_row_counts: Sequence[int],
    now: datetime,
    start: float,
    show_values: bool,
) -> DatasetReport:
    """Evaluate rules on a dataset that is open.

    Args:
        data: The dataset.
        job: The job.
        dataset: Its name in the job.
        rules: The rules.
        past_row_counts: Row counts of the last runs.
        now: The present moment.
        start: When the evaluation began, by `time.perf_counter`.
        show_values: Read values of the rules that fail.

    Raises:
        QueryError: The rows cannot even be counted.
    """
    from pandera.errors import SchemaErrors

    from etl_platform.quality.backend import Checked, register
    from etl_platform.quality.results import results_of
    from etl_platform.quality.schema import Context, schema_of

    register()
    frame = data.frame
    zone = ZoneInfo(job.execution.timezone)
    schema = schema_of(rules, Context(frame.columns, zone, now), dataset=dataset)
    sample_size = job.data_quality.sample_size
    rows_frame = frame
    if sample_size is not None and (total := frame.count()) > sample_size:
        rows_frame = frame.sampled(sample_size, total)
    checked = Checked(frame, rows_frame, data.other, past_row_counts)
    reasons: dict[str, str] = {}
    try:
        schema.schema.validate(checked, lazy=True)
    except SchemaErrors as errors:
        reasons = {str(e.check): e.reason_code.name for e in errors.schema_errors if e.reason_code}
    results = results_of(rules, schema, checked, reasons, job, show_values=show_values)
    sampled = [o.rows_checked for o in checked.outcomes.values() if o.rows_checked is not None]
    return DatasetReport(
        job_id=job.job_id,
        dataset=dataset,
        engine=frame.engine,
        location=data.location.uri,
        partition=data.folders,
        rows=checked.rows,
        sampled_rows=min(sampled) if checked.sampled and sampled else None,
        columns=frame.columns,
        results=results,
        scans=data.scans + (rows_frame.scans if checked.sampled else 0),
        seconds=time.perf_counter() - start,
    )


def evaluate_all(
    config: Config, job: Job, datasets: Sequence[str] | None = None, **options: Any
) -> tuple[DatasetReport, ...]:
    """Evaluate the rules of several datasets of a job, side by side where `parallel_validation` is on.

    Args:
        config: The configuration.
        job: The job.
        datasets: Names of datasets; None: all that have rules.
        options: Further arguments of `evaluate`.

    Raises:
        NoSparkError: The engine is `spark`, and no session was given.
    """
    chosen = list(dict.fromkeys(rule.dataset for rule in rules_of(job)) if datasets is None else datasets)
    if not job.data_quality.parallel_validation or len(chosen) < 2:
        return tuple(evaluate(config, job, dataset, **options) for dataset in chosen)
    with ThreadPoolExecutor(max_workers=min(len(chosen), os.cpu_count() or 1)) as pool:
        return tuple(pool.map(lambda dataset: evaluate(config, job, dataset, **options), chosen))
