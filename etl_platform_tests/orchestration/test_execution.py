"""What materializing a job does: with real processes, a real store and an ephemeral Dagster instance."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pandas
import pytest

from etl_platform.config.project import Config
from etl_platform.orchestration.build import build_definitions
from etl_platform.tracking.open import open_store
from etl_platform.tracking.outbox import open_outbox
from etl_platform_tests.projects import ORDERS, copy_job, load_project, source, write_table

POSITIVE = {"field": "amount", "rule_type": "range", "min": 0, "dataset": "orders"}
BLOCKING = {"accuracy_rules": [{**POSITIVE, "severity": "critical"}]}
WARNING = {"accuracy_rules": [{**POSITIVE, "severity": "low"}]}


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


def materialize(
    config: Config,
    instance: dg.DagsterInstance,
    *job_ids: str,
    checks: set[dg.AssetCheckKey] | None = None,
    **keys: Any,
) -> dg.ExecuteInProcessResult:
    """Materialize jobs; without `checks`, with no check at all."""
    job = build_definitions(config).resolve_job_def("etl")
    subset = job.get_subset(
        asset_selection={dg.AssetKey(each) for each in job_ids}, asset_check_selection=checks or set()
    )
    return subset.execute_in_process(instance=instance, raise_on_error=False, **keys)


def failure(result: dg.ExecuteInProcessResult, step: str) -> str:
    (event,) = (each for each in result.all_events if each.is_step_failure and each.step_key == step)
    return event.step_failure_data.error_display_string


def check_results(instance: dg.DagsterInstance, key: dg.AssetCheckKey) -> list[bool]:
    records = instance.event_log_storage.get_asset_check_execution_history(key, limit=10)
    return [record.status.value == "SUCCEEDED" for record in records]


def test_a_materialization_runs_the_script(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    write_table(tmp_path, "orders", ORDERS)
    assert materialize(load_project(tmp_path, copy_job("clean")), instance, "clean").success
    assert (tmp_path / ".etl_platform/glue/lake/clean/part-0.csv").exists()


def test_a_run_is_recorded_with_its_dagster_run(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    write_table(tmp_path, "orders", ORDERS)
    config = load_project(tmp_path, copy_job("clean"))
    result = materialize(config, instance, "clean")
    record = open_store(config).latest_execution("clean")
    assert record is not None
    assert (record.status, record.job_type) == ("success", "local")
    assert (record.dagster_run_id, record.step_key) == (result.run_id, "clean")
    assert record.duration_seconds is not None
    assert record.duration_seconds > 0


def test_the_asset_shows_the_figures_of_the_run(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    write_table(tmp_path, "orders", ORDERS)
    materialize(load_project(tmp_path, copy_job("clean")), instance, "clean")
    event = instance.get_latest_materialization_event(dg.AssetKey("clean"))
    assert event is not None
    assert event.asset_materialization is not None
    metadata = event.asset_materialization.metadata
    assert metadata["platform"].value == "local"
    assert metadata["output_file_count"].value == 1
    assert metadata["cost_usd"].value == 0.0
    assert {"execution_id", "duration_seconds", "log", "target"} <= set(metadata)


def test_a_failing_script_fails_the_step_with_its_own_words(
    tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    scripts = {"copy_table.py": "def handler(event, context):\n    raise ValueError('no such customer')\n"}
    config = load_project(tmp_path, copy_job("clean"), scripts=scripts)
    assert "no such customer" in failure(materialize(config, instance, "clean"), "clean")
    record = open_store(config).latest_execution("clean")
    assert record is not None
    assert record.status == "failed"
    assert record.error_details is not None
    assert record.error_details.error_class == "code"


def test_a_failure_that_no_retry_helps_is_not_retried(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    scripts = {"copy_table.py": "def handler(event, context):\n    raise ValueError('no such customer')\n"}
    execution = {"max_retries": 2, "retry_delay_minutes": 0}
    config = load_project(tmp_path, copy_job("clean", execution=execution), scripts=scripts)
    result = materialize(config, instance, "clean")
    assert not [event for event in result.all_events if event.is_step_up_for_retry]


def test_a_failure_that_a_retry_may_help_is_retried_as_a_new_attempt(
    tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    script = """
import os
from pathlib import Path

def handler(event, context):
    mark = Path(os.environ["ETL_PLATFORM_LOCAL_ROOT"]) / "tried"
    if not mark.exists():
        mark.touch()
        raise RuntimeError("Rate exceeded (ThrottlingException)")
