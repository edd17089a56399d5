"""Publish a folder in place of another so that a reader finds the old one or the new one, whole."""

import ctypes
import errno
import os
import shutil
import sys
from pathlib import Path

_AT_FDCWD = -100
_RENAME_EXCHANGE = 2
"""Constants of renameat2(2), Linux."""

_UNSUPPORTED = (errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EXDEV)


def publish(new: Path, place: Path) -> None:
    """Put the folder `new` at `place`, and remove what stood there.

    On Linux the two folders change places in one step of the file system. Elsewhere the old folder is moved
    aside first; `recover` puts it back if the process ends between the two moves.

    Raises:
        OSError: The folders cannot be moved; `place` is as it was.
    """
    aside = _aside(place)
    if not place.exists():
        new.rename(place)
        return
    if _exchange(new, place):
        shutil.rmtree(new)
        return
    place.rename(aside)
    new.rename(place)
    shutil.rmtree(aside)


def recover(place: Path) -> None:
    """Finish or undo what an interrupted `publish` left beside a folder."""
    aside = _aside(place)
    if aside.exists() and not place.exists():
        aside.rename(place)
    elif aside.exists():
        shutil.rmtree(aside)


def _aside(place: Path) -> Path:
    return place.with_name(f".{place.name}.before")


def _exchange(one: Path, other: Path) -> bool:
    """Let two folders change places at once; False where the system cannot."""
    if sys.platform != "linux":
        return False
    rename = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if rename is None:
        return False
    if rename(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _RENAME_EXCHANGE) == 0:
        return True
    code = ctypes.get_errno()
    if code in _UNSUPPORTED:
        return False
    raise OSError(code, os.strerror(code), str(other))
