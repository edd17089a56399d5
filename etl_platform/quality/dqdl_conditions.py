"""Conditions of DQDL as Spark SQL over a row, with DQDL's treatment of nulls; a null of the SQL fails."""

from typing import Any

from etl_platform.quality.expressions import ExpressionError, parse_expression, quote
from etl_platform.runtime.glue_path.awsgluedq.dqdl import BLANK, EMPTY
from etl_platform.runtime.glue_path.awsgluedq.rules import Condition, Dynamic, Now

_BLANK = r"^\s+$"


class NoCounterpartError(ValueError):
    """A rule that the configuration cannot say; the message is the reason."""


def row_sql(column: str, condition: Condition) -> str:
    """A condition on a column's values.

    Raises:
        NoCounterpartError: It has no counterpart.
    """
    return _sql(quote(column, "spark"), condition)


def length_sql(column: str, condition: Condition) -> str:
    """A condition on the length of a column's texts, of which a null has none: 0.

    Raises:
        NoCounterpartError: It has no counterpart.
    """
    return _sql(f"length(coalesce({quote(column, 'spark')}, ''))", condition)


def age_sql(column: str, condition: Condition) -> str:
    """A condition on the age of a column's times, in seconds.

    Raises:
        NoCounterpartError: It has no counterpart.
    """
    # An age of at most a day is a time of at least a day ago.
    turned = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "between": "between"}.get(condition.operator)
    if turned is None or not all(isinstance(operand, float) for operand in condition.operands):
        raise NoCounterpartError("an age is compared by <, <=, >, >= or between, with days or hours")
    moments = tuple(Now(-seconds) for seconds in reversed(condition.operands))
    return _sql(quote(column, "spark"), Condition(turned, moments, condition.negated))


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


def _sql(value: str, condition: Condition) -> str:
    found = _plain(value, condition)
    if condition.lets_null_pass:
        return f"({value} IS NULL OR {found})"
    return found


def _plain(value: str, condition: Condition) -> str:
    operands = condition.operands
    match condition.operator:
        case "between" if condition.negated:
            return f"({value} <= {_literal(operands[0])} OR {value} >= {_literal(operands[1])})"
        case "between":
            return f"{value} > {_literal(operands[0])} AND {value} < {_literal(operands[1])}"
        case "in":
            return _one_of(value, operands, negated=condition.negated)
        case "matches":
            like = f"{value} RLIKE {_literal(f'^(?:{operands[0]})$')}"
            return f"NOT ({like})" if condition.negated else like
        case "=":
            return _equals(value, operands[0])
        case "!=" if operands[0] is None:
            return f"{value} IS NOT NULL"
        case "!=":
            return f"NOT ({_equals(value, operands[0])})"
    return f"{value} {condition.operator} {_literal(operands[0])}"


def _one_of(value: str, operands: tuple[Any, ...], *, negated: bool) -> str:
    listed = [_literal(operand) for operand in operands if isinstance(operand, str | int | float)]
    parts = [f"{value} IN ({', '.join(listed)})"] if listed else []
    others = [operand for operand in operands if operand in (EMPTY, BLANK)]
    parts += [_equals(value, operand) for operand in others]
    if None in operands and not negated:
        parts.append(f"{value} IS NULL")
    any_of = " OR ".join(parts) or "FALSE"
    return f"NOT ({any_of})" if negated else any_of


def _equals(value: str, wanted: Any) -> str:
    if wanted is None:
        return f"{value} IS NULL"
    if wanted is BLANK:
        return f"{value} RLIKE {_literal(_BLANK)}"
    return f"{value} = {_literal('' if wanted is EMPTY else wanted)}"


def _literal(value: Any) -> str:
    from sqlglot import exp

    match value:
        case Now(offset_seconds=seconds):
            sign, distance = ("-", -seconds) if seconds < 0 else ("+", seconds)
            return f"current_timestamp() {sign} INTERVAL {distance:.0f} SECONDS"
        case bool():
            return str(value).upper()
        case int() | float():
            return repr(value)
        case str():
            return exp.Literal.string(value).sql("spark")
        case Dynamic(text=text):
            raise NoCounterpartError(f"{text} compares with earlier runs")
    raise NoCounterpartError(f"{value!r} is no value of a row")
