"""How a configuration looks to Dagster, before anything runs."""

from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from etl_platform.orchestration.build import build_definitions
from etl_platform_tests.projects import copy_job, load_project, source


def definitions(folder: Path, *jobs: dict[str, Any], **keys: Any) -> dg.Definitions:
    return build_definitions(load_project(folder, *jobs, **keys))


def spec(defs: dg.Definitions, key: str | list[str]) -> dg.AssetSpec:
    wanted = dg.AssetKey(key)
    return next(each for each in defs.resolve_all_asset_specs() if each.key == wanted)


def parents(defs: dg.Definitions, key: str) -> set[str]:
    return {dep.asset_key.to_user_string() for dep in spec(defs, key).deps}


RULES = {
    "completeness_checks": [
        {"field": "order_id", "dataset": "orders", "severity": "critical"},
        {"field": "email", "dataset": "target"},
    ]
}


def test_a_job_is_an_asset_below_its_sources(tmp_path: Path) -> None:
    assert parents(definitions(tmp_path, copy_job("clean")), "clean") == {"glue/lake/orders"}


def test_a_source_that_another_job_writes_is_that_jobs_asset(tmp_path: Path) -> None:
    defs = definitions(tmp_path, copy_job("clean"), copy_job("report", reads="clean"))
    assert parents(defs, "report") == {"clean"}


def test_a_source_of_type_job_is_that_jobs_asset(tmp_path: Path) -> None:
    report = copy_job("report", data_sources=[{"name": "c", "source_type": "job", "job_id": "clean"}])
    assert parents(definitions(tmp_path, copy_job("clean"), report), "report") == {"clean"}


def test_a_job_can_depend_on_one_whose_data_it_does_not_read(tmp_path: Path) -> None:
    late = copy_job("late", execution={"depends_on": ["clean"]})
    assert parents(definitions(tmp_path, copy_job("clean"), late), "late") == {"clean", "glue/lake/orders"}


def test_two_jobs_share_the_asset_of_a_source(tmp_path: Path) -> None:
    defs = definitions(tmp_path, copy_job("one"), copy_job("two"))
    keys = [each.key.to_user_string() for each in defs.resolve_all_asset_specs()]
    assert sorted(keys) == ["glue/lake/orders", "one", "two"]


def test_the_asset_carries_what_the_configuration_says(tmp_path: Path) -> None:
    job = copy_job(
        "clean",
        description="Orders without errors.",
        group="sales",
        owners=["team:sales", "a@example.com"],
        tags={"tier": "gold"},
        platform={"user_preference": "glue"},
    )
    job["target"]["schema"] = {"order_id": "bigint"}
    found = spec(definitions(tmp_path, job), "clean")
    assert found.group_name == "sales"
    assert list(found.owners) == ["team:sales", "a@example.com"]
    assert found.tags["tier"] == "gold"
    assert found.kinds == {"python", "glue"}
    assert found.metadata["dagster/table_name"] == "lake.clean"
    assert [(c.name, c.type) for c in found.metadata["dagster/column_schema"].columns] == [
        ("order_id", "bigint")
    ]


def test_the_description_names_sources_target_schedule_and_rules(tmp_path: Path) -> None:
    job = copy_job("clean", description="Orders.", data_quality=RULES, execution={"schedule": "0 2 * * *"})
    text = spec(definitions(tmp_path, job), "clean").description or ""
    for part in ("Orders.", "glue.lake.orders", "glue.lake.clean", "0 2 * * *", "`email` is not null"):
        assert part in text


def test_code_references_point_at_the_script_and_the_jobs_line(tmp_path: Path) -> None:
    found = spec(definitions(tmp_path, copy_job("clean"), copy_job("other")), "other")
    script, place = found.metadata["dagster/code_references"].code_references
    assert script.file_path == str(tmp_path / "copy_table.py")
    lines = (tmp_path / "etl_config.json").read_text().splitlines()
    assert '"job_id": "other"' in "\n".join(lines[place.line_number - 1 : place.line_number + 1])


def test_retries_and_their_waits(tmp_path: Path) -> None:
    execution = {"max_retries": 2, "retry_delay_minutes": 0.5, "retry_backoff": "exponential"}
    defs = definitions(tmp_path, copy_job("clean", execution=execution))
    policy = defs.resolve_assets_def("clean").op.retry_policy
    assert policy == dg.RetryPolicy(max_retries=2, delay=30, backoff=dg.Backoff.EXPONENTIAL)


def test_a_partitioned_job_fills_a_range_in_one_run(tmp_path: Path) -> None:
    job = copy_job(
        "clean", execution={"partitions": {"type": "daily", "start": "2026-01-01", "end": "2026-01-04"}}
    )
    asset = definitions(tmp_path, job).resolve_assets_def("clean")
    assert asset.partitions_def is not None
    assert asset.partitions_def.get_partition_keys() == ["2026-01-01", "2026-01-02", "2026-01-03"]
    assert asset.backfill_policy == dg.BackfillPolicy.single_run()


def test_a_deadline_is_a_freshness_policy(tmp_path: Path) -> None:
    found = spec(definitions(tmp_path, copy_job("clean", sla={"deadline_cron": "0 6 * * *"})), "clean")
    assert found.freshness_policy is not None


