"""Any record comes back from either store as it went in."""

from datetime import date
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from etl_platform.tracking.dynamodb_values import from_attributes, to_attributes
from etl_platform.tracking.items import item_bytes, to_item, to_record
from etl_platform.tracking.sqlite import SqliteStore
from etl_platform.tracking.store import TrackingStore
from etl_platform.tracking.tables import TABLES, Table
from etl_platform.tracking.values import Count, Figure, Json, Name
from etl_platform_tests.tracking.stand_in import StandIn
from etl_platform_tests.tracking.stores import NOW, Clock, dynamodb_store

texts = st.text(max_size=20)
names = st.text(min_size=1, max_size=20)
times = st.integers(0, 10**6).map(lambda microseconds: NOW - microseconds / 1e6)
figures = st.floats(-1e125, 1e125, allow_nan=False)
counts = st.integers(-(2**63), 2**63 - 1)
# A whole float comes back as an int, which is equal as long as it is exact; below 1e-125 records hold zero.
free_figures = st.integers(-(10**37), 10**37) | st.floats(-1e15, 1e15, allow_nan=False).map(
    lambda number: number if abs(number) > 1e-120 else 0.0
)
free_json = st.recursive(
    st.none() | st.booleans() | texts | free_figures,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=8,
)


NAMED: dict[str, st.SearchStrategy[Any]] = {
    "timestamp": times,
    "date": st.dates(date(2000, 1, 1), date(2100, 1, 1)).map(date.isoformat),
    "occurrences": st.integers(1, 10**15),
}
PLAIN: list[tuple[Any, st.SearchStrategy[Any]]] = [
    (Figure, figures),
    (Count, counts),
    (Name, names),
    (Json, free_json),
    (str, texts),
    (bool, st.booleans()),
    (type(None), st.none()),
]


def of_hint(hint: Any) -> st.SearchStrategy[Any]:
    for known, strategy in PLAIN:
        if hint == known:
            return strategy
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Literal:
        return st.sampled_from(arguments)
    if origin in (Union, UnionType):
        return st.one_of(*map(of_hint, arguments))
    if origin is list:
        return st.lists(of_hint(arguments[0]), max_size=2)
    if origin is dict:
        return st.dictionaries(names, of_hint(arguments[1]), max_size=2)
    return any_of(hint)


def any_of(model: type[BaseModel]) -> st.SearchStrategy[Any]:
    """Any record of a model."""
    hints = get_type_hints(model, include_extras=True)
    fields = {name: NAMED[name] if name in NAMED else of_hint(hints[name]) for name in model.model_fields}
    return st.fixed_dictionaries(fields).map(model.model_validate)


def check_through(store: TrackingStore, table: Table, record: Any, keys: set[Any]) -> None:
    """Write a record and read it back, whichever the table; a second one of the same key is passed over."""
    item = to_item(table, record, None)
    key = table.key_of(item)
    if key not in keys:
        keys.add(key)
        store.add_items(table, [item])
        assert to_record(table.record, store._get(table, [key])[0]) == record


of_each_table = pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)


@of_each_table
@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_through_the_values_of_dynamodb(table: Table, data: st.DataObject) -> None:
    record = data.draw(any_of(table.record))
    assert to_record(table.record, from_attributes(to_attributes(to_item(table, record, None)))) == record


@of_each_table
def test_through_sqlite(tmp_path: Path, table: Table) -> None:
    store = SqliteStore(tmp_path / "tracking.db", clock=Clock(0.0))
    keys = set()

    @given(record=any_of(table.record))
    @settings(max_examples=40, deadline=None)
    def check(record: Any) -> None:
        check_through(store, table, record, keys)

    check()


@pytest.mark.slow
@of_each_table
def test_through_dynamodb(tables_prefix: str, faulty: StandIn, table: Table) -> None:
    store = dynamodb_store(faulty.url, Clock(0.0), None, prefix=tables_prefix)
    keys = set()

    @given(record=any_of(table.record))
    @settings(max_examples=15, deadline=None)
    def check(record: Any) -> None:
        check_through(store, table, record, keys)

    check()


@given(st.dictionaries(names, free_json, max_size=4))
@settings(max_examples=200, deadline=None)
def test_the_size_of_an_item_is_counted_as_dynamodb_does(item: dict[str, Any]) -> None:
    def counted(value: dict[str, Any]) -> int:
        ((kind, content),) = value.items()
        match kind:
            case "S":
                return len(content.encode())
            case "N":
                digits = content.lower().partition("e")[0].strip("-").replace(".", "").strip("0")
                return (len(digits) + 1) // 2 + 1
            case "L":
                return 3 + sum(1 + counted(element) for element in content)
            case "M":
                return 3 + sum(1 + len(key.encode()) + counted(one) for key, one in content.items())
        return 1

    attributes = to_attributes(item)
    size = sum(len(name.encode()) + counted(value) for name, value in attributes.items())
    # Never less, so that no item is refused for its size.
    assert item_bytes(item) >= size
