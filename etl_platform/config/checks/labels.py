"""Owners and tags, in the forms that Dagster takes."""

import re
from collections.abc import Iterator

from etl_platform.config.checks.problem import Problem
from etl_platform.config.models.job import Job

_OWNER = re.compile(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,7}|team:.+")
_TAG_KEY = re.compile(r"([A-Za-z0-9_.-]{1,63}/)?[A-Za-z0-9_.-]{1,63}")
_TAG_VALUE = re.compile(r"[A-Za-z0-9_.-]{0,63}")


def owners(job: Job) -> Iterator[Problem]:
    """An owner is an e-mail address or a team."""
    for index, owner in enumerate(job.owners):
        if not _OWNER.fullmatch(owner):
            yield Problem(("owners", index), "is neither an e-mail address nor `team:NAME`", owner)


def tags(job: Job) -> Iterator[Problem]:
    """Keys and values of tags have the letters and the length that Dagster allows."""
    for key, value in job.tags.items():
        if not _TAG_KEY.fullmatch(key):
            message = (
                "the key of a tag has letters, digits, `_`, `-` and `.`, at most 63, and may have a `prefix/`"
            )
            yield Problem(("tags", key), message)
        if not _TAG_VALUE.fullmatch(value):
            message = "the value of a tag has letters, digits, `_`, `-` and `.`, at most 63"
            yield Problem(("tags", key), message)
