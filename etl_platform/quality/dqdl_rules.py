"""A DQDL ruleset as Python values."""

from dataclasses import dataclass
from typing import Any


class DqdlError(ValueError):
    """A ruleset that is not DQDL, or has a rule that is not known here."""


@dataclass(frozen=True)
class Condition:
    """What a value is compared with.

    Attributes:
        operator: `=`, `!=`, `>`, `>=`, `<`, `<=`, `between`, `in` or `matches`.
        operands: Numbers, texts, dates (`now()` and offsets included), or None for `NULL`.
        negated: `not between`, `not in`, `not matches`.
    """

    operator: str
    operands: tuple[Any, ...]
    negated: bool = False


@dataclass(frozen=True)
class Dynamic:
    """A number that earlier runs decide, such as `avg(last(10))`."""

    text: str


@dataclass(frozen=True)
class Now:
    """A moment relative to the evaluation: `now()` less or more some seconds."""

    offset_seconds: float = 0.0


@dataclass(frozen=True)
class Rule:
    """One rule.

    Attributes:
        kind: Type of the rule, such as `IsComplete`.
        parameters: Quoted and numeric arguments, in order: columns, a query.
        condition: What the values, or the rule's measure, must fulfil.
        threshold: What the share of rows that fulfil the condition must itself fulfil, or None: all of them.
        where: SQL that the rows must fulfil to be looked at, or None: every row.
        text: The rule as written.
    """

    kind: str
    parameters: tuple[str, ...]
    condition: Condition | None
    threshold: Condition | None
    where: str | None
    text: str


@dataclass(frozen=True)
class Composite:
    """Rules joined by `and` or `or`."""

    operator: str
    parts: tuple["Rule | Composite", ...]
    text: str


@dataclass(frozen=True)
class Ruleset:
    """A ruleset.

    Attributes:
        rules: Its rules.
        analyzers: Rules without a condition whose measures are wanted.
    """

    rules: tuple[Rule | Composite, ...]
    analyzers: tuple[Rule, ...] = ()
