"""Zips of scripts and modules: the same files are always a zip of the same bytes."""

import io
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

_DATE = (1980, 1, 1, 0, 0, 0)
_FILE_MODE = 0o644 << 16
"""A fixed date and mode, so that the bytes depend on the files alone, which anyone may read."""


def files_in(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Path and content of each file below a folder, as Python imports the folder from a zip.

    Paths start with the folder's own name; what Python has compiled is left out.
    """
    for file in sorted(folder.rglob("*")):
        if file.is_file() and "__pycache__" not in file.parts:
            yield file.relative_to(folder.parent).as_posix(), file.read_bytes()


def zipped(files: Mapping[str, bytes]) -> bytes:
    """Files as a zip, by their paths in it."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, data in sorted(files.items()):
            entry = zipfile.ZipInfo(path, _DATE)
            entry.external_attr = _FILE_MODE
            archive.writestr(entry, data, zipfile.ZIP_DEFLATED)
    return content.getvalue()
