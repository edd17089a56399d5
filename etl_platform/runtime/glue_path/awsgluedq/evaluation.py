"""Evaluating a ruleset on a DataFrame."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from awsglue.typedframe import plain
from pyspark.errors import PySparkException
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from .conditions import fulfilled, refuse_dynamic
from .measures import column, count_if, groups, row_condition, selected, statistic
from .rules import Composite, Condition, DqdlError, Rule, Ruleset

Judge = Callable[[dict[str, Any]], "Outcome"]
ROW_RULES = ("IsComplete", "ColumnValues", "ColumnLength", "ColumnDataType", "DataFreshness")
UNIQUE = ("IsUnique", "Uniqueness", "UniqueValueRatio", "IsPrimaryKey")


@dataclass(frozen=True)
class Outcome:
    """What became of a rule.

    Attributes:
        text: The rule as written.
        passed: None: it could not be evaluated.
        reason: Why it has not passed, or None.
        metrics: What was measured, by Glue's names of metrics.
    """

    text: str
    passed: bool | None
    reason: str | None
    metrics: dict[str, float]

    @property
    def outcome(self) -> str:
        """`Passed`, `Failed` or `Error`."""
        return "Error" if self.passed is None else "Passed" if self.passed else "Failed"


class Evaluation:
    """One evaluation of a ruleset: most rules share one query over the rows.

    Args:
        df: The rows.
        others: Other rows, by the aliases that rules such as ReferentialIntegrity name.
    """

    def __init__(self, df: DataFrame, others: dict[str, DataFrame]):
        self.df, self.others = df, others
        self._aggregates: dict[str, Column] = {}

    def run(self, ruleset: Ruleset) -> list[Outcome]:
        """The outcome of each rule, in order."""
        judges = [self._planned(rule) for rule in (*ruleset.rules, *ruleset.analyzers)]
        row: dict[str, Any] = {}
        if self._aggregates:
            found = self.df.agg(*[agg.alias(name) for name, agg in self._aggregates.items()])
            row = found.collect()[0].asDict()
        return [judge(row) for judge in judges]

    def _planned(self, rule: Rule | Composite) -> Judge:
        if isinstance(rule, Composite):
            judges = [self._planned(part) for part in rule.parts]
            return lambda row: _joined(rule, [judge(row) for judge in judges])
        try:
            for condition in (rule.condition, rule.threshold):
                refuse_dynamic(condition)
            return self._plan(rule)
        except (DqdlError, PySparkException) as fault:
            reason = str(fault)
            return lambda row: Outcome(rule.text, None, reason, {})

    def _measure(self, aggregate: Column) -> str:
        name = f"__m{len(self._aggregates)}"
        self._aggregates[name] = aggregate
        return name

    def _plan(self, rule: Rule) -> Judge:
        """What the one query must compute for a rule, and how its row is judged."""
        if rule.kind in ROW_RULES:
            return self._rows(rule)
        if rule.kind in UNIQUE:
            return self._uniqueness(rule)
        if rule.kind in ("ColumnCount", "ColumnExists"):
            return self._shape(rule)
        if rule.kind == "ReferentialIntegrity":
            return self._references(rule)
        if rule.kind == "CustomSql":
            return self._custom(rule)
        known = statistic(self.df, rule)
        if known is None:
            raise DqdlError(f"{rule.text}: no rules of the type {rule.kind} here; see docs/glue.md.")
        name, aggregate = known
        at = self._measure(aggregate)
        return lambda row: _compared(rule, name, row[at])

    def _rows(self, rule: Rule) -> Judge:
        name = f"Column.{rule.parameters[0] if rule.parameters else ''}.{rule.kind}.Compliance"
        if rule.kind == "IsComplete":
            name = f"Column.{rule.parameters[0]}.Completeness"
        keep = selected(rule)
        good = self._measure(count_if(keep & row_condition(self.df, rule)))
        total = self._measure(count_if(keep))
        wanted = rule.threshold or Condition("=", (1,))

        def judge(row: dict[str, Any]) -> Outcome:
            # Of no rows, every one passes.
            share = row[good] / row[total] if row[total] else 1.0
            return _judged(rule, name, share, wanted)

        return judge

    def _uniqueness(self, rule: Rule) -> Judge:
        once, values, rows = (
            count_if(F.col("__n") == 1).alias("once"),
            F.count(F.lit(1)).alias("values"),
            F.coalesce(F.sum("__n"), F.lit(0)).alias("rows"),
        )
        counts = groups(self.df, rule)
        if rule.kind == "IsPrimaryKey":
            filled = F.lit(True)
            for i in range(len(rule.parameters)):
                filled = filled & F.col(f"__k{i}").isNotNull()
            once = count_if((F.col("__n") == 1) & filled).alias("once")
        found = counts.agg(once, values, rows).collect()[0]
        ratio = rule.kind == "UniqueValueRatio"
        whole = found["values"] if ratio else found["rows"]
        share = found["once"] / whole if whole else 1.0
        target = ",".join(rule.parameters)
        place = "Column" if len(rule.parameters) == 1 else "Multicolumn"
        name = f"{place}.{target}.{'UniqueValueRatio' if ratio else 'Uniqueness'}"
        wanted = rule.condition or Condition("=", (1,))
        return lambda row: _judged(rule, name, share, wanted)

    def _shape(self, rule: Rule) -> Judge:
        if rule.kind == "ColumnCount":
            return lambda row: _compared(rule, "Dataset.*.ColumnCount", len(self.df.columns))
        there = bool(rule.parameters) and rule.parameters[0] in self.df.columns
        return lambda row: Outcome(rule.text, there, None if there else "The column does not exist.", {})

    def _references(self, rule: Rule) -> Judge:
        if len(rule.parameters) != 2:
            raise DqdlError(f'{rule.text}: expected ReferentialIntegrity "column" "alias.column" = 1.0.')
        alias, _, theirs = rule.parameters[1].partition(".")
        if alias not in self.others:
            known = ", ".join(self.others) or "none"
            raise DqdlError(f'{rule.text}: no additional data source "{alias}"; there are: {known}.')
        mine = [part.strip() for part in rule.parameters[0].split(",")]
        keys = [part.strip() for part in theirs.strip("{}").split(",")]
        for name in mine:
            column(self.df, Rule(rule.kind, (name,), None, None, None, rule.text))
        left = self.df.where(selected(rule)).select(
            *[F.col(plain(n)).alias(f"k{i}") for i, n in enumerate(mine)]
        )
        right = (
            self.others[alias]
            .select(*[F.col(plain(n)).alias(f"k{i}") for i, n in enumerate(keys)])
            .distinct()
        )
        total = left.count()
        matched = left.join(right, [f"k{i}" for i in range(len(mine))], "left_semi").count()
        share = matched / total if total else 1.0
        name = f"Column.{rule.parameters[0]}.ReferentialIntegrity"
        wanted = rule.condition or Condition("=", (1,))
        return lambda row: _judged(rule, name, share, wanted)

    def _custom(self, rule: Rule) -> Judge:
        if not rule.parameters:
            raise DqdlError(f'{rule.text}: expected CustomSql "select … from primary" and a condition.')
        self.df.createOrReplaceTempView("primary")
        for alias, other in self.others.items():
            other.createOrReplaceTempView(alias)
        answer = self.df.sparkSession.sql(rule.parameters[0])
        if rule.threshold is not None and rule.condition is None:
            # Without a condition the query gives the rows that pass.
            total = self.df.count()
            share = answer.count() / total if total else 1.0
            wanted = rule.threshold
            return lambda row: _judged(rule, "Dataset.*.CustomSQL", share, wanted)
        first = answer.first()
        value = first[0] if first is not None else None
        if value is not None and not isinstance(value, int | float):
            value = float(value)
        return lambda row: _compared(rule, "Dataset.*.CustomSQL", value)


def _compared(rule: Rule, name: str, value: Any) -> Outcome:
    """The outcome of a rule that compares one number; without a condition it only measures."""
    if rule.condition is None:
        return Outcome(rule.text, True, None, {} if value is None else {name: float(value)})
    return _judged(rule, name, value, rule.condition)


def _judged(rule: Rule, name: str, value: Any, wanted: Condition) -> Outcome:
    measure = None if value is None else float(value)
    passed = fulfilled(measure, wanted)
    reason = None if passed else f"Value: {measure} does not meet the constraint requirement!"
    return Outcome(rule.text, passed, reason, {} if measure is None else {name: measure})


def _joined(rule: Composite, parts: list[Outcome]) -> Outcome:
    metrics = {name: value for part in parts for name, value in part.metrics.items()}
    reasons = "; ".join(part.reason for part in parts if part.reason) or None
    states = [part.passed for part in parts]
    decided = rule.operator == "or"
    if decided in states:
        passed: bool | None = decided
    else:
        passed = None if None in states else not decided
    return Outcome(rule.text, passed, None if passed else reasons, metrics)
