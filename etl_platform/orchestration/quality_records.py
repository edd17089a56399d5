"""The scores of a run's target, kept in tracking beside those of the runs before."""

import time

from etl_platform.config.models.job import Job
from etl_platform.config.project import Config
from etl_platform.quality.history import anomaly, trend
from etl_platform.quality.report import DatasetReport
from etl_platform.quality.scores import scores_of
from etl_platform.tracking.open import open_store
from etl_platform.tracking.outbox import open_outbox
from etl_platform.tracking.records import JobExecution, QualityRecord

HISTORY = 20
"""Runs that a score is compared with."""


def record_quality(config: Config, job: Job, report: DatasetReport, dagster_run_id: str) -> str | None:
    """Keep the scores of a target that the job has just written, with their trend and what is out of line.

    Args:
        config: Says where tracking is.
        job: The job that wrote it.
        report: What came of all rules on it.
        dagster_run_id: The run that evaluated them; where another run wrote the data, nothing is kept.

    Returns:
        A warning where the store is down and the record is delivered later.
    """
    store = open_store(config)
    execution = own_execution(config, job, dagster_run_id)
    if execution is None:
        return None
    scores = scores_of([report])
    past = store.quality_trend(job.job_id, limit=HISTORY)[::-1]
    score = scores.overall_score
    known = [each.overall_score for each in past if each.overall_score is not None]
    nulls = [each.null_percentage for each in past if each.null_percentage is not None]
    figures = (
        ("the overall score", known, score),
        ("the percentage of nulls", nulls, scores.null_percentage),
        ("the row count", past_row_counts(config, job), report.rows),
    )
    found = [anomaly(name, history, value) for name, history, value in figures if value is not None]
    record = QualityRecord(
        job_name=job.job_id,
        timestamp=time.time(),
        execution_id=execution.execution_id,
        trend=trend([*known, score]) if score is not None else None,
        anomalies_detected=[each for each in found if each],
        **scores.model_dump(),
    )
    return open_outbox(config, store).write("put_quality", record)


def own_execution(config: Config, job: Job, dagster_run_id: str) -> JobExecution | None:
    """The execution of a job in a Dagster run; None where that run did not run the job."""
    execution = open_store(config).latest_execution(job.job_id)
    return execution if execution and execution.dagster_run_id == dagster_run_id else None


def past_row_counts(config: Config, job: Job) -> list[int]:
    """Rows that the successful runs of a job before its latest one wrote, newest first."""
    runs = open_store(config).executions(job.job_id, limit=HISTORY + 1).items[1:]
    metrics = [run.execution_metrics for run in runs if run.status == "success"]
    return [each.records_written for each in metrics if each and each.records_written is not None]
