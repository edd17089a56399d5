"""Fields: mapped, selected, dropped, renamed, split, unboxed, unnested."""

from pathlib import Path
from typing import Any

import pytest

from etl_platform_tests.runtime.awsglue.files import read_json, rows, write_json

pytestmark = pytest.mark.slow


@pytest.fixture
def frame(glue: Any, spark: Any) -> Any:
    from awsglue.dynamicframe import DynamicFrame

    ddl = (
        "id bigint, `old.name` string, a struct<b:int,c:struct<d:string>>, list array<struct<x:int,y:string>>"
    )
    row = (1, "n", (2, ("deep",)), [(3, "p"), (4, "q")])
    return DynamicFrame.fromDF(spark.createDataFrame([row], ddl), glue, "frame")


@pytest.mark.parametrize(
    ("mapping", "expected"),
    [
        (("id", "long", "key", "string"), {"key": "1"}),
        (("`old.name`", "string", "new", "string"), {"new": "n"}),
        (("a.c.d", "string", "x.y.z", "string"), {"x": {"y": {"z": "deep"}}}),
        (("a.b", "int", "`dotted.name`", "double"), {"dotted.name": 2.0}),
        (("a", "struct", "s", "struct"), {"s": {"b": 2, "c": {"d": "deep"}}}),
        (("list", "array", "l", "array"), {"l": [{"x": 3, "y": "p"}, {"x": 4, "y": "q"}]}),
        (("list.x", "int", "xs", "array"), {"xs": [3, 4]}),
        (("a.b", "int", "s", "decimal(5,1)"), {"s": 2}),
        (("old.name", "string", "number", "long"), {"number": None}),
        (("nowhere", "string", "x", "string"), {}),
    ],
)
def test_apply_mapping(frame: Any, mapping: tuple[str, ...], expected: dict[str, Any]):
    assert rows(frame.apply_mapping([mapping])) == [expected]


def test_targets_with_one_front_share_a_struct(frame: Any):
    mapped = frame.apply_mapping([("id", "long", "k.id", "int"), ("a.b", "int", "k.b", "int")])
    assert rows(mapped) == [{"k": {"id": 1, "b": 2}}]


def test_a_mapping_of_three_parts_is_refused(frame: Any):
    with pytest.raises(ValueError, match="expected \\(source path, source type, target path, target type\\)"):
        frame.apply_mapping([("id", "long", "key")]).toDF()


def test_nested_fields_are_dropped(frame: Any):
    dropped = frame.drop_fields(["a.c", "list.x", "id", "nowhere"])
    assert rows(dropped) == [{"old.name": "n", "a": {"b": 2}, "list": [{"y": "p"}, {"y": "q"}]}]


def test_nested_fields_are_selected(frame: Any):
    assert rows(frame.select_fields(["a.c.d", "id"])) == [{"a": {"c": {"d": "deep"}}, "id": 1}]


@pytest.mark.parametrize(
    ("old", "new", "path", "expected"),
    [
        ("id", "key", ["key"], 1),
        ("`old.name`", "name", ["name"], "n"),
        ("a.b", "a.bb", ["a", "bb"], 2),
        ("a.b", "top", ["top"], 2),
        ("id", "a.key", ["a", "key"], 1),
        ("id", "new.key", ["new", "key"], 1),
    ],
)
def test_rename_field(frame: Any, old: str, new: str, path: list[str], expected: Any):
    found: Any = rows(frame.rename_field(old, new))[0]
    for step in path:
        found = found[step]
    assert found == expected


def test_splitting_fields_gives_both_parts(frame: Any):
    parts = frame.split_fields(["id"], "left", "right")
    assert (parts["left"].toDF().columns, parts["right"].toDF().columns) == (
        ["id"],
        ["old.name", "a", "list"],
    )


