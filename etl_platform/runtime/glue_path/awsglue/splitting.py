"""Rows by comparison, and samples of rows."""

import operator
from collections.abc import Callable
from typing import Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from . import fieldpath
from .typedframe import TypedFrame

COMPARATORS: dict[str, Callable[[Any, Any], Any]] = {
    ">": operator.gt,
    "<": operator.lt,
    ">=": operator.ge,
    "<=": operator.le,
    "=": operator.eq,
    "==": operator.eq,
    "!=": operator.ne,
}


def rows(frame: TypedFrame, comparisons: dict[str, dict[str, Any]], holding: bool) -> TypedFrame:
    """The rows that all comparisons hold of, or the others; a null compares as not holding.

    Raises:
        ValueError: A column or a comparator is unknown.
    """
    condition: Column = F.lit(True)
    for path, compared in comparisons.items():
        column = fieldpath.column_at(frame, fieldpath.steps_in(frame, path))
        if column is None:
            known = ", ".join(field.name for field in frame.schema.fields)
            raise ValueError(f'split_rows: no field at "{path}"; the columns are {known}.')
        for comparator, value in compared.items():
            if comparator not in COMPARATORS:
                raise ValueError(
                    f'split_rows: no comparator "{comparator}"; there are {", ".join(COMPARATORS)}.'
                )
            condition = condition & COMPARATORS[comparator](column.column, F.lit(value))
    holds = F.coalesce(condition, F.lit(False))
    return frame.rows(frame.df.where(holds if holding else ~holds))


def sample(df: DataFrame, options: dict[str, Any]) -> DataFrame:
    """The first `topk` rows, of those that were picked with probability `prob`."""
    if "prob" in options:
        df = df.sample(float(options["prob"]))
    return df.limit(int(options["topk"])) if "topk" in options else df
