"""Choices: fields whose values have several types, against a reference that looks at one value at a time."""

import decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from etl_platform_tests.runtime.awsglue.files import read_json, rows, write_json

pytestmark = pytest.mark.slow

VALUES = st.one_of(
    st.none(),
    st.integers(-(2**31), 2**31 - 1),
    st.floats(allow_nan=False, allow_infinity=False, width=32),
    st.text(alphabet="abc $.1", max_size=5),
    st.booleans(),
)
FEW = settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
NAMES = {int: "int", float: "double", str: "string", bool: "boolean"}


def of(glue: Any, folder: Path, values: list[Any]) -> Any:
    return read_json(glue, write_json(folder, [{"n": i, "v": value} for i, value in enumerate(values)]))


def column(frame: Any, name: str = "v") -> list[Any]:
    return [row[name] for row in sorted(rows(frame), key=lambda row: row["n"])]


@FEW
@given(
    st.lists(VALUES, min_size=1, max_size=6).filter(lambda vs: len({type(v) for v in vs} - {type(None)}) > 1)
)
def test_project_keeps_the_values_of_a_type(glue: Any, tmp_path: Path, values: list[Any]):
    frame = of(glue, tmp_path / "p", values)
    for kind in {type(value) for value in values} - {type(None)}:
        found = column(frame.resolveChoice(specs=[("v", f"project:{NAMES[kind]}")]))
        assert found == [value if type(value) is kind else None for value in values]


@FEW
@given(
    st.lists(VALUES, min_size=1, max_size=6).filter(lambda vs: len({type(v) for v in vs} - {type(None)}) > 1)
)
def test_make_cols_gives_each_type_its_column(glue: Any, tmp_path: Path, values: list[Any]):
    frame = of(glue, tmp_path / "m", values).resolveChoice(choice="make_cols")
    for kind in {type(value) for value in values} - {type(None)}:
        assert column(frame, f"v_{NAMES[kind]}") == [v if type(v) is kind else None for v in values]


@FEW
@given(st.lists(VALUES, min_size=1, max_size=6))
def test_a_choice_holds_each_value_under_its_type(glue: Any, tmp_path: Path, values: list[Any]):
    kinds = sorted({NAMES[type(v)] for v in values if v is not None})
    expected: list[Any] = values
    if len(kinds) > 1:
        expected = [
            None if v is None else {kind: v if NAMES[type(v)] == kind else None for kind in kinds}
            for v in values
        ]
    assert column(of(glue, tmp_path / "c", values)) == expected


def test_casts_read_numbers_in_texts_and_leave_the_rest_null(glue: Any, tmp_path: Path):
    frame = of(glue, tmp_path, [1, "2", "$3", 4.5, " 5 ", None, True])
    assert column(frame.resolveChoice(specs=[("v", "cast:double")])) == [1.0, 2.0, None, 4.5, 5.0, None, 1.0]


def test_casts_to_text_write_each_value(glue: Any, tmp_path: Path):
    frame = of(glue, tmp_path, [1, "two", {"a": 1}])
    assert column(frame.resolveChoice(specs=[("v", "cast:string")])) == ["1", "two", '{"a":1}']


def test_elements_of_a_list_are_resolved_by_brackets(glue: Any, tmp_path: Path):
    path = write_json(tmp_path, [{"myList": [{"price": 100.0}, {"price": "$100.00"}, {"price": "7"}]}])
    resolved = read_json(glue, path).resolveChoice(specs=[("myList[].price", "cast:double")])
    assert rows(resolved) == [{"myList": [{"price": 100.0}, {"price": None}, {"price": 7.0}]}]


def test_make_struct_ends_the_choice(glue: Any, tmp_path: Path):
    frame = of(glue, tmp_path, [1, "a"]).resolveChoice(choice="make_struct")
    assert frame.schema().getField("v").dataType.typeName() == "struct"


def test_match_catalog_casts_to_the_table_s_types(glue: Any, spark: Any, database: str, tmp_path: Path):
    spark.sql(f"CREATE TABLE {database}.t (n int, v bigint) USING parquet")
    frame = of(glue, tmp_path / "v", [1, "22", "x"])
    assert column(frame.resolveChoice(choice="match_catalog", database=database, table_name="t")) == [
        1,
        22,
        None,
    ]


