import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from etl_platform.catalog.stats import TableStats
from etl_platform_tests.catalog.builders import config, measured, source

pytestmark = pytest.mark.slow

Client = Callable[[str], Any]


def create_table(
    aws: Client,
    parameters: Mapping[str, str],
    *,
    location: str = "s3://lake/orders/",
    keys: Sequence[str] = (),
    table_type: str = "EXTERNAL_TABLE",
) -> None:
    glue = aws("glue")
    glue.create_database(DatabaseInput={"Name": "sales"})
    glue.create_table(
        DatabaseName="sales",
        TableInput={
            "Name": "orders",
            "TableType": table_type,
            "Parameters": dict(parameters),
            "PartitionKeys": [{"Name": key, "Type": "string"} for key in keys],
            "StorageDescriptor": {
                "Location": location,
                "Columns": [{"Name": "order_id", "Type": "bigint"}],
                "SerdeInfo": {"SerializationLibrary": "org.apache…ParquetHiveSerDe"},
            },
        },
    )


def create_partition(aws: Client, value: str, parameters: Mapping[str, str]) -> None:
    aws("glue").create_partition(
        DatabaseName="sales",
        TableName="orders",
        PartitionInput={"Values": [value], "Parameters": dict(parameters), "StorageDescriptor": {}},
    )


def glue_stats(folder: Path, **keys: Any) -> TableStats:
    one = source("glue_catalog", database="sales", table="orders", **keys)
    return measured(one, config(folder, profile="aws"))


@pytest.mark.parametrize(
    "parameters",
    [
        {"sizeKey": "3221225472", "objectCount": "12", "recordCount": "1000"},
        {"totalSize": "3221225472", "numFiles": "12", "numRows": "1000"},
        {
            "spark.sql.statistics.totalSize": "3221225472",
            "numFiles": "12",
            "spark.sql.statistics.numRows": "1000",
        },
    ],
)
def test_each_writers_names_are_understood(aws: Client, tmp_path: Path, parameters: dict[str, str]):
    create_table(aws, parameters)
    stats = glue_stats(tmp_path)
    assert (stats.size_gb, stats.file_count, stats.row_count) == (3.0, 12, 1000)
    assert stats.avg_file_mb == 256.0
    assert all(key in stats.detected_by for key in parameters)
    assert (stats.columns, stats.format) == ({"order_id": "bigint"}, "parquet")


def test_partitions_with_their_own_statistics_win_over_the_table(aws: Client, tmp_path: Path):
    create_table(aws, {"totalSize": "1"}, keys=["day"])
    create_partition(aws, "2024-01-01", {"totalSize": str(2**30), "numFiles": "1", "numRows": "5"})
    create_partition(aws, "2024-01-02", {"totalSize": str(2**30), "numFiles": "3", "numRows": "6"})
    stats = glue_stats(tmp_path)
    assert (stats.size_gb, stats.file_count, stats.row_count) == (2.0, 4, 11)
    assert (stats.partition_count, stats.partition_keys) == (2, ("day",))
    assert stats.columns == {"order_id": "bigint", "day": "string"}


def test_a_partition_without_statistics_leaves_the_table_to_tell(aws: Client, tmp_path: Path):
    create_table(aws, {"totalSize": str(2**30)}, keys=["day"])
    create_partition(aws, "2024-01-01", {"totalSize": str(2**31), "numRows": "-1"})
    create_partition(aws, "2024-01-02", {"totalSize": "-1"})
    stats = glue_stats(tmp_path)
    assert (stats.size_gb, stats.row_count) == (1.0, None)


def test_a_partition_filter_counts_only_what_it_keeps(aws: Client, tmp_path: Path):
    create_table(aws, {}, keys=["day"])
    create_partition(aws, "2024-01-01", {"totalSize": str(2**30)})
    create_partition(aws, "2024-01-02", {"totalSize": str(2**31)})
    stats = glue_stats(tmp_path, partition_filter="day > '2024-01-01'")
    assert (stats.size_gb, stats.filtered_gb, stats.filtered_partition_count) == (3.0, 2.0, 1)


def test_without_parameters_the_location_is_listed(aws: Client, tmp_path: Path):
    aws("s3").create_bucket(Bucket="lake")
    aws("s3").put_object(Bucket="lake", Key="orders/a.csv", Body=b"x" * 1024)
    create_table(aws, {"totalSize": "-1"})
    stats = glue_stats(tmp_path)
    assert stats.size_gb == 1024 / 2**30
    assert "S3 listing of s3://lake/orders/" in stats.detected_by
    assert stats.columns == {"order_id": "bigint"}