"""
    execution = {"max_retries": 1, "retry_delay_minutes": 0}
    config = load_project(tmp_path, copy_job("clean", execution=execution), scripts={"copy_table.py": script})
    assert materialize(config, instance, "clean").success
    attempts = open_store(config).executions("clean").items
    assert [(each.attempt, each.status) for each in attempts] == [(2, "success"), (1, "failed")]


def test_a_disabled_job_says_so(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    config = load_project(tmp_path, copy_job("clean", enabled=False))
    assert "clean is disabled" in failure(materialize(config, instance, "clean"), "clean")


def test_a_blocking_check_of_a_source_selected_with_the_job_stops_it(
    tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    write_table(tmp_path, "orders", ORDERS)
    config = load_project(tmp_path, copy_job("clean", data_quality=BLOCKING))
    key = dg.AssetCheckKey(dg.AssetKey(["glue", "lake", "orders"]), "accuracy__amount__range")
    assert not materialize(config, instance, "clean", checks={key}).success
    assert open_store(config).latest_execution("clean") is None


def test_a_job_started_alone_does_not_slip_past_the_gates_of_its_inputs(
    tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    write_table(tmp_path, "orders", ORDERS)
    config = load_project(tmp_path, copy_job("clean", data_quality=BLOCKING))
    text = failure(materialize(config, instance, "clean"), "clean")
    assert "its inputs break rules: accuracy__amount__range" in text
    assert open_store(config).latest_execution("clean") is None


def test_a_gate_that_the_step_evaluates_is_seen_as_a_check_result(
    tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    write_table(tmp_path, "orders", ORDERS)
    config = load_project(tmp_path, copy_job("clean", data_quality=BLOCKING))
    materialize(config, instance, "clean")
    key = dg.AssetCheckKey(dg.AssetKey(["glue", "lake", "orders"]), "accuracy__amount__range")
    assert check_results(instance, key) == [False]


def test_a_gate_that_the_run_has_evaluated_is_not_evaluated_again(
    tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    write_table(tmp_path, "orders", ORDERS[:2])
    config = load_project(tmp_path, copy_job("clean", data_quality=BLOCKING))
    key = dg.AssetCheckKey(dg.AssetKey(["glue", "lake", "orders"]), "accuracy__amount__range")
    assert materialize(config, instance, "clean", checks={key}).success
    assert check_results(instance, key) == [True]


def test_what_a_producer_promises_gates_the_jobs_that_read_it(
    tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    write_table(tmp_path, "orders", ORDERS)
    promise = {"accuracy_rules": [{**POSITIVE, "dataset": "target", "severity": "critical"}]}
    config = load_project(
        tmp_path, copy_job("clean", data_quality=promise), copy_job("report", reads="clean")
    )
    materialize(config, instance, "clean")
    assert "accuracy__amount__range" in failure(materialize(config, instance, "report"), "report")


def test_a_rule_that_warns_stops_nothing(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    write_table(tmp_path, "orders", ORDERS)
    config = load_project(tmp_path, copy_job("clean", data_quality=WARNING))
    key = dg.AssetCheckKey(dg.AssetKey(["glue", "lake", "orders"]), "accuracy__amount__range")
    result = materialize(config, instance, "clean", checks={key})
    assert result.success
    (evaluation,) = result.get_asset_check_evaluations()
    assert (evaluation.passed, evaluation.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert evaluation.metadata["rows_failed"].value == 1
    assert evaluation.metadata["rows_checked"].value == 3


def test_a_job_downstream_learns_where_the_data_stands(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    write_table(tmp_path, "orders", ORDERS)
    config = load_project(tmp_path, copy_job("clean"), copy_job("report", reads="clean"))
    result = materialize(config, instance, "clean", "report")
    upstream = result.asset_value("clean")
    assert upstream.location == str(tmp_path / ".etl_platform/glue/lake/clean")


def test_the_script_gets_its_arguments_and_partition(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    script = "import json, sys\nprint(json.dumps(sys.argv[1:]))\n"
    execution = {
        "arguments": {"level": 3},
        "partitions": {"type": "daily", "start": "2026-01-01"},
    }
    config = load_project(tmp_path, copy_job("clean", execution=execution), scripts={"copy_table.py": script})
    assert materialize(config, instance, "clean", partition_key="2026-01-02").success
    record = open_store(config).latest_execution("clean")
    assert record is not None
    assert record.log_location is not None
    log = Path(record.log_location)
    text = (log if log.is_file() else log / "stdout.log").read_text()
    for part in (
        '"--JOB_NAME", "clean"',
        '"--level", "3"',
        '"--PARTITION_KEY", "2026-01-02"',
        record.execution_id,
    ):
        assert part in text


def test_a_retried_run_takes_up_what_the_first_one_finished(
    tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    write_table(tmp_path, "orders", ORDERS)
    config = load_project(tmp_path, copy_job("clean"))
    first = materialize(config, instance, "clean")
    retried = {"dagster/retry_number": "1", "dagster/root_run_id": first.run_id}
    assert materialize(config, instance, "clean", tags=retried).success
    assert len(open_store(config).executions("clean").items) == 1


def test_a_deliberate_re_execution_is_a_new_run(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    write_table(tmp_path, "orders", ORDERS)
    config = load_project(tmp_path, copy_job("clean"))
    first = materialize(config, instance, "clean")
    again = {"dagster/parent_run_id": first.run_id, "dagster/root_run_id": first.run_id}
    assert materialize(config, instance, "clean", tags=again).success
    assert len(open_store(config).executions("clean").items) == 2


def test_observing_a_source_tells_its_figures_and_a_version_of_its_data(
    tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    write_table(tmp_path, "orders", ORDERS)
    job = build_definitions(load_project(tmp_path, copy_job("clean"))).resolve_implicit_global_asset_job_def()
    key = dg.AssetKey(["glue", "lake", "orders"])

    def observe() -> dg.AssetObservation:
        result = job.get_subset(asset_selection={key}).execute_in_process(instance=instance)
        (event,) = result.get_asset_observation_events()
        return event.asset_observation_data.asset_observation

    first = observe()
    assert first.metadata["file_count"].value == 1
    assert first.metadata["format"].value == "csv"
    again = observe()
    write_table(tmp_path, "orders", ORDERS[:1])
    changed = observe()
    versions = [each.tags["dagster/data_version"] for each in (first, again, changed)]
    assert versions[0] == versions[1] != versions[2]


BREAKS_THE_STORE = """
import os
from pathlib import Path

