"""Records of JSON texts."""

import json
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from .unreadable import Unreadable

_STEP = re.compile(
    r"\.([A-Za-z_][\w-]*)|\[\s*'([^']+)'\s*\]|\[\s*\"([^\"]+)\"\s*\]|\[\s*(\d+)\s*\]|(\[\s*\*\s*\]|\.\*)"
)


def parser(json_path: str | None) -> Callable[[str], Iterable[Any]]:
    """A function that gives the records of a text: one JSON value, several, or lists of them.

    What is no JSON is left out to the end of the line in which that shows, and `Unreadable`: so a record cut
    off at its line's end takes the next line with it, as in Glue.

    Args:
        json_path: Where in each value the records stand, such as `$.items[*]`; None: the value itself.

    Raises:
        ValueError: The path is not one of names, positions and `[*]`.
    """
    steps = path_steps(json_path) if json_path else []

    def parse(text: str) -> Iterable[Any]:
        # Made here, as Spark cannot send a decoder to its workers.
        decoder = json.JSONDecoder()
        at, end = 0, len(text)
        while at < end:
            if text[at] in " \t\r\n,\ufeff":
                at += 1
                continue
            try:
                value, after = decoder.raw_decode(text, at)
            except json.JSONDecodeError as error:
                after = text.find("\n", error.pos) + 1 or end
                yield Unreadable(error, text[at:after].rstrip())
                at = after
                continue
            at = after
            for record in walk(value, steps):
                yield from map(_as_record, record if isinstance(record, list) else [record])

    return parse


def _as_record(value: Any) -> Any:
    if isinstance(value, dict):
        return value
    kind = type(value).__name__
    return Unreadable(
        TypeError(f"a record is a JSON object; found a value of type {kind}."), json.dumps(value)
    )


def path_steps(path: str) -> list[str | int | None]:
    """The steps of a JSON path: a name, a position, or None for every element.

    Raises:
        ValueError: It has something else in it.
    """
    steps: list[str | int | None] = []
    at = 1
    while path.startswith("$") and at < len(path):
        found = _STEP.match(path, at)
        if not found:
            break
        name = found[1] or found[2] or found[3]
        steps.append(name if name else int(found[4]) if found[4] else None)
        at = found.end()
    if not path.startswith("$") or at < len(path):
        raise ValueError(
            f'jsonPath "{path}": expected $ and then .name, [position] or [*], such as $.items[*].'
        )
    return steps


def walk(value: Any, steps: list[str | int | None]) -> Iterator[Any]:
    """The values at the end of the steps; those that lack a step are left out."""
    if not steps:
        yield value
        return
    step, rest = steps[0], steps[1:]
    if step is None:
        for part in value if isinstance(value, list) else value.values() if isinstance(value, dict) else []:
            yield from walk(part, rest)
    elif isinstance(value, dict):
        if step in value:
            yield from walk(value[step], rest)
    elif isinstance(value, list) and isinstance(step, int) and step < len(value):
        yield from walk(value[step], rest)
