from pathlib import Path
from typing import Any

import pytest

from etl_platform.config.project import Config
from etl_platform.platforms.errors import NotRunnableError
from etl_platform.platforms.launch_file import ENGINE_VARIABLE, launch_of
from etl_platform_tests.platforms.builders import config_of, job_of, request_of, script_request

GLUE_TARGET = {"type": "glue_catalog", "database": "lake", "table": "daily", "format": "orc"}


def glue_source(table: str) -> dict[str, Any]:
    return {"name": table, "source_type": "glue_catalog", "database": "lake", "table": table}


def test_standard_arguments_come_with_those_of_the_job(tmp_path: Path):
    job = job_of(execution={"sql": "select 1", "arguments": {"full": True, "days": 3, "EXECUTION_ID": "own"}})
    request = request_of(config_of(tmp_path, job), job, partition_key="2024-01-01")
    assert launch_of(request)["arguments"] == {
        "JOB_NAME": "orders",
        "EXECUTION_ID": "own",
        "PARTITION_KEY": "2024-01-01",
        "full": "true",
        "days": "3",
    }


def test_job_without_partitions_gets_no_partition_key(tmp_path: Path):
    job = job_of()
    assert "PARTITION_KEY" not in launch_of(request_of(config_of(tmp_path, job), job))["arguments"]


def test_glue_tables_of_all_jobs_are_known_with_the_formats_of_targets(tmp_path: Path):
    job = job_of(data_sources=[glue_source("daily"), glue_source("raw")])
    other = job_of("other", target=GLUE_TARGET)
    tables = launch_of(request_of(config_of(tmp_path, job, other), job))["tables"]
    root = tmp_path / "root" / "glue" / "lake"
    assert {(table["table"], table["format"], table["path"]) for table in tables} == {
        ("daily", "orc", str(root / "daily")),
        ("raw", None, str(root / "raw")),
    }


def test_buckets_are_those_of_sources_targets_arguments_and_artifacts(tmp_path: Path):
    source = {"name": "raw", "source_type": "s3", "path": "s3://landing/raw/"}
    job = job_of(
        execution={"sql": "select 1", "arguments": {"out": "s3a://reports/x/"}}, data_sources=[source]
    )
    other = job_of("other", target={"type": "s3", "path": "s3://warehouse/other/"})
    config = config_of(tmp_path, job, other, artifacts={"s3_uri": "s3://artifacts/etl"})
    assert launch_of(request_of(config, job))["buckets"] == ["artifacts", "landing", "reports", "warehouse"]


def test_target_is_a_folder_of_this_machine(tmp_path: Path):
    job = job_of(target={"type": "s3", "path": "s3://warehouse/daily/", "partition_by": ["day"]})
    target = launch_of(request_of(config_of(tmp_path, job), job))["target"]
    assert (target["path"], target["mode"], target["partition_by"]) == (
        str(tmp_path / "root/s3/warehouse/daily"),
        "overwrite",
        ["day"],
    )


def test_target_behind_a_server_is_left_to_the_script(tmp_path: Path):
    job = job_of(target={"type": "dynamodb", "table": "daily"})
    assert launch_of(request_of(config_of(tmp_path, job), job))["target"] is None


def test_script_at_an_s3_address_is_its_stand_in(tmp_path: Path):
    script = tmp_path / "root/s3/code/job.py"
    script.parent.mkdir(parents=True)
    script.write_text("print(1)")
    job = job_of(execution={"script_path": "s3://code/job.py", "script_type": "python"})
    assert launch_of(request_of(config_of(tmp_path, job), job))["script"] == str(script)


def test_sql_script_is_a_query(tmp_path: Path):
    (tmp_path / "q.sql").write_text("select 1")
    job = job_of(execution={"script_path": "q.sql"})
    assert launch_of(request_of(config_of(tmp_path, job), job))["script_type"] == "sql"


def test_spark_settings_are_text(tmp_path: Path):
    job = job_of(execution={"sql": "select 1", "spark_conf": {"spark.sql.ansi.enabled": True}})
    conf = launch_of(request_of(config_of(tmp_path, job), job))["spark_conf"]
    assert conf == {"spark.sql.ansi.enabled": "true"}


