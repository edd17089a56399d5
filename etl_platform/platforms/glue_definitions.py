"""The definitions of jobs in Glue: made and updated where they are ours, only used where they are not."""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from etl_platform.config.models.job import Job
from etl_platform.platforms.aws_access import AwsAccess, calling
from etl_platform.platforms.errors import NotRunnableError, PlatformError, RunNotFoundError, TransientError
from etl_platform.platforms.ownership import OWNER_TAG, Change, differences, tags_of

KIND = "Glue job"

NAMES_A_CALL = 100
"""Definitions that one BatchGetJobs is asked for."""

FRESH_SECONDS = 60.0
"""How long what the account said of our definitions is taken for true."""

_MISSING = ("EntityNotFoundException",)
_MEANWHILE = ("AlreadyExistsException", "ConcurrentModificationException")

_log = logging.getLogger(__name__)


class GlueDefinitions:
    """The definitions in one account; safe for several threads."""

    def __init__(self, access: AwsAccess, now: Callable[[], float] = time.monotonic):
        """Work there.

        Args:
            access: Where Glue is.
            now: Seconds that only rise.
        """
        self._access = access
        self._now = now
        self._lock = threading.RLock()
        self._ours: dict[str, dict[str, Any]] = {}
        self._ours_at: float | None = None
        self._by_name: dict[str, threading.Lock] = {}
        self._seen: dict[str, tuple[float, dict[str, Any], str]] = {}

    def current(self, name: str) -> dict[str, Any] | None:
        """The definition of that name; None: there is none."""
        client = self._access.client("glue")
        try:
            with calling("glue", not_found=_MISSING):
                return client.get_job(JobName=name)["Job"]
        except RunNotFoundError:
            return None

    def ours(self) -> Mapping[str, dict[str, Any]]:
        """All definitions that carry our tag, by name, in one call for each hundred of them."""
        with self._lock:
            if self._ours_at is None or self._now() - self._ours_at > FRESH_SECONDS:
                self._ours = {job["Name"]: job for job in self._listed()}
                self._ours_at = self._now()
            return self._ours

    def ensure(self, name: str, job: Job, wanted: dict[str, Any]) -> str:
        """Make a definition as it should be where it is ours; runs of one job that start together look once.

        Returns:
            The name of its command, such as `glueetl`; one that is not ours may have another than `wanted`.

        Raises:
            NotRunnableError: It must be made or changed, and there is no role for it.
        """
        with self._lock:
            one_by_one = self._by_name.setdefault(name, threading.Lock())
        with one_by_one:
            seen = self._seen.get(name)
            if seen and seen[1] == wanted and self._now() - seen[0] < FRESH_SECONDS:
                return seen[2]
            current = self.current(name)
            change = self.settle(name, job, wanted, current, dry_run=False)
            command = wanted["Command"]["Name"]
            if change.action == "foreign" and current is not None:
                command = current["Command"]["Name"]
            self._seen[name] = (self._now(), wanted, command)
            return command

    def settle(
        self, name: str, job: Job, wanted: dict[str, Any], current: dict[str, Any] | None, *, dry_run: bool
    ) -> Change:
        """Make a definition, or make it as it should be; one without our tag is left alone.

        Args:
            name: Its name.
            job: For the tags.
            wanted: As it should be, without name and tags.
            current: As it is; None: there is none.
            dry_run: Only tell what would be done.

        Raises:
            NotRunnableError: It must be made or changed, and there is no role for it.
            TransientError: Somebody else changed it at the same moment.
        """
        if current is None:
            change = Change(KIND, name, "create")
        elif not (changes := changes_to(current, wanted)):
            return Change(KIND, name, "keep")
        elif name not in self.ours():
            return Change(KIND, name, "foreign")
        else:
            change = Change(KIND, name, "update", changes)
        if "Role" not in wanted:
            raise NotRunnableError(
                f'job "{job.job_id}": Glue runs it as an IAM role; set platform.iam_role to the name or ARN '
                "of one that Glue may take (`etl-platform iam` prints its policy)."
            )
        if not dry_run:
            _log.info("deploy=<%s> | definition differs from the configuration", change)
            self._write(change, job, wanted)
        return change

    def remove(self, name: str) -> None:
        """Remove one; no error where it is gone."""
        client = self._access.client("glue")
        # DeleteJob does not fail for a job that is not there.
        with calling("glue"):
            client.delete_job(JobName=name)
        with self._lock:
            self._ours.pop(name, None)
            self._seen.pop(name, None)

    def _write(self, change: Change, job: Job, wanted: dict[str, Any]) -> None:
        client = self._access.client("glue")
        try:
            with calling("glue", not_found=_MEANWHILE):
                if change.action == "create":
                    client.create_job(Name=change.name, Tags=tags_of(job), **wanted)
                else:
                    client.update_job(JobName=change.name, JobUpdate=wanted)
        except RunNotFoundError as error:
            raise TransientError(f"{change.name} was made or changed at the same moment: {error}") from error
        with self._lock:
            self._ours[change.name] = {"Name": change.name, **wanted}

    def _listed(self) -> list[dict[str, Any]]:
        client = self._access.client("glue")
        found: list[dict[str, Any]] = []
        with calling("glue"):
            pages = client.get_paginator("list_jobs").paginate(Tags={OWNER_TAG: "owned"})
            names = [name for page in pages for name in page["JobNames"]]
            for start in range(0, len(names), NAMES_A_CALL):
                found += client.batch_get_jobs(JobNames=names[start : start + NAMES_A_CALL])["Jobs"]
        return found


def changes_to(current: Mapping[str, Any], wanted: Mapping[str, Any]) -> tuple[str, ...]:
    """Where a definition differs from what is wanted, arguments that nobody wants any more among it."""
    # Glue leaves empty lists out.
    there = {**current, "Connections": {"Connections": [], **(current.get("Connections") or {})}}
    left = {
        name: value
        for name, value in (current.get("DefaultArguments") or {}).items()
        if name not in wanted["DefaultArguments"]
    }
    return (
        *differences(there, wanted),
        *(f"DefaultArguments.{name}: {value} → absent" for name, value in left.items()),
    )


def name_of(change: Change) -> str:
    """The name of a definition of ours.

    Raises:
        PlatformError: The change is about something else.
    """
    if change.kind != KIND:
        raise PlatformError(f"{change.kind} {change.name} is no {KIND}.")
    return change.name
