"""What each type of rule measures, as Spark SQL: all rules of a ruleset share one query."""

from collections.abc import Iterable, Sequence

from awsglue.gluetypes import ByteType, IntegerType, LongType, ShortType, StringType
from awsglue.typenames import parse_type

from etl_platform.quality.dqdl_conditions import age_sql, length_sql, row_sql
from etl_platform.quality.dqdl_rules import Condition, DqdlError, Rule
from etl_platform.quality.expressions import quote
from etl_platform.quality.queries import failing

ROW_RULES = ("IsComplete", "ColumnValues", "ColumnLength", "ColumnDataType", "DataFreshness")
UNIQUE = ("IsUnique", "Uniqueness", "UniqueValueRatio", "IsPrimaryKey")
_AGGREGATES = {
    "Mean": "avg({0})",
    "Sum": "sum({0})",
    "StandardDeviation": "stddev_pop({0})",
    "DistinctValuesCount": "count(DISTINCT {0})",
    "ColumnCorrelation": "corr({0}, {1})",
}


def selected(rule: Rule) -> str:
    """Whether a row is looked at."""
    # A comment in the rule's SQL ends with its line.
    return f"coalesce((\n{rule.where}\n), FALSE)" if rule.where else "TRUE"


def check_columns(columns: Sequence[str], names: Iterable[str]) -> None:
    """Stop at a name that means no column.

    Raises:
        DqdlError: There is no such column, or there are several.
    """
    for name in names:
        if columns.count(name) != 1:
            what = "several columns" if name in columns else "no column"
            raise DqdlError(f'{what} "{name}"; the columns are {", ".join(columns)}.')


def named(rule: Rule, columns: Sequence[str], count: int | None = 1) -> tuple[str, ...]:
    """The columns that a rule's parameters name.

    Args:
        rule: The rule.
        columns: The columns that there are.
        count: How many it must name; None: one or more.

    Raises:
        DqdlError: It names another number of them, or one that is not there.
    """
    names = rule.parameters
    if not names or (count is not None and len(names) != count):
        raise DqdlError(f"expected the name of {count or 'a'} column{'s' if count and count > 1 else ''}.")
    check_columns(columns, names)
    return names


def passing(rule: Rule, columns: Sequence[str]) -> str:
    """Whether a row passes a rule about rows or about unique values; null where it does not.

    Raises:
        DqdlError: The rule lacks something, or names a column that is not there.
        NoCounterpartError: Its condition says nothing about a row.
    """
    if rule.kind in UNIQUE:
        names = [quote(key, "spark") for key in named(rule, columns, None)]
        whole = [f"{name} IS NOT NULL" for name in names] if rule.kind == "IsPrimaryKey" else []
        once = f"count(CASE WHEN {selected(rule)} THEN 1 END) OVER (PARTITION BY {', '.join(names)}) = 1"
        return " AND ".join([once, *whole])
    (name,) = named(rule, columns)
    match rule.kind:
        case "IsComplete":
            return f"{quote(name, 'spark')} IS NOT NULL"
        case "ColumnValues":
            return row_sql(name, _condition(rule))
        case "ColumnLength":
            return length_sql(name, _condition(rule))
        case "DataFreshness":
            return age_sql(name, _condition(rule))
    return _readable(rule, quote(name, "spark"))


def compliance(rule: Rule, columns: Sequence[str]) -> tuple[str, str]:
    """How many rows pass a rule about rows, and how many are looked at.

    Raises:
        DqdlError: The rule lacks something, or names a column that is not there.
        NoCounterpartError: Its condition says nothing about a row.
    """
    keep = selected(rule)
    return failing(f"{keep} AND ({passing(rule, columns)})"), failing(keep)


def statistic(rule: Rule, columns: Sequence[str]) -> tuple[str, str] | None:
    """Name and aggregate of a rule that compares one number; None for other rules.

    Raises:
        DqdlError: It names a column that is not there.
    """
    keep = selected(rule)
    if rule.kind == "RowCount":
        return "Dataset.*.RowCount", failing(keep)
    if rule.kind == "Completeness":
        (name,) = named(rule, columns)
        complete = failing(f"{keep} AND {quote(name, 'spark')} IS NOT NULL")
        return f"Column.{name}.Completeness", f"{complete} / nullif({failing(keep)}, 0)"
    aggregate = _AGGREGATES.get(rule.kind)
    if aggregate is None:
        return None
    names = named(rule, columns, 1 + aggregate.count("{1}"))
    place = "Column" if len(names) == 1 else "Multicolumn"
    values = [f"CASE WHEN {keep} THEN {quote(name, 'spark')} END" for name in names]
    return f"{place}.{','.join(names)}.{rule.kind}", aggregate.format(*values)


def _condition(rule: Rule) -> Condition:
    if rule.condition is None:
        raise DqdlError("expected a condition, such as > 0, between 1 and 5 or in [1, 2].")
    return rule.condition


def _readable(rule: Rule, value: str) -> str:
    """Whether a value can be read as the type of the rule's condition, a null as any type but text."""
    condition = _condition(rule)
    wanted = condition.operands[0]
    if condition.operator != "=" or not isinstance(wanted, str):
        raise DqdlError('expected = and the name of a type, such as = "INTEGER".')
    try:
        target = parse_type(wanted)
    except ValueError as error:
        raise DqdlError(str(error)) from error
    if isinstance(target, StringType):
        return f"{value} IS NOT NULL"
    text = f"CAST({value} AS STRING)"
    fits = f"TRY_CAST({text} AS {target.spelled()}) IS NOT NULL"
    if isinstance(target, ByteType | ShortType | IntegerType | LongType):
        # Engines differ in whether the front of `1.5` is a whole number.
        fits += rf" AND {text} RLIKE '^\\s*[+-]?\\d+\\s*$'"
    return f"{value} IS NULL OR ({fits})"
