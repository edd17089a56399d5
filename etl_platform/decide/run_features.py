"""What is known of a run before it starts, as numbers that a runtime model can learn from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

SIZE_COLUMNS = ("data", "cores", "memory per core", "cores per node")
"""The columns that every run has, in this order, before the further features of a job."""

SHARE_RANGE = 10
"""Numbers up to 1 that span a larger range are small quantities, such as a tolerance, and not shares."""


@dataclass(frozen=True)
class RunShape:
    """A run of one job that is or was: its input and its machines.

    Attributes:
        data_gb: Input; 2**30 bytes.
        cores: vCPU of all nodes that work.
        nodes: Workers, executors or instances.
        memory_gb: Memory of all nodes that work.
        machine: What kind of machine, such as `glue G.2X` or `m5.xlarge`; runs on the same kind are alike.
        start_seconds: What passes before the job's first line, as far as a cold start knows; above 0.
        work_seconds: What its work takes thereafter, as far as a cold start knows.
        hosts_driver: Whether the driver may run on one of the nodes.
        extra: Further features of the job: numbers, or names of categories.
    """

    data_gb: float
    cores: float
    nodes: float
    memory_gb: float
    machine: str
    start_seconds: float
    work_seconds: float
    hosts_driver: bool = False
    extra: Mapping[str, float | str] = field(default_factory=dict)


class Encoder:
    """Turns run shapes into a matrix whose columns a power law links to the runtime.

    Runtime is near to a product of powers of data, cores and memory, so positive columns go in as logarithms;
    a share from 0 to 1 goes in as it is, another column with zeros or negative numbers as a share of its
    largest size, a name as 0 or 1. Machines are the last column, as a number without meaning.
    """

    def __init__(self, shapes: Sequence[RunShape]):
        """Learn the columns from the runs to train on."""
        import numpy as np

        self.machines = {name: code for code, name in enumerate(dict.fromkeys(one.machine for one in shapes))}
        self._numbers: dict[str, tuple[bool, float, float]] = {}
        self._names: list[tuple[str, str]] = []
        for name in dict.fromkeys(name for one in shapes for name in one.extra):
            values = [one.extra[name] for one in shapes if name in one.extra]
            if any(isinstance(value, str) for value in values):
                self._names += [(name, level) for level in dict.fromkeys(str(value) for value in values)]
                continue
            numbers = np.array(values, float)
            numbers = numbers[np.isfinite(numbers)]
            if len(numbers) == 0:
                continue
            least, largest = float(numbers.min()), float(np.abs(numbers).max())
            # A share, such as a probability, may be 0 in the next run: it stays as it is.
            share = largest <= 1 and (least <= 0 or largest / least < SHARE_RANGE)
            logarithmic = least > 0 and not share
            largest = 1.0 if share else largest
            scaled = np.log(numbers) if logarithmic else numbers / largest
            self._numbers[name] = (logarithmic, largest, float(np.median(scaled)))

    @property
    def columns(self) -> list[str]:
        """Names of the columns, without that of the machine."""
        levels = [f"{name}={level}" for name, level in self._names]
        return [*SIZE_COLUMNS, *self._numbers, *levels]

    @property
    def shares(self) -> set[str]:
        """The columns that are no logarithms but shares of 1 or of their largest size."""
        return {name for name, (logarithmic, _, _) in self._numbers.items() if not logarithmic}

    def encode(self, shapes: Sequence[RunShape]) -> "np.ndarray":
        """The matrix of some runs, one row each: `columns`, then the machine; unseen machines are below 0."""
        import numpy as np

        unseen: dict[str, int] = {}
        rows = [
            [
                *self._size(one),
                *(self._number(one, name) for name in self._numbers),
                *(float(one.extra.get(name) == level) for name, level in self._names),
                self.machines.get(one.machine, -1 - unseen.setdefault(one.machine, len(unseen))),
            ]
            for one in shapes
        ]
        return np.array(rows, float).reshape(len(rows), len(self.columns) + 1)

    @staticmethod
    def _size(one: RunShape) -> tuple[float, ...]:
        from math import log

        # Runs of next to no data take the time of their start; a megabyte keeps the logarithm finite.
        data = log(max(one.data_gb, 2.0**-10))
        return data, log(one.cores), log(one.memory_gb / one.cores), log(one.cores / one.nodes)

    def _number(self, one: RunShape, name: str) -> float:
        from math import isfinite, log

        logarithmic, largest, usual = self._numbers[name]
        value = one.extra.get(name)
        if value is None or isinstance(value, str) or not isfinite(value):
            return usual
        if not logarithmic:
            return value / largest
        return log(value) if value > 0 else usual
