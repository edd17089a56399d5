"""The local platform with real processes; the scripts are plain Python, which starts at once."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from etl_platform.platforms import driver, process_tree
from etl_platform.platforms.errors import NotRunnableError, RunNotFoundError
from etl_platform.platforms.local import HANDLE_FILE, LocalPlatform, run_dir
from etl_platform.platforms.protocol import LogLine, RunHandle, RunOutcome, RunRequest
from etl_platform.runtime.java import NoJavaError, java_home
from etl_platform.tracking.records import JobExecution
from etl_platform_tests.platforms.builders import script_request, store_in

WAIT_SECONDS = 30.0
"""Far more than anything here takes; it ends a test that would hang."""

SLEEPS = "import time\nopen('started', 'w').close()\ntime.sleep(600)\n"


@pytest.fixture(autouse=True)
def nothing_is_left_running(tmp_path: Path) -> Iterator[None]:
    yield
    for folder in (tmp_path / "root" / "runs").glob("*"):
        process_tree.end(folder)


class Station:
    """The local platform with a store beside it."""

    def __init__(self, folder: Path):
        self.platform = LocalPlatform()
        self.store = store_in(folder)
        self.lines: list[LogLine] = []

    def run(self, request: RunRequest) -> RunOutcome:
        return driver.run(self.platform, request, self.store, on_log=self.lines.extend)

    def start(self, request: RunRequest) -> RunHandle:
        self.platform.prepare(request)
        return self.platform.submit(request)

    def record(self, execution_id: str = "exec-1") -> JobExecution:
        record = self.store.execution(execution_id)
        assert record is not None
        return record

    def texts(self, stream: str) -> list[str]:
        return [line.text for line in self.lines if line.stream == stream]


def until(condition: Callable[[], object], what: str, *, seconds: float = WAIT_SECONDS) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not come about"
        time.sleep(0.02)


def folder_of(request: RunRequest) -> Path:
    return run_dir(request.config, request.execution_id)


def script_runs(request: RunRequest) -> None:
    """Wait until the script has said that it runs, by a file `started`."""
    until((folder_of(request) / "started").exists, "the script's start")


def lives(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def pid_in(path: Path) -> int:
    until(lambda: path.exists() and path.read_text(), f"{path.name}")
    return int(path.read_text())


def test_script_runs_and_its_output_is_followed(tmp_path: Path):
    script = "import sys\nprint('to out')\nprint('to err', file=sys.stderr)\nprint(sys.argv[1:])\n"
    station = Station(tmp_path)
    outcome = station.run(script_request(tmp_path, script))
    assert outcome.status == "success"
    assert station.texts("stdout") == ["to out", "['--JOB_NAME', 'orders', '--EXECUTION_ID', 'exec-1']"]
    assert station.texts("stderr") == ["to err"]
    assert outcome.started and outcome.ended and outcome.ended >= outcome.started


def test_result_of_a_handler_comes_back(tmp_path: Path):
    script = "def handler(event, context):\n    return {'job': event['JOB_NAME']}\n"
    assert Station(tmp_path).run(script_request(tmp_path, script)).result == {"job": "orders"}


def test_exception_of_the_script_is_a_failure_of_the_code(tmp_path: Path):
    station = Station(tmp_path)
    outcome = station.run(script_request(tmp_path, "raise ValueError('no such region')\n"))
    error = station.record().error_details
    assert (outcome.status, outcome.retry_can_help, station.record().status) == ("failed", False, "failed")
    assert error and (error.error_class, error.error_type) == ("code", "ValueError")
    assert error.error_message == "no such region" and "job.py" in (error.error_stack_trace or "")


def test_network_fault_of_the_script_may_be_retried(tmp_path: Path):
    outcome = Station(tmp_path).run(script_request(tmp_path, "raise ConnectionResetError('by peer')\n"))
    assert outcome.retry_can_help


def test_script_killed_in_the_middle_hints_at_memory(tmp_path: Path):
    script = "import os, signal\nprint('half way', flush=True)\nos.kill(os.getpid(), signal.SIGKILL)\n"
    station = Station(tmp_path)
    outcome = station.run(script_request(tmp_path, script))
    assert outcome.status == "failed" and station.texts("stdout") == ["half way"]
    assert outcome.error and outcome.error.error_class == "out_of_memory"
    assert "SIGKILL" in (outcome.error.error_message or "") and outcome.retry_can_help


def test_launcher_killed_in_the_middle_is_a_failure_and_leaves_nothing_running(tmp_path: Path):
    script = "import os, time\nopen('pid', 'w').write(str(os.getpid()))\ntime.sleep(600)\n"
    station = Station(tmp_path)
    request = script_request(tmp_path, script)
    handle = station.start(request)
    child = pid_in(folder_of(request) / "pid")
    os.kill(int(str(handle.details["pid"])), signal.SIGKILL)
    until(lambda: station.platform.poll(handle).final, "the end")
    outcome = station.platform.outcome(request, handle)
    assert outcome.status == "failed" and outcome.error
    assert "SIGKILL" in (outcome.error.error_message or "") and not lives(child)


def test_vanished_run_of_another_process_is_a_failure_with_its_last_words(tmp_path: Path):
    station = Station(tmp_path)
    request = script_request(tmp_path, SLEEPS)
    handle = station.start(request)
    script_runs(request)
    for process in process_tree.members(folder_of(request)):
        process.kill()
    (folder_of(request) / "launcher.log").write_text("bus error in the launcher")
    other = LocalPlatform()
    until(lambda: other.poll(handle).final, "the end")
    outcome = other.outcome(request, handle)
    assert outcome.status == "failed" and outcome.error
    assert outcome.error.error_type == "ProcessVanished"
    assert "bus error in the launcher" in (outcome.error.error_message or "")


def test_pid_of_another_process_is_not_taken_for_the_run(tmp_path: Path):
    station = Station(tmp_path)
    request = script_request(tmp_path, "print('done')\n")
    station.platform.prepare(request)
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    try:
        details = {"run_dir": str(folder_of(request)), "pid": stranger.pid, "started": time.time()}
        handle = RunHandle(platform="local", run_id="exec-1", details=details)
        state = station.platform.poll(handle)
        station.platform.cancel(handle)
        assert state.status == "failed" and stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


GRANDCHILDREN = """
import os, subprocess, sys, time