def test_rules_are_checks_of_the_dataset_that_they_are_about(tmp_path: Path) -> None:
    graph = definitions(tmp_path, copy_job("clean", data_quality=RULES)).resolve_asset_graph()
    blocking = {
        f"{key.asset_key.to_user_string()}:{key.name}": graph.get_check_spec(key).blocking
        for key in graph.asset_check_keys
    }
    assert blocking == {"glue/lake/orders:completeness__order_id": True, "clean:completeness__email": False}


def test_all_rules_of_a_dataset_share_one_step(tmp_path: Path) -> None:
    rules = {"completeness_checks": [{"field": name, "dataset": "target"} for name in ("order_id", "email")]}
    defs = definitions(tmp_path, copy_job("clean", data_quality=rules))
    steps = {each.name for each in defs.resolve_job_def("etl").graph.nodes}
    assert steps == {"clean", "clean__target__checks"}


def test_two_jobs_may_have_the_same_rule_on_one_source(tmp_path: Path) -> None:
    rules = {"completeness_checks": [{"field": "order_id", "dataset": "orders"}]}
    jobs = [copy_job(name, data_quality=rules) for name in ("one", "two")]
    keys = definitions(tmp_path, *jobs).resolve_asset_graph().asset_check_keys
    assert sorted(key.name for key in keys) == ["completeness__order_id", "completeness__order_id__two"]


def test_one_dagster_job_holds_everything(tmp_path: Path) -> None:
    defs = definitions(tmp_path, *(copy_job(f"job_{number}") for number in range(5)))
    assert [job.name for job in defs.resolve_all_job_defs() if not job.name.startswith("__")] == ["etl"]


def test_each_further_partitioning_has_a_dagster_job_of_its_own(tmp_path: Path) -> None:
    daily = copy_job("daily", execution={"partitions": {"type": "daily", "start": "2026-01-01"}})
    static = {"partitions": {"type": "static", "values": ["eu", "us"]}, "schedule": "0 2 * * *"}
    regional = copy_job("regional", reads="daily", execution=static)
    defs = definitions(tmp_path, daily, regional, copy_job("plain"))
    nodes = {
        name: {each.name for each in defs.resolve_job_def(name).graph.nodes} for name in ("etl", "etl_static")
    }
    assert nodes == {"etl": {"daily", "plain"}, "etl_static": {"regional"}}
    assert schedule(defs, "regional_schedule").job_name == "etl_static"


def schedule(defs: dg.Definitions, name: str) -> dg.ScheduleDefinition:
    found = defs.resolve_schedule_def(name)
    assert isinstance(found, dg.ScheduleDefinition)
    return found


def test_a_schedule_asks_for_the_job_and_its_checks(tmp_path: Path) -> None:
    job = copy_job(
        "clean", data_quality=RULES, execution={"schedule": "0 2 * * *", "timezone": "Europe/Berlin"}
    )
    found = schedule(definitions(tmp_path, job), "clean_schedule")
    with dg.build_schedule_context() as context:
        (request,) = found.evaluate_tick(context).run_requests or []
    assert found.execution_timezone == "Europe/Berlin"
    assert request.asset_selection == [dg.AssetKey("clean")]
    assert {key.name for key in request.asset_check_keys or []} == {
        "completeness__order_id",
        "completeness__email",
    }


def test_a_schedule_of_a_partitioned_job_fills_the_last_complete_partition(tmp_path: Path) -> None:
    execution = {"schedule": "0 2 * * *", "partitions": {"type": "daily", "start": "2026-01-01"}}
    defs = definitions(tmp_path, copy_job("clean", execution=execution))
    found = schedule(defs, "clean_schedule")
    now = datetime(2026, 3, 5, 2, tzinfo=timezone.utc)
    repository = defs.get_repository_def()
    with dg.build_schedule_context(scheduled_execution_time=now, repository_def=repository) as context:
        (request,) = found.evaluate_tick(context).run_requests or []
    assert request.partition_key == "2026-03-04"


def test_schedules_start_stopped_on_a_laptop(tmp_path: Path) -> None:
    defs = definitions(tmp_path, copy_job("clean", execution={"schedule": "0 2 * * *"}))
    assert schedule(defs, "clean_schedule").default_status == dg.DefaultScheduleStatus.STOPPED


@pytest.mark.parametrize("change", [{"enabled": False}, {"execution": {"schedule": "streaming"}}])
def test_what_cannot_be_scheduled_has_no_schedule(tmp_path: Path, change: dict[str, Any]) -> None:
    job = copy_job("clean", **{"execution": {"schedule": "0 2 * * *"}, **change})
    assert not definitions(tmp_path, job).schedules


def test_a_source_shared_by_name_describes_itself_once(tmp_path: Path) -> None:
    job = copy_job(
        "clean", data_sources=[source("orders", description="All orders.", columns={"order_id": "int"})]
    )
    found = spec(definitions(tmp_path, job), ["glue", "lake", "orders"])
    assert found.description == "All orders."
    assert found.group_name == "sources"


def test_a_source_may_have_a_name_that_dagster_does_not_take(tmp_path: Path) -> None:
    odd = {"name": "events", "source_type": "s3", "path": "s3://raw/events ä/year=2026/", "format": "csv"}
    rules = {"completeness_checks": [{"field": "id", "dataset": "events"}]}
    defs = definitions(tmp_path, copy_job("clean", data_sources=[odd], data_quality=rules))
    assert parents(defs, "clean") == {"s3/raw/events__/year_2026"}
    assert spec(defs, ["s3", "raw", "events__", "year_2026"]).metadata["dagster/uri"] == odd["path"]
    defs.get_repository_def().get_all_jobs()
