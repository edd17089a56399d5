"""Rows in quarantine: list them, show them, and put mended ones back through the same rules."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from typing import Any

from etl_platform.config.models.job import Job
from etl_platform.config.project import Config
from etl_platform.quality.additions import make_fitting, write_further
from etl_platform.quality.bad_rows import RULES_COLUMN, UnusableRuleError, find_bad_rows
from etl_platform.quality.dataset import Dataset, open_dataset
from etl_platform.quality.files import s3_filesystem
from etl_platform.quality.frame import QueryError
from etl_platform.quality.local_frame import FILE_COLUMN, ROW_COLUMN, LocalFrame, connect, literal
from etl_platform.quality.quarantine import open_shelf
from etl_platform.quality.quarantined import (
    ROWS_FILE,
    TIME_COLUMN,
    Quarantined,
    QuarantineError,
    Shelf,
    replayed_stem,
)
from etl_platform.quality.remote_files import duckdb_path, register
from etl_platform.quality.rewriting import rows_in
from etl_platform.quality.rules import TARGET, rules_of, rules_that
from etl_platform.quality.samples import HIDDEN


@dataclass(frozen=True)
class Replayed:
    """What came of a replay.

    Attributes:
        execution_id: The execution whose rows they are.
        rows: Rows that were in quarantine.
        back: Rows that hold now, and are in the target.
        staying: Rows that still break a rule, and stay.
    """

    execution_id: str
    rows: int
    back: int
    staying: int


def list_quarantine(config: Config, job: Job) -> list[Quarantined]:
    """What lies in quarantine of a job, of all its datasets, newest first.

    Raises:
        QuarantineError: A dataset with rules is not on this machine.
    """
    datasets = dict.fromkeys([TARGET, *(rule.dataset for rule in rules_of(job))])
    found = [
        content
        for dataset in datasets
        if _exists(job, dataset)
        for content in open_shelf(config, job, dataset).contents()
    ]
    return sorted(found, key=lambda content: -content.quarantined_at)


def show_quarantine(
    config: Config, job: Job, execution_id: str, *, dataset: str = TARGET, limit: int = 20
) -> list[dict[str, Any]]:
    """Rows in quarantine, with the rules that they break; values of personal-data columns are hidden.

    Raises:
        QuarantineError: Nothing of this execution lies in quarantine.
        QueryError: The file cannot be read.
    """
    content = _content(open_shelf(config, job, dataset), execution_id)
    private = {field.lower() for field in job.compliance.pii_fields}
    with connect(job.execution.timezone) as connection:
        path, filesystem = content.path, None
        if "://" in path:
            path, filesystem = path.partition("://")[2], s3_filesystem(config.settings.aws_region)
            register(connection, filesystem)
        place = literal(duckdb_path(f"{path}/{ROWS_FILE}", filesystem))
        frame = LocalFrame(connection, "rows", f"read_parquet({place}, hive_partitioning = false)")
        public = [name for name in frame.columns if name.lower() not in private]
        listed = ", ".join(map(frame.column, public))
        rows = frame.run(f"SELECT {listed} FROM {frame.name} LIMIT {int(limit)}")
    shown = (dict(zip(public, row, strict=True)) for row in rows)
    return [{name: row.get(name, HIDDEN) for name in frame.columns} for row in shown]


def replay(config: Config, job: Job, execution_id: str, *, now: datetime | None = None) -> Replayed:
    """Put the rows of an execution that hold by now back into the target; the others stay.

    Mend the rows first, in `rows.parquet` of the folder that `list_quarantine` names. They go through all
    rules that sent them there; a row whose key the target has already is a duplicate. The process may end at
    any point: done again, no row is put back twice or lost.

    Args:
        config: The configuration.
        job: The job.
        execution_id: The execution whose rows they are.
        now: The present moment; None: the clock.

    Raises:
        QuarantineError: Nothing of this execution lies in quarantine, a mended value does not fit its column,
            or the counts do not add up; nothing was put back.
        UnusableRuleError: A rule cannot be evaluated on the mended rows.
        NoLocationError, NoDataError, QueryError: The target cannot be read.
    """
    shelf = open_shelf(config, job, TARGET)
    before = shelf.content(execution_id)
    shelf.recover()
    content = _content(shelf, execution_id)
    if before and content.replays > before.replays:
        # An earlier replay ended after its point of no return, and is finished now.
        rows, staying = before.quarantined, content.quarantined
        return Replayed(execution_id, rows, rows - staying, staying)
    try:
        return _replay(config, job, shelf, content, now or datetime.now(timezone.utc))
    except (QuarantineError, QueryError, UnusableRuleError):
        shelf.recover()
        raise


def _replay(config: Config, job: Job, shelf: Shelf, content: Quarantined, now: datetime) -> Replayed:
    rules = rules_that(job, TARGET, "quarantine")
    unique = {rule.check_name: rule.fields for rule in rules if rule.kind == "duplicates"}
    with open_dataset(config, job, TARGET, engine="local") as data:
        rows_file, staged = shelf.stage_rows(content.execution_id)
        frame = _mended(data, rows_file)
        rows = frame.count()
        bad = find_bad_rows(frame, rules, job, data.other, now) if rules else None
        staying = _mark_staying(frame, bad, data, unique)
        by_rule = _write_staying(frame, data, staged, content)
        added: list[str] = []
        if rows > staying:
            place = shelf.stage_target(content.execution_id, data.files)
            holding = LocalFrame(frame.connection, "holding", f"({_HOLDING})")
            fitting = make_fitting(holding, _local(data), data.files, "fitting")
            added = write_further(fitting, data.files, place, replayed_stem(content))
        _add_up(frame, data, staged, added, staying)
        done = replace(content, quarantined=staying, by_rule=by_rule, replays=content.replays + 1)
        shelf.publish_replay(done, added)
    return Replayed(content.execution_id, rows, rows - staying, staying)


def _exists(job: Job, dataset: str) -> bool:
    return dataset != TARGET or job.target is not None


def _content(shelf: Shelf, execution_id: str) -> Quarantined:
    content = shelf.content(execution_id)
    if content is None:
        known = ", ".join(each.execution_id for each in shelf.contents()) or "none"
        raise QuarantineError(
            f"{shelf.folder(execution_id)} is not there; executions with rows in quarantine: {known}."
        )
    return content


_HOLDING = (
    f"SELECT * EXCLUDE ({FILE_COLUMN}, {ROW_COLUMN}) FROM mended WHERE {ROW_COLUMN} NOT IN "
    f"(SELECT {ROW_COLUMN} FROM staying)"
)
"""The rows that hold by now."""


def _local(data: Dataset) -> LocalFrame:
    assert isinstance(data.frame, LocalFrame)
    return data.frame


def _mended(data: Dataset, rows_file: str) -> LocalFrame:
    frame, filesystem = _local(data), data.files.filesystem
    of_file = (
        f"{literal(duckdb_path(rows_file, filesystem))}, filename = '{FILE_COLUMN}', {ROW_COLUMN} = true"
    )
    of_file += ", hive_partitioning = false"
    source = f"(SELECT * EXCLUDE ({RULES_COLUMN}, {TIME_COLUMN}) FROM read_parquet({of_file}))"
    return LocalFrame(frame.connection, "mended", source)


def _mark_staying(
    frame: LocalFrame, bad: str | None, data: Dataset, unique: Mapping[str, Sequence[str]]
) -> int:
    """Make the table `staying`: number of each row that stays, and why."""
    parts = [f"SELECT 0 AS {ROW_COLUMN}, []::VARCHAR[] AS {RULES_COLUMN} WHERE false"]
    if bad:
        parts.append(f"SELECT {ROW_COLUMN}, {RULES_COLUMN} FROM {frame.column(bad)}")
    for name, keys in unique.items():
        same = " AND ".join(f"m.{frame.column(key)} = t.{frame.column(key)}" for key in keys)
        parts.append(
            f"SELECT m.{ROW_COLUMN}, ['{name}'] FROM {frame.name} AS m "
            f"SEMI JOIN {data.frame.name} AS t ON {same}"
        )
    union = " UNION ALL ".join(parts)
    frame.run(
        f"CREATE TEMP TABLE staying AS SELECT {ROW_COLUMN}, list_distinct(flatten(list({RULES_COLUMN}))) "
        f"AS {RULES_COLUMN} FROM ({union}) AS u GROUP BY {ROW_COLUMN}"
    )
    return int(frame.run("SELECT count(*) FROM staying")[0][0])


def _write_staying(frame: LocalFrame, data: Dataset, staged: str, content: Quarantined) -> dict[str, int]:
    """Write the rows that stay; check name to the number of those that break it."""
    at = f"to_timestamp({content.quarantined_at!r}) AS {TIME_COLUMN}"
    frame.run(
        f"COPY (SELECT m.* EXCLUDE ({FILE_COLUMN}, {ROW_COLUMN}), s.{RULES_COLUMN}, {at} "
        f"FROM {frame.name} AS m JOIN staying AS s USING ({ROW_COLUMN}) ORDER BY {ROW_COLUMN}) "
        f"TO {literal(duckdb_path(staged, data.files.filesystem))} (FORMAT parquet)"
    )
    return dict(
        frame.run(
            f"SELECT n, count(*) FROM (SELECT unnest({RULES_COLUMN}) AS n FROM staying) AS u "
            "GROUP BY n ORDER BY n"
        )
    )


def _add_up(frame: LocalFrame, data: Dataset, staged: str, added: Sequence[str], staying: int) -> None:
    """Count again what was written.

    Raises:
        QuarantineError: It is not the rows that there are in quarantine.
    """
    place = literal(duckdb_path(staged, data.files.filesystem))
    stay = int(frame.run(f"SELECT count(*) FROM read_parquet({place}, hive_partitioning = false)")[0][0])
    back, rows = rows_in(frame, data.files, list(added)), frame.count()
    if (stay, back) != (staying, rows - staying):
        raise QuarantineError(
            f"of {rows} rows in quarantine, {back} that hold and {stay} that stay were written; "
            "nothing was put back. Did something write to them meanwhile?"
        )
