"""Rows added to a dataset as further files, in its own format and in its own folders."""

import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from etl_platform.quality.files import HIVE_NULL, Files, folder_values
from etl_platform.quality.frame import QueryError
from etl_platform.quality.local_frame import LocalFrame, literal
from etl_platform.quality.quarantined import QuarantineError
from etl_platform.quality.remote_files import duckdb_path
from etl_platform.quality.rewriting import csv_dialect, file_system

_ESCAPED = re.compile(r"""[\x00-\x1f\x7f"#%'*/:=?\\{\[\]^]""")
"""What Hive and Spark write as %XX in a folder's name; ExternalCatalogUtils in Spark's source."""


def make_fitting(rows: LocalFrame, dataset: LocalFrame, files: Files, view: str) -> LocalFrame:
    """Rows with the types that a dataset's columns have, so that no reader finds two types of one column.

    Text files have no types, so their rows stay as they are, but for the columns that name folders.

    Args:
        rows: The rows.
        dataset: The dataset, open in the same connection.
        files: Its files.
        view: Name of the view of what comes of it.

    Raises:
        QuarantineError: A value would be another one after the change of its type.
    """
    own, theirs = _types(rows), _types(dataset)
    typed = files.format in ("parquet", "orc")
    changed = {
        name: theirs[name]
        for name, kind in own.items()
        if theirs.get(name, kind) != kind and (typed or name in files.partitions)
    }
    for name, kind in changed.items():
        column = rows.column(name)
        there_and_back = f"TRY_CAST(TRY_CAST({column} AS {kind}) AS {own[name]})"
        lost = rows.run(f"SELECT count(*) FROM {rows.name} WHERE {there_and_back} IS DISTINCT FROM {column}")
        if lost[0][0]:
            raise QuarantineError(
                f"{lost[0][0]} values of {name}, which is {own[name]}, do not fit {files.uri}, where it is "
                f"{kind}. Mend them; nothing was put back."
            )
    listed = ", ".join(
        f"CAST({rows.column(name)} AS {changed[name]}) AS {rows.column(name)}"
        if name in changed
        else rows.column(name)
        for name in own
    )
    return LocalFrame(rows.connection, view, f"(SELECT {listed} FROM {rows.name})")


def write_further(rows: LocalFrame, files: Files, root: str, stem: str) -> list[str]:
    """Write rows as further files of a dataset, one a folder.

    Args:
        rows: The rows, with the types of the dataset's columns.
        files: The files of the dataset.
        root: Where the folders are made, on the same file system.
        stem: What the names of the files begin with.

    Returns:
        The files, as pyarrow names them.

    Raises:
        QueryError: They cannot be written.
    """
    keys = [name for name in rows.columns if name in files.partitions]
    if not keys:
        path = f"{root}/{stem}0.{files.format}"
        _write(rows, f"SELECT * FROM {rows.name}", files, path)
        return [path]
    columns = [rows.column(key) for key in keys]
    values = ", ".join(f"{column}::VARCHAR" for column in columns)
    known = _known_folders(rows, files, keys)
    paths: list[str] = []
    for number, found in enumerate(rows.run(f"SELECT DISTINCT {values} FROM {rows.name} ORDER BY ALL")):
        folder = known.get(found) or "/".join(map(_folder, keys, found))
        path = f"{root}/{folder}/{stem}{number}.{files.format}"
        here = " AND ".join(
            f"{column}::VARCHAR IS NOT DISTINCT FROM {_literal(value)}"
            for column, value in zip(columns, found, strict=True)
        )
        _write(rows, f"SELECT * EXCLUDE ({', '.join(columns)}) FROM {rows.name} WHERE {here}", files, path)
        paths.append(path)
    return paths


def _types(frame: LocalFrame) -> dict[str, str]:
    return {row[0]: row[1] for row in frame.run(f"DESCRIBE {frame.name}")}


def _literal(value: str | None) -> str:
    return "NULL" if value is None else literal(value)


def _folder(key: str, value: str | None) -> str:
    def escaped(text: str) -> str:
        return _ESCAPED.sub(lambda found: f"%{ord(found[0]):02X}", text)

    return f"{escaped(key)}={escaped(value) if value else HIVE_NULL}"


def _known_folders(rows: LocalFrame, files: Files, keys: list[str]) -> dict[tuple[str | None, ...], str]:
    """Values of the columns that name folders, as DuckDB writes them, to the folder that there is of them.

    The month 2 may stand in `month=02`, and goes there.
    """
    folders: dict[str, Mapping[str, str | None]] = {}
    for path in files.paths:
        inside = str(PurePosixPath(path).parent.relative_to(files.root))
        folders.setdefault(inside, folder_values(path, files.root))
    kinds = _types(rows)
    listed = ", ".join(
        f"({literal(folder)}, {', '.join(_literal(values.get(key)) for key in keys)})"
        for folder, values in folders.items()
    )
    names = [f"k{number}" for number in range(len(keys))]
    cast = ", ".join(
        f"TRY_CAST({name} AS {kinds[key]})::VARCHAR" for name, key in zip(names, keys, strict=True)
    )
    found = rows.run(f"SELECT folder, {cast} FROM (VALUES {listed}) AS f(folder, {', '.join(names)})")
    return {tuple(values): folder for folder, *values in found}


def _write(rows: LocalFrame, query: str, files: Files, path: str) -> None:
    if files.filesystem is None:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
    if files.format == "orc":
        _write_orc(rows, query, files, path)
        return
    how = files.format + (csv_dialect(rows, files, files.paths[0])[1] if files.format == "csv" else "")
    rows.run(f"COPY ({query}) TO {literal(duckdb_path(path, files.filesystem))} (FORMAT {how})")


def _write_orc(rows: LocalFrame, query: str, files: Files, path: str) -> None:
    import pyarrow as pa
    from pyarrow import orc

    system = file_system(files)
    try:
        with system.open_input_file(files.paths[0]) as first:
            compression = orc.ORCFile(first).compression.lower()
        with (
            system.open_output_stream(path) as place,
            orc.ORCWriter(place, compression=compression) as writer,
        ):
            for batch in rows.relation(query).to_arrow_reader():
                writer.write(pa.Table.from_batches([batch]))
    except (pa.ArrowInvalid, OSError) as error:
        raise QueryError(type(error).__name__, str(error)) from error
