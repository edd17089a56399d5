"""What a check shows, and what becomes of the rows that it finds."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pandas
import pytest

from etl_platform.orchestration.build import build_definitions
from etl_platform.orchestration.checks import severity_of
from etl_platform.quality.rules import rules_of
from etl_platform_tests.projects import ORDERS, copy_job, load_project, write_table
from etl_platform_tests.quality.builders import job_with

POSITIVE: dict[str, Any] = {"field": "amount", "rule_type": "range", "min": 0, "dataset": "orders"}
ORDERS_ASSET = dg.AssetKey(["glue", "lake", "orders"])


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


def run(config: Any, instance: dg.DagsterInstance, *, assets: tuple[str, ...] = ()) -> Any:
    """Run the checks of orders, and what reads it."""
    job = build_definitions(config).resolve_job_def("etl")
    keys = {key for key in job.asset_layer.asset_graph.asset_check_keys if key.asset_key == ORDERS_ASSET}
    subset = job.get_subset(
        asset_selection={dg.AssetKey(each) for each in assets}, asset_check_selection=keys
    )
    return subset.execute_in_process(instance=instance, raise_on_error=False)


def test_failing_rows_are_a_table_with_personal_data_hidden(
    tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    write_table(tmp_path, "orders", [*ORDERS, {"order_id": 4, "amount": -2.5, "email": "d@example.com"}])
    quality = {
        "accuracy_rules": [POSITIVE],
        "completeness_checks": [{"field": "email", "dataset": "orders"}],
        "duplicate_check": {"key_fields": ["order_id"], "dataset": "orders"},
    }
    job = copy_job("clean", data_quality=quality, compliance={"pii_fields": ["email"]})
    result = run(load_project(tmp_path, job), instance)
    shown = {each.check_name: each for each in result.get_asset_check_evaluations()}
    metadata = shown["accuracy__amount__range"].metadata
    table = metadata["failing_rows"]
    assert [record.data for record in table.records] == [
        {"amount": -1.0, "order_id": 3},
        {"amount": -2.5, "order_id": 4},
    ]
    assert [(column.name, column.type) for column in table.schema.columns] == [
        ("amount", "float"),
        ("order_id", "int"),
    ]
    figures = {name: metadata[name].value for name in ("rows_checked", "rows_failed", "scans", "engine")}
    assert figures == {"rows_checked": 4, "rows_failed": 2, "scans": 1, "engine": "local"}
    nulls = shown["completeness__email"].metadata["failing_rows"]
    assert [record.data for record in nulls.records] == [{"email": "(personal data)", "order_id": 3}]
    assert "example.com" not in repr(shown)


@pytest.mark.parametrize(
    ("rule", "fail_on_error", "expected"),
    [
        ({"severity": "critical"}, True, "ERROR"),
        ({"severity": "critical"}, False, "WARN"),
        ({"severity": "low", "action": "fail_job"}, True, "ERROR"),
        ({"severity": "critical", "action": "quarantine"}, True, "WARN"),
        ({"severity": "critical", "action": "warn"}, True, "ERROR"),
        ({"severity": "low"}, True, "WARN"),
    ],
)
def test_how_serious_a_failure_is_follows_from_severity_and_action(
    rule: dict[str, str], fail_on_error: bool, expected: str
) -> None:
    quality = {"fail_on_error": fail_on_error, "completeness_checks": [{"field": "x", **rule}]}
    (made,) = rules_of(job_with(quality))
    assert severity_of(made).value == expected


def test_a_job_reads_the_clean_copy_that_its_run_made(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    script = """
import os
from pathlib import Path
import pandas

def handler(event, context):
    orders = pandas.read_csv(Path(event["SOURCE_ORDERS"]) / "part-0.csv")
    target = Path(os.environ["ETL_PLATFORM_LOCAL_ROOT"]) / "glue" / "lake" / "clean"
    target.mkdir(parents=True, exist_ok=True)
    orders.to_csv(target / "part-0.csv", index=False)
"""
    folder = write_table(tmp_path, "orders", ORDERS)
    before = (folder / "part-0.csv").read_bytes()
    rules = {"accuracy_rules": [{**POSITIVE, "action": "quarantine"}]}
    job = copy_job("clean", data_quality=rules, execution={"arguments": {"SOURCE_ORDERS": str(folder)}})
    config = load_project(tmp_path, job, scripts={"copy_table.py": script})
    result = run(config, instance, assets=("clean",))
    assert result.success
    written = pandas.read_csv(tmp_path / ".etl_platform/glue/lake/clean/part-0.csv")
    assert list(written["order_id"]) == [1, 2]
    assert (folder / "part-0.csv").read_bytes() == before
    (evaluation,) = result.get_asset_check_evaluations()
    assert f"run-{result.run_id}" in str(evaluation.metadata["bad_rows"].value)
