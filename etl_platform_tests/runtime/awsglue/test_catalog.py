"""Partitioned writes with an update of the catalog, and tables behind servers."""

from pathlib import Path
from typing import Any

import pytest

from etl_platform_tests.runtime.awsglue.files import read_json, rows, write_json, write_text

pytestmark = pytest.mark.slow

ORDERS = [
    {"id": 1, "country": "AT", "total": 10.5},
    {"id": 2, "country": "DE", "total": 20.0},
    {"id": 3, "country": "AT", "total": 0.5},
]


def sink(glue: Any, path: str, frame: Any, behavior: str = "UPDATE_IN_DATABASE") -> None:
    made = glue.getSink(
        connection_type="s3",
        path=path,
        enableUpdateCatalog=True,
        updateBehavior=behavior,
        partitionKeys=["country"],
        transformation_ctx="sink",
    )
    made.setFormat("glueparquet")
    made.setCatalogInfo(catalogDatabase="shop", catalogTableName="orders")
    made.writeFrame(frame)


def by_id(frame: Any) -> list[dict[str, Any]]:
    return sorted(rows(frame), key=lambda row: row["id"])


def test_a_written_table_is_read_back_by_name(glue: Any, database: str, tmp_path: Path):
    sink(glue, str(tmp_path / "orders"), read_json(glue, write_json(tmp_path / "in", ORDERS)))
    assert by_id(glue.create_dynamic_frame.from_catalog(database, "orders")) == ORDERS
    assert (tmp_path / "orders" / "country=AT").is_dir()


def test_a_predicate_reads_some_partitions(glue: Any, database: str, tmp_path: Path):
    sink(glue, str(tmp_path / "orders"), read_json(glue, write_json(tmp_path / "in", ORDERS)))
    some = glue.create_dynamic_frame.from_catalog(
        database=database, table_name="orders", push_down_predicate="country = 'AT'"
    )
    assert [row["id"] for row in by_id(some)] == [1, 3]


def test_a_predicate_of_partitions_may_name_no_other_column(glue: Any, database: str, tmp_path: Path):
    sink(glue, str(tmp_path / "orders"), read_json(glue, write_json(tmp_path / "in", ORDERS)))
    with pytest.raises(ValueError, match=r"names total, which is no partition of shop.orders.*: country"):
        glue.create_dynamic_frame.from_catalog(
            database=database, table_name="orders", push_down_predicate="total > 1"
        )


@pytest.mark.parametrize(
    ("behavior", "columns"),
    [("UPDATE_IN_DATABASE", ["id", "total", "note", "country"]), ("LOG", ["id", "total", "country"])],
)
def test_new_columns_enter_the_table_only_where_asked(
    glue: Any, database: str, tmp_path: Path, behavior: str, columns: list[str]
):
    sink(glue, str(tmp_path / "orders"), read_json(glue, write_json(tmp_path / "in", ORDERS)))
    more = [{"id": 4, "country": "FR", "total": 1.0, "note": "new"}]
    sink(glue, str(tmp_path / "orders"), read_json(glue, write_json(tmp_path / "more", more)), behavior)
    frame = glue.create_dynamic_frame.from_catalog(database, "orders")
    assert frame.toDF().columns == columns
    assert [row["id"] for row in by_id(frame)] == [1, 2, 3, 4]


def test_a_later_process_finds_the_table(glue: Any, spark: Any, database: str, tmp_path: Path):
    from awsglue.context import GlueContext

    sink(glue, str(tmp_path / "orders"), read_json(glue, write_json(tmp_path / "in", ORDERS)))
    spark.sql("DROP DATABASE shop CASCADE")
    later = GlueContext(spark.sparkContext)
    assert by_id(later.create_dynamic_frame.from_catalog(database, "orders")) == ORDERS


def test_a_table_that_is_not_there_names_the_key(glue: Any, database: str):
    with pytest.raises(LookupError, match=r'data_sources.*"table": "missing"'):
        glue.create_dynamic_frame.from_catalog(database=database, table_name="missing")


def test_frames_are_appended_to_a_table_of_the_catalog(glue: Any, spark: Any, database: str, tmp_path: Path):
    path = write_text(tmp_path / "c", "id,name\n1,a\n")
    spark.sql(
        f"CREATE TABLE {database}.names (id bigint, name string) "
        f"USING csv OPTIONS (header 'true') LOCATION '{path}'"
    )
    more = read_json(glue, write_json(tmp_path / "more", [{"id": 2, "name": "b"}]))
    glue.write_dynamic_frame.from_catalog(frame=more, database=database, table_name="names")
    assert by_id(glue.create_dynamic_frame.from_catalog(database, "names")) == [
        {"id": 1, "name": "a"},
        {"id": 2, "name": "b"},
    ]


SALES = {"url": "jdbc:postgresql://db.abc.rds.amazonaws.com:5432/sales", "dbtable": "public.orders"}


@pytest.mark.parametrize(
    ("connection", "options", "message"),
    [
        (
            "postgresql",
            SALES,
            r'"source_type": "rds", "instance": "db", "database": "sales", "table": "orders"',
        ),
        ("redshift", {"url": "jdbc:redshift://c.abc:5439/d", "dbtable": "t"}, '"redshift", "cluster": "c"'),
        ("dynamodb", {"dynamodb.input.tableName": "users-1"}, '"dynamodb", "table_name": "users-1"'),
        ("kinesis", {"streamARN": "arn:aws:kinesis:x:1:stream/clicks"}, '"kinesis", "stream_name": "clicks"'),
    ],
)
def test_a_server_without_stand_in_names_the_key_and_the_folder(
    glue: Any, root: Path, connection: str, options: dict[str, str], message: str
):
    with pytest.raises(LookupError, match=f"data_sources.*{message}.*{root}"):
        glue.create_dynamic_frame.from_options(connection, options)


