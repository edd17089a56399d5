"""A DQDL ruleset of AWS Glue Data Quality as the `data_quality` of a job.

A rule becomes the rule of this project that passes and fails on the same rows. Where an accuracy rule would
treat nulls otherwise than DQDL, it becomes a custom validation. What has no counterpart is left over.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from etl_platform.quality.dqdl import parse
from etl_platform.quality.dqdl_conditions import (
    NoCounterpartError,
    age_sql,
    checked,
    length_sql,
    row_sql,
)
from etl_platform.quality.dqdl_rules import Composite, Condition, Rule

Entry = dict[str, Any]

_TYPES = {
    **{name: name for name in ("boolean", "date", "timestamp", "float", "double", "string")},
    **dict.fromkeys(("integer", "int"), "int"),
    "long": "bigint",
    "short": "smallint",
    "byte": "tinyint",
}
"""Types of `ColumnDataType` in Spark's names; DECIMAL with its digits is the same."""


@dataclass(frozen=True)
class LeftOver:
    """A rule that was not imported.

    Attributes:
        rule: As written.
        reason: Why.
    """

    rule: str
    reason: str


@dataclass
class Imported:
    """What became of a ruleset.

    Attributes:
        data_quality: The section of a job, ready to be pasted.
        left_over: Rules without a counterpart.
        notes: Where an imported rule differs, one sentence each.
    """

    data_quality: dict[str, Any] = field(default_factory=dict)
    left_over: list[LeftOver] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def import_dqdl(text: str, *, dataset: str | None = None) -> Imported:
    """Turn a ruleset into configuration.

    Args:
        text: The ruleset: `Rules = [ … ]`.
        dataset: `target`, or the name of a source, which the rules are to name; None: they name none.

    Raises:
        DqdlError: It is not DQDL, with line and column.
    """
    ruleset = parse(text)
    simple: list[Rule] = []
    made = Imported()
    for rule in ruleset.rules:
        _take_apart(rule, simple, made)
    importer = _Importer(made, dataset, _complete_columns(simple))
    for rule in simple:
        importer.add(rule)
    for analyzer in ruleset.analyzers:
        made.left_over.append(LeftOver(analyzer.text, "an analyzer measures, and demands nothing"))
    return made


def _take_apart(rule: Rule | Composite, simple: list[Rule], made: Imported) -> None:
    """Rules that all must hold stand alone as well."""
    if isinstance(rule, Rule):
        simple.append(rule)
    elif rule.operator == "and":
        for part in rule.parts:
            _take_apart(part, simple, made)
    else:
        made.left_over.append(LeftOver(rule.text, "one of several rules is enough, and rules here all count"))


def _complete_columns(rules: list[Rule]) -> set[str]:
    """Columns whose nulls fail the ruleset by another rule."""
    whole = [rule for rule in rules if rule.kind == "IsComplete" and not rule.where and not rule.threshold]
    return {name for rule in whole for name in rule.parameters}


