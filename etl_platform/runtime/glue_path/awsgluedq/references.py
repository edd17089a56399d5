"""Rules that look further than at the rows: at other rows, and at what a query of the user's answers."""

import re
from collections.abc import Callable
from typing import Any

from etl_platform.quality.dqdl_rules import DqdlError, Rule
from etl_platform.quality.expressions import quote

from .data import Data
from .measures import check_columns, selected
from .plan import ALL, Plan, known


def _referential_integrity(rule: Rule, data: Data) -> Plan:
    """How much of the rows' keys the other rows have."""
    if len(rule.parameters) != 2:
        raise DqdlError('expected ReferentialIntegrity "column" "alias.column" = 1.0.')
    alias, _, listed = rule.parameters[1].partition(".")
    other = data.other(alias)
    ours, theirs = _listed(rule.parameters[0]), _listed(listed.strip("{}"))
    if len(ours) != len(theirs):
        raise DqdlError(f"expected as many columns of {alias} as of the rows.")
    check_columns(data.columns, ours)
    check_columns(list(other.columns), theirs)
    rows, matched = data.frame.count_matched(ours, other, theirs, selected(rule))
    return known(rule, f"Column.{alias}.ReferentialIntegrity", matched / rows if rows else 1.0)


def _row_count_match(rule: Rule, data: Data) -> Plan:
    """How many rows there are for each of the other rows."""
    alias = _alias(rule)
    theirs = data.other(alias).count()
    name = f"Dataset.{alias}.RowCountMatch"
    return Plan(name, ("count(*)",), lambda ours: ours / theirs if theirs else None, rule.condition or ALL)


def _schema_match(rule: Rule, data: Data) -> Plan:
    """How many of the columns the other rows have too, with the same type."""
    alias = _alias(rule)
    ours, theirs = data.frame.columns, data.other(alias).columns
    share = len(ours.items() & theirs.items()) / max(len(ours), len(theirs), 1)
    return known(rule, f"Dataset.{alias}.SchemaMatch", share)


def _dataset_match(rule: Rule, data: Data) -> Plan:
    """How many of the rows are among the other ones: the same key, and the same values."""
    if len(rule.parameters) not in (2, 3):
        raise DqdlError('expected DatasetMatch "alias" "key columns" "other columns" >= 0.9.')
    alias = _alias(rule)
    other = data.other(alias)
    keys, *chosen = (_pairs(text) for text in rule.parameters[1:])
    in_key = {ours for ours, _ in keys}
    columns = chosen[0] if chosen else [(name, name) for name in data.columns if name not in in_key]
    check_columns(data.columns, [ours for ours, _ in (*keys, *columns)])
    check_columns(list(other.columns), [theirs for _, theirs in (*keys, *columns)])
    found = data.frame.frequencies([ours for ours, _ in keys])
    for counts in (found, other.frequencies([theirs for _, theirs in keys])):
        if counts.once_whole != counts.rows:
            raise DqdlError(f"the key must name one row, here and in {alias}, and have no nulls.")
    same = data.frame.count_same(other, keys, columns)
    return known(rule, f"Dataset.{alias}.DatasetMatch", same / found.rows if found.rows else 1.0)


def _aggregate_match(rule: Rule, data: Data) -> Plan:
    """The ratio of two sums or averages, of which those of the rows are left to the shared query."""
    _refuse_where(rule)
    texts = [re.fullmatch(r"\s*(sum|avg)\s*\(\s*(.+?)\s*\)\s*", text, re.I) for text in rule.parameters]
    sides = [(text[1].lower(), text[2]) for text in texts if text]
    if len(rule.parameters) != 2 or len(sides) != 2:
        raise DqdlError('expected AggregateMatch "sum(column)" "sum(alias.column)" = 1.0.')
    names, ours, theirs = [], [], {}
    for at, (operation, name) in enumerate(sides):
        alias, _, of_other = name.partition(".")
        if name not in data.columns and alias in data.aliases:
            name, other = of_other, data.other(alias)
            check_columns(list(other.columns), [name])
            _, theirs[at] = other.measure([f"{operation}({quote(name, 'spark')})"])
        else:
            check_columns(data.columns, [name])
            ours.append(f"{operation}({quote(name, 'spark')})")
        names.append(name)

    def ratio(*answers: Any) -> float | None:
        left = iter(answers)
        first, second = (theirs[at] if at in theirs else next(left) for at in range(2))
        return float(first) / float(second) if first is not None and second else None

    metric = f"Column.{','.join(dict.fromkeys(names))}.AggregateMatch"
    return Plan(metric, tuple(ours), ratio, rule.condition or ALL)


def _custom_sql(rule: Rule, data: Data) -> Plan:
    """The number that a query answers, or, without a condition, the share of the rows that it gives."""
    if not rule.parameters:
        raise DqdlError('expected CustomSql "select … from primary" and a condition.')
    query = rule.parameters[0].strip().rstrip(";")
    others = {alias: data.other(alias) for alias in data.aliases if alias.lower() in query.lower()}
    # Names within the query hide views of the script for this query only.
    tables = {**others, "primary": data.frame}
    listed = ", ".join(f"{quote(n, 'spark')} AS (SELECT * FROM {t.name})" for n, t in tables.items())

    def answers(columns: str) -> Any:
        return data.frame.relation(f"WITH {listed} SELECT {columns} FROM (\n{query}\n)")

    name, answer = "Dataset.*.CustomSQL", answers("*")
    if rule.condition is None and not set(data.columns).isdisjoint(answer.columns):
        ((passed,),) = data.frame.collect(answers("count(*)"))
        wanted = rule.threshold or ALL
        return Plan(name, ("count(*)",), lambda rows: passed / rows if rows else 1.0, wanted)
    if rule.condition is None and rule.threshold is not None:
        raise DqdlError("a query of the rows that pass must give a column of primary.")
    found = data.frame.collect(answer.limit(1))
    value = found[0][0] if found else None
    try:
        return known(rule, name, None if value is None else float(value), default=None)
    except (TypeError, ValueError):
        raise DqdlError(f"expected a query of a number, found {type(value).__name__}.") from None


def _alias(rule: Rule) -> str:
    _refuse_where(rule)
    if not rule.parameters:
        raise DqdlError("expected the alias of an additional data source.")
    return rule.parameters[0]


def _refuse_where(rule: Rule) -> None:
    if rule.where:
        raise DqdlError(f"rules of the type {rule.kind} have no `where`.")


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.split(",")]


def _pairs(text: str) -> list[tuple[str, str]]:
    """`a, b->c`: columns of the rows, each with its name in the other rows."""
    pairs = [part.partition("->") for part in _listed(text)]
    return [(ours.strip(), theirs.strip() or ours.strip()) for ours, _, theirs in pairs]


REFERENCES: dict[str, Callable[[Rule, Data], Plan]] = {
    "ReferentialIntegrity": _referential_integrity,
    "RowCountMatch": _row_count_match,
    "SchemaMatch": _schema_match,
    "DatasetMatch": _dataset_match,
    "AggregateMatch": _aggregate_match,
    "CustomSql": _custom_sql,
}
"""How rules are planned that look further than at the rows."""
