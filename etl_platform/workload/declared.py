"""Joins that the configuration declares, or that names of columns suggest."""

import re
from collections.abc import Iterable, Mapping

from etl_platform.config.models.data_sources import JoinKey
from etl_platform.config.models.job import Job
from etl_platform.workload.joins import Join, connected

KEY_SUFFIX = re.compile(r"_(id|key|code|sk|fk|no|num|number)$")
TABLE_AFFIXES = re.compile(r"^(dim|fact|fct|d|f|stg|raw|ref|lkp)_|_(dim|fact|fct|table|tbl|master)$")


def declared_joins(job: Job) -> list[Join]:
    """Joins of `joins_with` and `join_keys`, the declaring source on the left."""
    names = {source.name for source in job.data_sources}
    found = []
    for source in job.data_sources:
        for other in dict.fromkeys([*source.joins_with, *source.join_keys]):
            if other not in names:
                continue
            keys = source.join_keys.get(other, [])
            left, right = (keys.left, keys.right) if isinstance(keys, JoinKey) else (keys, keys)
            found.append(
                Join(
                    left=source.name,
                    right=other,
                    left_columns=_columns(left),
                    right_columns=_columns(right),
                    origins=("declared",),
                )
            )
    return found


def _columns(keys: str | list[str]) -> tuple[str, ...]:
    return (keys,) if isinstance(keys, str) else tuple(keys)


def guessed_joins(
    sources: Iterable[str], columns: Mapping[str, Iterable[str]], known: Iterable[Join]
) -> list[Join]:
    """Joins by foreign-key-like names: `customer_id` names a table `customers` that has it, or `id`.

    Only sources that no known join connects are guessed at.

    Args:
        sources: All sources, in the order of the job.
        columns: Source to its columns; missing where they are not known.
        known: Joins that are declared or stand in the script.
    """
    names = list(sources)
    found = list(known)
    guessed = []
    for left in names:
        for column in columns.get(left, ()):
            stem = key_stem(column)
            if stem is None:
                continue
            for right in names:
                if right == left or stem != table_stem(right):
                    continue
                there = _matching(column, columns.get(right, ()))
                if there is None or connected(names, found, left, right):
                    continue
                join = Join(
                    left=left,
                    right=right,
                    left_columns=(column,),
                    right_columns=(there,),
                    origins=("guessed",),
                )
                guessed.append(join)
                found.append(join)
    return guessed


def _matching(column: str, columns: Iterable[str]) -> str | None:
    """The column of the other table that a foreign key means."""
    by_name = {name.lower(): name for name in columns}
    suffix = _snake(column).rpartition("_")[2]
    return by_name.get(column.lower()) or by_name.get(suffix)


def key_stem(column: str) -> str | None:
    """What a key column names: `customer_id`, `customerId` → `customer`; None where it is no key."""
    snake = _snake(column)
    match = KEY_SUFFIX.search(snake)
    return snake[: match.start()] if match else None


def table_stem(name: str) -> str:
    """What one row of a table is: `dim_customers` → `customer`, `categories` → `category`."""
    stem = TABLE_AFFIXES.sub("", _snake(name))
    for plural, singular in (("ies", "y"), ("sses", "ss"), ("xes", "x"), ("ches", "ch"), ("shes", "sh")):
        if stem.endswith(plural):
            return stem.removesuffix(plural) + singular
    return stem[:-1] if stem.endswith("s") and not stem.endswith(("ss", "us")) else stem


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
