"""A dataset as an engine sees it: the few queries that checks need, each one pass over the files."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from etl_platform.quality.expressions import quote


class QueryError(RuntimeError):
    """A query that the engine refused or broke off.

    Attributes:
        kind: The engine's class of error.
    """

    def __init__(self, kind: str, message: str):
        self.kind = kind
        super().__init__(message)


class Frame(ABC):
    """A dataset in an engine, under the name of a view.

    Attributes:
        view: Name of the view in the engine.
        columns: Column to type, in Spark's names.
        scans: Passes over the files so far.
    """

    engine: ClassVar[str]
    dialect: ClassVar[str]

    def __init__(self, view: str, columns: Mapping[str, str]):
        self.view = view
        self.columns = dict(columns)
        self.scans = 0

    @abstractmethod
    def relation(self, sql: str) -> Any:
        """The engine's own frame of a query, not yet run.

        Raises:
            QueryError: The engine refuses the query.
        """

    @abstractmethod
    def collect(self, relation: Any) -> list[tuple[Any, ...]]:
        """Run a frame of the engine and take its rows.

        Raises:
            QueryError: The engine broke off.
        """

    @abstractmethod
    def sampled(self, rows: int, total: int) -> "Frame":
        """A random sample of about so many of the dataset's `total` rows, as a view of its own."""

    def count(self) -> int:
        """Number of rows; Parquet and ORC answer from their footers, which is no pass over the data."""
        return self.collect(self.relation(f"SELECT count(*) AS n FROM {self.name}"))[0][0]

    @property
    def name(self) -> str:
        """The view's name as SQL."""
        return quote(self.view, self.dialect)

    def column(self, name: str) -> str:
        """A column's name as SQL."""
        return quote(name, self.dialect)

    def with_computed(self, computed: Mapping[str, str]) -> Any:
        """A narwhals frame of the dataset, with further columns given as SQL of the engine.

        Raises:
            QueryError: The engine refuses one of the expressions.
        """
        import narwhals as nw

        further = "".join(f", ({sql}) AS {self.column(name)}" for name, sql in computed.items())
        return nw.from_native(self.relation(f"SELECT *{further} FROM {self.name}"))

    def aggregate(self, expressions: Mapping[str, Any], computed: Mapping[str, str]) -> dict[str, Any]:
        """Evaluate aggregate expressions of narwhals over all rows, in one pass.

        Raises:
            QueryError: The engine refuses an expression, or breaks off.
        """
        frame = self.with_computed(computed).select(*(e.alias(name) for name, e in expressions.items()))
        self.scans += 1
        rows = self.collect(frame.to_native())
        return dict(zip(expressions, rows[0], strict=True))

    def matching(
        self, condition: Any, computed: Mapping[str, str], columns: Sequence[Any], limit: int
    ) -> list[tuple[Any, ...]]:
        """Some rows for which a narwhals expression is true, cut to some columns or expressions.

        Raises:
            QueryError: The engine refuses the expression, or breaks off.
        """
        frame = self.with_computed(computed).filter(condition).select(*columns).head(limit)
        self.scans += 1
        return self.collect(frame.to_native())

    def count_duplicates(self, keys: Sequence[str]) -> tuple[int, int]:
        """Rows, and rows after the first of each group of equal keys; a key with a null is in no group.

        Raises:
            QueryError: The engine broke off.
        """
        names = [self.column(key) for key in keys]
        whole = " AND ".join(f"{name} IS NOT NULL" for name in names)
        groups = f"SELECT count(*) AS __rows, {', '.join(names)} FROM {self.name} GROUP BY {', '.join(names)}"
        self.scans += 1
        sql = (
            "SELECT coalesce(sum(__rows), 0), "
            f"coalesce(sum(CASE WHEN {whole} THEN __rows - 1 ELSE 0 END), 0) FROM ({groups}) AS g"
        )
        rows, again = self.collect(self.relation(sql))[0]
        return int(rows), int(again)

    def duplicated_keys(self, keys: Sequence[str], limit: int) -> list[tuple[Any, ...]]:
        """Some keys that more than one row has.

        Raises:
            QueryError: The engine broke off.
        """
        names = [self.column(key) for key in keys]
        whole = " AND ".join(f"{name} IS NOT NULL" for name in names)
        listed = ", ".join(names)
        self.scans += 1
        sql = (
            f"SELECT {listed} FROM {self.name} WHERE {whole} GROUP BY {listed} "
            f"HAVING count(*) > 1 ORDER BY {listed} LIMIT {limit}"
        )
        return self.collect(self.relation(sql))

    def count_orphans(self, key: str, parent: "Frame", parent_key: str) -> tuple[int, int]:
        """Rows, and rows whose key is not null and not among the parent's keys.

        Raises:
            QueryError: The engine broke off.
        """
        found, child = self._keys_found(key, parent, parent_key)
        sql = (
            "SELECT count(*), "
            f"coalesce(sum(CASE WHEN {child} IS NOT NULL AND p.k IS NULL THEN 1 ELSE 0 END), 0) FROM {found}"
        )
        rows, orphans = self.collect(self.relation(sql))[0]
        return int(rows), int(orphans)

    def orphans(self, key: str, parent: "Frame", parent_key: str, limit: int) -> list[tuple[Any, ...]]:
        """Some keys that the parent lacks.

        Raises:
            QueryError: The engine broke off.
        """
        found, child = self._keys_found(key, parent, parent_key)
        sql = (
            f"SELECT DISTINCT {child} AS k FROM {found} WHERE {child} IS NOT NULL AND p.k IS NULL "
            f"ORDER BY k LIMIT {limit}"
        )
        return self.collect(self.relation(sql))

    def _keys_found(self, key: str, parent: "Frame", parent_key: str) -> tuple[str, str]:
        self.scans += 1
        parent.scans += 1
        child, theirs = f"c.{self.column(key)}", parent.column(parent_key)
        known = f"SELECT DISTINCT {theirs} AS k FROM {parent.name} WHERE {theirs} IS NOT NULL"
        return f"{self.name} AS c LEFT JOIN ({known}) AS p ON {child} = p.k", child
