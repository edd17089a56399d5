"""A dataset without rows: one file that holds its columns, where an engine writes no file at all."""

import csv
from pathlib import Path

import pyarrow as pa

from etl_platform.runtime.catalog import data_files

_NAME = "part-00000-empty"


def write_empty(schema: pa.Schema, file_format: str, folder: Path) -> None:
    """Write a file without rows.

    Partition columns are in the file too: Sail and pyarrow cannot read a column that only folders named for
    null spell. So files with rows must take its place, not stand beside it; see `files_with_rows`.

    Args:
        schema: All columns, those of the partitions among them.
        file_format: `parquet`, `orc`, `csv`, or `json`, whose lines cannot hold columns without rows.
        folder: Folder of the dataset; made where it is not there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{_NAME}.{file_format}"
    if file_format == "parquet":
        import pyarrow.parquet

        pyarrow.parquet.write_table(schema.empty_table(), file)
    elif file_format == "orc":
        import pyarrow.orc

        pyarrow.orc.write_table(schema.empty_table(), file)
    elif file_format == "csv":
        with file.open("w", encoding="utf-8", newline="") as lines:
            csv.writer(lines, lineterminator="\n").writerow(schema.names)
    else:
        file.touch()


def files_with_rows(folder: Path) -> bool:
    """Whether a dataset has any data file besides that of `write_empty`."""
    return any(file.stem != _NAME for file in data_files(folder))
