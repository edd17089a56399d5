"""Bad rows are moved to quarantine, and the target is published again without them.

Of a target, failing rows go to `<target>_quarantine/execution_id=…/`; files that hold some are written again
without them, all other files are linked, and the whole is put in the target's place in one step. The process
may end at any point: the target is the old or the new one, whole, and doing it again for the same execution
ends at the same. Of a source, failing rows are copied to `<local root>/quarantine/<job>/<source>/`, the
source stays as it is, and a clean copy lies beside.
"""

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path

from etl_platform.config.models.job import Job
from etl_platform.config.project import Config
from etl_platform.quality.bad_rows import RULES_COLUMN, find_bad_rows, numbered_frame, order_of
from etl_platform.quality.dataset import open_dataset
from etl_platform.quality.local_frame import FILE_COLUMN, ROW_COLUMN, LocalFrame, literal
from etl_platform.quality.rules import TARGET, Rule, rules_of
from etl_platform.quality.swap import publish, recover

MANIFEST = "_quarantine.json"
ROWS_FILE = "rows.parquet"
TIME_COLUMN = "_quarantined_at"


class QuarantineError(RuntimeError):
    """Rows cannot be moved to quarantine; the dataset is as it was."""


@dataclass(frozen=True)
class Quarantined:
    """What went into quarantine in one execution.

    Attributes:
        job_id: The job.
        dataset: `target`, or the name of a source.
        execution_id: The execution.
        path: Folder of the rows.
        rows_in: Rows that the dataset had.
        published: Rows that it has, or its clean copy has.
        quarantined: Rows in quarantine; `rows_in` = `published` + `quarantined`, which was verified.
        by_rule: Check name to rows that broke it; a row can break several.
        kept_by: What said which row of a duplicated key stays: a column, or `file order`.
        quarantined_at: Unix seconds, UTC.
        clean_copy: Folder of the clean copy of a source; None for a target.
        replays: How many times rows were replayed from here.
    """

    job_id: str
    dataset: str
    execution_id: str
    path: str
    rows_in: int
    published: int
    quarantined: int
    by_rule: Mapping[str, int]
    kept_by: str
    quarantined_at: float
    clean_copy: str | None = None
    replays: int = 0


def quarantine(
    config: Config,
    job: Job,
    dataset: str,
    execution_id: str,
    *,
    rules: Sequence[Rule] | None = None,
    partition_key: str | None = None,
    now: datetime | None = None,
) -> Quarantined | None:
    """Move the rows of a dataset that break rules to quarantine.

    Args:
        config: The configuration, under the local profile.
        job: The job.
        dataset: `target`, or the name of a source.
        execution_id: The execution that the rows belong to.
        rules: The rules; None: those of the dataset with action `quarantine`.
        partition_key: Only rows of this partition.
        now: The present moment; None: the clock.

    Returns:
        What was moved; what an earlier call for the same execution moved, if this one finds no bad rows;
        None where there are no such rules or no bad rows.

    Raises:
        QuarantineError: The files are remote, or the counts do not add up; nothing was published.
        UnnumberedError: They are no Parquet files.
        UnusableRuleError: A rule picks no rows.
        NoLocationError: The dataset has no files.
        NoDataError: They are missing.
        QueryError: The engine broke off.
    """
    chosen = list(rules) if rules is not None else quarantining(job, dataset)
    if not chosen:
        return None
    moment = now or datetime.now(timezone.utc)
    folder = quarantine_folder(config, job, dataset) / f"execution_id={execution_id}"
    _recover(config, job, dataset)
    with open_dataset(config, job, dataset, engine="local", partition_key=partition_key) as data:
        frame = numbered_frame(data.frame, data.files)
        bad = find_bad_rows(frame, chosen, job, data.other, moment)
        quarantined, by_rule = _counts(frame, bad)
        if not quarantined:
            return load_manifest(folder)
        root = Path(data.files.root)
        staging = root.with_name(f".{root.name}.quarantine-{execution_id}")
        clean = staging if dataset == TARGET else folder.parent / "_clean" / execution_id
        shutil.rmtree(clean, ignore_errors=True)
        write_clean(frame, bad, root, clean)
        published = rows_of(frame, [str(clean / Path(p).relative_to(root)) for p in data.files.paths])
        done = Quarantined(
            job_id=job.job_id,
            dataset=dataset,
            execution_id=execution_id,
            path=str(folder),
            rows_in=frame.count(),
            published=published,
            quarantined=quarantined,
            by_rule=by_rule,
            kept_by=order_of(list(frame.columns), job) or "file order",
            quarantined_at=moment.timestamp(),
            clean_copy=None if dataset == TARGET else str(clean),
        )
        if done.rows_in != published + quarantined:
            shutil.rmtree(clean)
            raise QuarantineError(
                f"{data.location.uri} has {done.rows_in} rows, but {published} clean and {quarantined} bad "
                "ones were written; it was not published. Did something write to it meanwhile?"
            )
        _write_rows(frame, bad, folder, done)
        if dataset == TARGET:
            publish(staging, root)
    return done