@pytest.mark.parametrize(
    ("folder", "connection", "options"),
    [
        ("postgres/db.abc.rds.amazonaws.com/sales/public/orders", "postgresql", SALES),
        ("rds/db/sales/orders", "postgresql", SALES),
        (
            "redshift/c/d/public/t",
            "redshift",
            {"url": "jdbc:redshift:iam://c:us-east-1/d", "dbtable": "public.t"},
        ),
        ("rds/h/d/t", "sqlserver", {"url": "jdbc:sqlserver://h:1433;databaseName=d", "dbtable": "dbo.t"}),
        ("rds/h/d/t", "oracle", {"url": "jdbc:oracle:thin://@h:1521/d", "dbtable": "t"}),
        (
            "rds/x/d/t",
            "mysql",
            {"useConnectionProperties": "true", "connectionName": "c", "database": "d", "dbtable": "t"},
        ),
        ("dynamodb/users-1", "dynamodb", {"dynamodb.input.tableName": "users-1"}),
        ("kinesis/clicks", "kinesis", {"streamARN": "arn:aws:kinesis:x:1:stream/clicks"}),
    ],
)
def test_a_table_behind_a_server_is_its_stand_in(
    glue: Any, root: Path, folder: str, connection: str, options: dict[str, str]
):
    write_json(root / folder, [{"id": 1}])
    assert rows(glue.create_dynamic_frame.from_options(connection, options)) == [{"id": 1}]


def test_the_server_decides_between_stand_ins_of_the_same_name(glue: Any, root: Path):
    write_json(root / "rds" / "other" / "sales" / "orders", [{"id": 1}])
    write_json(root / "rds" / "db" / "sales" / "orders", [{"id": 2}])
    assert rows(glue.create_dynamic_frame.from_options("postgresql", SALES)) == [{"id": 2}]


def test_several_stand_ins_that_nothing_decides_between_are_named(glue: Any, root: Path):
    for server in ("a", "b"):
        write_json(root / "rds" / server / "sales" / "orders", [{"id": 1}])
    with pytest.raises(LookupError, match=r"several local stand-ins fit.*rds/a.*rds/b"):
        glue.create_dynamic_frame.from_options("postgresql", SALES)


def test_a_stand_in_of_csv_files_has_their_types(glue: Any, root: Path):
    write_text(root / "rds" / "db" / "sales" / "orders", "id,name\n1,a\n")
    assert rows(glue.create_dynamic_frame.from_options("postgresql", SALES)) == [{"id": 1, "name": "a"}]


def test_what_a_job_writes_to_a_server_it_reads_back(glue: Any, root: Path, tmp_path: Path):
    frame = read_json(glue, write_json(tmp_path / "in", ORDERS))
    glue.write_dynamic_frame.from_jdbc_conf(
        frame=frame,
        catalog_connection="redshift3",
        connection_options={"dbtable": "orders", "database": "shop"},
    )
    options = {"url": "jdbc:redshift://x:5439/shop", "dbtable": "orders", "redshiftTmpDir": "s3://t/"}
    assert by_id(glue.create_dynamic_frame.from_options("redshift", options)) == ORDERS


def test_partitions_of_a_predicate_are_purged(glue: Any, spark: Any, database: str, tmp_path: Path):
    folders = [tmp_path / "t" / "year=2026" / f"month={month}" for month in ("01", "02")]
    for folder in folders:
        write_text(folder, "1\n", "t.csv")
    spark.sql(
        f"CREATE TABLE shop.months (id int, year int, month int) USING csv PARTITIONED BY (year, month) "
        f"LOCATION '{tmp_path / 't'}'"
    )
    spark.sql("ALTER TABLE shop.months RECOVER PARTITIONS")
    predicate = "(year=='2026' and month=='01')"
    glue.purge_table("shop", "months", {"partitionPredicate": predicate, "retentionPeriod": 0})
    assert [(folder / "t.csv").exists() for folder in folders] == [False, True]


def test_old_files_are_purged_and_new_ones_stay(glue: Any, root: Path):
    import os

    folder = root / "s3" / "bucket" / "logs"
    write_text(folder, "x", "old.txt")
    write_text(folder, "y", "new.txt")
    os.utime(folder / "old.txt", (0, 0))
    glue.purge_s3_path("s3://bucket/logs/", {"retentionPeriod": 1})
    assert [file.name for file in folder.iterdir()] == ["new.txt"]


def test_exclusions_leave_files_out(glue: Any, tmp_path: Path):
    path = write_json(tmp_path / "in", [{"id": 1}], "a.json")
    write_json(tmp_path / "in", [{"id": 2}], "b.tmp.json")
    frame = glue.create_dynamic_frame.from_options(
        "s3", {"paths": [path], "exclusions": '["**.tmp.json"]'}, "json"
    )
    assert rows(frame) == [{"id": 1}]


def test_files_of_every_folder_below_are_read(glue: Any, tmp_path: Path):
    write_json(tmp_path / "in" / "a", [{"id": 1}])
    write_json(tmp_path / "in" / "b" / "c", [{"id": 2}])
    options = {"paths": [str(tmp_path / "in")], "recurse": True, "groupFiles": "inPartition"}
    assert by_id(glue.create_dynamic_frame.from_options("s3", options, "json")) == [{"id": 1}, {"id": 2}]
