"""Some values and rows of the rules that fail, without those of personal-data columns."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from math import isfinite
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from etl_platform.config.models import data_quality as models
from etl_platform.config.models.job import Job
from etl_platform.quality.backend import Checked, parent_of
from etl_platform.quality.column_types import find_column
from etl_platform.quality.conditions import row_conditions
from etl_platform.quality.expressions import columns_in, parse_expression
from etl_platform.quality.report import Value
from etl_platform.quality.rules import Rule, rules_of

MAX_VALUES = 10

HIDDEN = "(personal data)"
"""What stands for the values of personal-data columns."""

_ROWS = 1000
"""Failing rows that are looked at for the values of all row rules; the scan ends when it has them."""

_ROWS_OF_ONE = 200
"""Failing rows that are looked at for one rule, where the first look met none of its."""

_MAX_TEXT = 200
"""Characters of a failing value that are shown."""


@dataclass(frozen=True)
class Sample:
    """Some of what breaks a rule.

    Attributes:
        values: Different values of the rule's columns: of one column the values, of several and of custom
            validations mappings of column to value; none of personal-data columns, and none of nulls.
        rows: Different rows, cut to the columns of the rule and of the dataset's key; values of personal-data
            columns are HIDDEN.
    """

    values: tuple[Value, ...]
    rows: tuple[Mapping[str, Value], ...]


def samples_of(rules: Sequence[Rule], schema: Any, checked: Checked, job: Job) -> dict[str, Sample]:
    """Up to ten values and rows of each rule that fails; no personal data leaves the engine.

    Returns:
        Check name to sample. A rule is absent where all of its columns are personal data, and a rule about
        nulls where the dataset has no key that would tell its rows apart.

    Raises:
        QueryError: The engine broke off, though it had answered the counts.
    """
    private = {field.lower() for field in job.compliance.pii_fields}
    by_name = {rule.check_name: rule for rule in rules}
    shown = {name: _shown_columns(rule, checked, job) for name, rule in by_name.items()}
    wanted = {}
    for name, columns in shown.items():
        public = [column for column in columns if column.lower() not in private]
        if set(public) - (set(_columns(by_name[name], checked)) if _about_nulls(by_name[name]) else set()):
            wanted[name] = public
    row_rules = [name for name in wanted if by_name[name].kind not in ("duplicates", "integrity")]
    rows = _of_row_rules(row_rules, wanted, schema, checked)
    for name in wanted.keys() - rows.keys():
        rows[name] = _of_one(by_name[name], wanted[name], schema, checked)
    zone = ZoneInfo(job.execution.timezone)
    return {
        name: _sample(
            by_name[name], _told(rows[name], public, checked.frame.columns, zone), shown[name], checked
        )
        for name, public in wanted.items()
    }


_Rows = list[tuple[Any, ...]]


def _about_nulls(rule: Rule) -> bool:
    return rule.kind == "completeness"


def _columns(rule: Rule, checked: Checked) -> list[str]:
    fields: Iterable[str] = rule.fields
    if isinstance(rule.spec, models.CustomValidation):
        fields = columns_in(parse_expression(rule.spec.sql))
    found = (find_column(field, list(checked.frame.columns)) for field in fields)
    return [column for column in found if column]


def _shown_columns(rule: Rule, checked: Checked, job: Job) -> list[str]:
    """The columns of a rule, and those of the dataset's key, by which a person finds the row."""
    columns = _columns(rule, checked)
    unique = job.data_quality.duplicate_check
    if unique is None or rule.kind in ("duplicates", "integrity") or _owner(job) != rule.dataset:
        return columns
    keys = (find_column(field, list(checked.frame.columns)) for field in unique.key_fields)
    return list(dict.fromkeys([*columns, *(key for key in keys if key)]))


def _owner(job: Job) -> str | None:
    """The dataset that the job's unique key is of."""
    return next((rule.dataset for rule in rules_of(job) if rule.kind == "duplicates"), None)


def _told(
    rows: _Rows, columns: Sequence[str], types: Mapping[str, str], zone: ZoneInfo
) -> list[dict[str, Value]]:
    return [
        {name: shown(value, types[name], zone) for name, value in zip(columns, row, strict=True)}
        for row in rows
    ]


def _sample(rule: Rule, rows: list[dict[str, Value]], columns: Sequence[str], checked: Checked) -> Sample:
    whole = [{name: row.get(name, HIDDEN) for name in columns} for row in rows]
    own = [name for name in _columns(rule, checked) if rows and name in rows[0]]
    values: list[Value] = [{name: row[name] for name in own} for row in rows]
    if len(own) == 1 and rule.kind != "custom":
        values = [row[own[0]] for row in rows]
    told = () if _about_nulls(rule) or not own else _different(values)
    return Sample(told, _different(whole))


_Shown = TypeVar("_Shown")


def _different(values: Sequence[_Shown]) -> tuple[_Shown, ...]:
    return tuple({repr(value): value for value in values}.values())[:MAX_VALUES]


def _of_row_rules(
    names: Sequence[str], columns: Mapping[str, list[str]], schema: Any, checked: Checked
) -> dict[str, _Rows]:
    """Rows of the rules that one look at failing rows meets; all rules share it."""
    from sqlglot import exp

    if len(names) < 2:
        return {}
    conditions = row_conditions(schema, checked.frame.columns)
    read = list(dict.fromkeys(column for name in names for column in columns[name]))
    flags = [conditions[name] for name in names]
    rows = checked.rows_frame.matching(exp.or_(*flags), read, flags, _ROWS)
    found: dict[str, _Rows] = {}
    for n, name in enumerate(names):
        places = [read.index(column) for column in columns[name]]
        hits = [tuple(row[place] for place in places) for row in rows if row[len(read) + n]]
        if hits:
            found[name] = hits
    return found


def _of_one(rule: Rule, columns: Sequence[str], schema: Any, checked: Checked) -> _Rows:
    metadata, name, frame = schema.metadata, rule.check_name, checked.frame
    if rule.kind == "duplicates":
        keys = metadata["unique"][name]
        rows = frame.duplicated_keys(keys, MAX_VALUES)
        return [tuple(row[keys.index(column)] for column in columns) for row in rows]
    if rule.kind == "integrity":
        link = metadata["integrity"][name]
        parent, parent_key = parent_of(link, frame, checked.open_parent)
        return frame.orphans(link["key"], parent, parent_key, MAX_VALUES)
    condition = row_conditions(schema, frame.columns)[name]
    return checked.rows_frame.matching(condition, columns, [], _ROWS_OF_ONE)


def shown(value: Any, column_type: str, zone: ZoneInfo) -> Value:
    """A value as JSON can hold it; times with a zone are in the job's."""
    match value:
        case None | bool() | int():
            return value
        case float():
            return value if isfinite(value) else str(value)
        case datetime() if column_type == "timestamp":
            # Spark gives an instant as the clock time of this machine; `astimezone` takes it as that.
            return value.astimezone(zone).isoformat()
        case date():
            return value.isoformat()
        case bytes() | bytearray():
            value = value.hex()
    text = str(value)
    return text[:_MAX_TEXT] + "…" if len(text) > _MAX_TEXT else text
