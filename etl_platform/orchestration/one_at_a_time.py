"""One run of a job at a time on this machine; different partitions may be filled side by side.

A step claims its partitions in a file before it starts a run, and gives them back when it has ended. The
claim of a process that died is void; a run that it left behind is seen by its record.
"""

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import IO, Any

import dagster as dg
import psutil

from etl_platform.config.models.job import Job
from etl_platform.config.project import Config
from etl_platform.orchestration.partitions import partitions_of
from etl_platform.platforms import records
from etl_platform.platforms.errors import RunNotFoundError
from etl_platform.platforms.protocol import Platform, RunRequest
from etl_platform.tracking.store import TrackingStore

LOOK_BACK_SECONDS = 7 * 86_400.0
"""Runs that started longer ago are not looked for."""


@contextmanager
def alone(platform: Platform, request: RunRequest, store: TrackingStore) -> Iterator[None]:
    """Hold the partitions of a request while its run goes on; another run of them is refused.

    A run of the request's own attempt group is none of another: the driver takes it up.

    Raises:
        Failure: A run of the job goes on, or is about to start, that fills the same partitions, or the same
            target where the job has none. A retry can help, once it has ended.
    """
    config, job = request.config, request.job
    partitions = _keys(job, request.partition_key)
    with _claims(config, job) as (claims, write):
        living = [claim for claim in claims if _lives(claim)]
        for claim in living:
            if _overlap(partitions, claim["partitions"]):
                raise _refusal(job, claim["execution_id"], claim["claimed"], request.partition_key)
        _refuse_runs(platform, request, store, partitions)
        write([*living, _claim(request, partitions)])
    try:
        yield
    finally:
        with _claims(config, job) as (claims, write):
            write([claim for claim in claims if claim["execution_id"] != request.execution_id])


def _refuse_runs(
    platform: Platform, request: RunRequest, store: TrackingStore, partitions: list[str] | None
) -> None:
    job = request.job
    for record in store.executions_by_status("running", time.time() - LOOK_BACK_SECONDS):
        if record.job_name != job.job_id or record.job_type != platform.name:
            continue
        own = record.attempt_group is not None and record.attempt_group == request.attempt_group
        if own or not _overlap(partitions, _keys(job, record.partition_key)):
            continue
        handle = records.handle_of(record) or platform.find(
            replace(request, execution_id=record.execution_id)
        )
        try:
            if handle is None or platform.poll(handle).final:
                continue
        except RunNotFoundError:
            # Its folder is gone, and nothing that writes is left of it.
            continue
        raise _refusal(job, record.execution_id, record.timestamp, record.partition_key)


def _keys(job: Job, partition_key: str | None) -> list[str] | None:
    """The partitions of a key or of a range; None: the target as a whole."""
    if partition_key is None:
        return None
    first, dots, last = partition_key.partition("...")
    definition = partitions_of(job)
    if not dots or definition is None:
        return [partition_key]
    return list(definition.get_partition_keys_in_range(dg.PartitionKeyRange(first, last)))


def _overlap(ours: list[str] | None, theirs: list[str] | None) -> bool:
    return ours is None or theirs is None or not set(ours).isdisjoint(theirs)


def _refusal(job: Job, execution_id: str, since: float, partition_key: str | None) -> dg.Failure:
    when = datetime.fromtimestamp(since, timezone.utc)
    what = f"{job.job_id} of {partition_key}" if partition_key else job.job_id
    return dg.Failure(
        description=f"{what} is running already, since {when:%Y-%m-%d %H:%M:%S} UTC as {execution_id}, and "
        "two runs that write the same data would destroy it. Wait for its end, or stop it; "
        f"`etl-platform show {execution_id}` tells how it stands.",
        metadata={"running": dg.MetadataValue.text(execution_id)},
    )


def _claim(request: RunRequest, partitions: list[str] | None) -> dict[str, Any]:
    return {
        "execution_id": request.execution_id,
        "partitions": partitions,
        "claimed": time.time(),
        "pid": os.getpid(),
        "process_started": psutil.Process().create_time(),
    }


def _lives(claim: dict[str, Any]) -> bool:
    try:
        return psutil.Process(claim["pid"]).create_time() == claim["process_started"]
    except psutil.NoSuchProcess:
        return False


@contextmanager
def _claims(config: Config, job: Job) -> Iterator[tuple[list[dict[str, Any]], Any]]:
    """The claims on a job, and a function that replaces them; nobody else reads or writes them meanwhile."""
    folder = config.local_root / "locks"
    folder.mkdir(parents=True, exist_ok=True)
    with _locked(folder / f"{job.job_id}.json") as file:
        text = file.read()

        def write(claims: list[dict[str, Any]]) -> None:
            file.seek(0)
            file.truncate()
            file.write(json.dumps(claims))

        yield (json.loads(text) if text else []), write


@contextmanager
def _locked(path: Path) -> Iterator[IO[str]]:
    with path.open("a+", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        yield file
