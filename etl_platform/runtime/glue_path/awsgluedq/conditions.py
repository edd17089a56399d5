"""Conditions of DQDL over columns, and over measured numbers."""

import datetime
import operator
from collections.abc import Callable
from typing import Any

from pyspark.sql import Column
from pyspark.sql import functions as F

from .dqdl import BLANK, EMPTY
from .rules import Condition, DqdlError, Dynamic, Now

COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    "=": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}


def moment(value: Now) -> datetime.datetime:
    """The moment that a `now()` means."""
    return datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None) + datetime.timedelta(
        seconds=value.offset_seconds
    )


def holds(value: Column, condition: Condition) -> Column:
    """Whether each value fulfils a condition.

    A null fulfils `!=` and `not in`, unless they name NULL, and no other condition, save one that names NULL.
    """
    found = F.coalesce(_holds(value, condition), F.lit(False))
    if condition.lets_null_pass:
        return value.isNull() | (~found if condition.negated else found)
    return value.isNotNull() & ~found if condition.negated else found


def _holds(value: Column, condition: Condition) -> Column:
    operands = condition.operands
    match condition.operator:
        case "between":
            return (value > _operand(operands[0])) & (value < _operand(operands[1]))
        case "in":
            found: Column = F.lit(False)
            for wanted in operands:
                found = found | F.coalesce(_equals(value, wanted), F.lit(False))
            return found
        case "matches":
            return value.cast("string").rlike(f"^(?:{operands[0]})$")
        case "=":
            return _equals(value, operands[0])
        case "!=":
            return value.isNotNull() if operands[0] is None else ~_equals(value, operands[0])
    return COMPARE[condition.operator](value, _operand(operands[0]))


def _equals(value: Column, wanted: Any) -> Column:
    if wanted is None:
        return value.isNull()
    if wanted is EMPTY:
        return value == F.lit("")
    if wanted is BLANK:
        return value.rlike(r"^\s+$")
    return value == _operand(wanted)


def _operand(wanted: Any) -> Any:
    if isinstance(wanted, Now):
        return F.lit(moment(wanted))
    return F.lit(wanted)


def refuse_dynamic(condition: Condition | None) -> None:
    """Stop at a condition that compares with earlier runs.

    Raises:
        DqdlError: It does.
    """
    for wanted in condition.operands if condition else ():
        if isinstance(wanted, Dynamic):
            raise DqdlError(
                f"{wanted.text} compares with earlier runs, which are not known here; see docs/glue.md."
            )


def fulfilled(measure: float | None, condition: Condition) -> bool:
    """Whether a measured number fulfils a condition; one that could not be measured does not."""
    if measure is None:
        return False
    wanted = condition.operands
    match condition.operator:
        case "between":
            found = wanted[0] < measure < wanted[1]
        case "in":
            found = measure in wanted
        case "matches":
            raise ValueError("matches compares texts; a measure is a number.")
        case _:
            found = bool(COMPARE[condition.operator](measure, wanted[0]))
    return found != condition.negated