def handler(event, context):
    root = Path(os.environ["ETL_PLATFORM_LOCAL_ROOT"])
    for file in root.glob("tracking.db*"):
        file.rename(root / f"aside-{file.name}")
    (root / "tracking.db").mkdir()
"""


def test_a_store_that_is_down_at_the_end_does_not_fail_a_job_that_succeeded(
    tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    config = load_project(tmp_path, copy_job("clean"), scripts={"copy_table.py": BREAKS_THE_STORE})
    assert materialize(config, instance, "clean").success
    root = config.local_root
    (root / "tracking.db").rmdir()
    for file in root.glob("aside-tracking.db*"):
        file.rename(root / file.name.removeprefix("aside-"))
    store = open_store(config)
    assert open_outbox(config, store).deliver() == 2
    record = store.latest_execution("clean")
    assert record is not None
    assert record.status == "success"


def test_the_scores_of_a_run_are_kept(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    write_table(tmp_path, "orders", ORDERS)
    rules = {"completeness_checks": [{"field": "email", "dataset": "target"}]}
    config = load_project(tmp_path, copy_job("clean", data_quality=rules))
    key = dg.AssetCheckKey(dg.AssetKey("clean"), "completeness__email")
    assert materialize(config, instance, "clean", checks={key}).success
    (kept,) = open_store(config).quality_trend("clean")
    assert kept.completeness_score == pytest.approx(200 / 3)
    assert kept.trend is None


def test_the_asset_shows_the_plan_of_the_run(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    write_table(tmp_path, "orders", ORDERS)
    config = load_project(tmp_path, copy_job("clean", platform={"user_preference": "lambda"}))
    materialize(config, instance, "clean")
    event = instance.get_latest_materialization_event(dg.AssetKey("clean"))
    assert event is not None
    assert event.asset_materialization is not None
    metadata = event.asset_materialization.metadata
    assert metadata["input_gb"] != dg.MetadataValue.float(0.0)
    assert "Runs on local" in str(metadata["decision"].value)
    assert "orders" in str(metadata["sources"].value)


def test_the_decision_is_recorded_with_the_run(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    write_table(tmp_path, "orders", ORDERS)
    config = load_project(tmp_path, copy_job("clean", platform={"user_preference": "lambda"}))
    materialize(config, instance, "clean")
    record = open_store(config).latest_execution("clean")
    assert record is not None
    assert record.platform_decision is not None
    assert record.platform_decision.selected_platform == "local"
    assert record.workload_characteristics is not None
    assert record.workload_characteristics.data_volume_gb is not None


def test_an_issue_is_counted_while_it_is_seen_and_resolved_once_it_is_gone(
    tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    write_table(tmp_path, "orders", ORDERS)
    write_table(tmp_path, "regions", [{"region": "eu"}])
    apart = copy_job("clean", data_sources=[source("orders"), source("regions")])
    config = load_project(tmp_path, apart)
    materialize(config, instance, "clean")
    materialize(config, instance, "clean")
    (issue,) = open_store(config).issues("clean")
    assert (issue.occurrences, issue.resolved) == (2, False)
    mended = load_project(tmp_path, copy_job("clean"))
    materialize(mended, instance, "clean")
    (issue,) = open_store(mended).issues("clean")
    assert issue.resolved


def test_rows_that_break_a_quarantine_rule_leave_the_target(
    tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    script = """
