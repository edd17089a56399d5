"""The types of partition columns, told from folder names by the rules of Spark."""

import re
from collections.abc import Iterable, Iterator
from datetime import date
from pathlib import Path
from urllib.parse import unquote

from etl_platform.runtime.catalog import data_files

# How Spark and Hive spell null in a folder's name.
_NULL = "__HIVE_DEFAULT_PARTITION__"
_INTEGER = re.compile(r"[+-]?\d+")
_DOUBLE = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_NUMBERS = ("int", "bigint", "double")


def type_of(values: Iterable[str]) -> str:
    """The type that holds all values: `int`, `bigint`, `double`, `date` or `string`.

    These are the steps of Spark's `inferPartitionColumnValue`, without timestamps and wide decimals.
    """
    types = {_type_of_one(value) for value in values if value != _NULL}
    if len(types) == 1:
        return types.pop()
    return max(types, key=_NUMBERS.index) if types and types <= set(_NUMBERS) else "string"


def _type_of_one(value: str) -> str:
    if _INTEGER.fullmatch(value):
        number = int(value)
        if -(2**31) <= number < 2**31:
            return "int"
        if -(2**63) <= number < 2**63:
            return "bigint"
        return "double"
    if _DOUBLE.fullmatch(value):
        return "double"
    try:
        date.fromisoformat(value)
    except ValueError:
        return "string"
    return "date"


def partition_values(folders: Iterable[Path]) -> dict[str, set[str]]:
    """The values that the folders of a partitioned dataset spell: column to values, outermost first."""
    values: dict[str, set[str]] = {}
    for folder in folders:
        for file in data_files(folder):
            for name, value in _spelled(folder, file):
                values.setdefault(name, set()).add(value)
    return values


def _spelled(folder: Path, file: Path) -> Iterator[tuple[str, str]]:
    for part in file.relative_to(folder).parts[:-1]:
        name, equals, value = part.partition("=")
        if equals:
            yield unquote(name), unquote(value)
