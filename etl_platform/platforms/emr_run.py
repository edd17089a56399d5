"""What is kept of an EMR run, to find it and its logs again."""

from dataclasses import dataclass
from typing import Any, cast

from etl_platform.platforms.gzip_logs import Stream
from etl_platform.platforms.protocol import RunHandle


@dataclass(frozen=True)
class EmrRun:
    """What the handle of a run keeps.

    Attributes:
        cluster_id: The cluster.
        step_id: The step; None: the cluster is the run's own, and has one step.
        submitted: Unix seconds.
        timeout_seconds: Time limit.
        log_uri: Where the cluster copies its logs to; None: nowhere.
        event_log: Where Spark's event log is; None: nowhere.
    """

    cluster_id: str
    step_id: str | None
    submitted: float
    timeout_seconds: float
    log_uri: str | None
    event_log: str | None

    @classmethod
    def of(cls, handle: RunHandle) -> "EmrRun":
        """The run of a handle."""
        return cls(**cast("Any", handle.details))

    @property
    def transient(self) -> bool:
        """Whether the cluster lives for this run alone."""
        return self.step_id is None

    def log_files(self, step_id: str | None) -> dict[Stream, str]:
        """Where a step's output is copied to; empty where it is not."""
        if self.log_uri is None or step_id is None:
            return {}
        folder = f"{self.log_uri.rstrip('/')}/{self.cluster_id}/steps/{step_id}"
        return {"stdout": f"{folder}/stdout.gz", "stderr": f"{folder}/stderr.gz"}
