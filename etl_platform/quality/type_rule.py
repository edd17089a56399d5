"""`type` rules: whether a column's values can be read as a type, spelled so that every engine agrees."""

from typing import Any

from etl_platform.quality.column_types import family, normal_type
from etl_platform.quality.expressions import parse_expression, quote

_TEXT_FORMS = {
    "integer": r"\A[+-]?[0-9]+\Z",
    "decimal": r"\A[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)\Z",
    "float": r"\A[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?\Z|\A(NaN|-?Infinity)\Z",
    "boolean": r"(?i)\A(true|false|t|f|yes|no|y|n|1|0)\Z",
    "date": r"\A[0-9]{4}-[0-9]{2}-[0-9]{2}\Z",
    "timestamp": r"\A[0-9]{4}-[0-9]{2}-[0-9]{2}[ T]([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,6})?"
    r"(Z|[+-](0[0-9]|1[0-7]):[0-5][0-9])?\Z",
}
"""How a text of each family looks; what else Spark's casts take (blanks, `1_000`) the engines differ in."""

_INTEGER_BITS = {"tinyint": 8, "smallint": 16, "int": 32, "bigint": 64}
_MAX_DIGITS = 38
"""Precision of Spark's and DuckDB's widest decimal."""


def expression(column: str, expected: str, found: str) -> Any:
    """A boolean expression over the row: null, or readable as the expected type.

    Args:
        column: The column.
        expected: Type that is asked for, in Spark's names.
        found: Type that the column has.

    Returns:
        A sqlglot expression, to be written out by `expressions.render`. A number that is asked to be a
        narrower one must have that value in it, without a fraction lost; any type can be read as text; a date
        as a time, and a time as a date.
    """
    name = quote(column, "spark")
    return parse_expression(
        f"{name} IS NULL OR ({_readable(name, normal_type(expected), normal_type(found))})"
    )


def _readable(name: str, expected: str, found: str) -> str:
    wanted, have = family(expected), family(found)
    moments = ("date", "timestamp", "timestamp_ntz")
    if expected == found or wanted == "string" or (wanted in moments and have in moments):
        return "TRUE"
    if have == "string":
        return _readable_text(name, expected)
    if have not in ("integer", "decimal", "float"):
        return "FALSE"
    if wanted == "float":
        return "TRUE"
    if wanted == "integer":
        return f"{_whole(name, have)} AND {_within(name, expected)}"
    if wanted == "decimal" and have != "float":
        precision, scale = _decimal(expected)
        fits = f"abs({name}) < {10 ** (precision - scale)}"
        return f"{fits} AND {name} = round({name}, {scale})" if have == "decimal" else fits
    return "FALSE"


def _readable_text(name: str, expected: str) -> str:
    wanted = family(expected)
    form = _TEXT_FORMS.get("timestamp" if wanted == "timestamp_ntz" else wanted)
    if form is None:
        return "FALSE"
    looks = f"{name} RLIKE '{form}'".replace("\\", "\\\\")
    match wanted:
        case "integer":
            # More digits than the widest decimal has are out of range, and would break the cast.
            value = f"TRY_CAST(CASE WHEN length({name}) <= {_MAX_DIGITS} THEN {name} END AS DECIMAL(38, 0))"
            return f"{looks} AND coalesce({_within(value, expected)}, FALSE)"
        case "decimal":
            return f"{looks} AND TRY_CAST({name} AS {expected}) IS NOT NULL"
        case "date" | "timestamp" | "timestamp_ntz":
            day = f"substring({name}, 1, 10)"
            # Python and Spark have no year 0; DuckDB has.
            return f"{looks} AND NOT {day} LIKE '0000%' AND TRY_CAST({day} AS DATE) IS NOT NULL"
    return looks


def _whole(name: str, have: str) -> str:
    return "TRUE" if have == "integer" else f"{name} = floor({name})"


def _within(value: str, expected: str) -> str:
    limit = 2 ** (_INTEGER_BITS[expected] - 1)
    return f"({value} >= -{limit} AND {value} < {limit})"


def _decimal(name: str) -> tuple[int, int]:
    precision, scale = name.removeprefix("decimal(").removesuffix(")").split(",")
    return int(precision), int(scale)
