"""The rules of a job as a flat list: each with its check name and the dataset that it is about."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from etl_platform.config.models import data_quality as models
from etl_platform.config.models.base import RuleAction, Severity
from etl_platform.config.models.job import Job

TARGET = "target"
"""Name of the dataset that the job writes; the others are named by their sources."""

RuleKind = Literal[
    "completeness",
    "regex",
    "range",
    "date_range",
    "allowed_values",
    "length",
    "type",
    "duplicates",
    "integrity",
    "custom",
    "freshness",
    "row_count",
    "schema",
]


@dataclass(frozen=True)
class Rule:
    """One rule of a job's `data_quality`.

    Attributes:
        check_name: Name of the asset check, unique within its dataset, of letters, digits and `_`.
        dataset: `target`, or the name of a source.
        kind: What is checked.
        fields: Columns of the dataset that the rule names; none for `custom`, `row_count` and `schema`.
        severity: How bad a failure is.
        action: What a failure leads to, with the default by severity applied.
        threshold_percent: Failing rows that are tolerated, of the rows checked.
        description: One sentence for people.
        spec: The rule as it stands in the configuration.
        blocking: A failure stops the job: action `fail_job`, and `fail_on_error` is on.
    """

    check_name: str
    dataset: str
    kind: RuleKind
    fields: tuple[str, ...]
    severity: Severity
    action: RuleAction
    threshold_percent: float
    description: str
    spec: models.Rule
    blocking: bool


def rules_of(job: Job) -> tuple[Rule, ...]:
    """All rules of a job, in the order of the language's reference.

    A rule that names no dataset belongs to the first of target, fact sources, other sources in order whose
    declared columns (`target.schema`, `columns` of a source) hold all of its fields. Where no declaration
    holds them, it belongs to the first of these whose columns are not declared, and where all are declared,
    to the first of all; the evaluation, which sees the real columns, then fails the rule with the
    columns that there are and names the dataset that has the field.

    Two rules of one dataset whose names would be the same are numbered in the order of the configuration:
    `accuracy__price__range`, `accuracy__price__range__2`.

    Returns:
        No rules where `data_quality.enabled` is false.
    """
    quality = job.data_quality
    if not quality.enabled:
        return ()
    taken: set[tuple[str, str]] = set()
    rules = []
    for kind, stem, fields, threshold, description, spec in _declared(quality):
        dataset = spec.dataset or (
            spec.child_table if isinstance(spec, models.ReferentialIntegrity) else _owner(job, fields)
        )
        name = _free_name(re.sub(r"[^A-Za-z0-9_]", "_", stem), dataset, taken)
        action = spec.effective_action
        rules.append(
            Rule(
                check_name=name,
                dataset=dataset,
                kind=kind,
                fields=fields,
                severity=spec.severity,
                action=action,
                threshold_percent=threshold,
                description=description,
                spec=spec,
                blocking=action == "fail_job" and quality.fail_on_error,
            )
        )
    return tuple(rules)


def datasets_in_order(job: Job) -> list[str]:
    """Names of a job's datasets in the order in which a field is looked for: target, facts, others."""
    facts = [source.name for source in job.data_sources if source.role_in_flow == "fact"]
    others = [source.name for source in job.data_sources if source.role_in_flow != "fact"]
    return [*([TARGET] if job.target else []), *facts, *others]


_Declared = tuple[RuleKind, str, tuple[str, ...], float, str, models.Rule]


