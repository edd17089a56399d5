"""Two runs of one job on this machine: the same data is written by one at a time."""

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import psutil
import pytest

from etl_platform.config.project import Config
from etl_platform.orchestration.one_at_a_time import alone
from etl_platform.platforms.local import LocalPlatform
from etl_platform.platforms.protocol import RunRequest
from etl_platform.platforms.records import started, with_handle
from etl_platform.tracking.open import open_store
from etl_platform_tests.projects import copy_job, load_project

DAYS = {"partitions": {"type": "daily", "start": "2026-01-01", "end": "2026-02-01"}}
MONTH = "2026-01-01...2026-01-31"


def request(config: Config, number: int, partition_key: str | None = None) -> RunRequest:
    job = config.job("clean")
    return RunRequest(job, config, f"exec-{number}", f"group-{number}", 60.0, partition_key=partition_key)


def start(config: Config, number: int, partition_key: str | None = None) -> None:
    with alone(LocalPlatform(), request(config, number, partition_key), open_store(config)):
        pass


@pytest.fixture
def left_behind(tmp_path: Path) -> Iterator[RunRequest]:
    """A run that goes on although the step that started it is gone."""
    scripts = {"copy_table.py": "import time\ntime.sleep(60)\n"}
    config = load_project(tmp_path, copy_job("clean"), scripts=scripts)
    one, platform = request(config, 1), LocalPlatform()
    platform.prepare(one)
    handle = platform.submit(one)
    open_store(config).put_execution(with_handle(started(one, "local", time.time()), handle))
    yield one
    platform.cancel(handle)


def test_a_second_run_is_refused_and_names_the_first(tmp_path: Path) -> None:
    config = load_project(tmp_path, copy_job("clean"))
    store = open_store(config)
    with (
        alone(LocalPlatform(), request(config, 1), store),
        pytest.raises(dg.Failure, match=r"running already, since .* as exec-1"),
    ):
        start(config, 2)


def test_the_next_run_starts_when_the_first_has_ended(tmp_path: Path) -> None:
    config = load_project(tmp_path, copy_job("clean"))
    start(config, 1)
    start(config, 2)


@pytest.mark.parametrize(("other", "refused"), [("2026-01-02", False), ("2026-01-01", True), (MONTH, True)])
def test_only_the_same_partitions_exclude_each_other(tmp_path: Path, other: str, refused: bool) -> None:
    config = load_project(tmp_path, copy_job("clean", execution=DAYS))
    with alone(LocalPlatform(), request(config, 1, "2026-01-01"), open_store(config)):
        if refused:
            with pytest.raises(dg.Failure, match="exec-1"):
                start(config, 2, other)
        else:
            start(config, 2, other)


def test_a_claim_of_a_dead_process_is_void(tmp_path: Path) -> None:
    config = load_project(tmp_path, copy_job("clean"))
    locks = config.local_root / "locks"
    locks.mkdir(parents=True)
    before = psutil.Process().create_time() - 1
    claim = {"execution_id": "exec-1", "partitions": None, "claimed": 0.0, "pid": os.getpid()}
    (locks / "clean.json").write_text(json.dumps([{**claim, "process_started": before}]))
    start(config, 2)


def test_a_run_that_its_step_left_behind_is_seen(left_behind: RunRequest) -> None:
    with pytest.raises(dg.Failure, match="exec-1"):
        start(left_behind.config, 2)


def test_a_retry_does_not_stand_in_its_own_way(left_behind: RunRequest) -> None:
    start(left_behind.config, 1)
