"""What is ours in an account: what carries our tag may be changed and removed, all else is only used."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from etl_platform.config.models.job import Job
from etl_platform.config.project import Config

OWNER_TAG = "etl-platform"
"""Key of the tag on all that `deploy` makes; its value is `owned`."""

JOB_TAG = "etl-platform-job"
"""Key of the tag that names the job."""

EXECUTION_TAG = "etl-platform-execution"
"""Key of the tag that names the attempt, on what is made for one run."""


def tags_of(job: Job) -> dict[str, str]:
    """The tags of what is made for a job: the job's own, and ours."""
    return {**job.tags, OWNER_TAG: "owned", JOB_TAG: job.job_id}


def is_owned(tags: Mapping[str, str]) -> bool:
    """Whether something with these tags was made by `deploy`."""
    return tags.get(OWNER_TAG) == "owned"


@dataclass(frozen=True)
class Change:
    """What `deploy` does, or would do, with one thing in the account.

    Attributes:
        kind: Such as `Glue job`.
        name: Its name there.
        action: `keep`: it is as it should be; `foreign`: it exists without our tag and is only used.
        differences: Lines such as `NumberOfWorkers: 2 → 10`.
    """

    kind: str
    name: str
    action: Literal["create", "update", "keep", "foreign", "remove"]
    differences: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Such as `Glue job flights: update (NumberOfWorkers: 2 → 10)`."""
        details = f" ({'; '.join(self.differences)})" if self.differences else ""
        return f"{self.kind} {self.name}: {self.action}{details}"


class Deployer(Protocol):
    """A platform that keeps definitions of jobs in the account."""

    def deploy(self, job: Job, config: Config, *, dry_run: bool) -> tuple[Change, ...]:
        """Make or update what the job needs there; a second time nothing is left to do."""
        ...

    def owned(self) -> tuple[Change, ...]:
        """All that carries our tag, as changes with the action `remove`."""
        ...

    def remove(self, change: Change) -> None:
        """Remove one of `owned`; no error where it is gone."""
        ...


def differences(current: Mapping[str, Any], wanted: Mapping[str, Any]) -> tuple[str, ...]:
    """Where something differs from what is wanted; keys that nobody wants are not looked at.

    A value whose key tells of a secret would have been refused before; arguments hold references only.
    """
    return tuple(_differences(current, wanted, ""))


def _differences(current: Mapping[str, Any], wanted: Mapping[str, Any], prefix: str) -> Iterator[str]:
    for key, value in wanted.items():
        there = current.get(key)
        if isinstance(value, Mapping):
            yield from _differences(there if isinstance(there, Mapping) else {}, value, f"{prefix}{key}.")
        elif there != value:
            yield f"{prefix}{key}: {'absent' if there is None else there} → {value}"