# One in the script's own session, one that leaves it, one whose parent ends at once.
sleep = [sys.executable, "-c", "import time; time.sleep(600)"]
pids = [subprocess.Popen(sleep).pid, subprocess.Popen(sleep, start_new_session=True).pid]
orphan = "import subprocess, sys; print(subprocess.Popen(%r, start_new_session=True).pid)" % (sleep,)
# A pipe would be held open by the orphan, so it goes through a file.
with open("orphan", "w") as out:
    subprocess.run([sys.executable, "-c", orphan], stdout=out)
pids.append(int(open("orphan").read()))
with open("pids.tmp", "w") as out:
    out.write(" ".join(map(str, pids)))
os.rename("pids.tmp", "pids")
time.sleep(600)
"""


def test_cancel_ends_the_script_with_all_its_descendants(tmp_path: Path):
    station = Station(tmp_path)
    request = script_request(tmp_path, GRANDCHILDREN)
    handle = station.start(request)
    pids = folder_of(request) / "pids"
    until(pids.exists, "the grandchildren")
    family = [int(pid) for pid in pids.read_text().split()]
    assert all(map(lives, family))
    station.platform.cancel(handle)
    assert not any(map(lives, family)) and not process_tree.members(folder_of(request))
    assert station.platform.poll(handle).status == "cancelled"


def no_java() -> str | None:
    try:
        java_home()
    except NoJavaError as error:
        return str(error)
    return None


@pytest.mark.slow
@pytest.mark.skipif(no_java() is not None, reason=no_java() or "")
def test_cancel_ends_spark_with_its_java(tmp_path: Path):
    script = (
        "from pyspark.sql import SparkSession\n"
        "SparkSession.builder.getOrCreate().range(10).count()\n" + SLEEPS
    )
    station = Station(tmp_path)
    request = script_request(tmp_path, script, kind="pyspark", engine="spark")
    handle = station.start(request)
    started, ended = folder_of(request) / "started", folder_of(request) / "outcome.json"
    until(lambda: started.exists() or ended.exists(), "the script's start", seconds=120)
    names = {process.name() for process in process_tree.members(folder_of(request))}
    station.platform.cancel(handle)
    assert "java" in names and not process_tree.members(folder_of(request))


def test_cancel_of_a_run_that_ended_changes_nothing(tmp_path: Path):
    station = Station(tmp_path)
    request = script_request(tmp_path, "print('done')\n")
    outcome = station.run(request)
    assert outcome.handle
    station.platform.cancel(outcome.handle)
    assert station.platform.poll(outcome.handle).status == "success"


def test_script_that_ignores_being_asked_is_killed(tmp_path: Path):
    station = Station(tmp_path)
    request = script_request(
        tmp_path, f"import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n{SLEEPS}"
    )
    handle = station.start(request)
    script_runs(request)
    station.platform.cancel(handle)
    assert station.platform.poll(handle).status == "cancelled"
    assert not process_tree.members(folder_of(request))


def test_time_limit_ends_the_run(tmp_path: Path):
    station = Station(tmp_path)
    request = script_request(tmp_path, SLEEPS, timeout_seconds=1.0)
    outcome = station.run(request)
    error = station.record().error_details
    assert (outcome.status, station.record().status) == ("timeout", "timeout")
    assert error and error.error_class == "timeout"
    # The launcher itself ends just after it has written the outcome.
    until(lambda: not process_tree.members(folder_of(request)), "the end of all processes")


def test_interruption_ends_the_run(tmp_path: Path):
    station = Station(tmp_path)
    request = script_request(tmp_path, f"print('up', flush=True)\n{SLEEPS}")

    def interrupt(lines: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        driver.run(station.platform, request, station.store, on_log=interrupt)
    assert station.record().status == "cancelled" and not process_tree.members(folder_of(request))


def test_large_output_comes_whole_and_in_order(tmp_path: Path):
    station = Station(tmp_path)
    station.run(script_request(tmp_path, "for i in range(200_000):\n    print('line', i)\n"))
    assert station.texts("stdout") == [f"line {i}" for i in range(200_000)]


def test_output_that_is_not_utf_8_is_shown_as_far_as_it_can_be(tmp_path: Path):
    script = "import sys\nsys.stdout.buffer.write(b'caf\\xe9\\nna\\xc3\\xafve without an end')\n"
    station = Station(tmp_path)
    station.run(script_request(tmp_path, script))
    assert station.texts("stdout") == ["caf\ufffd", "naïve without an end"]


DRIVER_PROCESS = """
import os, sys
from pathlib import Path
from etl_platform.platforms import driver
from etl_platform.platforms.local import LocalPlatform
from etl_platform_tests.platforms.builders import script_request, store_in