def _declared(quality: models.DataQuality) -> Iterator[_Declared]:
    """Kind, name, fields, threshold, description and model of each rule."""
    for check in quality.completeness_checks:
        field, threshold = check.field, check.null_threshold_percent
        text = f"`{field}` is not null{_tolerance(threshold)}."
        yield "completeness", f"completeness__{field}", (field,), threshold, text, check
    for rule in quality.accuracy_rules:
        field, threshold = rule.field, rule.threshold_percent
        text = f"`{field}` {_says(rule)}{_tolerance(threshold)}."
        yield rule.rule_type, f"accuracy__{field}__{rule.rule_type}", (field,), threshold, text, rule
    if quality.duplicate_check and quality.duplicate_check.enabled:
        unique = quality.duplicate_check
        keys, threshold = tuple(unique.key_fields), unique.threshold_percent
        text = f"{_columns(keys)} identify a row{_tolerance(threshold)}."
        yield "duplicates", "duplicates__" + "_".join(keys), keys, threshold, text, unique
    for link in quality.referential_integrity:
        threshold = 100.0 if link.allow_orphans else link.threshold_percent
        text = (
            f"`{link.child_key}` is found in `{link.parent_table}.{link.parent_key}`{_tolerance(threshold)}."
        )
        stem = f"integrity__{link.child_key}__{link.parent_table}"
        yield "integrity", stem, (link.child_key,), threshold, text, link
    for custom in quality.custom_validations:
        text = f"{custom.sql}{_tolerance(custom.threshold_percent)}"
        yield "custom", f"custom__{custom.name}", (), custom.threshold_percent, text, custom
    if quality.freshness:
        fresh = quality.freshness
        text = f"The newest `{fresh.field}` is at most {fresh.max_age_hours:g} hours old."
        yield "freshness", f"freshness__{fresh.field}", (fresh.field,), 0.0, text, fresh
    if quality.row_count:
        yield "row_count", "row_count", (), 0.0, _count_says(quality.row_count), quality.row_count
    if quality.schema_check:
        schema = quality.schema_check
        extra = "" if schema.allow_extra else " and no others"
        text = f"There are the columns {', '.join(schema.columns)}{extra}, of their types."
        yield "schema", "schema", (), 0.0, text, schema


def _says(rule: models.AnyAccuracyRule) -> str:
    match rule:
        case models.RegexRule():
            return f"matches {rule.pattern}"
        case models.RangeRule():
            return f"lies in {_interval(rule.min, rule.max)}"
        case models.DateRangeRule():
            return f"lies in {_interval(rule.min_date, rule.max_date)}"
        case models.AllowedValuesRule():
            shown = ", ".join(str(value) for value in rule.values[:5])
            more = f" and {len(rule.values) - 5} more" if len(rule.values) > 5 else ""
            return f"is one of {shown}{more}"
        case models.LengthRule():
            return f"has a length in {_interval(rule.min, rule.max)}"
        case models.TypeRule():
            return f"can be read as {rule.expected}"


def _interval(low: float | str | None, high: float | str | None) -> str:
    shown = [format(bound, "g") if isinstance(bound, float) else bound for bound in (low, high)]
    return f"[{'…' if low is None else shown[0]}, {'…' if high is None else shown[1]}]"


def _count_says(rule: models.RowCount) -> str:
    parts = []
    if rule.min is not None or rule.max is not None:
        parts.append(f"The number of rows lies in {_interval(rule.min, rule.max)}.")
    if rule.max_change_percent is not None:
        parts.append(
            f"The number of rows differs by at most {rule.max_change_percent:g}% from the last runs' mean."
        )
    return " ".join(parts) or "The number of rows is counted."


def _tolerance(threshold: float) -> str:
    return f", save {threshold:g}% of the rows" if threshold else ""


def _columns(fields: tuple[str, ...]) -> str:
    return ", ".join(f"`{field}`" for field in fields)


def _owner(job: Job, fields: tuple[str, ...]) -> str:
    """The dataset of a rule that names none; see `rules_of`."""
    declared = {source.name: source.columns for source in job.data_sources}
    if job.target:
        declared[TARGET] = job.target.columns
    names = datasets_in_order(job)
    holding = [name for name in names if fields and set(fields) <= declared[name].keys()]
    unknown = [name for name in names if not declared[name]]
    # A rule without fields (row_count, schema, custom) is about the first dataset of all.
    first = holding or (unknown if fields else []) or names
    return first[0] if first else TARGET


def _free_name(name: str, dataset: str, taken: set[tuple[str, str]]) -> str:
    candidate, number = name, 1
    while (dataset, candidate) in taken:
        number += 1
        candidate = f"{name}__{number}"
    taken.add((dataset, candidate))
    return candidate


def rules_that(job: Job, dataset: str, action: RuleAction) -> list[Rule]:
    """The rules of a dataset that have an action."""
    return [rule for rule in rules_of(job) if rule.dataset == dataset and rule.action == action]
