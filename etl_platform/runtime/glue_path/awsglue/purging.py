"""Deleting files that are older than a retention period."""

import csv
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from .localfiles import files_below, local_path

HOURS = 168
"""Retention where none is given, in hours (AWS documentation of `purge_s3_path`)."""
KNOWN = {"retentionPeriod", "excludeStorageClasses", "manifestFilePath", "partitionPredicate"}


def purge(uri: str, options: dict[str, Any], folders: Iterable[str] | None = None) -> list[str]:
    """Delete the files below a path that are older than `retentionPeriod` hours.

    Args:
        uri: The path.
        options: `retentionPeriod` in hours; `manifestFilePath`: folder that `Success.csv` is written to.
        folders: Only below these paths; None: everywhere below `uri`.

    Returns:
        The deleted files.

    Raises:
        ValueError: An option is unknown.
    """
    if unknown := sorted(set(options) - KNOWN):
        raise ValueError(f'purge: no option "{unknown[0]}"; there are {", ".join(sorted(KNOWN))}.')
    hours = float(options.get("retentionPeriod", HOURS))
    oldest_kept = time.time_ns() - int(hours * 3600 * 10**9)
    within = [folder.rstrip("/") + "/" for folder in folders] if folders is not None else None
    gone: list[str] = []
    for file, changed in files_below(uri).items():
        if changed <= oldest_kept and (within is None or file.startswith(tuple(within))):
            path = local_path(file)
            path.unlink()
            path.with_name(f".{path.name}.crc").unlink(missing_ok=True)
            gone.append(file)
    if options.get("manifestFilePath"):
        _manifest(local_path(options["manifestFilePath"]), gone)
    return gone


def _manifest(folder: Path, files: list[str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "Success.csv").open("w", newline="") as out:
        csv.writer(out).writerows([file] for file in files)
