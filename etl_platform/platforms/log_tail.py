"""Whole lines of a file that grows, from a byte on."""

from pathlib import Path

CHUNK_BYTES = 256 * 1024
"""Bytes read at once; a longer line is handed on in pieces."""


def read_lines(path: Path, offset: int, *, complete: bool) -> tuple[list[str], int]:
    """Lines of a text file that follow a byte.

    Bytes that are not UTF-8 become U+FFFD.

    Args:
        path: The file; it need not exist yet.
        offset: Byte to start at.
        complete: Whether nothing more will be written, so that a last line without an end is whole.

    Returns:
        The lines without their ends, and the byte to go on from.
    """
    try:
        with path.open("rb") as file:
            file.seek(offset)
            data = file.read(CHUNK_BYTES)
    except FileNotFoundError:
        return [], offset
    end = data.rfind(b"\n") + 1
    if not end and len(data) == CHUNK_BYTES:
        end = _character_end(data)
    elif complete and len(data) < CHUNK_BYTES:
        end = len(data)
    if not end:
        return [], offset
    text = data[:end].decode("utf-8", errors="replace")
    lines = text.removesuffix("\n").split("\n")
    return [line.removesuffix("\r") for line in lines], offset + end


def tail(path: Path, size: int = 4000) -> str:
    """The end of a text file, at most `size` bytes; empty where there is none."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - size))
            return file.read().decode("utf-8", errors="replace").strip()
    except FileNotFoundError:
        return ""


def _character_end(data: bytes) -> int:
    """Where the last whole UTF-8 character of the data ends, so that none is cut in two."""
    for back in range(1, 4):
        byte = data[-back]
        if byte < 0x80:
            break
        if byte >= 0xC0:
            # A leading byte tells the length of its character.
            length = 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
            return len(data) - back if length > back else len(data)
    return len(data)
