"""How a rule is judged: by one number, out of answers of the query that all rules share."""

import math
import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from etl_platform.quality.dqdl_rules import Condition, DqdlError, Dynamic, Rule

ALL = Condition("=", (1,))
_COMPARE: dict[str, Callable[[float, float], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}


@dataclass(frozen=True)
class Outcome:
    """What became of a rule.

    Attributes:
        text: The rule as written.
        passed: None: it could not be evaluated.
        reason: Why it has not passed, or None.
        metrics: What was measured, by Glue's names of metrics.
    """

    text: str
    passed: bool | None
    reason: str | None
    metrics: dict[str, float]

    @property
    def outcome(self) -> str:
        """`Passed`, `Failed` or `Error`."""
        return "Error" if self.passed is None else "Passed" if self.passed else "Failed"


@dataclass(frozen=True)
class Plan:
    """What a rule needs to be judged.

    Attributes:
        metric: Glue's name of the number; empty where Glue reports none.
        aggregates: What the shared query must answer, as Spark SQL.
        value: The number, out of the answers; None: it could not be measured.
        wanted: What the number must fulfil; None: it is only measured.
        reason: Why it has not passed; None: the number.
    """

    metric: str
    aggregates: tuple[str, ...]
    value: Callable[..., Any]
    wanted: Condition | None
    reason: str | None = None

    def judge(self, rule: Rule, answers: tuple[Any, ...]) -> Outcome:
        """The outcome of a rule."""
        value = self.value(*answers)
        measure = None if value is None or math.isnan(value) else float(value)
        metrics = {self.metric: measure} if self.metric and measure is not None else {}
        if self.wanted is None or (measure is not None and _fulfilled(measure, self.wanted)):
            return Outcome(rule.text, True, None, metrics)
        reason = f"Value: {measure} does not meet the constraint requirement!"
        return Outcome(rule.text, False, self.reason or reason, metrics)


def known(rule: Rule, metric: str, value: float | None, *, default: Condition | None = ALL) -> Plan:
    """The plan of a rule whose number is known; without a condition it must fulfil another one."""
    return Plan(metric, (), lambda: value, rule.condition or default)


def check_numbers(condition: Condition | None) -> None:
    """Stop at a condition that a number cannot be compared by.

    Raises:
        DqdlError: It compares with earlier runs, or with something else than numbers.
    """
    if condition is None:
        return
    for wanted in condition.operands:
        if isinstance(wanted, Dynamic):
            raise DqdlError(
                f"{wanted.text} compares with earlier runs, which are not known here; see docs/glue.md."
            )
        if isinstance(wanted, bool) or not isinstance(wanted, int | float):
            raise DqdlError("a number is measured; expected numbers to compare it with.")


def _fulfilled(measure: float, condition: Condition) -> bool:
    wanted = condition.operands
    match condition.operator:
        case "between":
            found = wanted[0] < measure < wanted[1]
        case "in":
            found = measure in wanted
        case _:
            found = _COMPARE[condition.operator](measure, wanted[0])
    return found != condition.negated
