"""What a job's asset returns: the run that made it, for the jobs that read it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from etl_platform.tracking.records import JobExecution


@dataclass(frozen=True)
class JobRun:
    """A run of a job, and where its data stands.

    Attributes:
        execution: The record of the run, final once the asset is materialized.
        result: What a handler returned; None for other scripts and for a run read from tracking.
        plan: What was planned, as metadata; empty for a run read from tracking.
    """

    execution: JobExecution
    result: object = None
    plan: Mapping[str, Any] = field(default_factory=dict)

    @property
    def location(self) -> str | None:
        """Where the target's data stands; None for a job without a target."""
        return self.execution.target_location
