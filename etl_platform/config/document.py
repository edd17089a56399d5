"""One file of a configuration: its value, and the line and column of each part of it."""

from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from pathlib import Path
from typing import Any, Protocol

from etl_platform.config.faults import ConfigError, Fault, KeyPath


class Marks(Protocol):
    """Knows where the parts of a file stand."""

    def offset(self, path: KeyPath, *, key: bool) -> int:
        """Characters before a value, or before its key; of what encloses it where there is no such value."""
        ...


@dataclass(frozen=True)
class Text:
    """The characters of a file, and its lines."""

    path: Path
    content: str

    @cached_property
    def _line_starts(self) -> list[int]:
        lengths = (len(line) + 1 for line in self.content.split("\n"))
        return [*accumulate(lengths, initial=0)][:-1]

    def line_and_column(self, offset: int) -> tuple[int, int]:
        """Line and column, both from 1, of the character at an offset."""
        line = bisect_right(self._line_starts, offset)
        return line, offset - self._line_starts[line - 1] + 1

    def fault(self, offset: int, location: str, message: str) -> Fault:
        """A fault at an offset of this file."""
        return Fault(self.path, *self.line_and_column(offset), location, message)


@dataclass(frozen=True, eq=False)
class Document:
    """One file of a configuration.

    Attributes:
        text: Its characters.
        value: Objects, lists, texts, numbers, booleans and None, as JSON has them.
        marks: Where the parts of the value stand.
        faults: Keys that an object has twice, and the like: the value is usable, the file is not.
    """

    text: Text
    value: Any
    marks: Marks
    faults: tuple[Fault, ...] = ()

    def place(self, path: KeyPath, *, key: bool = False) -> tuple[int, int]:
        """Line and column, both from 1, of a value, or of its key."""
        return self.text.line_and_column(self.marks.offset(path, key=key))


def read(path: Path) -> Document:
    """Read a JSON file, or a YAML file by its suffix.

    Raises:
        ConfigError: The file cannot be read, or is not written in its language.
    """
    try:
        # Line ends stay as they are, so that offsets are those of the file.
        content = path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        hint = "name the configuration with `--config PATH` or ETL_PLATFORM_CONFIG"
        raise ConfigError([Fault(path, 1, 1, "", f"there is no such file; {hint}")]) from None
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        raise ConfigError([Fault(path, 1, 1, "", f"the file cannot be read: {reason}")]) from None
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        column = error.start - error.object.rfind(b"\n", 0, error.start)
        raise ConfigError([Fault(path, line, column, "", "the file must be in UTF-8")]) from None
    text = Text(path, content)
    if not content.strip():
        raise ConfigError([text.fault(0, "", "the file is empty; it must hold an object")])
    if path.suffix in {".yaml", ".yml"}:
        from etl_platform.config.yaml_document import parse_yaml

        return parse_yaml(text)
    from etl_platform.config.json_document import parse_json

    return parse_json(text)
