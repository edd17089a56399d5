"""What is kept of a job's run: its record in tracking, and metadata on the asset."""

from typing import Any

import dagster as dg

from etl_platform.config.project import Config
from etl_platform.orchestration.issue_registry import register_issues
from etl_platform.orchestration.job_run import JobRun
from etl_platform.tracking.open import open_store
from etl_platform.tracking.outbox import open_outbox
from etl_platform.tracking.records import JobExecution

GB = 2**30


class TrackingIOManager(dg.IOManager):
    """Writes the run of a job into tracking, and hands it to the jobs that read its target.

    Args:
        config: Says where tracking is.
    """

    def __init__(self, config: Config):
        self._config = config

    def handle_output(self, context: dg.OutputContext, obj: JobRun) -> None:
        """Write the final record, count the run's cost, and show its figures on the asset.

        A store that is down does not fail a job that succeeded: what it does not take is delivered later.
        """
        outbox = open_outbox(self._config, open_store(self._config))
        kept = [outbox.write("put_execution", obj.execution), outbox.write("count_cost", obj.execution)]
        kept += register_issues(self._config, obj.execution)
        for warning in [*obj.execution.warnings, *dict.fromkeys(filter(None, kept))]:
            context.log.warning(warning)
        context.add_output_metadata({**obj.plan, **run_metadata(obj.execution)})

    def load_input(self, context: dg.InputContext) -> JobRun | None:
        """The latest successful run of the job upstream; None where there has been none yet."""
        if context.upstream_output is None:
            raise dg.DagsterInvariantViolationError("a job's run is read only from the asset of that job")
        job_id = context.asset_key.path[-1]
        executions = open_store(self._config).executions(job_id).items
        return next((JobRun(each) for each in executions if each.status == "success"), None)


def run_metadata(execution: JobExecution) -> dict[str, Any]:
    """The figures of a run as metadata; what nobody measured is left out."""
    metrics, cost = execution.execution_metrics, execution.cost_breakdown
    figures: dict[str, Any] = {
        "execution_id": execution.execution_id,
        "platform": execution.job_type,
        "duration_seconds": execution.duration_seconds,
        "attempt": execution.attempt,
        "cost_usd": cost.total_cost_usd if cost else None,
    }
    if metrics:
        figures |= {
            # Dagster plots this key as the asset's row count.
            "dagster/row_count": metrics.records_written,
            "records_read": metrics.records_processed,
            "bytes_read": _bytes(metrics.data_read_gb),
            "bytes_written": _bytes(metrics.data_written_gb),
            "output_file_count": metrics.output_file_count,
            "memory_mb_max": metrics.memory_mb_max,
        }
    if execution.target_location:
        figures["target"] = dg.MetadataValue.path(execution.target_location)
    if execution.log_location:
        figures["log"] = dg.MetadataValue.path(execution.log_location)
    return {name: value for name, value in figures.items() if value is not None}


def _bytes(gigabytes: float | None) -> int | None:
    return None if gigabytes is None else round(gigabytes * GB)
