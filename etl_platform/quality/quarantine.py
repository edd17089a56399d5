"""Bad rows are moved to quarantine, and the target is published again without them.

Of a target, failing rows go to `<target>_quarantine/execution_id=…/`, and the files that hold some are
written again without them, in their own format. Of a source, failing rows are copied to the job's quarantine,
the source stays as it is, and a clean copy lies beside. `local_shelf` and `s3_shelf` say why the process may
end at any point; doing it again for the same execution ends at the same.
"""

from collections.abc import Sequence
from datetime import datetime, timezone

from etl_platform.config.models.job import Job
from etl_platform.config.project import Config
from etl_platform.quality.bad_rows import RULES_COLUMN, find_bad_rows, numbered_frame, order_of
from etl_platform.quality.dataset import open_dataset
from etl_platform.quality.local_frame import LocalFrame
from etl_platform.quality.local_shelf import LocalShelf
from etl_platform.quality.locations import locate
from etl_platform.quality.quarantined import Quarantined, QuarantineError, Shelf
from etl_platform.quality.rewriting import rows_in
from etl_platform.quality.rules import TARGET, Rule, rules_that
from etl_platform.quality.s3_shelf import S3Shelf


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
        config: The configuration.
        job: The job.
        dataset: `target`, or the name of a source.
        execution_id: The execution that the rows belong to.
        rules: The rules; None: those of the dataset with action `quarantine`.
        partition_key: Only rows of this partition.
        now: The present moment; None: the clock.

    Returns:
        What was moved, under `<execution_id>-2` and so on where an earlier call moved other rows of the same
        execution; what an earlier call for the same execution moved, if this one finds no bad rows;
        None where there are no such rules or no bad rows.

    Raises:
        QuarantineError: The counts do not add up, or there is no place for the rows; nothing was published.
        UnusableRuleError: A rule picks no rows.
        NoLocationError: The dataset has no files.
        NoDataError: They are missing.
        QueryError: The engine broke off.
    """
    chosen = rules_that(job, dataset, "quarantine") if rules is None else list(rules)
    if not chosen:
        return None
    moment = now or datetime.now(timezone.utc)
    shelf = open_shelf(config, job, dataset)
    shelf.recover()
    with open_dataset(config, job, dataset, engine="local", partition_key=partition_key) as data:
        shelf.prepare(execution_id, data.files)
        frame = numbered_frame(data.frame, data.files)
        bad = find_bad_rows(frame, chosen, job, data.other, moment)
        quarantined, by_rule = _counts(frame, bad)
        if not quarantined:
            return shelf.content(execution_id)
        rows = frame.count()
        kept_as = _free_name(shelf, execution_id, rows, by_rule) if dataset == TARGET else execution_id
        published = rows_in(frame, data.files, shelf.write_clean(frame, bad))
        done = Quarantined(
            job_id=job.job_id,
            dataset=dataset,
            execution_id=kept_as,
            path=shelf.folder(kept_as),
            rows_in=rows,
            published=published,
            quarantined=quarantined,
            by_rule=by_rule,
            kept_by=order_of(list(frame.columns), job) or "file order",
            quarantined_at=moment.timestamp(),
            clean_copy=shelf.clean_copy(execution_id),
        )
        if done.rows_in != published + quarantined:
            shelf.discard()
            raise QuarantineError(
                f"{data.location.uri} has {done.rows_in} rows, but {published} clean and {quarantined} bad "
                "ones were written; it was not published. Did something write to it meanwhile?"
            )
        shelf.publish(frame, bad, done)
    return done


def open_shelf(config: Config, job: Job, dataset: str) -> Shelf:
    """Where the quarantine of a dataset stands.

    Raises:
        QuarantineError: A source is on S3, and the configuration has no place for what is taken from it.
        NoLocationError: The dataset has no files.
    """
    location = locate(dataset, job, config)
    if location.path is not None:
        path = location.path
        if dataset == TARGET:
            return LocalShelf(path.with_name(f"{path.name}_quarantine"), path)
        return LocalShelf(config.local_root / "quarantine" / job.job_id / dataset, None)
    region = config.settings.aws_region
    if dataset == TARGET:
        root = location.uri.partition("://")[2].rstrip("/")
        return S3Shelf(f"{root}_quarantine", region, of_target=True)
    artifacts = config.settings.artifacts.s3_uri
    if artifacts is None:
        raise QuarantineError(
            f"rows of {location.uri} need a place: set global_settings.artifacts.s3_uri to an s3:// prefix."
        )
    parent = f"{artifacts.partition('://')[2].rstrip('/')}/quarantine/{job.job_id}/{dataset}"
    return S3Shelf(parent, region, of_target=False)


def _free_name(shelf: Shelf, execution_id: str, rows: int, by_rule: dict[str, int]) -> str:
    """What rows are kept under: further ones of an execution must not take the place of the first."""
    name, number = execution_id, 1
    while there := shelf.content(name):
        # The same again is what a process that ended too early kept and did not take out.
        if (there.rows_in, dict(there.by_rule)) == (rows, by_rule):
            break
        number += 1
        name = f"{execution_id}-{number}"
    return name


def _counts(frame: LocalFrame, bad: str) -> tuple[int, dict[str, int]]:
    table = frame.column(bad)
    total = frame.run(f"SELECT count(*) FROM {table}")[0][0]
    rows = frame.run(
        f"SELECT name, count(*) FROM (SELECT unnest({RULES_COLUMN}) AS name FROM {table}) AS n "
        "GROUP BY name ORDER BY name"
    )
    return int(total), {name: int(count) for name, count in rows}
