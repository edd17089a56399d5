"""Figures of a run that ended, from several places, as its outcome takes them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from etl_platform.tracking.records import ExecutionMetrics


@dataclass(frozen=True)
class Figures:
    """What was measured; a figure that nobody measured is absent.

    Attributes:
        values: By name: a field of `ExecutionMetrics`, or a counter with its unit in the name, such as
            `cpu_seconds`.
        warnings: Sentences about what could not be measured.
    """

    values: Mapping[str, float] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    def __or__(self, stronger: "Figures") -> "Figures":
        """Both; where both have a figure, the right one's counts."""
        return Figures({**self.values, **stronger.values}, (*self.warnings, *stronger.warnings))

    @property
    def metrics(self) -> ExecutionMetrics:
        """The figures that a record has fields for."""
        known = ExecutionMetrics.model_fields
        return ExecutionMetrics.model_validate({k: v for k, v in self.values.items() if k in known})

    @property
    def usage(self) -> dict[str, float]:
        """All other figures."""
        known = ExecutionMetrics.model_fields
        return {name: value for name, value in self.values.items() if name not in known}

    def as_outcome(self) -> dict[str, Any]:
        """The arguments `metrics`, `usage` and `warnings` of a `RunOutcome`."""
        return {"metrics": self.metrics, "usage": self.usage, "warnings": self.warnings}
