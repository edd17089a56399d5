"""What scripts read behind servers, by boto3 and by JDBC, is their local stand-in."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from etl_platform.runtime.json_endpoint import JsonEndpoint
from etl_platform_tests.runtime.builders import Project

pytestmark = pytest.mark.slow

ACCOUNT = {"region_name": "us-east-1", "aws_access_key_id": "local", "aws_secret_access_key": "local"}


def write_lines(folder: Path, records: list[dict[str, Any]], name: str = "a.json") -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text("".join(json.dumps(record) + "\n" for record in records))


@pytest.fixture
def endpoint(tmp_path: Path) -> Iterator[str]:
    with JsonEndpoint(tmp_path) as server:
        yield f"http://127.0.0.1:{server.server_port}"


@pytest.fixture
def tables(endpoint: str) -> Any:
    return boto3.resource("dynamodb", endpoint_url=endpoint, **ACCOUNT)


@pytest.fixture
def streams(endpoint: str) -> Any:
    return boto3.client("kinesis", endpoint_url=endpoint, **ACCOUNT)


ITEM = {"id": "u1", "age": 7, "score": 1.5, "on": True, "none": None, "tags": ["a"], "at": {"city": "Ulm"}}


def test_an_item_is_found_by_its_key_with_all_its_types(tables: Any, tmp_path: Path):
    write_lines(tmp_path / "dynamodb" / "users-1", [ITEM, {"id": "u2"}])
    found = tables.Table("users-1").get_item(Key={"id": "u1"})["Item"]
    assert {**found, "score": float(found["score"])} == ITEM
    assert "Item" not in tables.Table("users-1").get_item(Key={"id": "u3"})


def test_many_items_are_found_by_their_keys(tables: Any, tmp_path: Path):
    write_lines(tmp_path / "dynamodb" / "t", [{"a": n, "b": "x"} for n in range(5)])
    keys = [{"a": n, "b": "x"} for n in (1, 3, 9)]
    found = tables.batch_get_item(RequestItems={"t": {"Keys": keys}})["Responses"]["t"]
    assert [item["a"] for item in found] == [1, 3]


def test_a_scan_gives_every_item_in_pages(tables: Any, tmp_path: Path):
    write_lines(tmp_path / "dynamodb" / "t", [{"a": n} for n in range(2500)])
    pages = list(tables.meta.client.get_paginator("scan").paginate(TableName="t"))
    assert [len(page["Items"]) for page in pages] == [1000, 1000, 500]


@pytest.mark.parametrize("name", ["missing", "../s3", ".."])
def test_a_table_without_stand_in_names_the_key(tables: Any, tmp_path: Path, name: str):
    (tmp_path / "s3").mkdir()
    (tmp_path / "dynamodb").mkdir()
    with pytest.raises(ClientError, match=r"ResourceNotFound.*data_sources"):
        tables.meta.client.get_item(TableName=f"x/{name}" if name == ".." else name, Key={"a": {"S": "b"}})


def test_what_the_stand_in_cannot_do_is_refused(tables: Any, tmp_path: Path):
    write_lines(tmp_path / "dynamodb" / "t", [{"a": 1}])
    with pytest.raises(ClientError, match="no PutItem"):
        tables.Table("t").put_item(Item={"a": 2})
    with pytest.raises(ClientError, match="no Scan with FilterExpression"):
        tables.Table("t").scan(FilterExpression="a = b")


def read_all(streams: Any, **start: Any) -> list[Any]:
    shard = streams.list_shards(StreamName="clicks")["Shards"][0]["ShardId"]
    at = streams.get_shard_iterator(StreamName="clicks", ShardId=shard, **start)["ShardIterator"]
    found: list[Any] = []
    while True:
        answer = streams.get_records(ShardIterator=at, Limit=2)
        found += [json.loads(record["Data"]) for record in answer["Records"]]
        at = answer["NextShardIterator"]
        if answer["MillisBehindLatest"] == 0:
            return found


@pytest.mark.parametrize(
    ("start", "first"),
    [
        ({"ShardIteratorType": "TRIM_HORIZON"}, 0),
        ({"ShardIteratorType": "AT_SEQUENCE_NUMBER", "StartingSequenceNumber": "3"}, 2),
        ({"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "StartingSequenceNumber": "3"}, 3),
        ({"ShardIteratorType": "AT_TIMESTAMP", "Timestamp": 0}, 0),
        ({"ShardIteratorType": "LATEST"}, 5),
    ],
)
def test_a_stream_is_read_from_a_place_on(streams: Any, tmp_path: Path, start: dict[str, Any], first: int):
    write_lines(tmp_path / "kinesis" / "clicks", [{"n": n} for n in range(5)])
    assert [record["n"] for record in read_all(streams, **start)] == list(range(first, 5))


def test_writing_to_a_stream_is_refused(streams: Any):
    with pytest.raises(ClientError, match="no PutRecord"):
        streams.put_record(StreamName="clicks", Data=b"{}", PartitionKey="a")


HANDLER = """
import boto3

def handler(event, context):
    return boto3.resource("dynamodb").Table("users").get_item(Key={"id": "a"})["Item"]
"""


def test_a_handler_finds_the_stand_ins_by_itself(tmp_path: Path):
    project = Project(tmp_path)
    write_lines(project.root / "dynamodb" / "users", [{"id": "a", "name": "Ada"}])
    assert project.run(HANDLER).outcome["result"] == {"id": "a", "name": "Ada"}


JDBC = """
import json, os
from pyspark.sql import SparkSession

spark = SparkSession.builder.getOrCreate()
url = "jdbc:postgresql://shop.abc.us-east-1.rds.amazonaws.com:5432/retail"
frames = [
    spark.read.jdbc(url, "public.stores", properties={"user": "u"}),
    spark.read.format("jdbc").option("url", url).option("dbtable", "stores").load(),
    spark.read.format("jdbc").options(url=url, dbtable="stores").load(),
]
try:
    spark.read.jdbc(url, "missing")
    refused = None
except LookupError as error:
    refused = str(error)
print(json.dumps({"rows": [[list(row) for row in frame.collect()] for frame in frames], "refused": refused,
                  "run_dir": os.environ["ETL_PLATFORM_RUN_DIR"]}))
"""


@pytest.mark.parametrize("engine", ["spark", "sail"])
def test_a_script_s_jdbc_reads_the_stand_in(tmp_path: Path, engine: str):
    project = Project(tmp_path)
    folder = project.root / "rds" / "shop" / "retail" / "stores"
    folder.mkdir(parents=True)
    (folder / "stores.csv").write_text("id,city\n1,Ulm\n")
    run = project.run(JDBC, script_type="pyspark", engine=engine)
    assert run.exit_status == 0, run.stderr
    assert run.printed["rows"] == [[[1, "Ulm"]]] * 3
    assert '"instance": "shop", "database": "retail", "table": "missing"' in run.printed["refused"]
    assert run.printed["run_dir"] == str(run.folder)
