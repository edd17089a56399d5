"""Conditions of DQDL as Spark SQL over a row, with DQDL's treatment of nulls; a null of the SQL fails."""

from typing import Any

from etl_platform.quality.dqdl import BLANK, EMPTY
from etl_platform.quality.dqdl_rules import Condition, Dynamic, Now
from etl_platform.quality.expressions import ExpressionError, parse_expression, quote

_BLANK = r"^\s+$"


class NoCounterpartError(ValueError):
    """A rule that the configuration cannot say; the message is the reason."""


def row_sql(column: str, condition: Condition) -> str:
    """A condition on a column's values.

    Raises:
        NoCounterpartError: It has no counterpart.
    """
    return condition_sql(quote(column, "spark"), condition)


def length_sql(column: str, condition: Condition) -> str:
    """A condition on the length of a column's texts, of which a null has none: 0.

    Raises:
        NoCounterpartError: It has no counterpart.
    """
    return condition_sql(f"coalesce(length({quote(column, 'spark')}), 0)", condition)


def age_sql(column: str, condition: Condition) -> str:
    """A condition on the age of a column's times, in seconds; what is no time has no age.

    Raises:
        NoCounterpartError: It has no counterpart.
    """
    # An age of at most a day is a time of at least a day ago.
    turned = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "between": "between"}.get(condition.operator)
    if turned is None or not all(isinstance(operand, float) for operand in condition.operands):
        raise NoCounterpartError("an age is compared by <, <=, >, >= or between, with days or hours")
    moments = tuple(Now(-seconds) for seconds in reversed(condition.operands))
    value = f"TRY_CAST({quote(column, 'spark')} AS TIMESTAMP)"
    return condition_sql(value, Condition(turned, moments, condition.negated))


def checked(sql: str) -> str:
    """The expression, where the engines of this project can evaluate it.

    Raises:
        NoCounterpartError: They cannot.
    """
    try:
        parse_expression(sql)
    except ExpressionError as error:
        raise NoCounterpartError(str(error)) from None
    return sql


def condition_sql(value: str, condition: Condition) -> str:
    """A condition on a value that is SQL itself.

    A null fulfils `!=` and `not in`, unless they name NULL, and no other condition, save one that names NULL.

    Raises:
        NoCounterpartError: It has no counterpart.
    """
    operands = condition.operands
    match condition.operator:
        case "between" if condition.negated:
            return f"({value} <= {_literal(operands[0])} OR {value} >= {_literal(operands[1])})"
        case "between":
            return f"{value} > {_literal(operands[0])} AND {value} < {_literal(operands[1])}"
        case "in":
            # `IN` would compare times and texts as texts.
            any_of = " OR ".join(_equals(value, operand) for operand in operands)
            return f"NOT coalesce({any_of}, FALSE)" if condition.negated else any_of
        case "matches":
            like = _like(value, f"^(?:{operands[0]})$")
            return f"NOT ({like})" if condition.negated else like
        case "=":
            return _equals(value, operands[0])
        case "!=" if operands[0] is None:
            return f"{value} IS NOT NULL"
        case "!=":
            return f"NOT coalesce({_equals(value, operands[0])}, FALSE)"
    return f"{value} {condition.operator} {_literal(operands[0])}"


def _equals(value: str, wanted: Any) -> str:
    if wanted is None:
        return f"{value} IS NULL"
    if wanted is BLANK:
        return _like(value, _BLANK)
    return f"{value} = {_literal('' if wanted is EMPTY else wanted)}"


def _like(value: str, pattern: str) -> str:
    return f"CAST({value} AS STRING) RLIKE {text_literal(pattern)}"


def text_literal(text: str) -> str:
    """A text as Spark SQL."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _literal(value: Any) -> str:
    match value:
        case Now(offset_seconds=seconds):
            sign, distance = ("-", -seconds) if seconds < 0 else ("+", seconds)
            return f"current_timestamp() {sign} INTERVAL {distance:.0f} SECONDS"
        case bool():
            return str(value).upper()
        case int() | float():
            return repr(value)
        case str():
            return text_literal(value)
        case Dynamic(text=text):
            raise NoCounterpartError(f"{text} compares with earlier runs")
    raise NoCounterpartError("NULL, EMPTY and WHITESPACES_ONLY are compared by =, != and in only")
