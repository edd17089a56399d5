"""Examples of the AWS documentation, with the output that it shows."""

import json
from pathlib import Path
from typing import Any

import pytest

from etl_platform_tests.runtime.awsglue.files import read_json, rows, write_json, write_text

pytestmark = pytest.mark.slow

FRIENDS = [
    {"name": "Sally", "age": 23, "location": {"state": "WY", "county": "Fremont"}, "friends": []},
    {
        "name": "Varun",
        "age": 34,
        "location": {"state": "NE", "county": "Douglas"},
        "friends": [{"name": "A"}],
    },
    {"name": "George", "age": 52, "location": {"state": "NY"}, "friends": [{"name": "Amy", "age": 15}]},
]
MEDICARE = (
    "DRG Definition,Provider Id,Provider Street Address,Provider City,Provider State\n"
    "039 - EXTRACRANIAL,10001,1108 ROSS CLARK CIRCLE,DOTHAN,AL\n"
    "039 - EXTRACRANIAL,50108,2825 CAPITOL AVENUE,SACRAMENTO,CA\n"
    "039 - EXTRACRANIAL,10023,2105 EAST SOUTH BOULEVARD,MONTGOMERY,AL\n"
)


def printed(frame: Any, capsys: pytest.CaptureFixture[str]) -> str:
    capsys.readouterr()
    frame.printSchema()
    return capsys.readouterr().out


@pytest.fixture
def medicare(glue: Any, tmp_path: Path) -> Any:
    path = write_text(tmp_path / "medicare", MEDICARE, "Medicare_Hospital_Provider.csv")
    return glue.create_dynamic_frame.from_options("s3", {"paths": [path]}, "csv", {"withHeader": True})


def merge_address(rec: Any) -> Any:
    rec["Address"] = {}
    rec["Address"]["Street"] = rec["Provider Street Address"]
    rec["Address"]["Zip.Code"] = "x"
    rec["Address"]["Array"] = [rec["Provider City"], rec["Provider State"]]
    del rec["Provider Street Address"], rec["Provider City"], rec["Provider State"]
    return rec