import os
from pathlib import Path
import pandas

def handler(event, context):
    target = Path(os.environ["ETL_PLATFORM_LOCAL_ROOT"]) / "glue" / "lake" / "clean"
    target.mkdir(parents=True, exist_ok=True)
    orders = pandas.DataFrame({"order_id": [1, 2, 3], "amount": [10.5, 99.0, -1.0]})
    orders.to_parquet(target / "part-0.parquet")
"""
    write_table(tmp_path, "orders", ORDERS)
    rules = {
        "accuracy_rules": [{**POSITIVE, "dataset": "target", "severity": "high", "action": "quarantine"}]
    }
    target = {"type": "glue_catalog", "database": "lake", "table": "clean", "format": "parquet"}
    job = copy_job("clean", data_quality=rules, target=target)
    config = load_project(tmp_path, job, scripts={"copy_table.py": script})
    key = dg.AssetCheckKey(dg.AssetKey("clean"), "accuracy__amount__range")
    result = materialize(config, instance, "clean", checks={key})
    assert result.success
    (evaluation,) = result.get_asset_check_evaluations()
    assert "quarantine" in str(evaluation.metadata["bad_rows"].value)
    left = pandas.read_parquet(tmp_path / ".etl_platform/glue/lake/clean")
    assert sorted(left["order_id"]) == [1, 2]


def test_a_disabled_job_among_others_is_left_out(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    write_table(tmp_path, "orders", ORDERS)
    config = load_project(tmp_path, copy_job("clean"), copy_job("off", enabled=False))
    result = materialize(config, instance, "clean", "off")
    assert result.success
    made = {event.asset_key for event in result.get_asset_materialization_events()}
    assert made == {dg.AssetKey("clean")}


def test_a_rule_of_one_job_on_a_shared_source_holds_back_that_job_alone(
    tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    write_table(tmp_path, "orders", ORDERS)
    config = load_project(tmp_path, copy_job("strict", data_quality=BLOCKING), copy_job("easy"))
    key = dg.AssetCheckKey(dg.AssetKey(["glue", "lake", "orders"]), "accuracy__amount__range")
    result = materialize(config, instance, "strict", "easy", checks={key})
    made = {event.asset_key for event in result.get_asset_materialization_events()}
    assert made == {dg.AssetKey("easy")}
    assert "accuracy__amount__range" in failure(result, "strict")


def test_a_missing_optional_source_holds_nothing_back(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    write_table(tmp_path, "orders", ORDERS)
    sources = [source("orders"), source("extras", optional=True)]
    rules = {"completeness_checks": [{"field": "id", "dataset": "extras", "severity": "critical"}]}
    config = load_project(tmp_path, copy_job("clean", data_sources=sources, data_quality=rules))
    assert materialize(config, instance, "clean").success


def test_a_disabled_job_with_its_own_checks_says_so(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    rules = {"completeness_checks": [{"field": "email", "dataset": "target"}]}
    config = load_project(tmp_path, copy_job("clean", enabled=False, data_quality=rules))
    key = dg.AssetCheckKey(dg.AssetKey("clean"), "completeness__email")
    assert "clean is disabled" in failure(materialize(config, instance, "clean", checks={key}), "clean")
