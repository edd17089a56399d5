"""`etl-platform run`: jobs through Dagster, answers for people and for programs."""

import json
import logging
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from etl_platform.orchestration.instance import open_instance
from etl_platform.orchestration.keys import Graph
from etl_platform.orchestration.notifications import tell_of_run
from etl_platform_tests.cli.commands import call
from etl_platform_tests.projects import ORDERS, copy_job, load_project, write_project, write_table

FAILING = {"copy_table.py": "def handler(event, context):\n    raise ValueError('no such customer')\n"}


def test_a_run_answers_in_json_alone(tmp_path: Path) -> None:
    write_table(tmp_path, "orders", ORDERS)
    write_project(tmp_path, [copy_job("clean")])
    answer = call(tmp_path, "run", "clean", "--format", "json")
    (row,) = json.loads(answer.stdout)
    assert answer.returncode == 0
    assert (row["job_id"], row["status"], row["platform"], row["reason"]) == (
        "clean",
        "success",
        "local",
        None,
    )


def test_the_closing_table_has_a_line_for_each_job(tmp_path: Path) -> None:
    write_table(tmp_path, "orders", ORDERS)
    write_project(tmp_path, [copy_job("clean"), copy_job("report", reads="clean")])
    answer = call(tmp_path, "run", "--all")
    assert answer.returncode == 0, answer.stderr
    for job_id in ("clean", "report"):
        assert any(job_id in line and "success" in line for line in answer.stdout.splitlines())


def test_checks_are_counted(tmp_path: Path) -> None:
    write_table(tmp_path, "orders", ORDERS)
    rules = {"completeness_checks": [{"field": name, "dataset": "orders"} for name in ("order_id", "email")]}
    write_project(tmp_path, [copy_job("clean", data_quality=rules)])
    (row,) = json.loads(call(tmp_path, "run", "clean", "--format", "json").stdout)
    assert (row["checks_passed"], row["checks_warned"]) == (1, ["completeness__email"])


def test_a_failing_job_fails_the_command_and_says_why(tmp_path: Path) -> None:
    write_project(tmp_path, [copy_job("clean")], scripts=FAILING)
    answer = call(tmp_path, "run", "clean")
    assert answer.returncode == 1
    assert "no such customer" in answer.stderr
    assert "Traceback" not in answer.stderr.replace("stack_trace", "")


def test_a_rule_that_holds_a_job_back_is_named(tmp_path: Path) -> None:
    write_table(tmp_path, "orders", ORDERS)
    rules = {"completeness_checks": [{"field": "email", "dataset": "orders", "severity": "critical"}]}
    write_project(tmp_path, [copy_job("clean", data_quality=rules)])
    answer = call(tmp_path, "run", "clean", "--format", "json")
    (row,) = json.loads(answer.stdout)
    assert answer.returncode == 1
    assert row["status"] == "not started"
    assert "completeness__email" in row["reason"]


def test_runs_appear_in_the_history_of_the_ui(tmp_path: Path) -> None:
    write_table(tmp_path, "orders", ORDERS)
    write_project(tmp_path, [copy_job("clean")])
    call(tmp_path, "run", "clean")
    assert (tmp_path / ".dagster" / "history" / "runs.db").exists()
    assert "enabled: false" in (tmp_path / ".dagster" / "dagster.yaml").read_text()


def test_a_partitioned_job_wants_its_partition(tmp_path: Path) -> None:
    partitions = {"type": "daily", "start": "2026-01-01", "end": "2026-01-03"}
    write_project(tmp_path, [copy_job("clean", execution={"partitions": partitions})])
    answer = call(tmp_path, "run", "clean")
    assert answer.returncode == 1
    assert "--partition KEY, such as 2026-01-02" in answer.stderr


@pytest.mark.parametrize(
    ("arguments", "status", "sentence"),
    [
        (["run", "claen"], 1, 'no job "claen"; did you mean "clean"?'),
        (["run", "off"], 1, "off is disabled; set its `enabled` to true"),
        (["run"], 2, "Name the jobs to run, or say --all."),
        (["run", "clean", "--all"], 2, "Name the jobs to run, or say --all."),
        (["run", "clean", "--engine", "flink"], 2, "'flink' is not one of 'auto', 'spark', 'sail'"),
        (["run", "clean", "--partition", "2026-01-01"], 1, "none of the jobs is partitioned"),
    ],
)
def test_what_cannot_run_is_a_sentence(
    tmp_path: Path, arguments: list[str], status: int, sentence: str
) -> None:
    write_project(tmp_path, [copy_job("clean"), copy_job("off", reads="clean", enabled=False)])
    answer = call(tmp_path, *arguments)
    assert (answer.returncode, answer.stdout) == (status, "")
    assert sentence in " ".join(answer.stderr.split())
    assert "Traceback" not in answer.stderr


