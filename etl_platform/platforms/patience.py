"""Time as the driver sees it, and calls that are repeated while a platform does not answer."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import tenacity

from etl_platform.platforms.errors import TransientError

T = TypeVar("T")

PATIENCE_SECONDS = 600.0
"""How long a platform may fail to answer one call before the driver gives up on it."""


@dataclass(frozen=True)
class Clock:
    """What the driver knows of time; tests bring one that does not pass by itself.

    Attributes:
        now: Unix seconds.
        wait: Waits that many seconds.
        chance: A number in [0, 1), for jitter.
    """

    now: Callable[[], float] = time.time
    wait: Callable[[float], None] = time.sleep
    chance: Callable[[], float] = random.random

    def jittered(self, seconds: float) -> float:
        """Within a fifth of that time, so that many runs do not ask in step."""
        return seconds * (0.8 + 0.4 * self.chance())


def patiently(call: Callable[[], T], clock: Clock, *, seconds: float = PATIENCE_SECONDS) -> T:
    """Call, and call again after a growing wait while it fails with `TransientError`.

    Raises:
        TransientError: It still failed that way after `seconds`.
    """
    started = clock.now()
    retrying = tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(TransientError),
        wait=lambda state: clock.jittered(min(2.0 ** (state.attempt_number - 1), 30.0)),
        stop=lambda _: clock.now() - started >= seconds,
        sleep=clock.wait,
        reraise=True,
    )
    return retrying(call)
