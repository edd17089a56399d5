"""`etl-platform quality`: the scores of runs, and the rules as a schema."""

import json
import time
from pathlib import Path

import pytest

from etl_platform.tracking.records import QualityRecord
from etl_platform.tracking.sqlite import SqliteStore
from etl_platform_tests.cli.commands import call
from etl_platform_tests.projects import copy_job, write_project


@pytest.mark.parametrize("words", [("clean",), ("history", "clean"), ("--limit", "3", "clean")])
def test_a_jobs_name_alone_asks_for_its_history(tmp_path: Path, words: tuple[str, ...]) -> None:
    write_project(tmp_path, [copy_job("clean")])
    record = QualityRecord(
        job_name="clean", timestamp=time.time(), execution_id="exec-1", overall_score=97.5, trend="stable"
    )
    SqliteStore(tmp_path / ".etl_platform" / "tracking.db").put_quality(record)
    (answer,) = json.loads(call(tmp_path, "quality", *words, "--format", "json").stdout)
    assert (answer["overall_score"], answer["trend"]) == (97.5, "stable")


def test_the_schema_is_still_there(tmp_path: Path) -> None:
    rules = {"completeness_checks": [{"field": "email", "dataset": "orders"}]}
    write_project(tmp_path, [copy_job("clean", data_quality=rules)])
    (document,) = json.loads(call(tmp_path, "quality", "schema", "clean", "--format", "json").stdout)
    assert document["dataset"] == "orders"


def test_help_names_the_commands(tmp_path: Path) -> None:
    answer = call(tmp_path, "quality", "--help")
    assert answer.returncode == 0
    assert "history" in answer.stdout
