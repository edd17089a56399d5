import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from etl_platform_tests.cli.commands import call
from etl_platform_tests.config.files import config, job, write


def project(folder: Path, quality: dict[str, Any], rows: list[dict[str, Any]]) -> None:
    target = {"type": "s3", "path": "s3://lake/out/"}
    settings = {"local": {"root": "root"}}
    write(
        folder / "etl_config.json",
        config(job("orders", target=target, data_quality=quality), global_settings=settings),
    )
    place = folder / "root" / "s3" / "lake" / "out"
    place.mkdir(parents=True)
    pq.write_table(pa.Table.from_pylist(rows), place / "a.parquet")


def nulls(**rule: Any) -> dict[str, Any]:
    return {"completeness_checks": [{"field": "x", **rule}]}


def test_json_holds_what_was_counted(tmp_path: Path) -> None:
    project(tmp_path, nulls(), [{"x": 1}, {"x": None}])
    answer = call(tmp_path, "check", "orders", "--format", "json")
    assert answer.returncode == 0, answer.stderr
    ((report,), (result,)) = (json.loads(answer.stdout), json.loads(answer.stdout)[0]["results"])
    assert (report["dataset"], report["engine"], report["rows"], report["scans"]) == ("target", "local", 2, 1)
    assert {
        key: result[key] for key in ("check", "rows_checked", "rows_failed", "failed_percent", "passed")
    } == {
        "check": "completeness__x",
        "rows_checked": 2,
        "rows_failed": 1,
        "failed_percent": 50,
        "passed": False,
    }


def test_a_blocking_rule_that_fails_is_exit_status_1(tmp_path: Path) -> None:
    project(tmp_path, nulls(severity="critical"), [{"x": None}, {"x": 1}])
    assert call(tmp_path, "check", "orders").returncode == 1


def test_a_rule_that_cannot_be_evaluated_is_exit_status_1_and_said(tmp_path: Path) -> None:
    project(tmp_path, nulls(), [{"y": 1}])
    answer = call(tmp_path, "check", "orders")
    assert answer.returncode == 1
    assert "there is no column `x`; there are y." in answer.stderr


def test_the_table_shows_each_rule(tmp_path: Path) -> None:
    project(tmp_path, nulls(), [{"x": 1}])
    cells = [line.split("│") for line in call(tmp_path, "check", "orders").stdout.splitlines()]
    rows = [[cell.strip() for cell in line[1:-1]] for line in cells]
    assert ["target", "completeness__x", "1", "0", "0.000", "0%", "passed", "warn"] in rows


def test_a_dataset_without_rules_is_a_sentence(tmp_path: Path) -> None:
    project(tmp_path, nulls(), [{"x": 1}])
    answer = call(tmp_path, "check", "orders", "flights")
    assert (answer.returncode, answer.stdout) == (1, "")
    assert 'no rules on "flights"; it has rules on target.' in answer.stderr


def test_the_schema_of_a_dataset_is_printed(tmp_path: Path) -> None:
    project(tmp_path, {"custom_validations": [{"name": "c", "sql": "x > 1"}], **nulls()}, [{"x": 1}])
    (schema,) = json.loads(call(tmp_path, "quality", "schema", "orders", "--format", "json").stdout)
    assert schema["columns"]["x"]["checks"] == [
        {"rule": "completeness__x", "check": "not_null", "arguments": {}}
    ]
    assert schema["computed"] == {"__rule_custom__c": "COALESCE((x > 1), FALSE)"}