def test_without_parameters_and_outside_of_s3_the_keys_are_named(aws: Client, tmp_path: Path):
    create_table(aws, {}, location="jdbc:x")
    stats = glue_stats(tmp_path)
    assert stats.size_gb is None
    assert "hold none of totalSize" in stats.warnings[0]


def test_a_view_has_no_size(aws: Client, tmp_path: Path):
    create_table(aws, {}, table_type="VIRTUAL_VIEW")
    assert "a view has no size" in glue_stats(tmp_path).warnings[0]


def test_a_missing_table_is_a_warning_that_names_the_call(aws: Client, tmp_path: Path):
    stats = glue_stats(tmp_path)
    assert (stats.exists, stats.size_gb) == (False, None)
    assert "glue GetTable failed with EntityNotFoundException" in stats.warnings[0]


def test_a_denied_call_names_the_permission(stand_in: Any, tmp_path: Path):
    denied = {"__type": "AccessDeniedException", "message": "User arn:… is not authorized"}
    stand_in.answer("GetTable", (400, denied))
    stats = glue_stats(tmp_path, size_gb=4.0)
    assert "grant `glue:GetTable`" in stats.warnings[0]
    assert stats.size_gb == 4.0


def test_denied_partitions_leave_the_rest_measured(stand_in: Any, tmp_path: Path):
    table = {"Name": "orders", "Parameters": {"totalSize": "1024"}, "PartitionKeys": [{"Name": "day"}]}
    stand_in.answer("GetTable", (200, {"Table": table}))
    stand_in.answer("GetPartitions", (400, {"__type": "AccessDeniedException", "message": "no"}))
    stats = glue_stats(tmp_path)
    assert stats.size_gb == 1024 / 2**30
    assert "grant `glue:GetPartitions`" in stats.warnings[0]


def iceberg_metadata(**summary: str) -> dict[str, Any]:
    return {
        "format-version": 2,
        "current-snapshot-id": 7,
        "current-schema-id": 1,
        "default-spec-id": 0,
        "schemas": [
            {"schema-id": 0, "fields": []},
            {
                "schema-id": 1,
                "fields": [
                    {"id": 1, "name": "order_id", "type": "long"},
                    {"id": 2, "name": "ordered_at", "type": "timestamp"},
                    {"id": 3, "name": "lines", "type": {"type": "list"}},
                ],
            },
        ],
        "partition-specs": [{"spec-id": 0, "fields": [{"source-id": 2, "name": "ordered_at_day"}]}],
        "snapshots": [
            {"snapshot-id": 6, "timestamp-ms": 1, "summary": {"total-records": "1"}},
            {"snapshot-id": 7, "timestamp-ms": 1_700_000_000_000, "summary": summary},
        ],
    }


def put_iceberg(aws: Client, metadata: dict[str, Any]) -> None:
    aws("s3").create_bucket(Bucket="lake")
    aws("s3").put_object(Bucket="lake", Key="orders/metadata/1.json", Body=json.dumps(metadata).encode())
    location = "s3://lake/orders/metadata/1.json"
    create_table(aws, {"table_type": "ICEBERG", "metadata_location": location, "totalSize": "1"})


def test_an_iceberg_table_tells_by_its_current_snapshot(aws: Client, tmp_path: Path):
    summary = {"total-files-size": str(5 * 2**30), "total-data-files": "40", "total-records": "900"}
    put_iceberg(aws, iceberg_metadata(**summary, **{"total-position-deletes": "100"}))
    stats = glue_stats(tmp_path)
    assert (stats.size_gb, stats.file_count, stats.row_count) == (5.0, 40, 800)
    assert stats.partition_keys == ("ordered_at",)
    assert stats.columns == {"order_id": "long", "ordered_at": "timestamp", "lines": "list"}
    assert (stats.format, stats.last_updated) == ("iceberg", 1_700_000_000.0)


def test_an_iceberg_table_that_was_never_written_is_empty(aws: Client, tmp_path: Path):
    put_iceberg(aws, iceberg_metadata() | {"current-snapshot-id": -1})
    assert glue_stats(tmp_path).row_count == 0


def test_an_iceberg_table_without_summary_stays_unknown(aws: Client, tmp_path: Path):
    put_iceberg(aws, iceberg_metadata())
    stats = glue_stats(tmp_path)
    assert stats.size_gb is None
    assert "no summary" in stats.warnings[0]