def quarantine_folder(config: Config, job: Job, dataset: str) -> Path:
    """Where the quarantine of a dataset stands, one folder an execution in it.

    Raises:
        QuarantineError: The dataset's files are not on this machine.
        NoLocationError: It has no files.
    """
    from etl_platform.catalog.location import locate_dataset

    location = locate_dataset(dataset, job, config)
    if location.path is None:
        raise QuarantineError(
            f"{location.uri} is remote; rows are moved to quarantine on this machine's files only. "
            "Give the rule the action `warn` or `fail_job` for this profile."
        )
    if dataset == TARGET:
        return location.path.with_name(f"{location.path.name}_quarantine")
    return config.local_root / "quarantine" / job.job_id / dataset


def load_manifest(folder: Path) -> Quarantined | None:
    """What is in a folder of quarantine; None where nothing is."""
    try:
        return Quarantined(**json.loads((folder / MANIFEST).read_text()))
    except FileNotFoundError:
        return None


def save_manifest(folder: Path, content: Quarantined) -> None:
    """Write what is in a folder of quarantine, in one step."""
    temporary = folder / f"{MANIFEST}.new"
    temporary.write_text(json.dumps(asdict(content), indent=2))
    temporary.replace(folder / MANIFEST)


def quarantining(job: Job, dataset: str) -> list[Rule]:
    """The rules of a dataset whose bad rows go to quarantine."""
    return [rule for rule in rules_of(job) if rule.dataset == dataset and rule.action == "quarantine"]


def _recover(config: Config, job: Job, dataset: str) -> None:
    if dataset == TARGET:
        from etl_platform.catalog.location import locate_dataset

        path = locate_dataset(dataset, job, config).path
        if path is None:
            return
        recover(path)
        for left in path.parent.glob(f".{path.name}.quarantine-*"):
            shutil.rmtree(left)


def _counts(frame: LocalFrame, bad: str) -> tuple[int, dict[str, int]]:
    table = frame.column(bad)
    total = frame.run(f"SELECT count(*) FROM {table}")[0][0]
    rows = frame.run(
        f"SELECT name, count(*) FROM (SELECT unnest({RULES_COLUMN}) AS name FROM {table}) AS n "
        "GROUP BY name ORDER BY name"
    )
    return int(total), {name: int(count) for name, count in rows}


def write_clean(frame: LocalFrame, bad: str, root: Path, clean: Path) -> None:
    """Write a dataset without its bad rows: files without any are linked, the others written again.

    Args:
        frame: The dataset, opened with `numbered`.
        bad: Name of the table of bad rows.
        root: Folder of the dataset.
        clean: Folder to make.

    Raises:
        QueryError: A file cannot be written.
    """
    table = frame.column(bad)
    affected = {Path(row[0]) for row in frame.run(f"SELECT DISTINCT {FILE_COLUMN} FROM {table}")}
    for path in sorted(root.rglob("*")):
        place = clean / path.relative_to(root)
        if path.is_dir():
            place.mkdir(parents=True, exist_ok=True)
            continue
        place.parent.mkdir(parents=True, exist_ok=True)
        if path not in affected:
            link(path, place)
            continue
        name = literal(str(path))
        frame.run(
            f"COPY (SELECT * EXCLUDE ({ROW_COLUMN}) FROM read_parquet({name}, hive_partitioning = false, "
            f"{ROW_COLUMN} = true) WHERE {ROW_COLUMN} NOT IN "
            f"(SELECT {ROW_COLUMN} FROM {table} WHERE {FILE_COLUMN} = {name})) "
            f"TO {literal(str(place))} (FORMAT parquet)"
        )


def link(path: Path, place: Path) -> None:
    """Let a file be found at a second place too, without a copy where the file system can."""
    try:
        os.link(path, place)
    except OSError:
        # A file system without hard links, or another one.
        shutil.copy2(path, place)


def rows_of(frame: LocalFrame, paths: Sequence[str]) -> int:
    """Rows of Parquet files, from their footers."""
    listed = literal(list(paths))
    sql = f"SELECT count(*) FROM read_parquet({listed}, hive_partitioning = false, union_by_name = true)"
    return int(frame.run(sql)[0][0])


def _write_rows(frame: LocalFrame, bad: str, folder: Path, content: Quarantined) -> None:
    """The bad rows and their manifest, as a folder that is there whole or not at all."""
    staging = folder.with_name(f".{folder.name}.new")
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir(parents=True)
    place = literal(str(staging / ROWS_FILE))
    at = f"to_timestamp({content.quarantined_at!r}) AS {TIME_COLUMN}"
    frame.run(
        f"COPY (SELECT * EXCLUDE ({FILE_COLUMN}, {ROW_COLUMN}), {at} FROM {frame.column(bad)} "
        f"ORDER BY {FILE_COLUMN}, {ROW_COLUMN}) TO {place} (FORMAT parquet)"
    )
    written = rows_of(frame, [str(staging / ROWS_FILE)])
    if written != content.quarantined:
        raise QuarantineError(f"{staging} holds {written} rows instead of {content.quarantined}.")
    save_manifest(staging, content)
    publish(staging, folder)
