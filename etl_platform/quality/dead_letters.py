"""Bad rows as JSON lines, for those who mend or count them elsewhere."""

import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from etl_platform.config.models.job import Job
from etl_platform.config.project import Config
from etl_platform.quality.bad_rows import RULES_COLUMN, find_bad_rows, numbered_frame
from etl_platform.quality.dataset import open_dataset
from etl_platform.quality.dead_letter_queue import DeadLetterError, Letter, send_to_queue
from etl_platform.quality.local_frame import FILE_COLUMN, ROW_COLUMN
from etl_platform.quality.rules import Rule, rules_that


@dataclass(frozen=True)
class DeadLetters:
    """What was sent away.

    Attributes:
        count: Number of rows.
        place: URL of the queue, or path of the file.
    """

    count: int
    place: str


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
) -> DeadLetters | None:
    """Send the rows that break rules with action `dead_letter_queue` away; the dataset stays as it is.

    Under the profile `aws` they go to the SQS queue `data_quality.dead_letter_queue_url`, under `local` to a
    file, which is there whole or not at all. Each letter is an object: `letter_id`, `row`, `rules` (check
    names), `reasons` (their descriptions), `job_id`, `dataset`, `execution_id`, `at` (Unix seconds, UTC). A
    second call for the same execution sends the same letters again.

    Args:
        config: The configuration.
        job: The job.
        dataset: `target`, or the name of a source.
        execution_id: The execution that the rows belong to.
        rules: The rules; None: those of the dataset with action `dead_letter_queue`.
        partition_key: Only rows of this partition.
        now: The present moment; None: the clock.

    Returns:
        What was sent, and where to; None where there are no such rows.

    Raises:
        UnusableRuleError: A rule picks no rows, or cannot be evaluated.
        DeadLetterError: There is no queue, or it did not take all of them.
        NoLocationError, NoDataError, QueryError: The dataset cannot be read.
    """
    chosen = rules_that(job, dataset, "dead_letter_queue") if rules is None else list(rules)
    if not chosen:
        return None
    queue_url = job.data_quality.dead_letter_queue_url
    if config.profile == "aws" and queue_url is None:
        raise DeadLetterError(
            f"rules of {job.job_id} send rows away, and there is no queue: set "
            "`data_quality.dead_letter_queue_url`, or give the rules another action."
        )
    moment = now or datetime.now(timezone.utc)
    said = {rule.check_name: rule.description for rule in chosen}
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
        return None
    letters = (
        {
            "letter_id": f"{execution_id}/{dataset}/{number}",
            # JSON has no NaN and no infinity; they are told as texts.
            "row": json.loads(text, parse_constant=str),
            "rules": broken,
            "reasons": [said[name] for name in broken],
            "job_id": job.job_id,
            "dataset": dataset,
            "execution_id": execution_id,
            "at": moment.timestamp(),
        }
        for number, (text, broken) in enumerate(found)
    )
    if config.profile == "aws" and queue_url is not None:
        return DeadLetters(send_to_queue(queue_url, letters, config.settings.aws_region), queue_url)
    path = dead_letter_file(config, job, dataset, execution_id)
    return DeadLetters(_write(path, letters), str(path))


def _write(path: Path, letters: Iterable[Letter]) -> int:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.new")
    count = 0
    with temporary.open("w", encoding="utf-8") as file:
        for letter in letters:
            file.write(json.dumps(letter, ensure_ascii=False) + "\n")
            count += 1
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    return count
