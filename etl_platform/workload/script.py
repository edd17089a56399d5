"""What is read off a Python script: which sources its DataFrames read, and how they are joined."""

import ast
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from etl_platform.workload.follow import ColumnRef, Condition, Follower, Reader, parsed
from etl_platform.workload.frames import HOWS, Column, Frame, ScriptFacts, column_of
from etl_platform.workload.names import SourceNames
from etl_platform.workload.sql import SqlReader

PATH_READERS = ("parquet", "csv", "json", "orc", "text", "avro", "load", "delta")
FILE_FUNCTIONS = tuple(
    f"{verb}_{kind}" for verb in ("read", "scan") for kind in ("parquet", "csv", "json", "orc", "ndjson")
)
VIEW_MAKERS = (
    "createOrReplaceTempView",
    "createTempView",
    "registerTempTable",
    "createOrReplaceGlobalTempView",
)
CATALOG_READERS = ("from_catalog", "create_dynamic_frame_from_catalog", "create_data_frame_from_catalog")
OPTION_READERS = ("from_options", "create_dynamic_frame_from_options", "create_data_frame_from_options")
TABLE_OPTIONS = ("dbtable", "dynamodb.input.tableName", "streamName", "subscribe", "topic")

OPERATIONS = {
    "over": "window",
    "groupBy": "aggregate",
    "groupby": "aggregate",
    "group_by": "aggregate",
    "rollup": "aggregate",
    "cube": "aggregate",
    "distinct": "distinct",
    "dropDuplicates": "distinct",
    "drop_duplicates": "distinct",
    "orderBy": "sort",
    "sort": "sort",
    "sort_values": "sort",
    "union": "union",
    "unionByName": "union",
    "pivot": "pivot",
    "repartition": "repartition",
    "udf": "udf",
    "pandas_udf": "udf",
    "applyInPandas": "udf",
    "mapInPandas": "udf",
    "mapPartitions": "udf",
}
"""Method or function to the kind of operation that it is counted as."""


def read_python(
    text: str,
    names: SourceNames,
    columns: Mapping[str, Iterable[str]],
    arguments: Mapping[str, Any],
) -> ScriptFacts:
    """Follow the DataFrames of a script.

    Values that the text does not tell stay unknown: nothing is executed.

    Args:
        text: The script.
        names: Which source a table or path means.
        columns: Source to its columns, where they are known.
        arguments: What the job passes, so that `args["x"]` is known.
    """
    facts = ScriptFacts()
    try:
        tree, nodes = parsed(text)
    except SyntaxError as error:
        facts.notes.append(f"the script is not valid Python: line {error.lineno}: {error.msg}")
        return facts
    follower = _DataFrames(facts, names, columns, arguments)
    follower.module(tree, nodes)
    if follower.in_part:
        facts.notes.append("the script calls itself too often to be followed to its end")
    for node in nodes:
        kind = _operation(node)
        if kind:
            facts.operations[kind] += 1
    return facts


def _operation(node: ast.AST) -> str | None:
    if isinstance(node, ast.Call):
        return OPERATIONS.get(_name(node.func))
    if isinstance(node, ast.FunctionDef) and any(_name(one) == "udf" for one in node.decorator_list):
        return "udf"
    return None