def test_whole_numbers_beyond_four_bytes_are_a_type_of_their_own(glue: Any, tmp_path: Path):
    assert column(of(glue, tmp_path, [1, 2**40])) == [{"int": 1, "long": None}, {"int": None, "long": 2**40}]


def test_a_dataframe_s_options_resolve_choices(glue: Any, tmp_path: Path):
    from awsglue.dynamicframe import ResolveOption
    from awsglue.gluetypes import DoubleType

    df = of(glue, tmp_path, [1.5, "a"]).toDF([ResolveOption("v", "Project", DoubleType())])
    assert sorted((r["n"], r["v"]) for r in df.collect()) == [(0, 1.5), (1, None)]


def test_an_unknown_path_is_named_with_the_columns(glue: Any, tmp_path: Path):
    with pytest.raises(ValueError, match=r'no field at "w"; the columns are n, v'):
        of(glue, tmp_path, [1, "a"]).resolveChoice(specs=[("w", "cast:long")]).toDF()


@pytest.mark.parametrize("arguments", [{}, {"specs": [("v", "cast:long")], "choice": "make_cols"}])
def test_specs_and_choice_exclude_each_other(glue: Any, tmp_path: Path, arguments: dict[str, Any]):
    with pytest.raises(ValueError, match="give either specs"):
        of(glue, tmp_path, [1, "a"]).resolveChoice(**arguments)


def test_union_of_frames_makes_choices(glue: Any, tmp_path: Path):
    one, two = of(glue, tmp_path / "a", [1]), of(glue, tmp_path / "b", ["x"])
    found = [row["v"] for row in rows(one.union(two))]
    assert found == [{"int": 1, "string": None}, {"int": None, "string": "x"}]


def test_merging_replaces_records_by_key(glue: Any, tmp_path: Path):
    old = read_json(
        glue, write_json(tmp_path / "o", [{"id": 1, "v": "a"}, {"id": 2, "v": "b"}, {"id": 2, "v": "c"}])
    )
    new = read_json(glue, write_json(tmp_path / "n", [{"id": 2, "v": "B"}, {"id": 3, "v": "D"}]))
    found = sorted((row["id"], row["v"]) for row in rows(old.mergeDynamicFrame(new, ["id"])))
    assert found == [(1, "a"), (2, "B"), (3, "D")]


def test_a_dataframe_comes_back_as_it_was(glue: Any, spark: Any):
    from awsglue.dynamicframe import DynamicFrame

    ddl = (
        "a int, b array<struct<c:string,d:map<string,decimal(20,4)>>>, e timestamp, f date, g binary, "
        "h boolean, i struct<j:array<array<double>>>, `k.l` smallint, m map<int,float>, n tinyint"
    )
    whole = decimal.Decimal("1.5000")
    row = (1, [("x", {"k": whole})], None, None, bytearray(b"z"), True, ([[1.5]],), 3, {1: 2.0}, 4)
    df = spark.createDataFrame([row, (None,) * 10], ddl)
    back = DynamicFrame.fromDF(df, glue, "f").toDF()
    assert (back.schema, back.collect()) == (df.schema, df.collect())


@FEW
@given(st.lists(st.lists(st.integers(0, 9), max_size=3) | st.none(), min_size=1, max_size=5))
def test_relationalized_arrays_join_back(glue: Any, tmp_path: Path, arrays: list[list[int] | None]):
    records = [{"n": i, "s": {"a": array}} for i, array in enumerate(arrays)]
    tables = read_json(glue, write_json(tmp_path / "r", records)).relationalize("root")
    found: dict[int, list[int]] = {}
    if "root_s.a" in tables.keys():  # noqa: SIM118 - a collection of frames, not a dict
        keys = {row["s.a"]: row["n"] for row in rows(tables["root"])}
        for row in sorted(rows(tables["root_s.a"]), key=lambda row: row["index"]):
            found.setdefault(keys[row["id"]], []).append(row["s.a.val"])
    assert found == {i: array for i, array in enumerate(arrays) if array}
