"""Each kind of rule against the plain-Python reference, on values of every type."""

import datetime as dt
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from etl_platform_tests.quality import reference
from etl_platform_tests.quality.builders import check, lake, write
from etl_platform_tests.quality.patterns import PATTERNS, TEXTS

FEW = settings(max_examples=40, deadline=None)

NUMBERS = {
    "bigint": (pa.int64(), st.integers(-5, 5) | st.integers(-(2**63), 2**63 - 1)),
    "tinyint": (pa.int8(), st.integers(-128, 127)),
    "unsigned": (pa.uint64(), st.integers(0, 9) | st.integers(0, 2**64 - 1)),
    "double": (pa.float64(), st.floats() | st.sampled_from([0.1, 1.5, -0.0])),
    "float": (pa.float32(), st.floats(width=32) | st.sampled_from([0.5, 1.5])),
    "decimal": (pa.decimal128(12, 3), st.decimals(-9, 9, places=3) | st.sampled_from([Decimal("0.100")])),
}
MOMENTS = {
    "date": (pa.date32(), st.dates(dt.date(1900, 1, 1), dt.date(2100, 1, 1))),
    "timestamp_ntz": (
        pa.timestamp("us"),
        st.datetimes(dt.datetime(1900, 1, 1), dt.datetime(2100, 1, 1)),
    ),
    "timestamp": (
        pa.timestamp("us", "UTC"),
        st.datetimes(dt.datetime(1970, 1, 1), dt.datetime(2037, 1, 1), timezones=st.just(dt.timezone.utc)),
    ),
}
BOUNDS = st.none() | st.sampled_from([0.0, 0.1, 1.5, -3.0]) | st.floats(-1e9, 1e9)


def column(kind: str, values: dict[str, Any]) -> st.SearchStrategy[pa.Table]:
    arrow, strategy = values[kind]
    lists = st.lists(st.none() | strategy, max_size=12)
    return lists.map(lambda found: pa.table({"x": pa.array(found, arrow)}))


def counted(table: pa.Table, quality: dict[str, Any], **options: Any) -> list[int | None]:
    with TemporaryDirectory() as folder:
        report = check(table, quality, Path(folder), show_values=False, **options)
    assert [result.error for result in report.results] == [None] * len(report.results)
    return [result.rows_failed for result in report.results]


@FEW
@given(data=st.data(), kind=st.sampled_from(sorted(NUMBERS)), low=BOUNDS, high=BOUNDS)
def test_ranges(data, kind, low, high):
    if low is None and high is None:
        low = 0.0
    if low is not None and high is not None and int(low) >= int(high):
        low, high = min(low, high) - 2, max(low, high) + 2
    table = data.draw(column(kind, NUMBERS))
    rule = {"field": "x", "rule_type": "range", "min": low, "max": high}
    expected = reference.failing(table.to_pylist(), "x", reference.in_range(low, high))
    assert counted(table, {"accuracy_rules": [rule]}) == [expected]


@FEW
@given(
    data=st.data(),
    kind=st.sampled_from(sorted(MOMENTS)),
    zone=st.sampled_from(["UTC", "Asia/Kolkata", "America/New_York"]),
)
def test_days(data, kind, zone):
    table = data.draw(column(kind, MOMENTS))
    low, high = sorted(
        data.draw(st.lists(st.dates(dt.date(1900, 1, 2), dt.date(2099, 1, 1)), min_size=2, max_size=2))
    )
    some = table.to_pylist() and table.to_pylist()[0]["x"]
    if some:
        # The edge of a day is where an engine would go wrong.
        high = max(low, some.date() if isinstance(some, dt.datetime) else some)
    rule = {
        "field": "x",
        "rule_type": "date_range",
        "min_date": low.isoformat(),
        "max_date": high.isoformat(),
    }
    holds = reference.in_days(low.isoformat(), high.isoformat(), zone)
    job = {"execution": {"script_path": "x.py", "timezone": zone}}
    found = counted(table, {"accuracy_rules": [rule]}, job=job)
    assert found == [reference.failing(table.to_pylist(), "x", holds)]


@FEW
@given(data=st.data(), pattern=st.sampled_from(PATTERNS))
def test_patterns(data, pattern):
    texts = st.from_regex(pattern) | st.text(TEXTS) | st.sampled_from(["", "\n", "a\n", "é", "42\n"])
    clean = texts.filter(
        lambda text: text.isprintable() or text.strip("\n\r\t\x0b\x0c\x1c\x85\u2028").isprintable()
    )
    found = data.draw(st.lists(st.none() | clean, max_size=15))
    table = pa.table({"x": pa.array(found, pa.string())})
    rule = {"field": "x", "rule_type": "regex", "pattern": pattern}
    expected = reference.failing(table.to_pylist(), "x", reference.matches(pattern))
    assert counted(table, {"accuracy_rules": [rule]}) == [expected]


