"""What is wrong with a configuration, where, and what was probably meant."""

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

KeyPath = tuple[str | int, ...]
"""The way to a value from the top of its file: keys of objects and indices of lists."""

_PLAIN_KEY = re.compile(r"[A-Za-z0-9_$-]+")


def dotted(path: KeyPath) -> str:
    """`("jobs", 0, "tags", "a b")` → `jobs[0].tags["a b"]`."""
    text = ""
    for key in path:
        if isinstance(key, int):
            text += f"[{key}]"
        elif _PLAIN_KEY.fullmatch(key):
            text += f".{key}" if text else key
        else:
            text += f'["{key}"]'
    return text


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`; did you mean "…"?` for the known name that is most like a word, or nothing."""
    close = difflib.get_close_matches(word, [*known], 1)
    return f'; did you mean "{close[0]}"?' if close else ""


@dataclass(frozen=True, order=True)
class Fault:
    """One thing that is wrong with a configuration.

    Attributes:
        path: File, as it was named or found.
        line: Line of the file, from 1.
        column: Column of the line in characters, from 1.
        location: The place in the file's structure, such as `jobs[0].platform.dpu_cuont`; empty for the
            file as a whole.
        message: What is wrong and what to do; never a value that may be secret.
    """

    path: Path
    line: int
    column: int
    location: str
    message: str

    def __str__(self) -> str:
        place = f"{self.path}:{self.line}:{self.column}"
        return ": ".join(filter(None, (place, self.location, self.message)))


class ConfigError(Exception):
    """A configuration that cannot be loaded.

    Attributes:
        faults: All that is wrong with it, by file and line.
    """

    def __init__(self, faults: Iterable[Fault]):
        self.faults = tuple(sorted(set(faults)))
        super().__init__("\n".join(map(str, self.faults)))
