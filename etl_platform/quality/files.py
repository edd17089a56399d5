"""The files of a dataset: which they are, their format, and what their folders' names say."""

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

from etl_platform.catalog.location import Location

HIVE_NULL = "__HIVE_DEFAULT_PARTITION__"
"""The folder value that stands for null; Spark and Hive write it."""

FORMATS = ("parquet", "csv", "json", "orc")
_SUFFIXES = {".parquet": "parquet", ".csv": "csv", ".json": "json", ".jsonl": "json", ".orc": "orc"}


class NoDataError(LookupError):
    """A dataset that is missing, or whose files cannot be read by a check."""


@dataclass(frozen=True)
class Files:
    """The files that a check reads.

    Attributes:
        uri: Address of the dataset, for messages.
        root: Its folder or file, as the file system names it.
        paths: All files, in the order of their names.
        format: One of `FORMATS`.
        partitions: Columns that come from folder names, with their types as Spark infers them.
        bytes: Size of all files.
        options: Reader options of the source, in Spark's names.
        filesystem: pyarrow file system of remote files; None for files of this machine.
    """

    uri: str
    root: str
    paths: tuple[str, ...]
    format: str
    partitions: Mapping[str, str]
    bytes: int
    options: Mapping[str, Any]
    filesystem: Any = None


def find_files(
    location: Location,
    *,
    options: Mapping[str, Any] | None = None,
    folders: Mapping[str, str] | None = None,
    region: str | None = None,
) -> Files:
    """Find the files of a dataset; names that start with `_` or `.` are not data, as in Spark.

    Args:
        location: Where the dataset stands.
        options: Reader options, in Spark's names.
        folders: Partition column to value: only files in folders of these values.
        region: AWS region of S3 files; None: what the environment says.

    Raises:
        NoDataError: There is no such folder, no file in it, or its format cannot be read.
    """
    if location.path is None:
        root, sizes, filesystem = _list_remote(location.uri, region)
    else:
        root, sizes, filesystem = str(location.path), _list_local(location.path), None
    if sizes is None:
        raise NoDataError(f"{location.uri} does not exist ({root}); run the job that writes it first.")
    chosen = {path: size for path, size in sizes.items() if _in_folders(path, root, folders or {})}
    if not chosen:
        where = "/".join(f"{key}={value}" for key, value in (folders or {}).items())
        raise NoDataError(f"{location.uri} holds no data files{f' in {where}' if where else ''} ({root}).")
    return Files(
        uri=location.uri,
        root=root,
        paths=tuple(chosen),
        format=_format(location, chosen),
        partitions=_partition_types(chosen, root),
        bytes=sum(chosen.values()),
        options=dict(options or {}),
        filesystem=filesystem,
    )


def folder_values(path: str, root: str) -> dict[str, str | None]:
    """Partition columns and values in a file's path: `…/y=2013/f.parquet` → `{"y": "2013"}`."""
    values: dict[str, str | None] = {}
    for part in PurePosixPath(path).relative_to(root).parts[:-1]:
        key, equals, value = part.partition("=")
        if equals and key:
            values[unquote(key)] = None if value == HIVE_NULL else unquote(value)
    return values


def _in_folders(path: str, root: str, wanted: Mapping[str, str]) -> bool:
    found = folder_values(path, root)
    return all(found.get(key) == value for key, value in wanted.items())


def _visible(parts: Iterable[str]) -> bool:
    return not any(part.startswith(".") or (part.startswith("_") and "=" not in part) for part in parts)


def _list_local(root: Path) -> dict[str, int] | None:
    if root.is_file():
        return {str(root): root.stat().st_size}
    if not root.is_dir():
        return None
    files = (path for path in root.rglob("*") if path.is_file() and _visible(path.relative_to(root).parts))
    return {str(path): path.stat().st_size for path in sorted(files)}


def s3_filesystem(region: str | None) -> Any:
    """Pyarrow's file system of S3; credentials come from the usual AWS variables and files.

    Args:
        region: AWS region; None: what the environment says.
    """
    from pyarrow import fs

    # Not all versions of Arrow take the endpoint from the environment.
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    further = {name: value for name, value in (("endpoint_override", endpoint), ("region", region)) if value}
    return fs.S3FileSystem(**further)


def _list_remote(uri: str, region: str | None) -> tuple[str, dict[str, int] | None, Any]:
    from pyarrow import fs

    parts = urlsplit(uri)
    if parts.scheme not in ("s3", "s3a"):
        raise NoDataError(f"{uri} has no files that a check can read; files of this machine and S3 are read.")
    filesystem = s3_filesystem(region)
    root = f"{parts.netloc}/{parts.path.strip('/')}".rstrip("/")
    try:
        infos = filesystem.get_file_info(fs.FileSelector(root, recursive=True))
    except FileNotFoundError:
        single = filesystem.get_file_info(root)
        found = {root: single.size or 0} if single.type == fs.FileType.File else None
        return root, found, filesystem
    except OSError as error:
        raise NoDataError(f"{uri} cannot be listed: {error}") from error
    files = {
        info.path: info.size or 0
        for info in sorted(infos, key=lambda info: info.path)
        if info.type == fs.FileType.File and _visible(PurePosixPath(info.path).relative_to(root).parts)
    }
    return root, files, filesystem


def _format(location: Location, paths: Iterable[str]) -> str:
    if location.format in FORMATS:
        return str(location.format)
    suffixes = {suffix for path in paths for suffix in PurePosixPath(path).suffixes if suffix in _SUFFIXES}
    found = {_SUFFIXES[suffix] for suffix in suffixes}
    if location.format is None and len(found) == 1:
        return found.pop()
    what = location.format or (f"a mix of {', '.join(sorted(found))}" if found else "unknown")
    raise NoDataError(
        f"{location.uri} has the format {what}; checks read {', '.join(FORMATS)}: "
        "name one of them in `format`."
    )


def _partition_types(paths: Iterable[str], root: str) -> dict[str, str]:
    values: dict[str, list[str]] = {}
    for path in paths:
        for key, value in folder_values(path, root).items():
            values.setdefault(key, []).extend([] if value is None else [value])
    return {key: _widest(found) for key, found in values.items()}


def _widest(values: list[str]) -> str:
    """The type that Spark infers for a partition column's values; PartitioningUtils in its source."""
    kinds = {_kind(value) for value in values}
    if len(kinds) == 1:
        return kinds.pop()
    for wide, narrow in (("bigint", {"int"}), ("double", {"int", "bigint"})):
        if wide in kinds and kinds <= narrow | {wide}:
            return wide
    return "string"


def _kind(value: str) -> str:
    if re.fullmatch(r"[+-]?\d+", value, re.ASCII):
        number = int(value)
        if -(2**31) <= number < 2**31:
            return "int"
        if -(2**63) <= number < 2**63:
            return "bigint"
        return "string"
    if re.fullmatch(r"[+-]?(\d+\.\d*|\.\d+|\d+)([eE][+-]?\d+)?", value, re.ASCII):
        return "double"
    if re.fullmatch(r"\d{4}-\d{2}-\d{2}", value, re.ASCII):
        try:
            date.fromisoformat(value)
        except ValueError:
            return "string"
        return "date"
    return "string"
