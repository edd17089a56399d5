"""A platform on AWS with a store, and a clock that passes quickly while other processes work."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from etl_platform.catalog.aws import IAM_ACTIONS
from etl_platform.platforms import driver
from etl_platform.platforms.aws_access import AwsAccess
from etl_platform.platforms.patience import Clock
from etl_platform.platforms.protocol import LogLine, Platform, RunOutcome, RunRequest
from etl_platform.tracking.records import JobExecution
from etl_platform_tests.platforms.builders import store_in

SPEED = 20.0
"""Seconds of the clock to real ones."""


class FastTime:
    """A clock that runs faster than the real one, from the same moment on."""

    def __init__(self, speed: float = SPEED):
        self._start = time.time()
        self._speed = speed

    def now(self) -> float:
        return self._start + (time.time() - self._start) * self._speed

    def wait(self, seconds: float) -> None:
        time.sleep(seconds / self._speed)

    @property
    def clock(self) -> Clock:
        return Clock(now=self.now, wait=self.wait, chance=lambda: 0.5)


class AwsBench:
    """Drives runs of one platform."""

    def __init__(self, platform: Platform, folder: Path, clock: Clock):
        self.platform = platform
        self.store = store_in(folder)
        self.clock = clock
        self.lines: list[LogLine] = []
        self.progress: list[str] = []

    def run(self, request: RunRequest) -> RunOutcome:
        return driver.run(
            self.platform,
            request,
            self.store,
            on_log=self.lines.extend,
            on_progress=self.progress.append,
            clock=self.clock,
        )

    def record(self, execution_id: str = "exec-1") -> JobExecution:
        record = self.store.execution(execution_id)
        assert record is not None
        return record

    @property
    def texts(self) -> list[str]:
        return [line.text for line in self.lines]


@contextmanager
def actions_called(access: AwsAccess, *services: str) -> Iterator[set[str]]:
    """The IAM actions that calls of some services need, as they are made; of `access` with one attempt."""
    seen: set[str] = set()

    def note(model: Any, **_: Any) -> None:
        service = model.service_model.signing_name
        seen.add(IAM_ACTIONS.get((service, model.name), f"{_PREFIXES.get(service, service)}:{model.name}"))

    clients = [access.client(service) for service in services]
    for client in clients:
        client.meta.events.register("before-call", note, unique_id="actions")
    try:
        yield seen
    finally:
        for client in clients:
            client.meta.events.unregister("before-call", unique_id="actions")


_PREFIXES = {"tagging": "tag"}

_DRIVE = """
import pickle, sys
from etl_platform.catalog.aws import IAM_ACTIONS
from etl_platform.platforms import driver
from etl_platform.platforms.aws_access import AwsAccess
from etl_platform.platforms.aws_access import AwsAccess
from etl_platform.tracking.sqlite import SqliteStore
from contextlib import contextmanager
from pathlib import Path
from importlib import import_module
module, name, url, database, request = sys.argv[1:]
platform = getattr(import_module(module), name)(AwsAccess("us-east-1", url))
driver.run(platform, pickle.loads(Path(request).read_bytes()), SqliteStore(Path(database)))
"""


def kill_while_it_waits(platform: Platform, url: str, folder: Path, request: RunRequest) -> None:
    """Drive a run in a process of its own, and kill that with SIGKILL once the handle is on record."""
    import pickle

    file = folder / "request.pickle"
    file.write_bytes(pickle.dumps(request))
    kind = type(platform)
    arguments: list[Any] = [kind.__module__, kind.__name__, url, folder / "tracking.db", file]
    process = subprocess.Popen([sys.executable, "-c", _DRIVE, *map(str, arguments)])
    store = store_in(folder)
    try:
        for _ in _until(30.0):
            record = store.execution(request.execution_id)
            if record is not None and record.run_handle is not None:
                break
            assert process.poll() is None, "the driver ended by itself"
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()


def _until(seconds: float) -> Iterator[None]:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        yield
        time.sleep(0.05)
    raise AssertionError("the handle did not come on record")
