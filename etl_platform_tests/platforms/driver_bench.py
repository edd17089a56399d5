"""A fake platform with its time, a real store and a request, ready to be driven."""

from pathlib import Path

from etl_platform.platforms import driver
from etl_platform.platforms.protocol import FinalStatus, LogLine, RunOutcome, RunRequest
from etl_platform.tracking.records import JobExecution
from etl_platform.tracking.store import TrackingStore
from etl_platform_tests.platforms.builders import config_of, job_of, request_of, store_in
from etl_platform_tests.platforms.fake_platform import FakePlatform, FakeTime


class Bench:
    def __init__(self, folder: Path, *, seconds: float = 30, ends_as: FinalStatus = "success"):
        self.time = FakeTime()
        self.platform = FakePlatform(self.time, seconds=seconds, ends_as=ends_as)
        self.store: TrackingStore = store_in(folder)
        job = job_of(stakeholders=["data@example.com"])
        self.request = request_of(config_of(folder, job), job, timeout_seconds=100.0)
        self.lines: list[LogLine] = []
        self.progress: list[str] = []

    def run(self, request: RunRequest | None = None) -> RunOutcome:
        return driver.run(
            self.platform,
            request or self.request,
            self.store,
            on_log=self.lines.extend,
            on_progress=self.progress.append,
            clock=self.time.clock,
        )

    def record(self, execution_id: str = "exec-1") -> JobExecution:
        record = self.store.execution(execution_id)
        assert record is not None
        return record