def test_splitting_rows_puts_nulls_with_the_rest(glue: Any, tmp_path: Path):
    ages = read_json(glue, write_json(tmp_path, [{"age": 9}, {"age": 15}, {"age": None}, {"age": 20}]))
    parts = ages.split_rows({"age": {">": 10, "<": 20}}, "in", "out")
    assert [row["age"] for row in rows(parts["in"])] == [15]
    assert [row["age"] for row in rows(parts["out"])] == [9, None, 20]


def test_unnest_names_columns_by_their_path(frame: Any):
    assert frame.unnest().toDF().columns == ["id", "old.name", "a.b", "a.c.d", "list"]


def test_boxed_json_is_opened(glue: Any, tmp_path: Path):
    path = write_json(tmp_path, [{"id": 1, "doc": '{"a": [1, 2], "b": "x"}'}, {"id": 2, "doc": "broken"}])
    opened = read_json(glue, path).unbox("doc", "json")
    assert rows(opened) == [{"id": 1, "doc": {"a": [1, 2], "b": "x"}}]
    assert opened.stageErrorsCount() == 1


def test_dynamodb_json_becomes_plain(glue: Any, tmp_path: Path):
    item = {
        "Item": {
            "id": {"S": "x"},
            "n": {"N": "5"},
            "m": {"M": {"ok": {"BOOL": True}}},
            "l": {"L": [{"S": "a"}]},
        }
    }
    frame = read_json(glue, write_json(tmp_path, [item]))
    assert rows(frame.simplify_ddb_json()) == [{"id": "x", "n": "5", "m": {"ok": True}, "l": ["a"]}]
    assert rows(frame.unnest_ddb_json()) == [{"id": "x", "n": "5", "m.ok": True, "l": [{"S": "a"}]}]


def test_fields_that_are_always_null_are_dropped(glue: Any, tmp_path: Path):
    from awsglue.transforms import DropNullFields

    frame = read_json(glue, write_json(tmp_path, [{"a": 1, "b": None, "c": {"d": None, "e": 2}}]))
    assert rows(DropNullFields.apply(frame=frame)) == [{"a": 1, "c": {"e": 2}}]


def test_records_stand_where_a_json_path_says(glue: Any, tmp_path: Path):
    path = write_json(tmp_path, [{"items": [{"a": 1}, {"a": 2}]}])
    assert rows(read_json(glue, path, jsonPath="$.items[*]")) == [{"a": 1}, {"a": 2}]


def test_one_value_may_span_lines(glue: Any, tmp_path: Path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.json").write_text('{\n "a": 1\n}\n{\n "a": 2\n}\n')
    assert rows(read_json(glue, str(tmp_path / "in"), multiLine=True)) == [{"a": 1}, {"a": 2}]


def test_records_of_an_rdd(glue: Any, spark: Any):
    data = spark.sparkContext.parallelize([{"a": 1}, {"a": "x"}], 1)
    frame = glue.create_dynamic_frame.from_rdd(data, "frame")
    assert rows(frame) == [{"a": {"int": 1, "string": None}}, {"a": {"int": None, "string": "x"}}]


def test_transforms_of_a_collection_are_mapped(frame: Any):
    from awsglue.transforms import MapToCollection, SelectFields, SelectFromCollection

    parts = frame.split_fields(["id"], "left", "right")
    mapped = MapToCollection.apply(parts, SelectFields, "frame", paths=["id", "old.name"])
    assert rows(SelectFromCollection.apply(dfc=mapped, key="right")) == [{"old.name": "n"}]


def test_ingestion_columns(glue: Any, spark: Any):
    columns = glue.add_ingestion_time_columns(spark.range(1), "hour").columns
    assert columns == ["id", "ingest_year", "ingest_month", "ingest_day", "ingest_hour"]


def test_a_spigot_writes_a_sample_and_gives_the_frame(frame: Any, tmp_path: Path):
    assert frame.spigot(str(tmp_path / "sample"), {"topk": 1}) is frame
    assert len(list((tmp_path / "sample").glob("*.json"))) == 1
