"""One describe call for many runs: a hundred polls at once ask the service once."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Generic, TypeVar

State = TypeVar("State")

FORGET_AFTER_SECONDS = 300.0
"""A run that nobody has asked for this long is not described along with the others any more."""


class SharedDescribe(Generic[State]):
    """Answers of a service that can describe several runs in one call, for all threads that poll them."""

    def __init__(
        self,
        describe: Callable[[Sequence[str]], Mapping[str, State]],
        *,
        at_most: int,
        fresh_seconds: float,
        now: Callable[[], float] = time.monotonic,
    ):
        """Describe by the given call.

        Args:
            describe: The states of some runs, by id; a run that the service does not know is left out.
            at_most: How many runs one call may describe.
            fresh_seconds: How old an answer may be; less than the shortest polling interval.
            now: Seconds that only rise.
        """
        self._describe = describe
        self._at_most = at_most
        self._fresh_seconds = fresh_seconds
        self._now = now
        self._lock = threading.Lock()
        self._asked: dict[str, float] = {}
        self._answers: dict[str, tuple[float, State | None]] = {}

    def get(self, run_id: str, *, fresh_seconds: float | None = None) -> State | None:
        """The state of a run; None: the service does not know it. What `describe` raises passes through.

        Args:
            run_id: The run.
            fresh_seconds: How old this answer may be; absent: as for all.
        """
        now = self._now()
        fresh = self._fresh_seconds if fresh_seconds is None else fresh_seconds
        # Dictionaries are safe for this; the threads that wait for the lock are to be in the next call.
        self._asked[run_id] = now
        with self._lock:
            answer = self._answers.get(run_id)
            # An answer that came while this thread waited for the lock is fresh enough.
            if answer is None or answer[0] < now - fresh:
                batch = self._batch(run_id)
                states = self._describe(batch)
                seen = self._now()
                for name in batch:
                    self._answers[name] = (seen, states.get(name))
            return self._answers[run_id][1]

    def forget(self, run_id: str) -> None:
        """Leave a run that is final out of further calls."""
        with self._lock:
            self._asked.pop(run_id, None)
            self._answers.pop(run_id, None)

    def _batch(self, run_id: str) -> list[str]:
        now = self._now()
        asked = dict(self._asked)
        for name, when in asked.items():
            if now - when > FORGET_AFTER_SECONDS:
                self._asked.pop(name, None)
                self._answers.pop(name, None)
        waiting = [name for name in asked if name != run_id and now - asked[name] <= FORGET_AFTER_SECONDS]
        oldest_first = sorted(waiting, key=lambda name: self._answers.get(name, (float("-inf"),))[0])
        return [run_id, *oldest_first[: self._at_most - 1]]
