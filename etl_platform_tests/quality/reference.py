"""What each rule means, in plain Python over lists of rows, apart from how the engines do it."""

import datetime as dt
import math
import re
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

Row = dict[str, Any]


def failing(rows: list[Row], field: str, holds: Callable[[Any], bool]) -> int:
    """Rows whose value is not null and does not hold."""
    return sum(row[field] is not None and not holds(row[field]) for row in rows)


def nulls(rows: list[Row], field: str) -> int:
    return sum(row[field] is None for row in rows)


def in_range(low: float | None, high: float | None) -> Callable[[Any], bool]:
    def holds(value: Any) -> bool:
        if isinstance(value, float) and math.isnan(value):
            return False
        bounds = [b if b is None or not isinstance(value, Decimal) else Decimal(repr(b)) for b in (low, high)]
        return (bounds[0] is None or value >= bounds[0]) and (bounds[1] is None or value <= bounds[1])

    return holds


def in_days(low: str | None, high: str | None, zone: str) -> Callable[[Any], bool]:
    """Dates and times that lie on a day between two, by the clock of the job's zone."""

    def holds(value: dt.date | dt.datetime) -> bool:
        if isinstance(value, dt.datetime):
            value = (value.astimezone(ZoneInfo(zone)) if value.tzinfo else value).date()
        shown = value.isoformat()
        return (low is None or shown >= low) and (high is None or shown <= high)

    return holds


def matches(pattern: str) -> Callable[[Any], bool]:
    return lambda value: re.search(pattern, str(value)) is not None


def length(low: int | None, high: int | None) -> Callable[[Any], bool]:
    return lambda value: (low is None or len(str(value)) >= low) and (high is None or len(str(value)) <= high)


def one_of(values: list[Any]) -> Callable[[Any], bool]:
    def holds(value: Any) -> bool:
        if isinstance(value, Decimal):
            return value in [Decimal(repr(v)) for v in values]
        if isinstance(value, dt.date):
            return value.isoformat() in values
        return value in values

    return holds


def duplicates(rows: list[Row], keys: list[str]) -> int:
    whole = [
        tuple("nan" if isinstance(v := row[key], float) and math.isnan(v) else v for key in keys)
        for row in rows
        if all(row[key] is not None for key in keys)
    ]
    return sum(count - 1 for count in Counter(whole).values())


def orphans(rows: list[Row], key: str, parents: set[Any]) -> int:
    return sum(row[key] is not None and row[key] not in parents for row in rows)


def readable(expected: str) -> Callable[[str], bool]:
    """Texts that can be read as a type."""
    bits = {"tinyint": 8, "smallint": 16, "int": 32, "bigint": 64}

    def holds(text: str) -> bool:
        if expected in bits:
            limit = 2 ** (bits[expected] - 1)
            return re.fullmatch(r"[+-]?[0-9]+", text) is not None and -limit <= int(text) < limit
        if expected == "double":
            if text in ("NaN", "Infinity", "-Infinity"):
                return True
            return re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", text, re.I | re.A) is not None
        if expected == "boolean":
            return (
                text.lower() in ("true", "false", "t", "f", "yes", "no", "y", "n", "1", "0")
                and text.isascii()
            )
        if expected == "date":
            if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", text, re.A):
                return False
            try:
                dt.date.fromisoformat(text)
            except ValueError:
                return False
            return True
        raise AssertionError(expected)

    return holds
