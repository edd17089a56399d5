"""`etl-platform run`: jobs through Dagster, answers for people and for programs."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from etl_platform_tests.cli.commands import call
from etl_platform_tests.projects import ORDERS, copy_job, write_project, write_table

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
