"""A loaded configuration: its jobs, settings and the places where they were declared."""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Literal

from etl_platform.config.models.global_settings import GlobalSettings
from etl_platform.config.models.job import Job


class UnknownJobError(LookupError):
    """A job id that the configuration does not have.

    Attributes:
        job_id: The id that was asked for.
        suggestion: The id that was probably meant, if there is one.
    """

    def __init__(self, job_id: str, known: list[str], path: Path):
        self.job_id = job_id
        self.suggestion = next(iter(difflib.get_close_matches(job_id, known, 1)), None)
        hint = f'; did you mean "{self.suggestion}"?' if self.suggestion else "."
        super().__init__(f'{path}: no job "{job_id}"{hint} `etl-platform list` shows all {len(known)} jobs.')


@dataclass(frozen=True)
class Place:
    """Where something was declared."""

    path: Path
    line: int


@dataclass(frozen=True)
class Config:
    """A configuration without faults.

    Attributes:
        path: Absolute path of the file that was loaded.
        jobs: All jobs, enabled or not, in the order of the files.
        settings: `global_settings`.
        profile: The profile in force; environment variable ETL_PLATFORM_PROFILE wins over the file.
        warnings: Sentences about what is accepted but probably not meant, each with its place.
        places: Job id to the line that declares it.
    """

    path: Path
    jobs: tuple[Job, ...]
    settings: GlobalSettings
    profile: Literal["local", "aws"] = "local"
    warnings: tuple[str, ...] = ()
    places: Mapping[str, Place] = field(default_factory=dict)

    @cached_property
    def _by_id(self) -> dict[str, Job]:
        return {job.job_id: job for job in self.jobs}

    def job(self, job_id: str) -> Job:
        """The job of that id.

        Raises:
            UnknownJobError: No job has it.
        """
        try:
            return self._by_id[job_id]
        except KeyError:
            raise UnknownJobError(job_id, list(self._by_id), self.path) from None

    def resolve(self, path: str) -> Path:
        """A path of the configuration as an absolute one; relative ones start at the file's folder."""
        return (self.path.parent / path).resolve()

    @property
    def local_root(self) -> Path:
        """The folder that stands for S3 and Glue under the local profile."""
        return self.resolve(self.settings.local.root)
