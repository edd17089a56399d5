"""What a check finds in a job."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from etl_platform.config.faults import KeyPath
from etl_platform.config.models.job import Job


class _Nothing:
    """No value is part of the sentence."""


NOTHING: Final = _Nothing()


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that is wrong with a job whose types are right.

    Attributes:
        path: The way to it from the job.
        message: A sentence; where `value` is given, the value is put before it, if it may be shown.
        value: The subject of the sentence.
    """

    path: KeyPath
    message: str
    value: Any = NOTHING


JobCheck = Callable[[Job], Iterator[Problem]]