@FEW
@given(found=st.lists(st.none() | st.text(TEXTS)), low=st.integers(0, 4), more=st.integers(0, 4))
def test_lengths(found, low, more):
    table = pa.table({"x": pa.array(found, pa.string())})
    rule = {"field": "x", "rule_type": "length", "min": low, "max": low + more}
    expected = reference.failing(table.to_pylist(), "x", reference.length(low, low + more))
    assert counted(table, {"accuracy_rules": [rule]}) == [expected]


ALLOWED = {
    "bigint": [0, 1, 2],
    "double": [0.1, 1.5, 2.0],
    "decimal": [0.1, 1.5, 2],
    "date": ["2024-02-29", "1999-12-31"],
    "text": ["", "a", "é", "o'hara"],
    "boolean": [True],
}


@FEW
@given(data=st.data(), kind=st.sampled_from(sorted(ALLOWED)))
def test_allowed_values(data, kind):
    kinds = {
        **NUMBERS,
        **MOMENTS,
        "text": (pa.string(), st.text(TEXTS)),
        "boolean": (pa.bool_(), st.booleans()),
    }
    arrow, strategy = kinds[kind]
    parse = {"date": dt.date.fromisoformat, "decimal": lambda value: Decimal(repr(value))}.get(
        kind, lambda v: v
    )
    listed = st.sampled_from([parse(value) for value in ALLOWED[kind]])
    found = data.draw(st.lists(st.none() | listed | strategy, max_size=12))
    table = pa.table({"x": pa.array(found, arrow)})
    rule = {"field": "x", "rule_type": "allowed_values", "values": ALLOWED[kind]}
    expected = reference.failing(table.to_pylist(), "x", reference.one_of(ALLOWED[kind]))
    assert counted(table, {"accuracy_rules": [rule]}) == [expected]


READABLE = st.sampled_from(
    [
        *("1", "-128", "128", "+7", "1.5", "1e5", ".5", "5.", "NaN", "nan", "Infinity", "1_0", "0x1", "٣"),
        *("true", "TRUE", "yes", "t", "ſ", "2024-02-29", "2023-02-29", "0000-01-01", "2024-1-1", "", " 1"),
        *("9223372036854775808", "-9223372036854775808", "2147483648", "32768", "9" * 60),
    ]
)


@FEW
@given(
    found=st.lists(st.none() | READABLE | st.text("0123456789.-e"), max_size=15),
    expected=st.sampled_from(["tinyint", "smallint", "int", "bigint", "double", "boolean", "date"]),
)
def test_texts_that_can_be_read_as_a_type(found, expected):
    table = pa.table({"x": pa.array(found, pa.string())})
    rule = {"field": "x", "rule_type": "type", "expected": expected}
    count = reference.failing(table.to_pylist(), "x", reference.readable(expected))
    assert counted(table, {"accuracy_rules": [rule]}) == [count]


KEYS = {
    "bigint": (pa.int64(), st.integers(0, 2)),
    "text": (pa.string(), st.sampled_from(["", "a", "A", "é"])),
    "double": (pa.float64(), st.sampled_from([0.0, -0.0, float("nan"), 1.5])),
}


@FEW
@given(data=st.data(), kinds=st.lists(st.sampled_from(sorted(KEYS)), min_size=1, max_size=2))
def test_completeness_and_duplicates(data, kinds):
    rows = data.draw(st.integers(0, 12))
    columns = {}
    for n, kind in enumerate(kinds):
        arrow, strategy = KEYS[kind]
        values = data.draw(st.lists(st.none() | strategy, min_size=rows, max_size=rows))
        columns[f"k{n}"] = pa.array(values, arrow)
    table = pa.table(columns)
    keys = list(columns)
    quality = {"completeness_checks": [{"field": "k0"}], "duplicate_check": {"key_fields": keys}}
    found = table.to_pylist()
    assert counted(table, quality) == [reference.nulls(found, "k0"), reference.duplicates(found, keys)]


@FEW
@given(data=st.data(), kind=st.sampled_from(["bigint", "text"]))
def test_foreign_keys(data, kind):
    arrow, strategy = KEYS[kind]
    lists = st.lists(st.none() | strategy, max_size=8)
    children, parents = data.draw(lists), data.draw(lists)
    link = {"child_table": "target", "child_key": "x", "parent_table": "p", "parent_key": "id"}
    source = {"name": "p", "source_type": "s3", "path": "s3://lake/p/"}
    with TemporaryDirectory() as folder:
        write(pa.table({"id": pa.array(parents, arrow)}), lake(Path(folder), "p"))
        table = pa.table({"x": pa.array(children, arrow)})
        (result,) = check(
            table, {"referential_integrity": [link]}, Path(folder), job={"sources": [source]}
        ).results
    assert result.rows_failed == reference.orphans(table.to_pylist(), "x", set(parents) - {None})