folder = Path(sys.argv[1])
request = script_request(folder, (folder / "job.py").read_text())
platform = LocalPlatform()
if sys.argv[2] == "dies within submit":
    start = platform.submit
    def submit(request):
        start(request)
        os._exit(1)
    platform.submit = submit
driver.run(platform, request, store_in(folder), on_log=lambda lines: os._exit(1))
"""

COUNTS_ITSELF = """
import os, time
from pathlib import Path

runs = Path(os.environ["ETL_PLATFORM_LOCAL_ROOT"], "count")
with runs.open("a") as file:
    file.write("run\\n")
print("up", flush=True)
while not Path(runs.parent, "go").exists():
    time.sleep(0.02)
print("end")
"""


@pytest.mark.parametrize("death", ["dies while it waits", "dies within submit"])
def test_run_outlives_its_driver_and_the_retry_takes_it_up(tmp_path: Path, death: str):
    request = script_request(tmp_path, COUNTS_ITSELF)
    first = subprocess.run([sys.executable, "-c", DRIVER_PROCESS, str(tmp_path), death], timeout=WAIT_SECONDS)
    assert first.returncode == 1
    if death == "dies within submit":
        # As if it had died before it wrote its own note of the process too.
        (folder_of(request) / HANDLE_FILE).unlink()
    station = Station(tmp_path)
    assert (station.record().status, bool(station.record().run_handle)) == (
        "running",
        death == "dies while it waits",
    )
    (tmp_path / "root" / "go").touch()
    outcome = station.run(replace(request, execution_id="exec-2", attempt=2))
    assert (outcome.status, outcome.execution_id) == ("success", "exec-1")
    assert station.texts("stdout") == ["up", "end"]
    assert (tmp_path / "root" / "count").read_text() == "run\n"


def test_root_that_cannot_be_written_is_named_and_nothing_recorded(tmp_path: Path):
    (tmp_path / "root").write_text("a file, not a folder")
    station = Station(tmp_path)
    with pytest.raises(NotRunnableError, match=r"root/runs, which cannot be written.*global_settings\.local"):
        station.run(script_request(tmp_path, "print(1)\n"))
    assert station.store.execution("exec-1") is None


def test_run_whose_folder_was_removed_is_not_found(tmp_path: Path):
    handle = RunHandle(platform="local", run_id="exec-1", details={"run_dir": str(tmp_path / "gone")})
    with pytest.raises(RunNotFoundError):
        LocalPlatform().poll(handle)


def test_run_that_was_never_started_is_not_found(tmp_path: Path):
    request = script_request(tmp_path, "print(1)\n")
    platform = LocalPlatform()
    platform.prepare(request)
    assert platform.find(request) is None


def test_metrics_that_the_record_knows_and_further_usage_are_told_apart(tmp_path: Path):
    station = Station(tmp_path)
    request = script_request(tmp_path, "print(1)\n")
    handle = station.start(request)
    outcome_file = folder_of(request) / "outcome.json"
    until(outcome_file.exists, "the outcome")
    raw = json.loads(outcome_file.read_text())
    raw["metrics"] = {"data_read_gb": 2.5, "cpu_seconds": 0.5, "records_processed": None}
    outcome_file.write_text(json.dumps(raw))
    outcome = station.platform.outcome(request, handle)
    assert (outcome.metrics.data_read_gb, outcome.metrics.records_processed) == (2.5, None)
    assert outcome.usage == {"cpu_seconds": 0.5}


def test_handle_survives_its_way_through_json(tmp_path: Path):
    station = Station(tmp_path)
    request = script_request(tmp_path, "print(1)\n")
    handle = station.start(request)
    assert RunHandle.model_validate_json(handle.model_dump_json()) == handle
    assert station.platform.find(request) == handle


def test_only_the_owner_can_read_what_a_run_was_given(tmp_path: Path):
    request = script_request(tmp_path, "print(1)")
    LocalPlatform().prepare(request)
    folder = folder_of(request)
    assert folder.stat().st_mode & 0o777 == 0o700
    assert (folder / "launch.json").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("writes", [False, True])
def test_run_that_writes_nothing_to_its_target_is_warned_of(tmp_path: Path, writes: bool):
    target = tmp_path / "root/s3/warehouse/daily"
    script = f"import os\nos.makedirs('{target}')\n"
    script += f"open('{target}/a.csv', 'w').write('id')\n" if writes else ""
    sections = {"target": {"type": "s3", "path": "s3://warehouse/daily/", "format": "csv"}}
    outcome = Station(tmp_path).run(script_request(tmp_path, script, sections=sections))
    assert outcome.status == "success"
    assert [str(target) in warning for warning in outcome.warnings] == ([] if writes else [True])


def test_error_with_half_a_character_is_recorded(tmp_path: Path):
    station = Station(tmp_path)
    station.run(script_request(tmp_path, "raise ValueError('bad name caf\\udce9')\n"))
    error = station.record().error_details
    assert error and error.error_type == "ValueError" and error.error_message == "bad name caf\\udce9"
