"""Error records: what a transform could not do, kept beside the records, and the limits set on them."""

from collections.abc import Callable
from functools import cached_property

from pyspark.sql import DataFrame


class ErrorThresholdExceeded(Exception):
    """More records failed than a transform allows."""


class ErrorStage:
    """The error records of one transform.

    Args:
        site: The transform.
        errors: Makes the error records: one column `error`.
        stage_threshold: How many errors of this transform stop the job; 0: any number is allowed.
        total_threshold: The same, with the errors of the transforms before.
    """

    def __init__(
        self,
        site: str,
        errors: Callable[[], DataFrame | None],
        stage_threshold: int = 0,
        total_threshold: int = 0,
    ):
        self.site, self._errors = site, errors
        self.stage_threshold, self.total_threshold = int(stage_threshold), int(total_threshold)

    @cached_property
    def errors(self) -> DataFrame | None:
        """The error records, or None where it is known that there are none."""
        return self._errors()

    @cached_property
    def count(self) -> int:
        """How many records failed; counted once."""
        return self.errors.count() if self.errors is not None else 0


def check(stages: tuple[ErrorStage, ...]) -> None:
    """Stop where more records failed than a stage allows; counts only where a limit is set.

    Raises:
        ErrorThresholdExceeded: Naming the transform, its limit, the count, and how to see the errors.
    """
    for at, stage in enumerate(stages):
        if stage.stage_threshold and stage.count >= stage.stage_threshold:
            _stop(stage.site, "stageThreshold", stage.stage_threshold, stage.count)
        total = sum(earlier.count for earlier in stages[: at + 1]) if stage.total_threshold else 0
        if stage.total_threshold and total >= stage.total_threshold:
            _stop(stage.site, "totalThreshold", stage.total_threshold, total)


def _stop(site: str, name: str, limit: int, found: int) -> None:
    raise ErrorThresholdExceeded(
        f"{site}: {found} error records, and {name} is {limit}; see them with errorsAsDynamicFrame(), or "
        f"raise {name} (0 allows any number)."
    )
