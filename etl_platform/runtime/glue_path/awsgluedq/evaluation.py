"""Evaluating a ruleset on a DataFrame, by the engine that checks the datasets of jobs."""

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain

from pyspark.errors import PySparkException
from pyspark.sql import DataFrame

from etl_platform.quality.dqdl_conditions import NoCounterpartError
from etl_platform.quality.dqdl_rules import Composite, DqdlError, Rule, Ruleset
from etl_platform.quality.frame import Frame, QueryError
from etl_platform.quality.queries import aggregate

from .data import Data, opened
from .measures import ROW_RULES, UNIQUE, compliance, named, selected, statistic
from .plan import ALL, Outcome, Plan, check_numbers, known
from .references import REFERENCES


def evaluate(df: DataFrame, others: Mapping[str, DataFrame], ruleset: Ruleset) -> list[Outcome]:
    """The outcome of each rule and each analyzer, in order; most of them share one query over the rows.

    Args:
        df: The rows.
        others: Other rows, by the aliases that rules such as ReferentialIntegrity name.
        ruleset: The rules.

    Raises:
        QueryError: The rows cannot be read.
    """
    rules = (*ruleset.rules, *ruleset.analyzers)
    with opened(df, others) as data:
        planned = {rule: _planned(rule, data) for rule in _single(rules)}
        done = {rule: found for rule, found in planned.items() if isinstance(found, Outcome)}
        done |= _judged({rule: plan for rule, plan in planned.items() if isinstance(plan, Plan)}, data.frame)
    return [_joined(rule, done) for rule in rules]


def _single(rules: Iterable[Rule | Composite]) -> dict[Rule, None]:
    """The rules that others are made of, each once."""
    parts = (_single(rule.parts) if isinstance(rule, Composite) else {rule: None} for rule in rules)
    return dict.fromkeys(chain.from_iterable(parts))


def _planned(rule: Rule, data: Data) -> Plan | Outcome:
    """What judges a rule, or the outcome of one that cannot be evaluated."""
    try:
        return _plan(rule, data)
    except (DqdlError, NoCounterpartError, QueryError, PySparkException) as fault:
        return _error(rule, fault)


def _error(rule: Rule, fault: Exception) -> Outcome:
    return Outcome(rule.text, None, str(fault), {})


def _plan(rule: Rule, data: Data) -> Plan:
    """What judges a rule; a rule that cannot share the one query asks its own here."""
    check_numbers(rule.threshold)
    if rule.kind in ROW_RULES:
        what = "Completeness" if rule.kind == "IsComplete" else f"{rule.kind}.Compliance"
        counts, wanted = compliance(rule, data.columns), rule.threshold or ALL
        metric = f"Column.{rule.parameters[0]}.{what}"
        # Of no rows, every one passes.
        return Plan(metric, counts, lambda good, rows: good / rows if rows else 1.0, wanted)
    check_numbers(rule.condition)
    if rule.kind in REFERENCES:
        return REFERENCES[rule.kind](rule, data)
    if rule.kind in UNIQUE:
        return _uniqueness(rule, data)
    if found := statistic(rule, data.columns):
        metric, sql = found
        return Plan(metric, (sql,), lambda value: value, rule.condition)
    match rule.kind:
        case "Entropy":
            (name,) = named(rule, data.columns)
            filled = f"{selected(rule)} AND {data.frame.column(name)} IS NOT NULL"
            entropy = data.frame.frequencies([name], filled).entropy
            return known(rule, f"Column.{name}.Entropy", entropy, default=None)
        case "ColumnCount":
            return known(rule, "Dataset.*.ColumnCount", len(data.columns), default=None)
        case "ColumnExists":
            there = not set(data.columns).isdisjoint(rule.parameters)
            return Plan("", (), lambda: float(there), ALL, "The column does not exist.")
        case "ColumnNamesMatchPattern":
            return _names(rule, data.columns)
    raise DqdlError(f"no rules of the type {rule.kind} here; see docs/glue.md.")


def _uniqueness(rule: Rule, data: Data) -> Plan:
    keys = named(rule, data.columns, None)
    found = data.frame.frequencies(keys, selected(rule))
    once = found.once_whole if rule.kind == "IsPrimaryKey" else found.once
    ratio = rule.kind == "UniqueValueRatio"
    whole = found.values if ratio else found.rows
    place = "Column" if len(keys) == 1 else "Multicolumn"
    metric = f"{place}.{','.join(keys)}.{'UniqueValueRatio' if ratio else 'Uniqueness'}"
    return known(rule, metric, once / whole if whole else 1.0)


def _names(rule: Rule, columns: Sequence[str]) -> Plan:
    if len(rule.parameters) != 1:
        raise DqdlError('expected ColumnNamesMatchPattern "pattern".')
    try:
        other = [name for name in columns if not re.fullmatch(rule.parameters[0], name)]
    except re.error as error:
        raise DqdlError(f"the pattern cannot be read: {error}.") from error
    share = 1 - len(other) / len(columns) if columns else 1.0
    told = f"Columns that do not match the pattern: {', '.join(other)}."
    return Plan("Dataset.*.ColumnNamesPatternMatchRatio", (), lambda: share, ALL, told)


def _judged(plans: Mapping[Rule, Plan], frame: Frame) -> dict[Rule, Outcome]:
    """Outcomes by one query over the rows; where that is refused or breaks off, by few."""
    wanted = list(dict.fromkeys(sql for plan in plans.values() for sql in plan.aggregates))
    try:
        answers = dict(zip(wanted, frame.measure(wanted)[1:], strict=True)) if wanted else {}
    except QueryError as fault:
        if len(plans) == 1:
            return {rule: _error(rule, fault) for rule in plans}
        groups = _groups(plans, frame)
        return {rule: outcome for group in groups for rule, outcome in _judged(group, frame).items()}
    return {
        rule: plan.judge(rule, tuple(answers[sql] for sql in plan.aggregates)) for rule, plan in plans.items()
    }


def _groups(plans: Mapping[Rule, Plan], frame: Frame) -> list[dict[Rule, Plan]]:
    """The rules that the engine refuses, each alone, and the others together; halves if it refuses none."""
    refused = {rule: plan for rule, plan in plans.items() if _refused(plan, frame)}
    if refused:
        sound = {rule: plan for rule, plan in plans.items() if rule not in refused}
        return [sound, *({rule: plan} for rule, plan in refused.items())]
    # Rows that cannot be read are no rule's fault: the script is told.
    frame.measure(())
    pairs = list(plans.items())
    return [dict(pairs[: len(pairs) // 2]), dict(pairs[len(pairs) // 2 :])]


def _refused(plan: Plan, frame: Frame) -> bool:
    try:
        frame.relation(aggregate(frame.name, plan.aggregates))
    except QueryError:
        return True
    return False


def _joined(rule: Rule | Composite, done: Mapping[Rule, Outcome]) -> Outcome:
    if isinstance(rule, Rule):
        return done[rule]
    parts = [_joined(part, done) for part in rule.parts]
    metrics = {name: value for part in parts for name, value in part.metrics.items()}
    reasons = "; ".join(part.reason for part in parts if part.reason) or None
    states = [part.passed for part in parts]
    decided = rule.operator == "or"
    if decided in states:
        passed: bool | None = decided
    else:
        passed = None if None in states else not decided
    return Outcome(rule.text, passed, None if passed else reasons, metrics)
