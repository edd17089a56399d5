"""What the inside of files tells: format, codec, columns, rows; read by ranges, never as a whole."""

import io
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import IO, Any, cast

from etl_platform.catalog.files import FileListing

HEAD_BYTES = 64 * 1024

ReadRange = Callable[[str, int, int], bytes]
"""Name of a file, offset, length → those bytes."""


class RangeFile(io.RawIOBase):
    """A file of known length of which only the asked ranges are fetched."""

    def __init__(self, name: str, size: int, read_range: ReadRange):
        self._file = name
        self._size = size
        self._position = 0
        self._read_range = read_range

    def readable(self) -> bool:
        """Always."""
        return True

    def seekable(self) -> bool:
        """Always."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move, as every file does."""
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        self._position = start + offset
        return self._position

    def tell(self) -> int:
        """The current offset."""
        return self._position

    def read(self, size: int | None = -1) -> bytes:
        """Fetch the next bytes."""
        rest = max(0, self._size - self._position)
        length = rest if size is None or size < 0 else min(size, rest)
        data = self._read_range(self._file, self._position, length) if length else b""
        self._position += len(data)
        return data


@dataclass
class Content:
    """What the files hold; None and empty are unknown."""

    format: str | None = None
    compression: str | None = None
    columns: dict[str, str] = field(default_factory=dict)
    row_count: int | None = None
    rows_estimated: bool = False
    footers_read: int = 0
    warnings: list[str] = field(default_factory=list)


def look_inside(
    listing: FileListing,
    read_range: ReadRange,
    *,
    declared_format: str | None,
    footers: int,
    schema: bool,
    read_options: Mapping[str, Any],
) -> Content:
    """Open as few files as tell format, columns and rows.

    Rows are summed over all footers where there are at most `footers` files; else the rows a byte of an
    even sample are multiplied by all bytes, and `rows_estimated` is set.

    Args:
        listing: At least one file.
        read_range: How to fetch bytes; its errors pass through.
        declared_format: What the configuration says; it wins over suffix and content.
        footers: Files to open at the most.
        schema: Columns are wanted.
        read_options: The reader's options, for `sep` and `header` of CSV.
    """
    suffix_format, codec = listing.suffixes()
    content = Content(format=declared_format or suffix_format, compression=codec)
    name, size = listing.names[listing.largest], listing.sizes[listing.largest]
    head = b""
    if content.format is None or (schema and content.format in ("csv", "json")):
        head = read_range(name, 0, min(HEAD_BYTES, size)) if size else b""
    content.format = content.format or format_of(head)
    if content.format in ("parquet", "orc"):
        _read_footers(content, listing, read_range, footers=footers, schema=schema)
    elif schema and content.format in ("csv", "json") and head:
        _read_head(content, head, name, whole=size <= HEAD_BYTES, read_options=read_options)
    return content


def format_of(head: bytes) -> str | None:
    """Format of a file by its first bytes; None where they do not tell."""
    for magic, found in ((b"PAR1", "parquet"), (b"ORC", "orc"), (b"Obj\x01", "avro")):
        if head.startswith(magic):
            return found
    text = _inflated(head).lstrip(b"\xef\xbb\xbf \t\r\n")
    if text[:1] in (b"{", b"["):
        return "json"
    first_line, newline, _ = text.partition(b"\n")
    if newline and b"\0" not in text and any(mark in first_line for mark in b",;\t|"):
        return "csv"
    return None


def _inflated(head: bytes) -> bytes:
    """The beginning of a gzip file, or the bytes themselves."""
    if not head.startswith(b"\x1f\x8b"):
        return head
    return zlib.decompressobj(wbits=31).decompress(head)


def _read_footers(
    content: Content, listing: FileListing, read_range: ReadRange, *, footers: int, schema: bool
) -> None:
    import pyarrow as pa
    from pyarrow import orc, parquet

    indexes = [index for index in listing.sample(footers) if listing.sizes[index]]
    rows = size_bytes = 0
    for index in indexes:
        name, size = listing.names[index], listing.sizes[index]
        file = cast("IO[bytes]", RangeFile(name, size, read_range))
        try:
            if content.format == "parquet":
                metadata = parquet.ParquetFile(file).metadata
                rows += metadata.num_rows
                found_schema = metadata.schema.to_arrow_schema()
                codec = None
                if metadata.num_row_groups and metadata.num_columns:
                    codec = metadata.row_group(0).column(0).compression.lower()
            else:
                footer = orc.ORCFile(file)
                rows += footer.nrows
                found_schema = footer.schema
                codec = str(footer.compression).lower()
        except (pa.ArrowInvalid, OSError) as error:
            content.warnings.append(f"{name}: cannot read its {content.format} footer: {error}")
            continue
        size_bytes += size
        content.footers_read += 1
        content.compression = content.compression or codec
        if schema and not content.columns:
            content.columns = {column.name: str(column.type) for column in found_schema}
    if not content.footers_read:
        return
    every_file = content.footers_read == sum(1 for size in listing.sizes if size)
    content.row_count = rows if every_file else round(rows / size_bytes * listing.size_bytes)
    content.rows_estimated = not every_file


def _read_head(
    content: Content, head: bytes, name: str, *, whole: bool, read_options: Mapping[str, Any]
) -> None:
    import pyarrow as pa
    from pyarrow import csv, json

    if content.compression == "gzip" or head.startswith(b"\x1f\x8b"):
        content.compression = "gzip"
        head = _inflated(head)
    elif content.compression:
        return
    # A head ends within a line unless it is the whole file.
    text = head if whole else head[: head.rfind(b"\n") + 1]
    try:
        if content.format == "json":
            schema = json.read_json(io.BytesIO(text)).schema
        elif str(read_options.get("header", True)).lower() == "false":
            return
        else:
            delimiter = str(read_options.get("sep", read_options.get("delimiter", ",")))
            if name.lower().split(".")[-1] == "tsv":
                delimiter = "\t"
            options = csv.ParseOptions(delimiter=delimiter)
            schema = csv.read_csv(io.BytesIO(text), parse_options=options).schema
    except (pa.ArrowInvalid, TypeError, ValueError) as error:
        reason = str(error).splitlines()[0]
        content.warnings.append(
            f"{name}: columns not detected, its beginning is no plain {content.format} ({reason}); "
            "declare them in `columns`."
        )
        return
    content.columns = {column.name: str(column.type) for column in schema}
