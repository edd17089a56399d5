"""Secrets in the job's own process: they come in by a pipe, and go into no file that the run leaves."""

import json
import os
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from etl_platform.runtime.contract import Json, Launch

REFERENCE = re.compile(r"\$\{SECRET:[^}]+\}")
MASK = "***"
_SHORTEST_LINE = 4
"""Shorter lines of a secret of several lines, such as the dashes of a key file, are no secret."""

_PATIENCE_SECONDS = 5.0


def refers_to_secrets(launch: Launch) -> bool:
    """Whether an argument of the run is, or holds, a reference to a secret."""
    return any(isinstance(value, str) and REFERENCE.search(value) for value in launch.arguments.values())


def filled(arguments: Mapping[str, Json], values: Mapping[str, str]) -> dict[str, Json]:
    """Arguments with the values in the place of their references."""
    return {
        name: REFERENCE.sub(lambda match: values[match.group()], value) if isinstance(value, str) else value
        for name, value in arguments.items()
    }


def masked(value: Json, values: Mapping[str, str]) -> Json:
    """A JSON value in whose texts `***` stands for each secret."""
    if isinstance(value, str):
        for text in _texts(values):
            value = value.replace(text, MASK)
        return value
    if isinstance(value, dict):
        return {masked(key, values): masked(element, values) for key, element in value.items()}
    return [masked(element, values) for element in value] if isinstance(value, list) else value


def mask_files(folder: Path, values: Mapping[str, str]) -> None:
    """Put `***` for each secret into the JSON files of a folder."""
    for file in (path for path in folder.rglob("*") if values and path.is_file()):
        before = file.read_bytes()
        content = _without(before, {name: json.dumps(text)[1:-1] for name, text in values.items()})
        if content != before:
            file.write_bytes(content)


@contextmanager
def masking(log: BinaryIO, values: Mapping[str, str]) -> Iterator[int]:
    """A file descriptor to print to, whose lines reach a log with `***` for each secret.

    Yields:
        The descriptor; when the block ends, all that was printed to it is in the log.
    """
    read_end, write_end = os.pipe()

    def copy() -> None:
        with os.fdopen(read_end, "rb") as printed:
            for line in printed:
                log.write(_without(line, values))
                log.flush()

    copier = threading.Thread(target=copy, name="mask secrets", daemon=True)
    copier.start()
    try:
        yield write_end
    finally:
        os.close(write_end)
        # What the script left behind in the background may hold the other end for ever.
        copier.join(_PATIENCE_SECONDS)


def _without(content: bytes, values: Mapping[str, str]) -> bytes:
    for text in _texts(values):
        content = content.replace(text.encode(), MASK.encode())
    return content


def _texts(values: Mapping[str, str]) -> list[str]:
    """What must not show: the secrets, the longest first, and the lines of those with several."""
    lines = {line for value in values.values() for line in value.splitlines() if len(line) >= _SHORTEST_LINE}
    return sorted({value for value in values.values() if value} | lines, key=len, reverse=True)
