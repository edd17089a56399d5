"""The public tutorial "Joining and relationalizing data": persons, memberships and organizations."""

from pathlib import Path
from typing import Any

import pytest

from etl_platform_tests.runtime.awsglue.files import read_json, rows, write_json

pytestmark = pytest.mark.slow

PERSONS = [
    {
        "id": "p1",
        "family_name": "Ross",
        "contact_details": [{"type": "fax", "value": "1"}, {"type": "phone", "value": "2"}],
        "names": ["Mike", "Michael"],
    },
    {"id": "p2", "family_name": "Capito", "contact_details": [{"type": "twitter", "value": "SenCapito"}]},
    {"id": "p3", "family_name": "Nobody"},
]
MEMBERSHIPS = [
    {"person_id": "p1", "organization_id": "house", "start": "2011"},
    {"person_id": "p1", "organization_id": "senate", "start": "2015"},
    {"person_id": "p2", "organization_id": "senate", "start": "2015"},
]
ORGANIZATIONS = [
    {"id": "house", "name": "House", "seats": 435, "other": [{"note": "x"}]},
    {"id": "senate", "name": "Senate", "seats": 100},
]


@pytest.fixture
def history(glue: Any, tmp_path: Path) -> Any:
    from awsglue.transforms import Join

    persons = read_json(glue, write_json(tmp_path / "persons", PERSONS))
    memberships = read_json(glue, write_json(tmp_path / "memberships", MEMBERSHIPS))
    orgs = read_json(glue, write_json(tmp_path / "organizations", ORGANIZATIONS))
    orgs = orgs.drop_fields(["other"]).rename_field("id", "org_id").rename_field("name", "org_name")
    joined = Join.apply(persons, memberships, "id", "person_id")
    return Join.apply(orgs, joined, "org_id", "organization_id").drop_fields(["person_id", "org_id"])


def test_a_schema_prints_as_the_documentation_shows_it(
    glue: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    read_json(glue, write_json(tmp_path / "persons", PERSONS)).printSchema()
    assert capsys.readouterr().out == (
        "root\n|-- id: string\n|-- family_name: string\n|-- contact_details: array\n"
        "|    |-- element: struct\n"
        "|    |    |-- type: string\n|    |    |-- value: string\n"
        "|-- names: array\n|    |-- element: string\n"
    )


def test_joins_give_one_record_for_each_membership(history: Any):
    found = sorted((r["family_name"], r["org_name"], r["seats"], r["start"]) for r in rows(history))
    assert found == [
        ("Capito", "Senate", 100, "2015"),
        ("Ross", "House", 435, "2011"),
        ("Ross", "Senate", 100, "2015"),
    ]


def test_relationalize_names_its_tables_after_root_and_path(history: Any):
    assert set(history.relationalize("hist", "s3://temp/").keys()) == {
        "hist",
        "hist_contact_details",
        "hist_names",
    }


def test_an_array_s_table_has_key_position_and_the_fields_of_its_elements(history: Any):
    details = history.relationalize("hist", "s3://temp/").select("hist_contact_details")
    assert details.toDF().columns == ["id", "index", "contact_details.val.type", "contact_details.val.value"]


def test_arrays_come_back_by_a_join_on_the_key(history: Any):
    tables = history.relationalize("hist", "s3://temp/")
    root, details = (
        tables["hist"].toDF(),
        tables["hist_contact_details"].toDF().withColumnRenamed("id", "key"),
    )
    joined = root.join(details, root["contact_details"] == details["key"])
    found = sorted(
        (r["family_name"], r["org_name"], r["index"], r["contact_details.val.value"])
        for r in joined.collect()
    )
    assert found == [
        ("Capito", "Senate", 0, "SenCapito"),
        ("Ross", "House", 0, "1"),
        ("Ross", "House", 1, "2"),
        ("Ross", "Senate", 0, "1"),
        ("Ross", "Senate", 1, "2"),
    ]


def test_arrays_within_arrays_get_tables_of_their_own(glue: Any, tmp_path: Path):
    path = write_json(tmp_path / "nested", [{"a": [{"b": [1, 2]}, {"b": []}]}, {"a": [{"b": [3]}]}])
    tables = read_json(glue, path).relationalize("root")
    assert list(tables.keys()) == ["root", "root_a", "root_a.val.b"]
    assert sorted(r["a.val.b.val"] for r in rows(tables["root_a.val.b"])) == [1, 2, 3]


def test_structs_become_columns_named_by_their_path(glue: Any, tmp_path: Path):
    path = write_json(tmp_path / "s", [{"a": {"b": {"c": 1}, "d": "x"}}])
    assert rows(read_json(glue, path).relationalize("root")["root"]) == [{"a.b.c": 1, "a.d": "x"}]


def test_a_name_that_both_frames_have_gets_a_dot(glue: Any, tmp_path: Path):
    path = write_json(tmp_path / "z", [{"zip": "75091", "n": 1}])
    frame = read_json(glue, path)
    assert frame.join(["zip"], ["zip"], frame).toDF().columns == ["zip", "n", ".zip", ".n"]


def test_the_history_is_written_and_read_back(glue: Any, history: Any, tmp_path: Path):
    out = str(tmp_path / "out")
    glue.write_dynamic_frame.from_options(
        frame=history, connection_type="s3", connection_options={"path": out}, format="parquet"
    )
    back = glue.create_dynamic_frame.from_options("s3", {"paths": [out]}, "parquet")
    key = lambda r: (r["family_name"], r["org_name"])  # noqa: E731 - a sort key
    assert sorted(rows(back), key=key) == sorted(rows(history), key=key)
