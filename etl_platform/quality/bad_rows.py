"""The rows that break rules, each with the rules that it breaks, as a table of the local engine."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from etl_platform.config.models import data_quality as models
from etl_platform.config.models.job import Job
from etl_platform.quality.column_types import find_column
from etl_platform.quality.conditions import row_conditions
from etl_platform.quality.files import Files
from etl_platform.quality.frame import Frame
from etl_platform.quality.local_frame import FILE_COLUMN, ROW_COLUMN, LocalFrame, open_local
from etl_platform.quality.rules import Rule
from etl_platform.quality.schema import Context, schema_of

RULES_COLUMN = "_rules"
"""Column with the list of the check names of the rules that a row breaks."""

ROW_KINDS = ("completeness", "regex", "range", "date_range", "allowed_values", "length", "type", "custom")
"""Kinds of rules that say of a single row whether it is bad."""

PICKING_KINDS = (*ROW_KINDS, "duplicates", "integrity")
"""Kinds of rules that pick bad rows; the others are about the dataset as a whole."""


class UnusableRuleError(ValueError):
    """A rule that picks no rows, or that cannot be evaluated on the columns that there are."""


def numbered_frame(frame: Any, files: Files) -> LocalFrame:
    """The rows of a dataset with FILE_COLUMN and ROW_COLUMN, which say where each of them stands.

    Args:
        frame: The dataset, open in the local engine.
        files: Its files.

    Raises:
        QueryError: They cannot be read.
    """
    return open_local(frame.connection, f"{frame.view}__numbered", files, numbered=True)


def find_bad_rows(
    frame: LocalFrame,
    rules: Sequence[Rule],
    job: Job,
    open_other: Callable[[str], Frame],
    now: datetime,
) -> str:
    """Make a table of the rows that break at least one rule.

    A duplicate is every row of its key's group but the kept one: `keep_first` or `keep_last` by
    `workload.incremental_column` where the dataset has it, else by the order of the files' names and of the
    rows in them. With `dedup_strategy: none` no row of a group is more wrong than the others, and none is
    picked.

    Args:
        frame: Rows opened with `numbered`.
        rules: Rules of PICKING_KINDS, of one dataset.
        job: The job.
        open_other: Opens another dataset of the job in the same connection.
        now: The present moment, for `current_date`.

    Returns:
        Name of the table: the columns of the frame and RULES_COLUMN.

    Raises:
        UnusableRuleError: A rule picks no rows, or cannot be evaluated.
        QueryError: The engine refuses a rule.
    """
    from etl_platform.quality.backend import parent_of

    whole = [rule.check_name for rule in rules if rule.kind not in PICKING_KINDS]
    if whole:
        raise UnusableRuleError(
            f"{', '.join(whole)} is about the dataset as a whole and picks no rows; "
            "give it the action `warn` or `fail_job`."
        )
    context = Context(frame.columns, ZoneInfo(job.execution.timezone), now)
    found = schema_of(rules, context, dataset=rules[0].dataset)
    for name, fault in found.faults.items():
        raise UnusableRuleError(f"{name} cannot be evaluated: {fault}")
    metadata = found.schema.metadata
    conditions = row_conditions(found.schema, frame.columns)
    picks = {name: f"({condition.sql(frame.dialect)})" for name, condition in conditions.items()}
    for name, keys in metadata["unique"].items():
        spec = next(rule.spec for rule in rules if rule.check_name == name)
        if again := _again(frame, keys, spec, job):
            picks[name] = again
    for name, link in metadata["integrity"].items():
        parent, parent_key = parent_of(link, frame, open_other)
        key, theirs = frame.column(link["key"]), parent.column(parent_key)
        known = f"SELECT {theirs} FROM {parent.name} WHERE {theirs} IS NOT NULL"
        picks[name] = f"({key} IS NOT NULL AND {key} NOT IN ({known}))"
    names = ", ".join(f"CASE WHEN {pick} THEN '{name}' END" for name, pick in picks.items())
    columns = ", ".join(map(frame.column, frame.columns))
    table = f"{frame.view}__bad"
    frame.run(
        f"CREATE OR REPLACE TEMP TABLE {frame.column(table)} AS SELECT * FROM ("
        f"SELECT {columns}, list_filter([{names}]::VARCHAR[], lambda n: n IS NOT NULL) AS {RULES_COLUMN} "
        f"FROM {frame.name}) AS found WHERE len({RULES_COLUMN}) > 0"
    )
    return table


def order_of(columns: Sequence[str], job: Job) -> str | None:
    """The column that says which row of a key's group comes first; None: the order of the files does."""
    wanted = job.workload.incremental_column
    return find_column(wanted, list(columns)) if wanted else None


def _again(frame: Frame, keys: Sequence[str], spec: Any, job: Job) -> str | None:
    """SQL that is true for the rows of a key's group besides the kept one; None where none is kept."""
    if not isinstance(spec, models.DuplicateCheck) or spec.dedup_strategy == "none":
        return None
    names = [frame.column(key) for key in keys]
    whole = " AND ".join(f"{name} IS NOT NULL" for name in names)
    direction = "DESC" if spec.dedup_strategy == "keep_last" else "ASC"
    by = order_of(list(frame.columns), job)
    order = [*([frame.column(by)] if by else []), FILE_COLUMN, ROW_COLUMN]
    ordered = ", ".join(f"{name} {direction} NULLS LAST" for name in order)
    return f"({whole} AND row_number() OVER (PARTITION BY {', '.join(names)} ORDER BY {ordered}) > 1)"
