"""A rule schema as plain data, to be printed or kept."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from etl_platform.quality.schema import RuleSchema


def schema_document(found: RuleSchema) -> dict[str, Any]:
    """A schema as JSON holds it.

    Returns:
        `dataset`; `columns`: name to its checks, each with the pandera check's name and arguments;
        `computed`: columns that exist for their checks only, as Spark SQL; `unique`; `integrity`; `rows`:
        limits of their number; `rules`: severity, action and threshold; `faults`: rules that it lacks.
    """
    schema = found.schema
    metadata = schema.metadata
    return {
        "dataset": schema.name,
        "columns": {
            name: {
                "required": column.required,
                "checks": [
                    {
                        "rule": check.name,
                        "check": getattr(check._check_fn, "__name__", str(check._check_fn)),
                        "arguments": {key: _plain(value) for key, value in check._check_kwargs.items()},
                    }
                    for check in column.checks
                ],
            }
            for name, column in schema.columns.items()
        },
        "computed": {name: expression.sql("spark") for name, expression in metadata["computed"].items()},
        "unique": metadata["unique"],
        "integrity": metadata["integrity"],
        "rows": {
            check.name: {key: _plain(value) for key, value in check.statistics.items()}
            for check in schema.checks
        },
        "rules": metadata["rules"],
        "faults": {name: str(fault) for name, fault in found.faults.items()},
    }


def _plain(value: Any) -> Any:
    match value:
        case date() | datetime():
            return value.isoformat()
        case Decimal():
            return str(value)
        case float() if value in (float("inf"), float("-inf")):
            return None
        case list() | tuple() | set() | frozenset():
            return [_plain(inner) for inner in value]
    return value