@pytest.mark.parametrize(
    ("asked", "variable", "setting", "expected"),
    [("sail", "spark", "spark", "sail"), (None, "sail", "spark", "sail"), (None, None, "spark", "spark")],
)
def test_engine_is_asked_for_by_option_then_variable_then_setting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asked: Any, variable: Any, setting: str, expected: str
):
    monkeypatch.delenv(ENGINE_VARIABLE, raising=False)
    if variable:
        monkeypatch.setenv(ENGINE_VARIABLE, variable)
    job = job_of()
    config = config_of(tmp_path, job)
    local = config.settings.local.model_copy(update={"engine": setting})
    config = Config(config.path, config.jobs, config.settings.model_copy(update={"local": local}))
    assert launch_of(request_of(config, job, engine=asked))["engine"] == expected


def test_plain_python_has_no_engine(tmp_path: Path):
    assert launch_of(script_request(tmp_path, "print(1)"))["engine"] == "none"


def test_unknown_engine_in_the_environment_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv(ENGINE_VARIABLE, "flink")
    job = job_of()
    with pytest.raises(NotRunnableError, match='ETL_PLATFORM_ENGINE is "flink"; expected one of auto, spark'):
        launch_of(request_of(config_of(tmp_path, job), job))


@pytest.mark.parametrize("key", ["script_path", "jars", "python_modules"])
def test_missing_file_is_named_with_its_key(tmp_path: Path, key: str):
    value = "gone.py" if key == "script_path" else ["gone.py"]
    execution = {"script_path": "job.py", "script_type": "python", key: value}
    (tmp_path / "job.py").write_text("print(1)")
    job = job_of(execution=execution)
    with pytest.raises(NotRunnableError, match=rf"execution\.{key} names gone\.py"):
        launch_of(request_of(config_of(tmp_path, job), job))


def test_job_with_nothing_to_run_says_so(tmp_path: Path):
    job = job_of(execution={"script_type": "sql"})
    with pytest.raises(NotRunnableError, match="has nothing to run"):
        launch_of(request_of(config_of(tmp_path, job), job))


def test_secret_is_refused_by_its_key_and_not_written(tmp_path: Path):
    job = job_of(execution={"sql": "select 1", "spark_conf": {"password": "pre-${SECRET:db.password}"}})
    with pytest.raises(NotRunnableError, match=r"execution\.spark_conf\.password holds \$\{SECRET:db"):
        launch_of(request_of(config_of(tmp_path, job), job))


def test_profile_of_real_services_is_refused(tmp_path: Path):
    job = job_of()
    config = config_of(tmp_path, job)
    aws = Config(config.path, config.jobs, config.settings, profile="aws")
    with pytest.raises(NotRunnableError, match="the profile is aws"):
        launch_of(request_of(aws, job))


@pytest.mark.parametrize("place", ["sql", "script_path"])
def test_secret_in_a_query_is_refused_with_its_place(tmp_path: Path, place: str):
    query = "select '${SECRET:db.password}' as p"
    (tmp_path / "q.sql").write_text(query)
    job = job_of(execution={place: query if place == "sql" else "q.sql"})
    with pytest.raises(NotRunnableError, match=rf"execution\.{place}.* holds \$\{{SECRET:db\.password"):
        launch_of(request_of(config_of(tmp_path, job), job))


@pytest.mark.parametrize(
    ("folders", "engine"),
    [
        (("region=eu/month=01", "region=eu/month=12"), "spark"),
        (("region=eu/month=1", "region=eu/month=12"), "sail"),
        (("day=2026-01-01",), "sail"),
    ],
)
def test_numbers_with_zeros_before_them_in_folders_are_read_by_spark(
    tmp_path: Path, folders: tuple[str, ...], engine: str
):
    for folder in folders:
        (tmp_path / "root" / "glue" / "lake" / "raw" / folder).mkdir(parents=True)
    job = job_of(execution={"sql": "select 1"}, data_sources=[glue_source("raw")])
    assert launch_of(request_of(config_of(tmp_path, job), job))["engine"] == engine


def test_columns_that_are_declared_of_csv_are_told_and_read_by_spark(tmp_path: Path):
    folder = tmp_path / "root" / "glue" / "lake" / "raw"
    folder.mkdir(parents=True)
    (folder / "a.csv").write_text("Provider Id\n1\n")
    source = {**glue_source("raw"), "columns": {"provider id": "bigint"}}
    job = job_of(execution={"sql": "select 1"}, data_sources=[source])
    launch = launch_of(request_of(config_of(tmp_path, job), job))
    assert (launch["engine"], launch["tables"][0]["columns"]) == ("spark", {"provider id": "bigint"})
