"""Moving a store: six Parquet files that fill another store, or are analysed as they are."""

import json
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel

from etl_platform.tracking.errors import StoreError
from etl_platform.tracking.store import TrackingStore
from etl_platform.tracking.tables import TABLES, Item, Table

if TYPE_CHECKING:
    import pyarrow as pa

_ROWS = 1000
"""Rows of one row group, and items of one import call."""

ITEM_COLUMN = "item"
"""Column with the whole item as JSON: what import reads. The others are for analysis."""


def export_store(store: TrackingStore, folder: Path) -> dict[str, int]:
    """Write each table as `<folder>/<table>.parquet`.

    Columns are the figures and texts of the record, those of nested objects with dots in their names, and the
    whole item as JSON. Markers by which executions are counted once have no other column than that.

    Returns:
        Table name to number of items.

    Raises:
        FileExistsError: The folder holds such a file already.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder.mkdir(parents=True, exist_ok=True)
    counts = {}
    for table in TABLES:
        path = _file(folder, table)
        if path.exists():
            raise FileExistsError(f"{path} stands already; name a folder without an export.")
        leaves = dict(_leaves(table.record))
        schema = pa.schema(
            [*((name, _arrow(kind)) for name, kind in leaves.items()), (ITEM_COLUMN, pa.string())]
        )
        counts[table.name] = 0
        draft = path.with_suffix(".part")
        with pq.ParquetWriter(draft, schema, compression="zstd") as writer:
            for items in _chunks(store.items(table)):
                rows = [_row(table, leaves, item) for item in items]
                writer.write_table(pa.Table.from_pylist(rows, schema))
                counts[table.name] += len(rows)
        draft.replace(path)
    return counts


def import_store(store: TrackingStore, folder: Path) -> dict[str, tuple[int, int]]:
    """Add the items of an export to a store; what stands in it already stays as it is.

    Nobody else may write to the store meanwhile.

    Returns:
        Table name to number of items added, and number that stood already.

    Raises:
        FileNotFoundError: The folder has no export.
    """
    import pyarrow.parquet as pq

    for table in TABLES:
        if not _file(folder, table).exists():
            raise FileNotFoundError(f"{_file(folder, table)} is missing: {folder} holds no whole export.")
    counts = {}
    for table in TABLES:
        added = total = 0
        with pq.ParquetFile(_file(folder, table)) as file:
            if ITEM_COLUMN not in file.schema_arrow.names:
                raise StoreError(f"{_file(folder, table)} has no column `{ITEM_COLUMN}`: it is no export.")
            for batch in file.iter_batches(_ROWS, columns=[ITEM_COLUMN]):
                items = [json.loads(text) for text in batch.column(ITEM_COLUMN).to_pylist()]
                total += len(items)
                added += store.add_items(table, items)
        counts[table.name] = (added, total - added)
    return counts


def _file(folder: Path, table: Table) -> Path:
    return folder / f"{table.name}.parquet"


def _row(table: Table, leaves: dict[str, type], item: Item) -> Item:
    # Markers and pointers are no records, but the store they are moved to needs them.
    known = item if all(field in item for field in _required(table)) else {}
    row = {name: _at(known, name) for name in leaves}
    return {**row, ITEM_COLUMN: json.dumps(item, ensure_ascii=False, separators=(",", ":"))}


def _required(table: Table) -> Iterator[str]:
    return (name for name, field in table.record.model_fields.items() if field.is_required())


def _at(item: Any, path: str) -> Any:
    for name in path.split("."):
        if not isinstance(item, dict):
            return None
        item = item.get(name)
    return item


def _leaves(record: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, type]]:
    """Path and type of each figure and text of a record and of its objects; not of lists and free JSON."""
    for name, field in record.model_fields.items():
        kind = _scalar(field.annotation)
        if kind in (str, int, float, bool):
            yield f"{prefix}{name}", kind
        elif isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from _leaves(kind, f"{prefix}{name}.")


def _scalar(annotation: Any) -> Any:
    origin = get_origin(annotation)
    if origin is Annotated:
        return _scalar(get_args(annotation)[0])
    if origin is Literal:
        return str
    if origin in (Union, UnionType):
        known = [kind for kind in get_args(annotation) if kind is not NoneType]
        return _scalar(known[0]) if len(known) == 1 else None
    return annotation if isinstance(annotation, type) else None


def _arrow(kind: type) -> "pa.DataType":
    import pyarrow as pa

    return {str: pa.string(), int: pa.int64(), float: pa.float64(), bool: pa.bool_()}[kind]


def _chunks(items: Iterable[Item]) -> Iterator[list[Item]]:
    rest = iter(items)
    while chunk := list(islice(rest, _ROWS)):
        yield chunk
