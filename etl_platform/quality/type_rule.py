"""`type` rules: whether a column's values can be read as a type, spelled so that every engine agrees."""

from typing import Any

from etl_platform.quality.column_types import family, normal_type
from etl_platform.quality.expressions import parse_expression, quote

_DAY_OF_MONTH = (
    "(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)"
    "|02-(?:0[1-9]|1[0-9]|2[0-8])"
)
_LEAP_YEAR = "(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:0[48]|[2468][048]|[13579][26])00)"
# Python and Spark have no year 0; DuckDB has.
_YEAR = "(?:[1-9][0-9]{3}|0[1-9][0-9]{2}|00[1-9][0-9]|000[1-9])"
_DATE = f"(?:{_YEAR}-(?:{_DAY_OF_MONTH})|{_LEAP_YEAR}-02-29)"

_TEXT_FORMS = {
    "float": r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?|NaN|-?Infinity",
    "boolean": "[tT][rR][uU][eE]|[fF][aA][lL][sS][eE]|[yY][eE][sS]|[nN][oO]|[tTfFyYnN01]",
    "date": _DATE,
    "timestamp": rf"{_DATE}[ T]([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{{1,6}})?"
    r"(Z|[+-](0[0-9]|1[0-7]):[0-5][0-9])?",
}
"""How a text of each family looks; what else Spark's casts take (blanks, `1_000`) the engines differ in.

Dates are those of the calendar: servers of databases break a query off where a cast meets another.
"""

_INTEGER_BITS = {"tinyint": 8, "smallint": 16, "int": 32, "bigint": 64}


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
    match wanted:
        case "integer":
            form = _integer_form(_INTEGER_BITS[expected])
        case "decimal":
            return _readable_decimal(name, *_decimal(expected))
        case _:
            form = _TEXT_FORMS.get("timestamp" if wanted == "timestamp_ntz" else wanted, "")
    return _looks(name, form) if form else "FALSE"


def _looks(name: str, form: str) -> str:
    return f"{name} RLIKE '\\A(?:{form})\\Z'".replace("\\", "\\\\")


def _integer_form(bits: int) -> str:
    limit = 2 ** (bits - 1)
    return rf"\+?0*(?:{_up_to(limit - 1)})|-0*(?:{_up_to(limit)})"


def _up_to(limit: int) -> str:
    """A pattern of the whole numbers up to a limit of at least two digits."""
    digits = str(limit)
    lower = (
        f"{digits[:n]}[0-{int(digit) - 1}][0-9]{{{len(digits) - n - 1}}}"
        for n, digit in enumerate(digits)
        if digit != "0"
    )
    return "|".join([f"[0-9]{{1,{len(digits) - 1}}}", *lower, digits])


def _readable_decimal(name: str, precision: int, scale: int) -> str:
    """Digits before the point that fit, save where all digits are nines and rounding carries one over."""
    whole = precision - scale
    form = rf"[+-]?(?:0*[0-9]{{0,{whole}}}\.[0-9]+|0*[0-9]{{1,{max(whole, 1)}}}\.?)"
    if whole == 0:
        form = r"[+-]?(?:0*\.[0-9]+|0+\.?)"
    carries = rf"[+-]?0*9{{{whole}}}\.9{{{scale}}}[5-9][0-9]*"
    return f"{_looks(name, form)} AND NOT {_looks(name, carries)}"


def _whole(name: str, have: str) -> str:
    return "TRUE" if have == "integer" else f"{name} = floor({name})"


def _within(value: str, expected: str) -> str:
    limit = 2 ** (_INTEGER_BITS[expected] - 1)
    return f"({value} >= -{limit} AND {value} < {limit})"


def _decimal(name: str) -> tuple[int, int]:
    precision, scale = name.removeprefix("decimal(").removesuffix(")").split(",")
    return int(precision), int(scale)