def _name(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


class _DataFrames(Follower):
    """Knows the calls of PySpark, Glue, pandas and Polars that read, name or join tables."""

    def __init__(
        self,
        facts: ScriptFacts,
        names: SourceNames,
        columns: Mapping[str, Iterable[str]],
        arguments: Mapping[str, Any],
    ):
        super().__init__(arguments)
        self._facts = facts
        self._names = names
        self._columns = columns
        self._views: dict[str, Frame] = {}
        self._sql = SqlReader(facts, self._table, columns)

    def _call(self, node: ast.Call, scope: dict[str, Any]) -> Any:
        given = [self._value(one.value if isinstance(one, ast.Starred) else one, scope) for one in node.args]
        keys = {one.arg: self._value(one.value, scope) for one in node.keywords if one.arg}
        if isinstance(node.func, ast.Name):
            return self._function(node.func.id, given, keys)
        if not isinstance(node.func, ast.Attribute):
            self._value(node.func, scope)
            return None
        receiver = self._value(node.func.value, scope)
        method = node.func.attr
        if isinstance(receiver, Frame):
            return self._frame_method(receiver, method, given, keys)
        if isinstance(receiver, Reader):
            return self._reader_method(receiver, method, given, keys)
        if isinstance(receiver, ColumnRef):
            if method == "eqNullSafe" and given and isinstance(given[0], ColumnRef):
                return Condition(((receiver, given[0]),))
            if method in ("alias", "name") and given and isinstance(given[0], str):
                return ColumnRef(receiver.frame, receiver.name, given[0])
            return None
        if isinstance(receiver, dict) and method == "get" and given and isinstance(given[0], str):
            return receiver.get(given[0], given[1] if len(given) > 1 else None)
        return self._method(node.func, method, given, keys)

    def _function(self, name: str, given: list[Any], keys: dict[str, Any]) -> Any:
        if name in self._functions:
            return self._inline(self._functions[name], given, keys)
        if name in self._constructors:
            self._inline(self._constructors[name], [None, *given], keys)
            return None
        return self._known(name, given, keys)

    def _method(self, func: ast.Attribute, method: str, given: list[Any], keys: dict[str, Any]) -> Any:
        """A method of something that is neither a frame nor a reader, such as `spark` or `F`."""
        if method == "table" and given:
            return self._read_table(given[0])
        if method == "sql":
            text = given[0] if given else keys.get("query", keys.get("sqlQuery"))
            return self._read_sql(text)
        if method in CATALOG_READERS:
            database = keys.get("database", given[0] if given else None)
            table = keys.get("table_name", given[1] if len(given) > 1 else None)
            known = isinstance(database, str) and isinstance(table, str)
            return self._read_table(f"{database}.{table}" if known else None)
        if method in OPTION_READERS:
            return self._read_options(keys.get("connection_options", given[1] if len(given) > 1 else None))
        if method == "add_argument" and given and isinstance(given[0], str):
            self._arguments.setdefault(given[0].lstrip("-").replace("-", "_"), keys.get("default"))
        if method in FILE_FUNCTIONS:
            return self._read_path(given[0] if given else next(iter(keys.values()), None))
        if method == "apply" and _name(func.value) == "Join" and len(given) == 4:
            left, right, left_keys, right_keys = given
            if isinstance(left, Frame) and isinstance(right, Frame):
                return self._join(left, right, None, "inner", left_on=left_keys, right_on=right_keys)
        if method == "merge" and len(given) > 1 and isinstance(given[0], Frame):
            return self._frame_method(given[0], "merge", given[1:], keys)
        if method in self._functions:
            parameters = self._functions[method].args.args
            if parameters and parameters[0].arg in ("self", "cls"):
                given = [None, *given]
            return self._inline(self._functions[method], given, keys)
        return self._known(method, given, keys)

    def _known(self, name: str, given: list[Any], keys: dict[str, Any]) -> Any:
        """Functions known by name alone; one that is not known gives back the frame that it gets."""
        first = given[0] if given else None
        if name == "broadcast" and isinstance(first, Frame):
            return replace(first, hinted=True)
        if name in ("col", "column") and isinstance(first, str):
            return ColumnRef(None, first)
        if name in ("str", "Path", "expanduser") and isinstance(first, str):
            return first
        if name == "join" and all(isinstance(one, str) for one in given) and given:
            return "/".join(given)
        values = [*given, *keys.values()]
        return next((value for value in values if isinstance(value, Frame)), None)

    def _frame_method(self, frame: Frame, method: str, given: list[Any], keys: dict[str, Any]) -> Any:
        other = given[0] if given else keys.get("other", keys.get("right"))
        if method in ("join", "merge") and isinstance(other, Frame):
            on = keys.get("on", given[1] if len(given) > 1 else None)
            how = keys.get("how", given[2] if len(given) > 2 else "inner")
            return self._join(
                frame, other, on, how, left_on=keys.get("left_on"), right_on=keys.get("right_on")
            )
        if method == "crossJoin" and isinstance(other, Frame):
            return self._join(frame, other, None, "cross")
        if method in VIEW_MAKERS and isinstance(other, str):
            self._views[other.lower()] = frame
            return None
        if method == "alias" and isinstance(other, str):
            return frame.with_alias(other)
        if method == "hint" and isinstance(other, str):
            hinted = frame.hinted or other.lower() in ("broadcast", "broadcastjoin", "mapjoin")
            return replace(frame, hinted=hinted)
        if method == "withColumnRenamed" and len(given) == 2 and all(isinstance(one, str) for one in given):
            return self._renamed(frame, [ColumnRef(frame, given[0], given[1])])
        if method == "select":
            return self._renamed(frame, given)
        if method.startswith("union") and isinstance(other, Frame):
            return self._facts.union(frame, other)
        return frame

    def _renamed(self, frame: Frame, columns: list[Any]) -> Frame:
        """The frame, with the origin of each column that got another name."""
        renamed = dict(frame.renamed)
        for column in columns:
            if isinstance(column, ColumnRef) and column.alias:
                origin = self._origin(column, frame)
                if origin:
                    renamed[column.alias] = origin
        return replace(frame, renamed=renamed)

    def _reader_method(self, reader: Reader, method: str, given: list[Any], keys: dict[str, Any]) -> Any:
        if method == "option" and len(given) == 2:
            return Reader({**reader.options, str(given[0]): given[1]})
        if method == "options":
            return Reader({**reader.options, **keys})
        if method == "table":
            return self._read_table(given[0] if given else None)
        if method == "jdbc":
            return self._read_table(keys.get("table", given[1] if len(given) > 1 else None))
        if method in PATH_READERS:
            paths = given or [value for key, value in keys.items() if key in ("path", "paths")]
            return self._read_path(paths[0]) if paths else self._read_options(reader.options)
        return reader

    def _table(self, text: str) -> Frame:
        if text.lower() in self._views:
            return self._views[text.lower()]
        source = self._names.path(text) if "/" in text else self._names.table(text)
        if source is None and self._names.is_target(text):
            return Frame(())
        return self._facts.read(source, text)

    def _path(self, text: str) -> Frame:
        return self._facts.read(self._names.path(text), text)

    def _read_table(self, text: Any) -> Frame:
        if not isinstance(text, str):
            self._facts.unresolved += 1
            return Frame(())
        # JDBC takes a query in the place of a table.
        return self._read_sql(text) if text.lstrip("( \n").lower().startswith("select") else self._table(text)

    def _read_sql(self, text: Any) -> Frame:
        if not isinstance(text, str):
            self._facts.unresolved += 1
            return Frame(())
        return self._sql.read(text)

    def _read_path(self, path: Any) -> Frame:
        paths = path if isinstance(path, list) else [path]
        frame = Frame(())
        for one in paths:
            if isinstance(one, str):
                frame = frame.joined(self._table(one) if "/" in one else self._path(one))
            else:
                self._facts.unresolved += 1
        return frame

    def _read_options(self, options: Any) -> Frame:
        if not isinstance(options, Mapping):
            self._facts.unresolved += 1
            return Frame(())
        for key in TABLE_OPTIONS:
            if key in options:
                return self._read_table(options[key])
        return self._read_path(options.get("paths", options.get("path", options.get("query"))))

    def _join(
        self,
        left: Frame,
        right: Frame,
        on: Any,
        how: Any,
        *,
        left_on: Any = None,
        right_on: Any = None,
    ) -> Frame:
        kind = HOWS.get(str(how).lower().replace("_", ""), "inner")
        pairs = self._pairs(left, right, on)
        for one, other in zip(_listed(left_on), _listed(right_on), strict=False):
            if isinstance(one, str) and isinstance(other, str):
                pairs += self._pair(ColumnRef(left, one), ColumnRef(right, other), left, right)
        self._facts.join(left, right, pairs, kind)
        return left if kind in ("semi", "anti") else left.joined(right)

    def _pairs(self, left: Frame, right: Frame, on: Any) -> list[tuple[Column, Column]]:
        pairs: list[tuple[Column, Column]] = []
        for one in _listed(on):
            if isinstance(one, str):
                pairs += self._pair(ColumnRef(left, one), ColumnRef(right, one), left, right)
            elif isinstance(one, Condition):
                for first, second in one.pairs:
                    pairs += self._pair(first, second, left, right)
        return pairs

    def _pair(
        self, one: ColumnRef, other: ColumnRef, left: Frame, right: Frame
    ) -> list[tuple[Column, Column]]:
        """Both columns with their sources, the left frame's first; none where they are not of one each."""
        for first, second in ((one, other), (other, one)):
            found, there = self._origin(first, left), self._origin(second, right)
            if found and there and found[0] in left.sources and there[0] in right.sources:
                return [(found, there)]
        return []

    def _origin(self, column: ColumnRef, side: Frame) -> Column | None:
        return column_of(column.frame or side, column.name, self._columns)


def _listed(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]
