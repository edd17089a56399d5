"""A dataset as an engine sees it: the few queries that checks need, each one pass over the files."""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from etl_platform.quality import queries
from etl_platform.quality.expressions import quote


class QueryError(RuntimeError):
    """A query that the engine refused or broke off.

    Attributes:
        kind: The engine's class of error.
    """

    def __init__(self, kind: str, message: str):
        self.kind = kind
        super().__init__(message)


@dataclass(frozen=True)
class Frequencies:
    """How often the values of a key stand in some rows; a null is a value like others.

    Attributes:
        rows: Number of rows.
        values: Number of different values.
        once: Values that one row has.
        once_whole: Of these, those without a null.
        entropy: Of the values, in nats; None without rows.
    """

    rows: int
    values: int
    once: int
    once_whole: int
    entropy: float | None


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

    def refusal(self, expression: Any) -> Exception | None:
        """Why the engine cannot be asked an expression of sqlglot; None: it can."""
        return None

    def aggregate(self, fails: Mapping[str, Any], newest: Mapping[str, Any]) -> dict[str, Any]:
        """Evaluate all rules about rows in one pass.

        Args:
            fails: Check name to an expression of sqlglot that is true for the rows that fail.
            newest: Check name to an aggregate expression.

        Returns:
            The number of rows under ROWS, and for each check the number of failing rows, or the answer.

        Raises:
            QueryError: The engine refuses an expression, or breaks off.
        """
        counted = (queries.failing(each.sql(self.dialect)) for each in fails.values())
        answers = (each.sql(self.dialect) for each in newest.values())
        found = self.measure([*counted, *answers])
        return dict(zip((queries.ROWS, *fails, *newest), found, strict=True))

    def measure(self, aggregates: Sequence[str]) -> tuple[Any, ...]:
        """The number of rows, and the answers of aggregates in the engine's SQL, in one pass.

        Raises:
            QueryError: The engine refuses an aggregate, or breaks off.
        """
        self.scans += 1
        return self.collect(self.relation(queries.aggregate(self.name, aggregates)))[0]

    def matching(
        self, condition: Any, columns: Sequence[str], flags: Sequence[Any], limit: int
    ) -> list[tuple[Any, ...]]:
        """Some rows for which an expression is true: columns, and whether further expressions are.

        Raises:
            QueryError: The engine refuses an expression, or breaks off.
        """
        selected = [*map(self.column, columns), *(flag.sql(self.dialect) for flag in flags)]
        self.scans += 1
        sql = (
            f"SELECT {', '.join(selected)} FROM {self.name} WHERE {condition.sql(self.dialect)} LIMIT {limit}"
        )
        return self.collect(self.relation(sql))

    def count_duplicates(self, keys: Sequence[str]) -> tuple[int, int]:
        """Rows, and rows after the first of each group of equal keys; a key with a null is in no group.

        Raises:
            QueryError: The engine broke off.
        """
        self.scans += 1
        sql = queries.duplicates(self.name, [self.column(key) for key in keys])
        rows, again = self.collect(self.relation(sql))[0]
        return int(rows), int(again)

    def frequencies(self, keys: Sequence[str], where: str = "TRUE") -> Frequencies:
        """How often the values of a key stand in the rows that a condition of the engine's SQL picks.

        Raises:
            QueryError: The engine refuses the condition, or breaks off.
        """
        self.scans += 1
        sql = queries.frequencies(self.name, [self.column(key) for key in dict.fromkeys(keys)], where)
        *counts, weighed = self.collect(self.relation(sql))[0]
        rows, values, once, once_whole = map(int, counts)
        entropy = math.log(rows) - float(weighed) / rows if rows else None
        return Frequencies(rows, values, once, once_whole, entropy)

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
        self.scans += 1
        parent.scans += 1
        sql = queries.orphans(self.name, self.column(key), parent.name, parent.column(parent_key))
        rows, orphans = self.collect(self.relation(sql))[0]
        return int(rows), int(orphans)

    def count_matched(
        self, keys: Sequence[str], parent: "Frame", parent_keys: Sequence[str], where: str = "TRUE"
    ) -> tuple[int, int]:
        """Of the rows that a condition of the engine's SQL picks: rows, and rows whose key the parent has.

        Raises:
            QueryError: The engine refuses the condition, or breaks off.
        """
        self.scans += 1
        parent.scans += 1
        ours, theirs = map(self.column, keys), map(parent.column, parent_keys)
        sql = queries.matched(self.name, list(ours), parent.name, list(theirs), where)
        rows, matched = self.collect(self.relation(sql))[0]
        return int(rows), int(matched)

    def count_same(
        self, other: "Frame", keys: Sequence[tuple[str, str]], columns: Sequence[tuple[str, str]]
    ) -> int:
        """Rows that another dataset has too, by pairs of columns: equal keys, and the same values in others.

        Raises:
            QueryError: The engine broke off.
        """
        self.scans += 1
        other.scans += 1
        named = [[(self.column(a), other.column(b)) for a, b in pairs] for pairs in (keys, columns)]
        return int(self.collect(self.relation(queries.same_rows(self.name, other.name, *named)))[0][0])

    def orphans(self, key: str, parent: "Frame", parent_key: str, limit: int) -> list[tuple[Any, ...]]:
        """Some keys that the parent lacks.

        Raises:
            QueryError: The engine broke off.
        """
        self.scans += 1
        parent.scans += 1
        child = f"c.{self.column(key)}"
        found = queries.with_parent(self.name, child, parent.name, parent.column(parent_key))
        sql = (
            f"SELECT DISTINCT {child} AS k FROM {found} WHERE {child} IS NOT NULL AND p.k IS NULL "
            f"ORDER BY k LIMIT {limit}"
        )
        return self.collect(self.relation(sql))
