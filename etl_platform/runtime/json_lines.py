"""The records of a local stand-in that is a folder of JSON lines: a DynamoDB table, a Kinesis stream."""

import json
import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

from etl_platform.runtime.catalog import data_files

_NAME = re.compile(r"[A-Za-z0-9_.-]*[A-Za-z0-9_-][A-Za-z0-9_.-]*")


class ApiError(Exception):
    """An answer of an AWS service that is an error.

    Attributes:
        code: Such as `ResourceNotFoundException`.
    """

    def __init__(self, code: str, message: str):
        self.code = code
        super().__init__(message)


def folder_of(root: Path, kind: str, name: str, key: str) -> Path:
    """The folder of a table or stream, which may be named by its ARN.

    Args:
        root: The local root.
        kind: `dynamodb` or `kinesis`.
        name: Name or ARN.
        key: Key of the configuration that names it.

    Raises:
        ApiError: There is none.
    """
    plain = name.rpartition("/")[2]
    folder = root / kind / plain
    if not _NAME.fullmatch(plain) or not folder.is_dir():
        raise ApiError(
            "ResourceNotFoundException",
            f'{kind} {plain}: no local stand-in is there; add {{"source_type": "{kind}", "{key}": "{plain}"}}'
            f" to the job's `data_sources` and put files of JSON lines into {folder}.",
        )
    return folder


def lines(folder: Path) -> Iterator[tuple[str, float]]:
    """Each line of a folder's files, in the order of their names, with its file's time of change."""
    for file in data_files(folder):
        changed = file.stat().st_mtime
        with file.open(encoding="utf-8") as text:
            yield from ((line.rstrip("\n"), changed) for line in text if line.strip())


def record(line: str, folder: Path) -> dict[str, Any]:
    """A line as a record, its numbers as they are written.

    Raises:
        ApiError: It is none.
    """
    try:
        found = json.loads(line, parse_float=Decimal)
    except json.JSONDecodeError as error:
        raise ApiError("ValidationException", f"{folder}: not JSON: {error}: {line[:40]}…") from error
    if not isinstance(found, dict):
        raise ApiError("ValidationException", f"{folder}: expected one JSON object a line.")
    return found
