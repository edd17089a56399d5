"""Bad rows as JSON lines, for those who mend or count them elsewhere."""

import json
import os
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path

from etl_platform.config.models.job import Job
from etl_platform.config.project import Config
from etl_platform.quality.bad_rows import RULES_COLUMN, find_bad_rows, numbered_frame
from etl_platform.quality.dataset import open_dataset
from etl_platform.quality.local_frame import FILE_COLUMN, ROW_COLUMN
from etl_platform.quality.rules import Rule, rules_that


def dead_letter_file(config: Config, job: Job, dataset: str, execution_id: str) -> Path:
    """Where the dead letters of a dataset in an execution are written."""
    return config.local_root / "dead_letters" / job.job_id / dataset / f"{execution_id}.jsonl"


def send_dead_letters(
    config: Config,
    job: Job,
    dataset: str,
    execution_id: str,
    *,
    rules: Sequence[Rule] | None = None,
    partition_key: str | None = None,
    now: datetime | None = None,
) -> int:
    """Write the rows that break rules with action `dead_letter_queue` to a file; the dataset stays as it is.

    Each line is an object: `row`, `rules` (check names), `reasons` (their descriptions), `job_id`, `dataset`,
    `execution_id`, `at` (Unix seconds, UTC). The file is there whole or not at all; a second call for the
    same execution writes it again.

    Args:
        config: The configuration, under the local profile.
        job: The job.
        dataset: `target`, or the name of a source.
        execution_id: The execution that the rows belong to.
        rules: The rules; None: those of the dataset with action `dead_letter_queue`.
        partition_key: Only rows of this partition.
        now: The present moment; None: the clock.

    Returns:
        Number of rows; no file is written where there are none.

    Raises:
        UnusableRuleError: A rule picks no rows, or cannot be evaluated.
        NoLocationError, NoDataError, QueryError: The dataset cannot be read.
    """
    chosen = rules_that(job, dataset, "dead_letter_queue") if rules is None else list(rules)
    if not chosen:
        return 0
    moment = now or datetime.now(timezone.utc)
    said = {rule.check_name: rule.description for rule in chosen}
    path = dead_letter_file(config, job, dataset, execution_id)
    with open_dataset(config, job, dataset, engine="local", partition_key=partition_key) as data:
        frame = numbered_frame(data.frame, data.files)
        bad = find_bad_rows(frame, chosen, job, data.other, moment)
        names = [name for name in frame.columns if name not in (FILE_COLUMN, ROW_COLUMN)]
        row = ", ".join(f"{frame.column(name)} := {frame.column(name)}" for name in names)
        found = frame.run(
            f"SELECT to_json(struct_pack({row}))::VARCHAR, {RULES_COLUMN} FROM {frame.column(bad)} "
            f"ORDER BY {FILE_COLUMN}, {ROW_COLUMN}"
        )
    if not found:
        return 0
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.new")
    with temporary.open("w", encoding="utf-8") as file:
        for text, broken in found:
            letter = {
                # JSON has no NaN and no infinity; they are told as texts.
                "row": json.loads(text, parse_constant=str),
                "rules": broken,
                "reasons": [said[name] for name in broken],
                "job_id": job.job_id,
                "dataset": dataset,
                "execution_id": execution_id,
                "at": moment.timestamp(),
            }
            file.write(json.dumps(letter, ensure_ascii=False) + "\n")
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    return len(found)