class _Importer:
    """Adds rules to the configuration.

    Args:
        made: What is filled.
        dataset: What the rules name as theirs.
        complete: Columns whose nulls another rule finds.
    """

    def __init__(self, made: Imported, dataset: str | None, complete: set[str]):
        self._made, self._dataset, self._complete = made, dataset, complete
        self._names: set[str] = set()
        self._kinds: dict[str, Callable[[Rule], None]] = {
            "IsComplete": self._completeness,
            "Completeness": self._completeness,
            "ColumnExists": self._exists,
            "IsUnique": self._unique,
            "IsPrimaryKey": self._unique,
            "Uniqueness": self._unique,
            "UniqueValueRatio": self._unique,
            "ColumnValues": self._values,
            "ColumnLength": self._length,
            "ColumnDataType": self._data_type,
            "DataFreshness": self._freshness,
            "RowCount": self._row_count,
            "ReferentialIntegrity": self._integrity,
            "CustomSql": self._custom_sql,
        }

    def add(self, rule: Rule) -> None:
        """Import one rule, or leave it over."""
        make = self._kinds.get(rule.kind, self._unknown)
        try:
            make(rule)
        except NoCounterpartError as reason:
            self._made.left_over.append(LeftOver(rule.text, str(reason).rstrip(".")))

    def _unknown(self, rule: Rule) -> None:
        raise NoCounterpartError(f"there is no rule like {rule.kind} here")

    def _put(self, section: str, entry: Entry) -> None:
        named = {"dataset": self._dataset, **entry} if self._dataset else entry
        entries = self._made.data_quality.setdefault(section, [])
        if named not in entries:
            entries.append(named)

    def _put_only(self, section: str, entry: Entry) -> None:
        if section in self._made.data_quality:
            raise NoCounterpartError(f"a job has one `{section}`, and a rule before has taken it")
        named = {"dataset": self._dataset, **entry} if self._dataset else entry
        self._made.data_quality[section] = named

    def _put_sql(self, rule: Rule, sql: str) -> None:
        if rule.where:
            if rule.threshold:
                raise NoCounterpartError("a threshold here is of all rows, not of those that `where` picks")
            sql = f"coalesce(NOT ({rule.where}), TRUE) OR ({sql})"
        stem = "_".join([rule.kind, *rule.parameters[: rule.kind != "CustomSql"]])
        name = re.sub(r"\W", "_", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", stem)).lower()
        number = 1
        while (unique := name if number == 1 else f"{name}_{number}") in self._names:
            number += 1
        self._names.add(unique)
        entry: Entry = {"name": unique, "sql": checked(sql)}
        self._put("custom_validations", entry | self._tolerated(rule, "threshold_percent", rule.threshold))

    def _tolerated(self, rule: Rule, key: str, share: Condition | None) -> Entry:
        """The percentage of rows that may fail, by the share that must pass."""
        if share is None:
            return {}
        least = share.operands[0]
        if share.operator not in ("=", ">", ">=") or share.negated or not isinstance(least, int | float):
            raise NoCounterpartError(f"a share of rows is demanded here by >= or >, not by {share.operator}")
        if share.operator == "=" and least != 1:
            raise NoCounterpartError("a share of rows cannot be demanded here to the dot")
        percent = round((1 - least) * 100, 9)
        if share.operator == ">":
            self._made.notes.append(
                f"{rule.text}: passes also where the share is {least:g} to the dot; lower `{key}` a little "
                "if that matters."
            )
        return {key: int(percent) if percent == int(percent) else percent} if percent else {}

    def _completeness(self, rule: Rule) -> None:
        column = _column(rule)
        share = rule.condition if rule.kind == "Completeness" else rule.threshold
        if rule.kind == "Completeness" and share is None:
            raise NoCounterpartError("it has no condition")
        if rule.where:
            if rule.kind == "Completeness" and share != Condition("=", (1,)):
                raise NoCounterpartError("a threshold here is of all rows, not of those that `where` picks")
            return self._put_sql(rule, row_sql(column, Condition("!=", (None,))))
        tolerated = self._tolerated(rule, "null_threshold_percent", share)
        self._put("completeness_checks", {"field": column, **tolerated})
        return None

    def _exists(self, rule: Rule) -> None:
        entry: Entry = {"field": _column(rule), "required": True, "null_threshold_percent": 100}
        self._put("completeness_checks", entry)

    def _unique(self, rule: Rule) -> None:
        if rule.condition not in (None, Condition("=", (1,)), Condition(">=", (1,))):
            raise NoCounterpartError(
                "a share of values that stand there once is not the share of rows that repeat one"
            )
        if rule.where or rule.threshold or not rule.parameters:
            raise NoCounterpartError("a key here is one of all rows")
        self._put_only("duplicate_check", {"key_fields": list(rule.parameters)})
        if rule.kind == "IsPrimaryKey":
            for column in rule.parameters:
                self._put("completeness_checks", {"field": column})
        elif not set(rule.parameters) <= self._complete:
            self._made.notes.append(f"{rule.text}: a row with a null in its key is no duplicate here.")

    def _values(self, rule: Rule) -> None:
        column, condition = _column(rule), _condition(rule)
        accuracy = None if rule.where else _accuracy(condition)
        # An accuracy rule lets nulls pass: so must the condition, or another rule finds them.
        nulls_pass = None in condition.operands and condition.operator == "in"
        if accuracy and (nulls_pass or column in self._complete):
            entry: Entry = {"field": column, **accuracy}
            tolerated = self._tolerated(rule, "threshold_percent", rule.threshold)
            return self._put("accuracy_rules", entry | tolerated)
        return self._put_sql(rule, row_sql(column, condition))

    def _length(self, rule: Rule) -> None:
        column, condition = _column(rule), _condition(rule)
        bounds = _whole_bounds(condition)
        # DQDL counts a null as an empty text, an accuracy rule lets it pass.
        empty_passes = bounds is not None and bounds.get("min", 0) <= 0 <= bounds.get("max", 0)
        if bounds and not rule.where and (empty_passes or column in self._complete):
            entry: Entry = {"field": column, "rule_type": "length", **bounds}
            tolerated = self._tolerated(rule, "threshold_percent", rule.threshold)
            return self._put("accuracy_rules", entry | tolerated)
        return self._put_sql(rule, length_sql(column, condition))

    def _data_type(self, rule: Rule) -> None:
        condition = _condition(rule)
        name = str(condition.operands[0]).lower()
        expected = name if re.fullmatch(r"decimal(\(\d+, ?\d+\))?", name) else _TYPES.get(name)
        if expected is None or condition.operator != "=" or rule.where:
            raise NoCounterpartError(f"there is no rule for the type {condition.operands[0]} here")
        entry: Entry = {"field": _column(rule), "rule_type": "type", "expected": expected}
        self._put("accuracy_rules", entry | self._tolerated(rule, "threshold_percent", rule.threshold))

    def _freshness(self, rule: Rule) -> None:
        # `freshness` is about the newest row, DataFreshness about each.
        self._put_sql(rule, age_sql(_column(rule), _condition(rule)))

    def _row_count(self, rule: Rule) -> None:
        bounds = _whole_bounds(_condition(rule))
        if bounds is None or rule.where:
            raise NoCounterpartError("`row_count` has a smallest and a largest number of all rows")
        self._put_only("row_count", bounds)

    def _integrity(self, rule: Rule) -> None:
        if len(rule.parameters) != 2 or rule.where:
            raise NoCounterpartError("expected one column, one column of another dataset, and no `where`")
        parent, _, key = rule.parameters[1].partition(".")
        child = rule.parameters[0]
        if "," in child or "," in key or "{" in key:
            raise NoCounterpartError("a foreign key here is one column")
        entry: Entry = {
            "child_table": self._dataset or "target",
            "child_key": child,
            "parent_table": parent,
            "parent_key": key,
        }
        tolerated = self._tolerated(rule, "threshold_percent", rule.condition)
        self._made.data_quality.setdefault("referential_integrity", []).append(entry | tolerated)
        self._made.notes.append(f'{rule.text}: the source that is "{parent}" must have that name in the job.')
        if child not in self._complete:
            self._made.notes.append(f"{rule.text}: rows without a key are no orphans here.")

    def _custom_sql(self, rule: Rule) -> None:
        counted, where = _rows_asked_for(rule)
        if counted and rule.condition == Condition("=", (0,)):
            # The rows that the query counts are the bad ones; where its condition is null it counts none.
            return self._put_sql(rule, f"coalesce(NOT ({where}), TRUE)")
        if not counted and rule.condition is None and rule.threshold:
            return self._put_sql(rule, where)
        raise NoCounterpartError(
            "a custom validation is about single rows: only a count of bad rows that must be 0, or a query "
            "of the good rows with a threshold, can be one"
        )


def _rows_asked_for(rule: Rule) -> tuple[bool, str]:
    """Whether a query over `primary` counts rows or gives them, and the condition on them."""
    import sqlglot
    from sqlglot import exp
    from sqlglot.errors import SqlglotError

    query = rule.parameters[0] if rule.parameters else ""
    try:
        tree = sqlglot.parse_one(query, dialect="spark")
    except SqlglotError as error:
        raise NoCounterpartError(f"the query cannot be read: {str(error).splitlines()[0]}") from None
    where = tree.args.get("where")
    extra = ("group", "having", "joins", "distinct", "limit", "with", "with_", "qualify", "laterals")
    tables = [table.name.lower() for table in tree.find_all(exp.Table)]
    if not isinstance(tree, exp.Select) or where is None or tables != ["primary"]:
        raise NoCounterpartError("the query is not `select … from primary where …`")
    if any(tree.args.get(name) for name in extra):
        raise NoCounterpartError("the query does more than to pick rows")
    counts = len(tree.expressions) == 1 and isinstance(tree.expressions[0].unalias(), exp.Count)
    if counts and not isinstance(tree.expressions[0].unalias().this, exp.Star | exp.Literal):
        raise NoCounterpartError("the query counts values, not rows")
    return counts, where.this.sql("spark")


def _column(rule: Rule) -> str:
    if len(rule.parameters) != 1:
        raise NoCounterpartError("expected the name of one column")
    return rule.parameters[0]


def _condition(rule: Rule) -> Condition:
    if rule.condition is None:
        raise NoCounterpartError("it has no condition")
    return rule.condition


def _accuracy(condition: Condition) -> Entry | None:
    """The accuracy rule for a condition on values, without its field; None where there is none."""
    values = [value for value in condition.operands if value is not None]
    plain = all(isinstance(value, str | int | float) for value in values)
    number = plain and all(isinstance(value, int | float) for value in values)
    if condition.negated or not plain or not values:
        return None
    match condition.operator:
        case "in" | "=":
            return {"rule_type": "allowed_values", "values": values}
        case ">=" if number:
            return {"rule_type": "range", "min": values[0]}
        case "<=" if number:
            return {"rule_type": "range", "max": values[0]}
        case "matches":
            pattern = f"^(?:{values[0]})$"
            # What the engines cannot match alike is refused before it is pasted.
            checked(row_sql("value", condition))
            return {"rule_type": "regex", "pattern": pattern}
    return None


def _whole_bounds(condition: Condition) -> dict[str, int] | None:
    """Smallest and largest whole number that fulfil a condition; None where it has no such form."""
    values = condition.operands
    if condition.negated or not all(
        isinstance(v, int) and not isinstance(v, bool) and v >= 0 for v in values
    ):
        return None
    first = values[0]
    match condition.operator:
        case "=":
            return {"min": first, "max": first}
        case ">=":
            return {"min": first}
        case ">":
            return {"min": first + 1}
        case "<=":
            return {"max": first}
        case "<" if first > 0:
            return {"max": first - 1}
        case "between" if values[1] - first > 1:
            return {"min": first + 1, "max": values[1] - 1}
    return None
