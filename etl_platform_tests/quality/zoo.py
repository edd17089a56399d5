"""One table with a column of every type, awkward values in each, and the rules of every kind about them."""

import datetime as dt
import random
from decimal import Decimal
from typing import Any

import pyarrow as pa

from etl_platform_tests.quality import reference
from etl_platform_tests.quality.patterns import PATTERNS, TEXTS

ZONE = "America/New_York"
ROWS = 400


def zoo(seed: int = 7) -> pa.Table:
    """The table; the same for the same seed."""
    chance = random.Random(seed)

    def column(kind: pa.DataType, make: Any) -> pa.Array:
        values = [None if chance.random() < 0.15 else make() for _ in range(ROWS)]
        return pa.array(values, kind)

    def moment() -> dt.datetime:
        near = dt.datetime(2024, 3, 1) + dt.timedelta(hours=chance.randrange(-60, 60))
        return chance.choice([near, near.replace(hour=0), dt.datetime(1999, 12, 31, 23, 59, 59, 999999)])

    def text() -> str:
        return "".join(chance.choices(TEXTS, k=chance.randrange(5)))

    numbers = [
        "1",
        "-128",
        "128",
        "1.5",
        "1e5",
        "NaN",
        "true",
        "2024-02-29",
        "2023-02-29",
        "0000-01-01",
        "",
        "x",
    ]
    return pa.table(
        {
            "i": column(pa.int64(), lambda: chance.randrange(-5, 6)),
            "n": column(pa.int32(), lambda: chance.randrange(3)),
            "f": column(
                pa.float64(), lambda: chance.choice([float("nan"), float("inf"), -0.0, 0.1, 1.5, -7.25])
            ),
            "r": column(pa.float32(), lambda: chance.choice([float("nan"), 0.1, 0.5, 1.5])),
            "d": column(pa.decimal128(10, 2), lambda: Decimal(chance.randrange(-300, 300)) / 100),
            "s": column(pa.string(), text),
            "t": column(pa.string(), lambda: chance.choice(numbers)),
            "b": column(pa.bool_(), lambda: chance.random() < 0.5),
            "day": column(pa.date32(), lambda: moment().date()),
            "at": column(pa.timestamp("us"), moment),
            "when": column(pa.timestamp("us", "UTC"), lambda: moment().replace(tzinfo=dt.timezone.utc)),
            "raw": column(pa.binary(), lambda: bytes(chance.choices(range(256), k=2))),
            "list": column(pa.list_(pa.int64()), lambda: [1, 2]),
        }
    )


CUSTOM: dict[str, Any] = {
    "i > n": lambda r: None if None in (r["i"], r["n"]) else r["i"] > r["n"],
    "i is null or i between -2 and 2": lambda r: r["i"] is None or -2 <= r["i"] <= 2,
    "b": lambda r: r["b"],
    "i / n > 1": lambda r: None if None in (r["i"], r["n"]) or r["n"] == 0 else r["i"] / r["n"] > 1,
    "i % n = 0": lambda r: None if None in (r["i"], r["n"]) or r["n"] == 0 else r["i"] % r["n"] == 0,
    "coalesce(length(s), 0) < 3": lambda r: len(r["s"] or "") < 3,
    "s rlike '^[a-z]' or s is null": lambda r: r["s"] is None or ("a" <= r["s"][:1] <= "z"),
    "f <= 1.5": lambda r: None if r["f"] is None else r["f"] <= 1.5,
    "year(day) = 2024 and not b": lambda r: (
        False
        if (r["day"] and r["day"].year != 2024) or r["b"]
        else None
        if None in (r["day"], r["b"])
        else True
    ),
    "day <= current_date()": lambda r: None if r["day"] is None else True,
    "try_cast(t as date) is not null": lambda r: r["t"] in ("2024-02-29", "0000-01-01"),
}


def quality() -> dict[str, Any]:
    """Rules of every kind about the table."""
    fields = zoo().column_names
    return {
        "completeness_checks": [{"field": field} for field in fields],
        "accuracy_rules": [rule for rule, _ in _accuracy()],
        "duplicate_check": {"key_fields": ["f", "n", "s"]},
        "referential_integrity": [
            {"child_table": "target", "child_key": "s", "parent_table": "letters", "parent_key": "letter"}
        ],
        "custom_validations": [{"name": f"c{n}", "sql": sql} for n, sql in enumerate(CUSTOM)],
        "row_count": {"min": ROWS, "max": ROWS},
        "schema_check": {
            "columns": {"i": "bigint", "when": "timestamp", "at": "timestamp", "d": "decimal(10,2)"}
        },
    }


LETTERS = [*"abkszAKSZ", None, ""]


def expected(table: pa.Table) -> list[int | None]:
    """Failing rows of each rule by the reference, in their order; None for rules about the whole."""
    rows = table.to_pylist()
    return [
        *(reference.nulls(rows, field) for field in table.column_names),
        *(reference.failing(rows, rule["field"], holds) for rule, holds in _accuracy()),
        reference.duplicates(rows, ["f", "n", "s"]),
        reference.orphans(rows, "s", set(LETTERS)),
        *(sum(holds(row) is not True for row in rows) for holds in CUSTOM.values()),
        None,
        None,
    ]


def _accuracy() -> list[tuple[dict[str, Any], Any]]:
    def bounds(low: float | None, high: float | None) -> dict[str, Any]:
        return {"rule_type": "range", "min": low, "max": high}

    def days(low: str | None, high: str | None) -> dict[str, Any]:
        return {"rule_type": "date_range", "min_date": low, "max_date": high}

    rules: list[tuple[dict[str, Any], Any]] = []
    for field in ("i", "n", "f", "r", "d"):
        for low, high in ((-1.5, 0.1), (0.1, None), (None, 1.0)):
            rules.append(({"field": field, **bounds(low, high)}, reference.in_range(low, high)))
    for field in ("day", "at", "when"):
        for low, high in (("2024-02-29", "2024-03-01"), ("2024-03-01", None), (None, "2024-02-28")):
            rules.append(({"field": field, **days(low, high)}, reference.in_days(low, high, ZONE)))
    for pattern in PATTERNS:
        rule = {"field": "s", "rule_type": "regex", "pattern": pattern}
        rules.append((rule, reference.matches(pattern)))
    rules.append(
        ({"field": "i", "rule_type": "regex", "pattern": "^-?[0-2]$"}, reference.matches("^-?[0-2]$"))
    )
    rules.append(({"field": "day", "rule_type": "regex", "pattern": "-02-"}, reference.matches("-02-")))
    rules.append(({"field": "s", "rule_type": "length", "min": 1, "max": 3}, reference.length(1, 3)))
    values: dict[str, list[Any]] = {
        "i": [1, 2, 3],
        "f": [0.1, 1.5],
        "r": [0.5, 1.5],
        "d": [0.1, 1.5, 2],
        "s": ["", "a", "k"],
        "b": [True],
        "day": ["2024-02-29"],
    }
    for field, listed in values.items():
        rule = {"field": field, "rule_type": "allowed_values", "values": listed}
        rules.append((rule, reference.one_of(listed)))
    kinds = ("tinyint", "int", "double", "boolean", "date")
    return rules + [
        ({"field": "t", "rule_type": "type", "expected": kind}, reference.readable(kind)) for kind in kinds
    ]
