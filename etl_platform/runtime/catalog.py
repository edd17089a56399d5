"""The Glue tables of a run in the catalog of its Spark session."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from etl_platform.runtime.contract import Launch, Table

# How Glue's tables of text files are read where nothing else is declared.
_OPTIONS = {"csv": {"header": "true", "inferSchema": "true"}}
_FORMATS = {".parquet": "parquet", ".csv": "csv", ".json": "json", ".jsonl": "json", ".orc": "orc"}
_WORD = re.compile(r"\w+")
_PARTITION_FOLDER = re.compile(r"([^=/]+)=")


def data_files(path: Path) -> Iterator[Path]:
    """The files of a dataset, as Spark lists them: what starts with `_` or `.` is none of them."""
    if path.is_file():
        yield path
        return
    for child in sorted(path.iterdir()) if path.is_dir() else ():
        if not child.name.startswith((".", "_")):
            yield from data_files(child)


def format_of(file: Path) -> str:
    """The format of a file by its name, such as `csv` of `a.csv.gz`; Glue's default is Parquet."""
    return next((_FORMATS[suffix] for suffix in reversed(file.suffixes) if suffix in _FORMATS), "parquet")


def partition_columns(path: Path, file: Path) -> list[str]:
    """Names of the columns that the folders between a dataset and one of its files spell, outermost first."""
    folders = file.relative_to(path).parts[:-1] if path != file else ()
    return [match.group(1) for folder in folders if (match := _PARTITION_FOLDER.match(folder))]


def quoted(text: str) -> str:
    """A text as a string literal of Spark SQL."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


class RunCatalog:
    """The Glue databases and tables of a run, made known to one session as the script names them.

    A configuration may have thousands of tables, and each costs Spark a look at its files: so a table is
    registered when the script's text or a query first names it. Tables are external, on their local folders;
    a database's folder is where `saveAsTable` puts new tables. A table without files is left out: it is the
    job's own target before its first run, or a missing input, which the script's own access reports.

    Args:
        session: A Spark session of either engine.
        launch: What is run.
    """

    def __init__(self, session: Any, launch: Launch):
        self._session = session
        self._sail = launch.engine == "sail"
        own = launch.target.catalog_table if launch.target else None
        tables = [*launch.inputs, *([own] if own else [])]
        self._databases: set[str] = set()
        for database in sorted({table.database for table in tables}):
            self._make_database(database, launch.local_root / "glue" / database)
        # What the script itself has written in an earlier run need not be declared.
        known = {table.name for table in tables}
        found = (
            Table(path.parent.name, path.name, path) for path in (launch.local_root / "glue").glob("*/*")
        )
        undeclared = [table for table in found if table.path.is_dir() and table.name not in known]
        self._waiting = {table.name: table for table in (*tables, *undeclared)}
        self._inputs = {table.name for table in launch.inputs}
        self.register(f"{launch.all_text()} {own.name if own else ''}")

    def _make_database(self, name: str, folder: Path) -> None:
        if name not in self._databases:
            self._databases.add(name)
            self._session.sql(f"CREATE DATABASE IF NOT EXISTS `{name}` LOCATION {quoted(str(folder))}")

    def register(self, text: str) -> None:
        """Register the tables that a text names and that have not been registered yet."""
        words = set(_WORD.findall(text.lower()))
        named = [
            table for table in self._waiting.values() if set(_WORD.findall(table.table.lower())) <= words
        ]
        for table in named:
            del self._waiting[table.name]
            first = next(data_files(table.path), None)
            if first is not None:
                self._make_database(table.database, table.path.parent)
                _create_table(self._session, table, first, sail=self._sail)
                if not self._sail and table.name not in self._inputs:
                    _own(self._session, table)


def _create_table(session: Any, table: Table, first: Path, *, sail: bool) -> None:
    form = table.format or format_of(first)
    partitions = partition_columns(table.path, first)
    name = f"`{table.database}`.`{table.table}`"
    columns = partitioned_by = ""
    declared = {column.lower(): (column, kind) for column, kind in table.columns.items()}
    # A crawler's names and types of a CSV file are not those of its header and its values.
    as_declared = form == "csv" and bool(declared)
    if (partitions and sail) or as_declared:
        # Sail takes partition columns as text unless their types are declared; the reader knows them.
        schema = session.read.format(form).options(**_OPTIONS.get(form, {})).load(str(table.path)).schema
        read = {field.name: field.dataType.simpleString() for field in schema.fields}
        kinds = [
            declared.get(one.lower(), (one, kind)) if as_declared else (one, kind)
            for one, kind in read.items()
        ]
        columns = f"({', '.join(f'`{column}` {kind}' for column, kind in kinds)}) "
    if partitions and columns:
        partitioned_by = f"PARTITIONED BY ({', '.join(f'`{column}`' for column in partitions)}) "
    options = ", ".join(f"{key} {quoted(value)}" for key, value in _OPTIONS.get(form, {}).items())
    with_options = f"OPTIONS ({options}) " if options else ""
    session.sql(
        f"CREATE TABLE IF NOT EXISTS {name} {columns}USING {form} {with_options}{partitioned_by}"
        f"LOCATION {quoted(str(table.path))}"
    )
    if partitions and not sail:
        session.sql(f"MSCK REPAIR TABLE {name}")


def _own(session: Any, table: Table) -> None:
    """Make a table that exists in classic Spark's catalog a managed one.

    Spark cannot overwrite an external table under its own name: it drops the entry, finds the files still
    there, and refuses the location. SQL has no statement to change a table's type, the catalog does.
    """
    state = session._jsparkSession.sessionState()
    entry = state.catalog().getTableMetadata(
        state.sqlParser().parseTableIdentifier(f"`{table.database}`.`{table.table}`")
    )
    values = [entry.productElement(index) for index in range(entry.productArity())]
    # The second field of `CatalogTable`; the number of fields differs between Spark's versions.
    values[1] = session._jvm.org.apache.spark.sql.catalyst.catalog.CatalogTableType.MANAGED()
    state.catalog().alterTable(entry.copy(*values))
