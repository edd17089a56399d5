"""Rows in quarantine: list them, show them, and put mended ones back through the same rules."""

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from etl_platform.config.models.job import Job
from etl_platform.config.project import Config
from etl_platform.quality.bad_rows import RULES_COLUMN, find_bad_rows
from etl_platform.quality.dataset import Dataset, open_dataset
from etl_platform.quality.files import s3_filesystem
from etl_platform.quality.local_frame import FILE_COLUMN, ROW_COLUMN, LocalFrame, connect, literal
from etl_platform.quality.local_shelf import LocalShelf, link, save_manifest
from etl_platform.quality.quarantine import open_shelf
from etl_platform.quality.quarantined import (
    MANIFEST,
    ROWS_FILE,
    TIME_COLUMN,
    Quarantined,
    QuarantineError,
    Shelf,
)
from etl_platform.quality.remote_files import duckdb_path, register
from etl_platform.quality.rewriting import csv_dialect
from etl_platform.quality.rules import TARGET, rules_of, rules_that
from etl_platform.quality.samples import HIDDEN
from etl_platform.quality.swap import publish, recover


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
        QuarantineError: Nothing of this execution lies in quarantine.
        UnusableRuleError: A rule cannot be evaluated on the mended rows.
        NoLocationError, NoDataError, QueryError: The target cannot be read.
    """
    shelf = open_shelf(config, job, TARGET)
    if not isinstance(shelf, LocalShelf) or shelf.target is None:
        raise QuarantineError(
            f"rows go back into targets of this machine only, and {shelf.folder(execution_id)} is remote. "
            "Mend them there, and let the job read them as a source of their own."
        )
    folder, target = Path(shelf.folder(execution_id)), shelf.target
    recover(folder)
    staged = folder.with_name(f".{folder.name}.replayed")
    content = _content(shelf, execution_id)
    number = content.replays + 1
    recover(target)
    if staged.exists() and any(target.rglob(f"replayed-{execution_id}-{number}-*")):
        # An earlier replay ended after its rows were in the target and before they left quarantine.
        finished = Quarantined(**json.loads((staged / MANIFEST).read_text()))
        publish(staged, folder)
        rows, staying = content.quarantined, finished.quarantined
        return Replayed(execution_id, rows, rows - staying, staying)
    shutil.rmtree(staged, ignore_errors=True)
    rules = rules_that(job, TARGET, "quarantine")
    moment = now or datetime.now(timezone.utc)
    with open_dataset(config, job, TARGET, engine="local") as data:
        frame = _mended(data, folder)
        rows = frame.count()
        bad = find_bad_rows(frame, rules, job, data.other, moment) if rules else None
        unique = {rule.check_name: rule.fields for rule in rules if rule.kind == "duplicates"}
        staying = _mark_staying(frame, bad, data, unique)
        _stage_staying(frame, staged, replace(content, quarantined=staying, replays=number))
        if rows > staying:
            clean = target.with_name(f".{target.name}.quarantine-{execution_id}")
            shutil.rmtree(clean, ignore_errors=True)
            _stage_target(frame, data, target, clean, f"replayed-{execution_id}-{number}-")
            publish(clean, target)
    publish(staged, folder)
    return Replayed(execution_id, rows, rows - staying, staying)


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


def _mended(data: Dataset, folder: Path) -> LocalFrame:
    of_file = f"{literal(str(folder / ROWS_FILE))}, filename = '{FILE_COLUMN}', {ROW_COLUMN} = true"
    source = f"(SELECT * EXCLUDE ({RULES_COLUMN}, {TIME_COLUMN}) FROM read_parquet({of_file}))"
    frame: Any = data.frame
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


def _stage_staying(frame: LocalFrame, staged: Path, content: Quarantined) -> None:
    staged.mkdir()
    at = f"to_timestamp({content.quarantined_at!r}) AS {TIME_COLUMN}"
    frame.run(
        f"COPY (SELECT m.* EXCLUDE ({FILE_COLUMN}, {ROW_COLUMN}), s.{RULES_COLUMN}, {at} "
        f"FROM {frame.name} AS m JOIN staying AS s USING ({ROW_COLUMN}) ORDER BY {ROW_COLUMN}) "
        f"TO {literal(str(staged / ROWS_FILE))} (FORMAT parquet)"
    )
    by_rule = frame.run(
        f"SELECT n, count(*) FROM (SELECT unnest({RULES_COLUMN}) AS n FROM staying) AS u "
        "GROUP BY n ORDER BY n"
    )
    save_manifest(staged, replace(content, by_rule=dict(by_rule)))


def _stage_target(frame: LocalFrame, data: Dataset, target: Path, clean: Path, stem: str) -> None:
    """The target as it is, linked, with the rows that hold as further files."""
    for path in sorted(target.rglob("*")):
        place = clean / path.relative_to(target)
        if path.is_dir():
            place.mkdir(parents=True, exist_ok=True)
        else:
            place.parent.mkdir(parents=True, exist_ok=True)
            link(path, place)
    folders = ", ".join(map(frame.column, data.files.partitions))
    form = data.files.format
    if form == "orc":
        _write_orc(frame, data, clean, stem)
        return
    how = form + (csv_dialect(frame, data.files, data.files.paths[0])[1] if form == "csv" else "")
    if folders:
        how += f", PARTITION_BY ({folders}), OVERWRITE_OR_IGNORE, FILENAME_PATTERN '{stem}{{i}}'"
    place = clean if folders else clean / f"{stem}0.{form}"
    frame.run(f"COPY ({_holding(frame)}) TO {literal(str(place))} (FORMAT {how})")


def _holding(frame: LocalFrame) -> str:
    """The rows that hold by now."""
    return (
        f"SELECT * EXCLUDE ({FILE_COLUMN}, {ROW_COLUMN}) FROM {frame.name} WHERE {ROW_COLUMN} NOT IN "
        f"(SELECT {ROW_COLUMN} FROM staying)"
    )


def _write_orc(frame: LocalFrame, data: Dataset, clean: Path, stem: str) -> None:
    from pyarrow import orc

    if data.files.partitions:
        raise QuarantineError(
            f"{data.location.uri} is ORC in folders; rows go back into ORC without folders, and into folders "
            "of Parquet, CSV and JSON."
        )
    orc.write_table(frame.connection.sql(_holding(frame)).to_arrow_table(), str(clean / f"{stem}0.orc"))
