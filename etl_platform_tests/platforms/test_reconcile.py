"""Runs that ended while nobody watched."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from etl_platform.config.load import load
from etl_platform.platforms.local import LocalPlatform
from etl_platform.platforms.reconcile import reconcile
from etl_platform.tracking.open import open_store
from etl_platform_tests.projects import copy_job, write_project

SLOW = """
import os, time
from pathlib import Path

def handler(event, context):
    root = Path(os.environ["ETL_PLATFORM_LOCAL_ROOT"])
    (root / "started").touch()
    while not (root / "go_on").exists():
        time.sleep(0.05)
"""

WATCHED = """
import sys
from pathlib import Path
from etl_platform.config.load import load
from etl_platform.platforms import driver
from etl_platform.platforms.local import LocalPlatform
from etl_platform.platforms.protocol import RunRequest
from etl_platform.tracking.open import open_store

config = load(Path(sys.argv[1]))
request = RunRequest(config.jobs[0], config, "exec-2026-01-01-00000000", "group", timeout_seconds=60)
driver.run(LocalPlatform(), request, open_store(config))
"""


def until(found: Path) -> None:
    """Wait for a file that another process makes."""
    deadline = time.monotonic() + 60
    while not found.exists():
        assert time.monotonic() < deadline, f"{found} was not made"
        time.sleep(0.05)


@pytest.mark.slow
def test_a_run_whose_watcher_was_killed_gets_its_end_on_record(tmp_path: Path) -> None:
    path = write_project(tmp_path, [copy_job("slow")], scripts={"copy_table.py": SLOW})
    config = load(path, environ={})
    store, platform = open_store(config), LocalPlatform()
    watcher = subprocess.Popen([sys.executable, "-c", WATCHED, str(path)])
    until(config.local_root / "started")
    os.kill(watcher.pid, signal.SIGKILL)
    watcher.wait()
    assert reconcile(lambda _: platform, config, store, time.time()) == []
    (config.local_root / "go_on").touch()
    until(config.local_root / "runs" / "exec-2026-01-01-00000000" / "outcome.json")
    assert reconcile(lambda _: platform, config, store, time.time()) == ["exec-2026-01-01-00000000"]
    record = store.latest_execution("slow")
    assert record is not None
    assert record.status == "success"
