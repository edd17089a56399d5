"""Files on this machine: where `s3://bucket/key` stands, and which files there are below a path."""

import fnmatch
import json
import os
import re
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import unquote, urlsplit

ROOT = "ETL_PLATFORM_LOCAL_ROOT"
FORMATS = {".parquet": "parquet", ".csv": "csv", ".json": "json", ".jsonl": "json", ".orc": "orc"}
"""Suffix of a file to Spark's name of its format."""
HIDDEN = ("_", ".")
"""How the names of files and folders begin that Spark and Glue pass over."""


def local_root(purpose: str) -> Path:
    """The folder of the local profile.

    Raises:
        LookupError: It is not known.
    """
    if root := os.environ.get(ROOT):
        return Path(root)
    raise LookupError(
        f"{purpose}: the local root is not known; run the script with `etl-platform run`, or set the "
        f"environment variable {ROOT} to the folder that `global_settings.local.root` names."
    )


def local_path(uri: str) -> Path:
    """Where a path stands on this machine: `s3://bucket/key` is `<local root>/s3/bucket/key`.

    Raises:
        LookupError: The local root is not known.
        ValueError: The scheme is neither S3's nor `file`.
    """
    parts = urlsplit(uri)
    if parts.scheme in ("s3", "s3a", "s3n"):
        return local_root(uri) / "s3" / parts.netloc / parts.path.lstrip("/")
    if parts.scheme in ("", "file"):
        return Path(unquote(parts.path) if parts.scheme else uri)
    raise ValueError(f'"{uri}": expected a path of S3 (s3://bucket/key) or of this machine.')


def files_below(uri: str) -> dict[str, int]:
    """The files of a path, named as the path is, each with its time of change in nanoseconds."""
    top = local_path(uri)
    if top.is_file():
        return {uri: top.stat().st_mtime_ns}
    found: dict[str, int] = {}
    for folder, folders, names in os.walk(top):
        folders[:] = sorted(name for name in folders if not name.startswith(HIDDEN))
        for name in sorted(name for name in names if not name.startswith(HIDDEN)):
            file = Path(folder) / name
            found[f"{uri.rstrip('/')}/{file.relative_to(top).as_posix()}"] = file.stat().st_mtime_ns
    return found


def format_of(folder: Path) -> str:
    """The format of a folder's files by the name of the first, such as `csv` of `a.csv.gz`; else Parquet."""
    first = Path(next(iter(files_below(str(folder))), ""))
    return next((FORMATS[suffix] for suffix in reversed(first.suffixes) if suffix in FORMATS), "parquet")


def has_plain_folders(uri: str) -> bool:
    """Whether there are folders below that are not partitions (`key=value`)."""
    top = local_path(uri)
    folders = {path.relative_to(top).parts[-1] for path in top.rglob("*") if path.is_dir()}
    return any("=" not in name and not name.startswith(HIDDEN) for name in folders)


def excluded(files: Iterable[str], exclusions: str | list[str]) -> set[str]:
    """The files that one of Glue's exclusion patterns matches.

    Args:
        files: Paths.
        exclusions: Globs, as a list or as JSON of one; `**` crosses folders, `*` does not.
    """
    patterns = json.loads(exclusions) if isinstance(exclusions, str) else exclusions
    found = [re.compile(_expression(pattern)) for pattern in patterns]
    return {file for file in files if any(p.fullmatch(file) or p.fullmatch(_key(file)) for p in found)}


def _key(file: str) -> str:
    return urlsplit(file).path.lstrip("/")


def _expression(glob: str) -> str:
    parts = re.split(r"(\*\*|\*|\?|\{[^}]*\}|\[[^\]]*\])", glob)
    made = {"**": ".*", "*": "[^/]*", "?": "[^/]"}
    return "".join(_part(part, made) for part in parts)


def _part(part: str, made: dict[str, str]) -> str:
    if part in made:
        return made[part]
    if part.startswith("{"):
        return f"(?:{'|'.join(re.escape(option) for option in part[1:-1].split(','))})"
    return (
        fnmatch.translate(part).removeprefix("(?s:").removesuffix(r")\Z")
        if part.startswith("[")
        else re.escape(part)
    )
