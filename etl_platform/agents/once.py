"""What the tools of a case measure, measured once a case."""

import threading
import weakref
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from etl_platform.agents.agent import Case

Measured = TypeVar("Measured")


@dataclass
class _Kept:
    lock: threading.Lock = field(default_factory=threading.Lock)
    values: list[Any] = field(default_factory=list)


def once(measure: Callable[[Case], Measured]) -> Callable[[Case], Measured]:
    """Let a measurement of a case run once, however many tools, threads and checks ask for it.

    It is kept as long as the case lives; an error is not kept.
    """
    kept: dict[int, _Kept] = {}

    def measured(case: Case) -> Measured:
        # A case holds lists, so it has no hash; it is told from others by its identity.
        entry = kept.get(id(case))
        if entry is None:
            entry = kept.setdefault(id(case), _Kept())
            weakref.finalize(case, kept.pop, id(case), None)
        with entry.lock:
            if not entry.values:
                entry.values.append(measure(case))
            return entry.values[0]

    measured.__doc__ = measure.__doc__
    measured.__name__ = measure.__name__
    return measured
