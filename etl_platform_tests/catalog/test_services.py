"""DynamoDB, Kinesis, Redshift, RDS: what their own services tell."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from etl_platform.catalog import redshift
from etl_platform.catalog.stats import TableStats
from etl_platform_tests.catalog.builders import config, measured, source

pytestmark = pytest.mark.slow

Client = Callable[[str], Any]


def test_dynamodb_counts_its_items(aws: Client, tmp_path: Path):
    aws("dynamodb").create_table(
        TableName="users",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    aws("dynamodb").put_item(TableName="users", Item={"id": {"S": "a"}})
    stats = measured(source("dynamodb", table_name="users"), config(tmp_path, profile="aws"))
    assert (stats.row_count, stats.rows_estimated, stats.columns) == (1, True, {"id": "string"})
    assert stats.size_gb is not None


def test_a_missing_dynamodb_table_is_missing(aws: Client, tmp_path: Path):
    stats = measured(source("dynamodb", table_name="none"), config(tmp_path, profile="aws"))
    assert stats.exists is False
    assert "dynamodb DescribeTable failed with ResourceNotFoundException" in stats.warnings[0]


def test_kinesis_throughput_is_cloudwatchs_last_day(aws: Client, tmp_path: Path):
    aws("kinesis").create_stream(StreamName="clicks", ShardCount=3)
    when = datetime.now(timezone.utc) - timedelta(hours=2)
    for metric, value in (("IncomingRecords", 86_400.0), ("IncomingBytes", 86_400.0 * 2048)):
        aws("cloudwatch").put_metric_data(
            Namespace="AWS/Kinesis",
            MetricData=[
                {
                    "MetricName": metric,
                    "Dimensions": [{"Name": "StreamName", "Value": "clicks"}],
                    "Timestamp": when,
                    "Value": value,
                }
            ],
        )
    stats = measured(source("kinesis", stream_name="clicks"), config(tmp_path, profile="aws"))
    assert (stats.partition_count, stats.records_per_second, stats.avg_record_kb) == (3, 1.0, 2.0)
    assert stats.size_gb is None


def test_a_stream_without_figures_says_which_key_to_set(aws: Client, tmp_path: Path):
    aws("kinesis").create_stream(StreamName="clicks", ShardCount=1)
    stats = measured(source("kinesis", stream_name="clicks"), config(tmp_path, profile="aws"))
    assert stats.records_per_second is None
    assert "set `workload.events_per_second`" in stats.warnings[0]


def test_a_stream_that_wants_no_throughput_asks_cloudwatch_nothing(aws: Client, tmp_path: Path):
    aws("kinesis").create_stream(StreamName="clicks", ShardCount=1)
    one = source("kinesis", stream_name="clicks", auto_detect_throughput=False)
    assert measured(one, config(tmp_path, profile="aws")).warnings == ()


def redshift_stats(folder: Path, **keys: Any) -> TableStats:
    one = source("redshift", **{"cluster": "dwh", "database": "dev", "table": "orders"} | keys)
    return measured(one, config(folder, profile="aws"))


def field(value: Any) -> dict[str, Any]:
    if value is None:
        return {"isNull": True}
    return {"longValue": value} if isinstance(value, int) else {"stringValue": value}


def finished(stand_in: Any, *results: list[list[Any]]) -> None:
    """Let the statements end after a while, with these rows in turn."""
    stand_in.answer("ExecuteStatement", *((200, {"Id": f"s{number}"}) for number in range(len(results))))
    stand_in.answer(
        "DescribeStatement",
        (200, {"Id": "s0", "Status": "SUBMITTED"}),
        (200, {"Id": "s0", "Status": "STARTED"}),
        (200, {"Id": "s0", "Status": "FINISHED"}),
    )
    pages = [{"Records": [[field(value) for value in row] for row in rows]} for rows in results]
    stand_in.answer("GetStatementResult", *((200, page) for page in pages))


def test_redshift_is_asked_through_submit_wait_and_fetch(stand_in: Any, tmp_path: Path):
    columns = [["order_id", "bigint"], ["city", "character varying"]]
    finished(stand_in, [[2048, 500, "KEY(order_id)", "ordered_at"]], columns)
    stats = redshift_stats(tmp_path)
    assert (stats.size_gb, stats.row_count, stats.partition_keys) == (2.0, 500, ("ordered_at",))
    assert stats.columns == {"order_id": "bigint", "city": "character varying"}
    assert [name for name, _ in stand_in.calls[:5]] == [
        "ExecuteStatement",
        "DescribeStatement",
        "DescribeStatement",
        "DescribeStatement",
        "GetStatementResult",
    ]


def test_redshift_names_are_bound_and_never_pasted(stand_in: Any, tmp_path: Path):
    finished(stand_in, [[1, 1, "EVEN", None]], [])
    redshift_stats(tmp_path, table="x'; DROP TABLE y; --")
    bodies = [body for name, body in stand_in.calls if name == "ExecuteStatement"]
    assert all("DROP" not in body["Sql"] for body in bodies)
    assert {"name": "table", "value": "x'; DROP TABLE y; --"} in bodies[0]["Parameters"]


def test_an_empty_redshift_table_has_columns_and_no_rows(stand_in: Any, tmp_path: Path):
    finished(stand_in, [], [["order_id", "bigint"]])
    stats = redshift_stats(tmp_path)
    assert (stats.size_gb, stats.row_count) == (0.0, 0)


def test_an_unknown_redshift_table_is_missing(stand_in: Any, tmp_path: Path):
    finished(stand_in, [], [])
    stats = redshift_stats(tmp_path)
    assert (stats.exists, stats.size_gb) == (False, None)


def test_a_failed_redshift_statement_gives_its_reason(stand_in: Any, tmp_path: Path):
    stand_in.answer("ExecuteStatement", (200, {"Id": "s0"}))
    stand_in.answer(
        "DescribeStatement", (200, {"Id": "s0", "Status": "FAILED", "Error": "permission denied"})
    )
    assert "failed: permission denied" in redshift_stats(tmp_path).warnings[0]


def test_a_redshift_statement_that_never_ends_is_cancelled(
    aws: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(redshift, "WAIT_SECONDS", 0)
    stats = redshift_stats(tmp_path)
    assert "did not end within 0 s and was cancelled" in stats.warnings[0]


def test_a_serverless_workgroup_and_a_secret_of_secrets_manager(stand_in: Any, tmp_path: Path):
    finished(stand_in, [[1, 1, "EVEN", None]], [])
    one = source("redshift", workgroup="analytics", database="dev", table="orders", secret="${SECRET:dwh}")
    secrets = {"provider": "aws_secrets_manager", "prefix": "prod/"}
    measured(one, config(tmp_path, profile="aws", secrets=secrets))
    body = stand_in.calls[0][1]
    assert (body["WorkgroupName"], body["SecretArn"]) == ("analytics", "prod/dwh")


def test_a_redshift_secret_that_is_no_arn_is_refused_without_showing_it(
    aws: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("dwh", "hunter2")
    stats = redshift_stats(tmp_path, secret="${SECRET:dwh}")
    assert "takes secrets of AWS Secrets Manager only" in stats.warnings[0]
    assert "hunter2" not in stats.model_dump_json()


def create_instance(aws: Client, engine: str) -> None:
    aws("rds").create_db_instance(
        DBInstanceIdentifier="shop",
        DBInstanceClass="db.t3.micro",
        Engine=engine,
        MasterUsername="root",
        MasterUserPassword="hunter2hunter2",
        AllocatedStorage=20,
    )


def rds_stats(folder: Path, **keys: Any) -> TableStats:
    one = source("rds", **{"instance": "shop", "database": "retail", "table": "stores"} | keys)
    return measured(one, config(folder, profile="aws"))


def test_rds_without_a_driver_names_the_package(aws: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("etl_platform.catalog.database.find_spec", lambda name: None)
    monkeypatch.setenv("shop", json.dumps({"username": "etl", "password": "hunter2"}))
    create_instance(aws, "postgres")
    stats = rds_stats(tmp_path, secret="${SECRET:shop}", size_gb=3.0)
    assert "pip install 'psycopg[binary]'" in stats.warnings[0]
    assert stats.size_gb == 3.0
    assert "hunter2" not in stats.model_dump_json()


def test_rds_without_a_secret_names_the_key(aws: Client, tmp_path: Path):
    create_instance(aws, "mysql")
    assert "has no `secret`" in rds_stats(tmp_path).warnings[0]


def test_rds_with_an_odd_secret_does_not_show_it(
    aws: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("shop", '{"user": "hunter2"}')
    create_instance(aws, "mysql")
    stats = rds_stats(tmp_path, secret="${SECRET:shop}")
    assert "neither JSON with `username`" in stats.warnings[0]
    assert "hunter2" not in stats.model_dump_json()


def test_an_rds_engine_that_is_not_supported_says_so(aws: Client, tmp_path: Path):
    create_instance(aws, "oracle-ee")
    assert "RDS engine oracle-ee" in rds_stats(tmp_path).warnings[0]


def test_a_missing_rds_instance_is_missing(aws: Client, tmp_path: Path):
    assert rds_stats(tmp_path).exists is False


def test_no_region_names_the_key(no_account: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    given = config(tmp_path, profile="aws", aws_region=None)
    stats = measured(source("dynamodb", table_name="users"), given)
    assert "set `global_settings.aws_region`" in stats.warnings[0]


def test_no_credentials_says_how_to_log_in(no_account: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    stats = measured(source("dynamodb", table_name="users"), config(tmp_path, profile="aws"))
    assert "no AWS credentials" in stats.warnings[0]
