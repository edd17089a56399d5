"""Follow one run: its state at a growing interval, its log without loss, a progress line now and then."""

from collections.abc import Callable, Sequence

from etl_platform.platforms.errors import PlatformError, TransientError
from etl_platform.platforms.patience import PATIENCE_SECONDS, Clock, patiently
from etl_platform.platforms.protocol import LogLine, Platform, RunHandle, RunState

OnLog = Callable[[Sequence[LogLine]], None]
OnProgress = Callable[[str], None]

GROWTH = 1.25
"""Each polling interval to the one before it, up to the longest that the platform names: the end of a run is
seen after a quarter of its time at the latest."""

PROGRESS_SECONDS = 10.0
"""At most one progress line in this time, unless the status changes."""

CHUNKS_A_TURN = 16
"""Log chunks read between two looks at the state: a run that prints without end is still watched."""

LAST_LINES_SECONDS = 60.0
"""How long the rest of the log is asked for after the end of the run."""


class Follower:
    """Watches one run for the driver.

    Attributes:
        handle: The run.
        warnings: Sentences about what was tolerated on the way.
    """

    def __init__(
        self, platform: Platform, handle: RunHandle, clock: Clock, on_log: OnLog, on_progress: OnProgress
    ):
        self.handle = handle
        self.warnings: list[str] = []
        self._platform = platform
        self._clock = clock
        self._on_log = on_log
        self._on_progress = on_progress
        self._cursor: str | None = None
        self._log_is_read = True
        self._log_read_at = float("-inf")
        self._log_fails_since: float | None = None
        self._told_status: str | None = None
        self._told_message: str | None = None
        self._told_at = 0.0

    def poll(self, *, seconds: float = PATIENCE_SECONDS) -> RunState:
        """The state of the run, asked for again while the platform does not answer."""
        return patiently(lambda: self._platform.poll(self.handle), self._clock, seconds=seconds)

    def until_final(self, limit: Callable[[RunState], float]) -> RunState:
        """Follow the run to its end, or to its time limit.

        Args:
            limit: The Unix second past which a run in that state is not waited for.

        Returns:
            The last state; one that is not final has passed its limit.
        """
        interval = self._platform.polling.shortest_seconds
        while True:
            state = self.poll()
            # What waits has printed nothing yet, and the rest of the log follows the end.
            if state.status == "running":
                self._read_some()
            self._tell(state)
            left = limit(state) - self._clock.now()
            if state.final or left <= 0:
                return state
            self._clock.wait(min(self._clock.jittered(interval), left))
            interval = min(interval * GROWTH, self._platform.polling.longest_seconds)

    def read_rest(self) -> None:
        """Read the log to its end; called once the run is final."""
        try:
            while self._log_is_read and patiently(self._read, self._clock, seconds=LAST_LINES_SECONDS):
                pass
        except PlatformError as error:
            self._give_up_log(error)

    def _read_some(self) -> None:
        since = self._clock.now() - self._log_read_at
        if not self._log_is_read or since < self._platform.polling.log_seconds:
            return
        self._log_read_at = self._clock.now()
        try:
            for _ in range(CHUNKS_A_TURN):
                if not self._read():
                    break
            self._log_fails_since = None
        except TransientError as error:
            # The next turn tries again: a log that is slow to come does not hold up the watch on the run.
            now = self._clock.now()
            self._log_fails_since = self._log_fails_since or now
            if now - self._log_fails_since >= PATIENCE_SECONDS:
                self._give_up_log(error)
        except PlatformError as error:
            self._give_up_log(error)

    def _read(self) -> bool:
        """Hand on one chunk; False where there was none."""
        chunk = self._platform.read_logs(self.handle, self._cursor)
        if chunk.lines:
            self._on_log(chunk.lines)
        more = chunk.cursor != self._cursor
        self._cursor = chunk.cursor
        return more

    def _give_up_log(self, error: PlatformError) -> None:
        self._log_is_read = False
        self.warnings.append(f"The log of run {self.handle.run_id} is incomplete here: {error}")

    def _tell(self, state: RunState) -> None:
        now = self._clock.now()
        if state.status == self._told_status and now - self._told_at < PROGRESS_SECONDS:
            return
        elapsed = "" if state.started is None else f" {now - state.started:.0f} s"
        parts = [f"{state.status}{elapsed}", *([str(state.progress)] if state.progress else [])]
        # A message that stays the same is said once.
        if state.message and state.message != self._told_message:
            parts.append(state.message)
        self._told_status, self._told_message, self._told_at = state.status, state.message, now
        self._on_progress(" · ".join(parts))
