"""Some values of the rules that fail, without those of personal-data columns."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from math import isfinite
from typing import Any
from zoneinfo import ZoneInfo

from etl_platform.config.models import data_quality as models
from etl_platform.config.models.job import Job
from etl_platform.quality.backend import Checked, parent_of
from etl_platform.quality.column_types import find_column
from etl_platform.quality.conditions import row_conditions
from etl_platform.quality.expressions import columns_in, parse_expression
from etl_platform.quality.report import Value
from etl_platform.quality.rules import Rule

MAX_VALUES = 10

_ROWS = 1000
"""Failing rows that are looked at for the values of all row rules; the scan ends when it has them."""

_ROWS_OF_ONE = 200
"""Failing rows that are looked at for one rule, where the first look met none of its."""

_MAX_TEXT = 200
"""Characters of a failing value that are shown."""


def failing_values(
    rules: Sequence[Rule], schema: Any, checked: Checked, job: Job
) -> dict[str, tuple[Value, ...]]:
    """Up to ten different values of each rule that fails; none of a personal-data column leaves the engine.

    Returns:
        Check name to values: of one column the values, of several and of custom validations mappings of
        column to value. A rule is absent where its columns are personal data, and where nulls are what fails.

    Raises:
        QueryError: The engine broke off, though it had answered the counts.
    """
    private = {field.lower() for field in job.compliance.pii_fields}
    by_name = {rule.check_name: rule for rule in rules if rule.kind != "completeness"}
    columns = {
        name: [column for column in _columns(rule, checked) if column.lower() not in private]
        for name, rule in by_name.items()
    }
    wanted = {name: found for name, found in columns.items() if found}
    row_rules = [name for name in wanted if by_name[name].kind not in ("duplicates", "integrity")]
    rows = _of_row_rules(row_rules, wanted, schema, checked)
    for name in wanted.keys() - rows.keys():
        rows[name] = _of_one(by_name[name], wanted[name], schema, checked)
    zone = ZoneInfo(job.execution.timezone)
    return {
        name: _different(
            rows[name], wanted[name], checked.frame.columns, zone, by_name[name].kind == "custom"
        )
        for name in wanted
    }


_Rows = list[tuple[Any, ...]]


def _columns(rule: Rule, checked: Checked) -> list[str]:
    fields: Iterable[str] = rule.fields
    if isinstance(rule.spec, models.CustomValidation):
        fields = columns_in(parse_expression(rule.spec.sql))
    found = (find_column(field, list(checked.frame.columns)) for field in fields)
    return [column for column in found if column]


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


def _different(
    rows: _Rows, columns: Sequence[str], types: Mapping[str, str], zone: ZoneInfo, keep_names: bool
) -> tuple[Value, ...]:
    kinds = [types[column] for column in columns]
    told = [tuple(shown(v, kind, zone) for v, kind in zip(row, kinds, strict=True)) for row in rows]
    unique = list({repr(row): row for row in told}.values())[:MAX_VALUES]
    if len(columns) == 1 and not keep_names:
        return tuple(row[0] for row in unique)
    return tuple(dict(zip(columns, row, strict=True)) for row in unique)


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
