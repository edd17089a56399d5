"""Measurements of this process, kept for a while, so that jobs which share a source measure it once."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from etl_platform.catalog.stats import TableStats

MAX_AGE_SECONDS = 300.0
"""Long enough for `plan` over all jobs, short enough that a code server notices a load."""


@dataclass
class MeasurementCache:
    """Measurements by source; threads that ask for the same source wait for the first of them."""

    _kept: dict[str, TableStats] = field(default_factory=dict)
    _locks: dict[str, threading.Lock] = field(default_factory=dict)
    _guard: threading.Lock = field(default_factory=threading.Lock)

    def get(self, key: str, max_age_seconds: float, measure: Callable[[], TableStats]) -> TableStats:
        """The kept measurement where it is young enough, else a new one.

        Args:
            key: All that the measurement depends on.
            max_age_seconds: 0 measures anew.
            measure: Makes a measurement; what it raises passes through, and nothing is kept.
        """
        with self._guard:
            lock = self._locks.setdefault(key, threading.Lock())
        with lock:
            kept = self._kept.get(key)
            if kept is None or time.time() - kept.measured_at >= max_age_seconds:
                kept = self._kept[key] = measure()
            return kept


CACHE = MeasurementCache()
"""The cache of this process."""
