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
    return (
        "SELECT coalesce(sum(__rows), 0), "
        f"coalesce(sum(CASE WHEN {whole} THEN __rows - 1 ELSE 0 END), 0) FROM ({_groups(view, keys)}) AS g"
    )


def frequencies(view: str, keys: Sequence[str], where: str) -> str:
    """Of the rows that a condition picks: rows, values of a key, values that stand once, and whole ones.

    The last answer is the sum of `n ln n` over the values' numbers of rows. A null is a value like others.
    """
    whole = " AND ".join(f"{key} IS NOT NULL" for key in keys)
    return (
        f"SELECT coalesce(sum(__rows), 0), count(*), {failing('__rows = 1')}, "
        f"{failing(f'__rows = 1 AND {whole}')}, coalesce(sum(__rows * ln(__rows)), 0) "
        f"FROM ({_groups(view, keys, where)}) AS g"
    )


def _groups(view: str, keys: Sequence[str], where: str | None = None) -> str:
    picked = f" WHERE {where}" if where else ""
    return f"SELECT count(*) AS __rows, {', '.join(keys)} FROM {view}{picked} GROUP BY {', '.join(keys)}"


def matched(view: str, keys: Sequence[str], parent: str, parent_keys: Sequence[str], where: str) -> str:
    """Of the rows that a condition picks: rows, and rows whose key, which has no null, the parent has."""
    known = ", ".join(f"{key} AS k{number}" for number, key in enumerate(parent_keys))
    equal = " AND ".join(f"c.{key} = p.k{number}" for number, key in enumerate(keys))
    return (
        f"SELECT count(*), count(p.k0) FROM (SELECT {', '.join(keys)} FROM {view} WHERE {where}) AS c "
        f"LEFT JOIN (SELECT DISTINCT {known} FROM {parent}) AS p ON {equal}"
    )


def same_rows(
    view: str, other: str, keys: Sequence[tuple[str, str]], columns: Sequence[tuple[str, str]]
) -> str:
    """The number of rows that another dataset has too: equal keys, and the same values, nulls included.

    Args:
        view: A dataset in which a key names one row.
        other: Another such dataset.
        keys: Columns of the key, in the one and in the other.
        columns: Columns that are compared, in the one and in the other.
    """
    equal = " AND ".join(f"a.{ours} = b.{theirs}" for ours, theirs in keys)
    same = " AND ".join(["TRUE", *(f"a.{ours} IS NOT DISTINCT FROM b.{theirs}" for ours, theirs in columns)])
    return f"SELECT count(*) FROM {view} AS a JOIN {other} AS b ON {equal} WHERE {same}"


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
