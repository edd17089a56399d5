"""Putting new files in the place of old ones, so that a failed run leaves the old data as it was.

New files are written to a folder beside the target, on the same disk, and moved by renaming. A folder is
replaced by two renames; a process that is killed between them leaves the old folder aside, and `recover` puts
it back before the next run.
"""

import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from etl_platform.runtime.catalog import data_files


def _aside(target: Path) -> Path:
    return target.with_name(f".{target.name}.old")


def recover(target: Path) -> None:
    """Finish or undo a replacement of `target` that a killed process left half done."""
    old = _aside(target)
    if old.exists():
        if target.exists():
            shutil.rmtree(old)
        else:
            old.rename(target)


@contextmanager
def staging_folder(target: Path) -> Iterator[Path]:
    """A name for a folder beside `target`, gone at the end.

    It is in a folder whose name starts with a dot, so readers of the prefix above pass it over.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    folder = target.with_name(f".{target.name}.staging-{uuid.uuid4().hex[:8]}")
    try:
        yield folder / "data"
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def replace_folder(new: Path, target: Path) -> None:
    """Put the folder `new` in the place of `target`, whether that exists or not."""
    recover(target)
    old = _aside(target)
    if target.exists():
        target.rename(old)
    try:
        new.rename(target)
    except OSError:
        if old.exists():
            old.rename(target)
        raise
    shutil.rmtree(old, ignore_errors=True)


def add_files(new: Path, target: Path) -> None:
    """Move the data files of `new` into `target`, keeping their partition folders; all of them or none.

    Each gets a name that no file there has.
    """
    moved: list[tuple[Path, Path]] = []
    try:
        for file in list(data_files(new)):
            place = target / file.relative_to(new)
            place = place.with_name(f"{uuid.uuid4().hex[:8]}-{place.name}")
            place.parent.mkdir(parents=True, exist_ok=True)
            file.rename(place)
            moved.append((file, place))
    except OSError:
        for file, place in moved:
            place.rename(file)
        raise


def replace_partitions(new: Path, target: Path) -> None:
    """Put each partition folder of `new` in the place of the one of `target`; other partitions stay."""
    for partition in sorted({file.parent for file in data_files(new)}):
        place = target / partition.relative_to(new)
        place.parent.mkdir(parents=True, exist_ok=True)
        replace_folder(partition, place)