def test_drop_fields_in_structs_and_in_lists(glue: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    friends = read_json(glue, write_json(tmp_path / "friends", FRIENDS))
    left = friends.drop_fields(paths=["age", "location.county", "friends.age"])
    assert printed(left, capsys).splitlines() == [
        "root",
        "|-- name: string",
        "|-- location: struct",
        "|    |-- state: string",
        "|-- friends: array",
        "|    |-- element: struct",
        "|    |    |-- name: string",
    ]


def test_filter_by_a_lambda_over_names_with_blanks(medicare: Any):
    from awsglue.transforms import Filter

    kept = Filter.apply(
        frame=medicare,
        f=lambda x: (
            x["Provider State"] in ["CA", "AL"] and x["Provider City"] in ["SACRAMENTO", "MONTGOMERY"]
        ),
    )
    assert (medicare.count(), kept.count()) == (3, 2)


def test_fields_are_read_by_dots_too(glue: Any, tmp_path: Path):
    frame = read_json(glue, write_json(tmp_path / "friends", FRIENDS))
    assert frame.filter(lambda person: person.age > 30 and person.location.state == "NY").count() == 1


def test_map_merges_fields_into_a_struct_that_unnest_flattens(
    medicare: Any, capsys: pytest.CaptureFixture[str]
):
    from awsglue.transforms import Map

    mapped = Map.apply(medicare, merge_address, "mapped", "merging", 1, 1)
    assert printed(mapped, capsys).splitlines()[3:] == [
        "|-- Address: struct",
        "|    |-- Street: string",
        "|    |-- Zip.Code: string",
        "|    |-- Array: array",
        "|    |    |-- element: string",
    ]
    flat = mapped.unnest()
    assert [f.name for f in flat.schema()][2:] == ["Address.Street", "Address.Zip.Code", "Address.Array"]
    assert rows(flat)[0]["Address.Array"] == ["DOTHAN", "AL"]


def test_warehouses_are_unboxed_unnested_and_split(glue: Any, spark: Any):
    from awsglue.dynamicframe import DynamicFrame
    from awsglue.transforms import DropNullFields, SelectFromCollection, SplitFields, SplitRows, Unbox

    inventory = [
        ("TX_WAREHOUSE", '{"strawberry": 220, "pineapple": 560, "pears": null}'),
        ("CA_WAREHOUSE", '{"strawberry": 34, "pineapple": 123, "pears": null}'),
    ]
    frame = DynamicFrame.fromDF(
        spark.createDataFrame(inventory, "warehouse_loc string, data string"), glue, "w"
    )
    unboxed = Unbox.apply(frame=frame, path="data", format="json")
    full = DropNullFields.apply(frame=unboxed.unnest())
    assert [f.name for f in full.schema()] == ["warehouse_loc", "data.strawberry", "data.pineapple"]
    parts = SplitFields.apply(frame=full, paths=["`data.strawberry`"], name1="a", name2="b")
    assert rows(SelectFromCollection.apply(parts, "a")) == [{"data.strawberry": 220}, {"data.strawberry": 34}]
    assert SelectFromCollection.apply(parts, "b").toDF().columns == ["warehouse_loc", "data.pineapple"]
    few = SplitRows.apply(full, {"`data.pineapple`": {">": 100, "<": 200}}, "few", "rest").select("few")
    assert [row["warehouse_loc"] for row in rows(few)] == ["CA_WAREHOUSE"]


@pytest.mark.parametrize("schema", ["glue", "spark"])
def test_unbox_takes_a_schema(glue: Any, spark: Any, schema: str):
    from awsglue.dynamicframe import DynamicFrame
    from awsglue.gluetypes import DoubleType, Field, LongType, StructType
    from pyspark.sql import types

    text = json.dumps(StructType([Field("id", LongType()), Field("price", DoubleType())]).jsonValue())
    if schema == "spark":
        text = types.StructType().add("id", "long").add("price", "double").json()
    frame = DynamicFrame.fromDF(spark.createDataFrame([("7|2",)], "line string"), glue, "f")
    opened = frame.unbox("line", "csv", separator="|", withSchema=text)
    assert opened.toDF().dtypes == [("line", "struct<id:bigint,price:double>")]
    assert rows(opened) == [{"line": {"id": 7, "price": 2.0}}]


def test_a_record_cut_off_takes_the_next_line_with_it(glue: Any, tmp_path: Path):
    text = (
        '{"id": 1, "name": "george", "surname": "washington", "height": 178}\n'
        '{"id": 2, "name": "benjamin", "surname": "franklin",\n'
        '{"id": 3, "name": "alexander", "surname": "hamilton", "height": 171}\n'
        '{"id": 4, "name": "john", "surname": "jay", "height": 190}\n'
    )
    frame = read_json(glue, write_text(tmp_path / "errors", text, "error_data.json"))
    assert [row["id"] for row in rows(frame)] == [1, 4]
    assert frame.errorsCount() == 1
    error = frame.errorsAsDynamicFrame().toDF().head()["error"]
    fields = ["callsite", "msg", "stackTrace", "input", "bytesread", "source", "dynamicRecord"]
    assert list(error.asDict()) == fields
    assert error["input"].startswith('{"id": 2')


def test_records_that_span_lines_are_read_without_being_announced(glue: Any, tmp_path: Path):
    frame = read_json(glue, write_text(tmp_path / "j", '{\n "id": 1\n}\n{"id": 2}\n', "a.json"))
    assert ([row["id"] for row in rows(frame)], frame.errorsCount()) == ([1, 2], 0)


def test_dynamodb_json_of_an_export(glue: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    item = {
        "parentMap": {"M": {"childMap": {"M": {"appName": {"S": "a"}, "updatedAt": {"N": "1"}}}}},
        "strings": {"SS": ["x", "y"]},
        "isDDBJson": {"BOOL": True},
        "nullValue": {"NULL": True},
        "texts": {"L": [{"S": "u"}, {"S": "v"}]},
        "maps": {"L": [{"M": {"k": {"S": "w"}}}]},
    }
    export = read_json(glue, write_json(tmp_path / "export", [{"Item": item}]))
    assert printed(export.simplify_ddb_json(), capsys).splitlines()[1:14] == [
        "|-- parentMap: struct",
        "|    |-- childMap: struct",
        "|    |    |-- appName: string",
        "|    |    |-- updatedAt: string",
        "|-- strings: array",
        "|    |-- element: string",
        "|-- isDDBJson: boolean",
        "|-- nullValue: null",
        "|-- texts: array",
        "|    |-- element: string",
        "|-- maps: array",
        "|    |-- element: struct",
        "|    |    |-- M: struct",
    ]
    flat = export.unnest_ddb_json()
    assert flat.toDF().columns[:2] == ["parentMap.childMap.appName", "parentMap.childMap.updatedAt"]
    assert rows(flat)[0]["texts"] == [{"S": "u"}, {"S": "v"}]


def test_merging_keeps_duplicates_and_takes_staged_records(glue: Any, spark: Any):
    from awsglue.dynamicframe import DynamicFrame

    contacts = [(1, 0, "fax"), (1, 1, "phone"), (11, 0, "fax"), (20, 0, "fax"), (20, 1, "phone")]
    frame = DynamicFrame.fromDF(spark.createDataFrame(contacts, "id long, index int, type string"), glue, "c")
    parts = frame.split_rows({"id": {">": 10}}, "high", "low")
    assert list(parts.keys()) == ["high", "low"]
    merged = parts.select("high").mergeDynamicFrame(parts.select("low"), primary_keys=["id"])
    assert sorted((row["id"], row["index"]) for row in rows(merged)) == [c[:2] for c in contacts]


def test_a_collection_s_flatmap_takes_frames_and_collections(medicare: Any):
    from awsglue.dynamicframe import DynamicFrameCollection

    collection = DynamicFrameCollection({"m": medicare}, medicare.glue_ctx)
    plain = collection.flatmap(lambda frame, ctx: frame.select_fields(["Provider Id"]))
    split = collection.flatmap(lambda frame, ctx: frame.split_fields(["Provider Id"], "id", "rest"))
    assert (list(plain.keys()), list(split.keys())) == (["m"], ["m_id", "m_rest"])


def test_partitions_are_counted_by_the_documented_name(glue: Any, spark: Any):
    from awsglue.dynamicframe import DynamicFrame

    frame = DynamicFrame.fromDF(spark.range(8), glue, "f")
    assert frame.repartition(numPartitions=3).coalesce(numPartitions=2).getNumPartitions() == 2
