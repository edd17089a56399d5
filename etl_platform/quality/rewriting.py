"""Files written again without some of their rows, each in its own format."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import count
from typing import Any

from etl_platform.quality.files import Files
from etl_platform.quality.frame import QueryError
from etl_platform.quality.local_frame import (
    FILE_COLUMN,
    ROW_COLUMN,
    LocalFrame,
    csv_options,
    literal,
    open_local,
)
from etl_platform.quality.remote_files import duckdb_path, plain_path


def affected_files(frame: LocalFrame, bad: str) -> set[str]:
    """The files that hold bad rows, as pyarrow names them."""
    rows = frame.run(f"SELECT DISTINCT {FILE_COLUMN} FROM {frame.column(bad)}")
    return {plain_path(name) for (name,) in rows}


def write_without(frame: LocalFrame, bad: str, files: Files, path: str, place: str) -> None:
    """Write a file again without its bad rows.

    A text file keeps the text of its values: rows are left out, and none is converted.

    Args:
        frame: The dataset, numbered.
        bad: Name of the table of bad rows.
        files: Its files.
        path: The file, as pyarrow names it.
        place: Where to write, on the same file system.

    Raises:
        QueryError: The file cannot be read or written.
    """
    name = literal(duckdb_path(path, files.filesystem))
    gone = f"SELECT {ROW_COLUMN} FROM {frame.column(bad)} WHERE {FILE_COLUMN} = {name}"
    to = literal(duckdb_path(place, files.filesystem))
    match files.format:
        case "parquet":
            frame.run(
                f"COPY (SELECT * EXCLUDE ({ROW_COLUMN}) FROM read_parquet({name}, hive_partitioning = false, "
                f"{ROW_COLUMN} = true) WHERE {ROW_COLUMN} NOT IN ({gone})) TO {to} (FORMAT parquet)"
            )
        case "csv":
            read, written = csv_dialect(frame, files, path)
            frame.run(
                f"COPY (SELECT * EXCLUDE (__n) FROM (SELECT *, row_number() OVER () - 1 AS __n FROM "
                f"read_csv({name}, all_varchar = true, allow_quoted_nulls = true, hive_partitioning = false"
                f"{read})) WHERE __n NOT IN ({gone})) TO {to} (FORMAT csv{written})"
            )
        case "json":
            _json_without(files, path, place, {row for (row,) in frame.run(gone)})
        case _:
            _orc_without(files, path, place, {row for (row,) in frame.run(gone)})


def rows_in(frame: LocalFrame, files: Files, paths: list[str]) -> int:
    """Rows of some files of a dataset's format, counted again from what stands there."""
    found = [path for path in paths if file_system(files).get_file_info(path).size]
    if not found:
        return 0
    # Folders are not read, so that files of two roots can be counted together.
    counted = replace(files, paths=tuple(found), partitions={})
    return open_local(frame.connection, f"{frame.view}__written", counted).count()


def csv_dialect(frame: LocalFrame, files: Files, path: str) -> tuple[str, str]:
    """How a CSV file is read and written, as further options of `read_csv` and of `COPY`."""
    given = csv_options(files.options)
    options = "".join(f", {name} = {literal(value)}" for name, value in given.items())
    ((delimiter, quote, escape, header),) = frame.run(
        'SELECT Delimiter, Quote, "Escape", HasHeader FROM '
        f"sniff_csv({literal(duckdb_path(path, files.filesystem))}{options})"
    )
    # `(empty)` is how DuckDB says that it met no such character.
    marks = {"delim": delimiter, "quote": quote, "escape": escape}
    found = {name: value for name, value in marks.items() if value and value != "(empty)"}
    found["header"] = bool(header)
    if "nullstr" in given:
        found["nullstr"] = given["nullstr"]
    read = "".join(f", {name} = {literal(value)}" for name, value in found.items())
    written = "".join(f", {name.upper()} {literal(value)}" for name, value in found.items())
    return read, written


def file_system(files: Files) -> Any:
    """Pyarrow's file system of a dataset's files."""
    from pyarrow import fs

    return files.filesystem or fs.LocalFileSystem()


@contextmanager
def _as_query_error() -> Iterator[None]:
    import pyarrow as pa

    try:
        yield
    except (pa.ArrowInvalid, OSError) as error:
        raise QueryError(type(error).__name__, str(error)) from error


def _json_without(files: Files, path: str, place: str, gone: set[int]) -> None:
    system, number = file_system(files), count()
    with (
        _as_query_error(),
        system.open_input_stream(path, compression="detect") as source,
        system.open_output_stream(place, compression="detect") as target,
    ):
        for line in io.BufferedReader(source):
            if not line.strip():
                continue
            row = next(number)
            if row == 0 and line.lstrip().startswith(b"["):
                raise QueryError("JsonArray", f"{path} is one JSON array; rows are left out of JSON lines.")
            if row not in gone:
                target.write(line if line.endswith(b"\n") else line + b"\n")


def _orc_without(files: Files, path: str, place: str, gone: set[int]) -> None:
    import pyarrow as pa
    from pyarrow import orc

    system, first = file_system(files), 0
    with (
        _as_query_error(),
        system.open_input_file(path) as source,
        system.open_output_stream(place) as target,
    ):
        file = orc.ORCFile(source)
        with orc.ORCWriter(target, compression=file.compression.lower()) as writer:
            writer.write(file.schema.empty_table())
            for n in range(file.nstripes):
                stripe: Any = file.read_stripe(n)
                kept = [row not in gone for row in range(first, first + stripe.num_rows)]
                writer.write(pa.Table.from_batches([stripe]).filter(pa.array(kept, pa.bool_())))
                first += stripe.num_rows
