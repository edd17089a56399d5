"""JSON files: parsed at the speed of the standard decoder; offsets only of what somebody asks about."""

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple, NoReturn

from etl_platform.config.document import Document, Text
from etl_platform.config.faults import ConfigError, Fault, KeyPath, dotted

_SPACE = re.compile(r"[ \t\n\r]*")
_DECODER = json.JSONDecoder()


class _Child(NamedTuple):
    name: str | int
    key_at: int
    value_at: int


class JsonMarks:
    """Offsets in a valid JSON text; each object or list is scanned once, when it is first asked about."""

    def __init__(self, content: str):
        self._content = content
        self._start = self._skip(0)
        self._children: dict[int, dict[str | int, _Child]] = {}

    def offset(self, path: KeyPath, *, key: bool) -> int:
        """Characters before a value, or before its key; of what encloses it where there is no such value."""
        at = key_at = self._start
        for name in path:
            child = self._named(at).get(name)
            if child is None:
                return at
            key_at, at = child.key_at, child.value_at
        return key_at if key else at

    def repeated(self) -> Iterator[tuple[KeyPath, int, int]]:
        """Each key that an object has again: its path, its offset, and the offset of the first one."""
        open_containers: list[tuple[KeyPath, int]] = [((), self._start)]
        while open_containers:
            path, at = open_containers.pop()
            first: dict[str | int, int] = {}
            for child in self._scan(at):
                if child.name in first:
                    yield (*path, child.name), child.key_at, first[child.name]
                first.setdefault(child.name, child.key_at)
                open_containers.append(((*path, child.name), child.value_at))

    def _named(self, at: int) -> dict[str | int, _Child]:
        if at not in self._children:
            self._children[at] = {child.name: child for child in self._scan(at)}
        return self._children[at]

    def _skip(self, at: int) -> int:
        match = _SPACE.match(self._content, at)
        assert match
        return match.end()

    def _scan(self, at: int) -> Iterator[_Child]:
        opening = self._content[at]
        if opening not in "{[":
            return
        at = self._skip(at + 1)
        index = 0
        while self._content[at] not in "}]":
            name, key_at = index, at
            if opening == "{":
                name, at = _DECODER.raw_decode(self._content, at)
                at = self._skip(self._skip(at) + 1)
            yield _Child(name, key_at, at)
            _, at = _DECODER.raw_decode(self._content, at)
            at = self._skip(at)
            if self._content[at] == ",":
                at = self._skip(at + 1)
            index += 1


def parse_json(text: Text) -> Document:
    """Parse a JSON file.

    Raises:
        ConfigError: It is no JSON.
    """
    repeats = False

    def collect(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal repeats
        value = dict(pairs)
        repeats = repeats or len(value) != len(pairs)
        return value

    try:
        value = json.loads(text.content, object_pairs_hook=collect, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        raise ConfigError([text.fault(error.pos, "", _syntax_message(error))]) from None
    except _ConstantError as error:
        offset = max(text.content.find(str(error)), 0)
        raise ConfigError([text.fault(offset, "", f"invalid JSON: {error} is no number")]) from None
    except ValueError:
        # Python refuses to read whole numbers of several thousand digits.
        raise ConfigError([text.fault(0, "", "invalid JSON: a number has too many digits")]) from None
    except RecursionError:
        raise ConfigError([text.fault(0, "", "objects or lists are nested too deep")]) from None
    marks = JsonMarks(text.content)
    faults: tuple[Fault, ...] = ()
    if repeats:
        faults = tuple(
            text.fault(at, dotted(path), f"the key stands twice in its object; first in line {line}")
            for path, at, first_at in marks.repeated()
            for line, _ in [text.line_and_column(first_at)]
        )
    return Document(text, value, marks, faults)


class _ConstantError(Exception):
    """NaN, Infinity or -Infinity, which JSON does not have."""


def _refuse_constant(name: str) -> NoReturn:
    raise _ConstantError(name)


def _syntax_message(error: json.JSONDecodeError) -> str:
    before = error.doc[: error.pos].rstrip()
    if before.endswith(",") and error.doc[error.pos :].lstrip()[:1] in {"}", "]"}:
        return "invalid JSON: a comma before the closing bracket"
    return f"invalid JSON: {error.msg[0].lower()}{error.msg[1:]}"
