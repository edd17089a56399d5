"""Takes a platform whose service fails out of the options for a while.

The state is what is recorded of the runs, so that all processes share it and none can lose it: a circuit is
open while the latest runs on a platform, of whichever job, all failed by the platform's own fault.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from etl_platform.config.models.base import PlatformName
from etl_platform.tracking.records import ErrorClass, JobExecution, Status
from etl_platform.tracking.store import TrackingStore

PLATFORM_FAULTS: frozenset[ErrorClass] = frozenset(("capacity", "throttled"))
"""Failures that the service has to answer for; code, data and permissions are the job's own."""

FAILURES = 3
"""Failures in a row that open the circuit."""

OPEN_SECONDS = 600.0
"""How long it stays open after the last failure; then one run tries again, and its failure opens it anew."""

WINDOW_SECONDS = 3600.0
"""Runs that ended earlier say nothing of now."""


@dataclass(frozen=True)
class OpenCircuit:
    """A platform that fails.

    Attributes:
        failures: Failures in a row.
        until: Unix seconds at which it is tried again.
        last_error: What the last failure said.
    """

    platform: str
    failures: int
    until: float
    last_error: str | None

    def sentence(self, now: float) -> str:
        """Why it is left out, for people."""
        minutes = max(1, round((self.until - now) / 60))
        return (
            f"its last {self.failures} runs failed by its own fault ({self.last_error or 'no message'}); "
            f"it is tried again in {minutes} min"
        )


def open_circuits(store: TrackingStore, now: float) -> dict[PlatformName, OpenCircuit]:
    """The platforms that are out of the options now."""
    since = now - WINDOW_SECONDS
    statuses: tuple[Status, ...] = ("failed", "timeout", "success", "running")
    return circuits_of((one for each in statuses for one in store.executions_by_status(each, since)), now)


def circuits_of(executions: Iterable[JobExecution], now: float) -> dict[PlatformName, OpenCircuit]:
    """The open circuits that runs speak of; those of the local platform never open.

    A run that goes on says nothing, unless its platform stopped answering about it.
    """
    by_platform: dict[str, list[JobExecution]] = {}
    for one in executions:
        says_nothing = one.status == "cancelled" or (one.status == "running" and one.error_details is None)
        if one.job_type and one.job_type != "local" and not says_nothing:
            by_platform.setdefault(one.job_type, []).append(one)
    found = {}
    for platform, runs in by_platform.items():
        runs.sort(key=_ended, reverse=True)
        failures = 0
        for one in runs:
            if one.status == "success" or not _platforms_fault(one):
                break
            failures += 1
        until = _ended(runs[0]) + OPEN_SECONDS
        if failures >= FAILURES and now < until:
            message = runs[0].error_details and runs[0].error_details.error_message
            found[platform] = OpenCircuit(platform, failures, until, message)
    return found


def _ended(one: JobExecution) -> float:
    failed = one.error_details and one.error_details.error_timestamp
    return one.end_time or failed or one.timestamp


def _platforms_fault(one: JobExecution) -> bool:
    return one.error_details is not None and one.error_details.error_class in PLATFORM_FAULTS
