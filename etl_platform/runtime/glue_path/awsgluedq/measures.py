"""What each type of rule measures, as Spark expressions: all rules of a ruleset share one query."""

from collections.abc import Callable

from awsglue.casting import reads_as
from awsglue.gluetypes import StringType
from awsglue.typedframe import plain
from awsglue.typenames import parse_type
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from .conditions import holds
from .rules import DqdlError, Rule


def column(df: DataFrame, rule: Rule, at: int = 0) -> Column:
    """The column that a rule's parameter names.

    Raises:
        DqdlError: The frame has no such column.
    """
    name = rule.parameters[at] if at < len(rule.parameters) else ""
    if name not in df.columns:
        raise DqdlError(f'{rule.text}: no column "{name}"; the columns are {", ".join(df.columns)}.')
    return F.col(plain(name))


def selected(rule: Rule) -> Column:
    """Whether a row is looked at."""
    return F.coalesce(F.expr(rule.where), F.lit(False)) if rule.where else F.lit(True)


def count_if(condition: Column) -> Column:
    """How many rows a condition holds of."""
    return F.coalesce(F.sum(F.when(condition, F.lit(1)).otherwise(F.lit(0))), F.lit(0))


def row_condition(df: DataFrame, rule: Rule) -> Column:
    """Whether one row passes a rule that looks at rows."""
    match rule.kind:
        case "IsComplete":
            return column(df, rule).isNotNull()
        case "ColumnValues":
            return _needed(rule, column(df, rule))
        case "ColumnLength":
            # A null counts as an empty text.
            return _needed(rule, F.coalesce(F.length(column(df, rule)), F.lit(0)))
        case "ColumnDataType":
            wanted = rule.condition.operands[0] if rule.condition else ""
            target = parse_type(str(wanted))
            fits = reads_as(column(df, rule).cast("string"), target)
            return column(df, rule).isNotNull() if isinstance(target, StringType) else fits
        case "DataFreshness":
            return _fresh(rule, column(df, rule))
    raise DqdlError(
        f"{rule.text}: this runtime does not know rules of the type {rule.kind}; see docs/glue.md."
    )


def _needed(rule: Rule, value: Column) -> Column:
    if rule.condition is None:
        raise DqdlError(f"{rule.text}: expected a condition, such as > 0, between 1 and 5 or in [1, 2].")
    return holds(value, rule.condition)


def _fresh(rule: Rule, value: Column) -> Column:
    age = F.unix_timestamp(F.current_timestamp()) - F.unix_timestamp(value.cast("timestamp"))
    return _needed(rule, age)


def statistic(df: DataFrame, rule: Rule) -> tuple[str, Column] | None:
    """Name and aggregate of a rule that compares one number of a column; None for other rules."""
    name = rule.parameters[0] if rule.parameters else ""
    keep = selected(rule)
    made: dict[str, Callable[[Column], Column]] = {
        "Mean": F.avg,
        "Sum": F.sum,
        "StandardDeviation": F.stddev_pop,
        "DistinctValuesCount": F.countDistinct,
    }
    if rule.kind in made:
        value = F.when(keep, column(df, rule))
        return f"Column.{name}.{rule.kind}", made[rule.kind](value)
    if rule.kind == "Completeness":
        complete = count_if(keep & column(df, rule).isNotNull())
        return f"Column.{name}.Completeness", complete / count_if(keep)
    if rule.kind == "RowCount":
        return "Dataset.*.RowCount", count_if(keep)
    return None


def groups(df: DataFrame, rule: Rule) -> DataFrame:
    """How often each value of the rule's columns stands there: columns `__n`."""
    keys = [column(df, rule, at) for at in range(len(rule.parameters))]
    if not keys:
        raise DqdlError(f"{rule.text}: expected the name of a column.")
    known = df.where(selected(rule))
    return known.groupBy(*[key.alias(f"__k{i}") for i, key in enumerate(keys)]).agg(
        F.count(F.lit(1)).alias("__n")
    )
