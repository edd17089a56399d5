import json
from pathlib import Path

import pyarrow as pa
from pyarrow import parquet as pq

from etl_platform.config.load import load
from etl_platform.quality.quarantine import quarantine
from etl_platform_tests.cli.commands import call
from etl_platform_tests.config.files import config, job, write

RULE = {"field": "x", "rule_type": "range", "min": 0, "action": "quarantine"}


def project(folder: Path) -> None:
    target = {"type": "s3", "path": "s3://lake/out/"}
    one = job("orders", target=target, data_quality={"accuracy_rules": [RULE]})
    path = write(folder / "etl_config.json", config(one, global_settings={"local": {"root": "root"}}))
    place = folder / "root" / "s3" / "lake" / "out"
    place.mkdir(parents=True)
    pq.write_table(pa.Table.from_pylist([{"x": 1}, {"x": -1}]), place / "a.parquet")
    loaded = load(path)
    assert quarantine(loaded, loaded.job("orders"), "target", "exec-1") is not None


def test_bad_rows_are_listed_shown_and_replayed(tmp_path: Path) -> None:
    project(tmp_path)
    (listed,) = json.loads(call(tmp_path, "quarantine", "list", "orders", "--format", "json").stdout)
    assert (listed["execution_id"], listed["quarantined"], listed["rows_in"]) == ("exec-1", 1, 2)
    (row,) = json.loads(call(tmp_path, "quarantine", "show", "orders", "exec-1", "--format", "json").stdout)
    assert (row["x"], row["_rules"]) == (-1, ["accuracy__x__range"])
    done = call(tmp_path, "quarantine", "replay", "orders", "exec-1", "--format", "json")
    assert json.loads(done.stdout) == {"execution_id": "exec-1", "rows": 1, "back": 0, "staying": 1}


def test_an_unknown_execution_is_a_sentence(tmp_path: Path) -> None:
    project(tmp_path)
    answer = call(tmp_path, "quarantine", "show", "orders", "exec-2")
    assert (answer.returncode, answer.stdout) == (1, "")
    assert "executions with rows in quarantine: exec-1." in answer.stderr


def test_the_columns_of_a_target_are_profiled(tmp_path: Path) -> None:
    project(tmp_path)
    found = json.loads(call(tmp_path, "profile", "target", "--job", "orders", "--format", "json").stdout)
    assert (found["rows"], found["columns"][0]["name"], found["columns"][0]["max"]) == (1, "x", 1)
