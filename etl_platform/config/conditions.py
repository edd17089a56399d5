"""`if` / `then` / `else`: an object that chooses a part of itself by the values of variables."""

from dataclasses import dataclass
from typing import Any, Final

from etl_platform.config.origin import Relabelled, Traced, merged

IF, THEN, ELSE = "if", "then", "else"
CONDITION_LAYER: Final = "condition"


@dataclass(frozen=True, slots=True)
class Chain:
    """Several conditions of one object, in the order in which they apply; stands at its key `if`."""

    conditions: tuple[Traced, ...]


def conditions_of(piece: Traced) -> tuple[Traced, ...]:
    """The conditions of an object, each as an object of `if`, `then` and `else`."""
    found = piece.value.get(IF)
    if isinstance(found, Chain):
        return found.conditions
    if IF not in piece.value:
        return ()
    return (Traced({key: piece.value[key] for key in (IF, THEN, ELSE) if key in piece.value}, piece.origin),)


def without_conditions(piece: Traced) -> Traced:
    """An object without the keys of its conditions."""
    return Traced({k: v for k, v in piece.value.items() if k not in (IF, THEN, ELSE)}, piece.origin)


def laid_over(over: Traced, base: Traced) -> Traced:
    """Merge two objects; where both have a condition, both apply, the lower one first."""
    chain = (*conditions_of(base), *conditions_of(over))
    if not (IF in over.value and IF in base.value):
        return merged(over, base)
    whole = merged(without_conditions(over), without_conditions(base))
    return Traced({**whole.value, IF: Chain(chain)}, whole.origin)


def chosen(piece: Traced, branch: Traced) -> Traced:
    """An object with the branch that its condition chose laid over it."""
    return laid_over(Traced(branch.value, Relabelled(branch.origin, CONDITION_LAYER)), piece)


def matches(value: Any, wanted: Any) -> bool:
    """Whether a variable's value is what a condition wants: a value, one of a list, or `{"not": value}`."""
    if isinstance(wanted, dict) and wanted.keys() == {"not"}:
        return not matches(value, wanted["not"])
    if isinstance(wanted, list):
        return any(matches(value, item) for item in wanted)
    # In JSON `true` is no number, in Python it equals 1.
    return value == wanted and isinstance(value, bool) == isinstance(wanted, bool)
