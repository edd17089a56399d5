"""The queries that count: the same text for every engine, save for names and expressions in its dialect."""

from collections.abc import Sequence

ROWS = "rows"
"""What the number of rows is called among check names, none of which is a plain word."""


def failing(condition: str) -> str:
    """The number of rows for which a condition, which is never null, is true."""
    return f"coalesce(sum(CASE WHEN {condition} THEN 1 ELSE 0 END), 0)"


def aggregate(view: str, expressions: Sequence[str]) -> str:
    """The number of rows, and further aggregates, in one pass."""
    return f"SELECT {', '.join(['count(*)', *expressions])} FROM {view}"


def duplicates(view: str, keys: Sequence[str]) -> str:
    """Rows, and rows after the first of each group of equal keys; a key with a null is in no group."""
    whole = " AND ".join(f"{key} IS NOT NULL" for key in keys)
    groups = f"SELECT count(*) AS __rows, {', '.join(keys)} FROM {view} GROUP BY {', '.join(keys)}"
    return (
        "SELECT coalesce(sum(__rows), 0), "
        f"coalesce(sum(CASE WHEN {whole} THEN __rows - 1 ELSE 0 END), 0) FROM ({groups}) AS g"
    )


def orphans(view: str, key: str, parent: str, parent_key: str) -> str:
    """Rows, and rows whose key is not null and not among the parent's keys."""
    child = f"c.{key}"
    return (
        f"SELECT count(*), coalesce(sum(CASE WHEN {child} IS NOT NULL AND p.k IS NULL THEN 1 ELSE 0 END), 0) "
        f"FROM {with_parent(view, child, parent, parent_key)}"
    )


def with_parent(view: str, child: str, parent: str, parent_key: str) -> str:
    """Each row of a child, as `c`, with the parent's key that it names, as `p.k`."""
    known = f"SELECT DISTINCT {parent_key} AS k FROM {parent} WHERE {parent_key} IS NOT NULL"
    return f"{view} AS c LEFT JOIN ({known}) AS p ON {child} = p.k"