def test_a_root_that_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "occupied").write_text("a file, not a folder")
    write_project(tmp_path, [copy_job("clean")], settings={"local": {"root": "occupied"}})
    answer = call(tmp_path, "run", "clean")
    assert answer.returncode == 1
    assert "occupied" in answer.stderr
    assert "Traceback" not in answer.stderr


def test_a_rule_that_stops_one_reader_of_a_source_counts_as_failed_alone(tmp_path: Path) -> None:
    write_table(tmp_path, "orders", ORDERS)
    rules = {"completeness_checks": [{"field": "email", "dataset": "orders", "severity": "critical"}]}
    write_project(tmp_path, [copy_job("strict", data_quality=rules), copy_job("easy")])
    rows = json.loads(call(tmp_path, "run", "--all", "--format", "json").stdout)
    counted = {row["job_id"]: (row["status"], row["checks_warned"], row["checks_failed"]) for row in rows}
    assert counted == {
        "strict": ("not started", [], ["completeness__email"]),
        "easy": ("success", [], []),
    }


WAITING = """
import os, time
from pathlib import Path

def handler(event, context):
    (Path(os.environ["ETL_PLATFORM_LOCAL_ROOT"]) / "started").touch()
    time.sleep(600)
"""


@pytest.mark.slow
def test_control_c_stops_the_running_job(tmp_path: Path) -> None:
    write_project(tmp_path, [copy_job("clean")], scripts={"copy_table.py": WAITING})
    process = subprocess.Popen(
        [sys.executable, "-m", "etl_platform.cli.main", "run", "clean", "--format", "json"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    until = time.monotonic() + 90
    while not (tmp_path / ".etl_platform" / "started").exists():
        assert time.monotonic() < until, "the job did not start"
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    (row,) = json.loads(process.communicate(timeout=90)[0])
    assert (process.returncode, row["status"]) == (130, "cancelled")


def test_people_are_told_of_a_run_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / ".dagster"))
    write_table(tmp_path, "orders", ORDERS)
    config = load_project(tmp_path, copy_job("clean"))
    ended = call(tmp_path, "run", "clean", "--format", "json")
    told = [json.loads(line) for line in (config.local_root / "notifications.jsonl").read_text().splitlines()]
    assert [(each["event"], each["execution_id"]) for each in told] == [
        ("run_succeeded", json.loads(ended.stdout)[0]["execution_id"])
    ]
    # A code location that starts later sees the run too.
    with open_instance(config) as instance:
        (run,) = instance.get_runs()
        assert tell_of_run(Graph(config), instance, run, "", log=logging.getLogger()) == []


def test_a_failure_that_is_over_is_not_told_again_by_a_late_sensor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / ".dagster"))
    write_table(tmp_path, "orders", ORDERS)
    load_project(tmp_path, copy_job("clean"), scripts=FAILING)
    call(tmp_path, "run", "clean")
    config = load_project(tmp_path, copy_job("clean"))
    call(tmp_path, "run", "clean")
    outbox = config.local_root / "notifications.jsonl"
    told = outbox.read_text()
    with open_instance(config) as instance:
        for run in reversed(instance.get_runs()):
            tell_of_run(Graph(config), instance, run, "", log=logging.getLogger())
    assert outbox.read_text() == told
    assert [json.loads(line)["state"] for line in told.splitlines()] == ["firing", "info", "recovered"]


def test_a_run_shows_its_own_execution_and_not_that_of_a_later_one(tmp_path: Path) -> None:
    script = """
import os, time
from pathlib import Path
from etl_platform.tracking.records import JobExecution
from etl_platform.tracking.sqlite import SqliteStore

store = SqliteStore(Path(os.environ["ETL_PLATFORM_LOCAL_ROOT"]) / "tracking.db")
later = {"timestamp": time.time() + 5, "dagster_run_id": "another"}
store.put_execution(JobExecution(execution_id="exec-later", job_name="clean", status="success", **later))
"""
    write_table(tmp_path, "orders", ORDERS)
    write_project(tmp_path, [copy_job("clean")], scripts={"copy_table.py": script})
    (row,) = json.loads(call(tmp_path, "run", "clean", "--format", "json").stdout)
    assert (row["status"], row["reason"]) == ("success", None)
    assert row["execution_id"] != "exec-later"
