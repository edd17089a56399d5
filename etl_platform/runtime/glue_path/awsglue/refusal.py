"""What the local runtime does not do: it says so at once, with what comes nearest."""

import difflib
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

PAGE = "docs/glue.md"
Function = TypeVar("Function", bound=Callable[..., Any])


class NotSupportedLocally(NotImplementedError, AttributeError):
    """A part of the Glue API that the local runtime does not have.

    Attributes:
        method: What was called.
        nearest: What to use instead, or None.
    """

    def __init__(self, method: str, nearest: str | None, why: str = ""):
        self.method, self.nearest = method, nearest
        instead = f" Nearest: {nearest}." if nearest else ""
        super().__init__(
            f"{method} is not supported by the local Glue runtime.{why and ' '}{why}{instead} See {PAGE}."
        )


def missing(owner: str, name: str, known: Iterable[str]) -> NotSupportedLocally:
    """The refusal of a method that is not there, with the one that has the nearest name."""
    close = difflib.get_close_matches(name, sorted(known), n=1)
    return NotSupportedLocally(f"{owner}.{name}", f"{owner}.{close[0]}" if close else None)


def public_names(kind: type) -> list[str]:
    """The public methods and properties of a class, in order of definition."""
    names = [name for base in reversed(kind.__mro__[:-1]) for name in vars(base)]
    return [name for name in dict.fromkeys(names) if not name.startswith("_")]


def refused(function: Function) -> Function:
    """Mark a method that only refuses, for the table of support."""
    function.__dict__["refused"] = True
    return function


def idle(function: Function) -> Function:
    """Mark a method that says that it does nothing here, for the table of support."""
    function.__dict__["idle"] = True
    return function
