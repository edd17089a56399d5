"""Milliseconds of writes and questions of tracking, against bare SQL and bare boto3 for the same rows.

    python -m etl_platform_tests.benchmarks.tracking [SQLITE_EXECUTIONS [DYNAMODB_EXECUTIONS [SECONDS]]]

The bare side runs the one statement or call that the question comes to, and turns no row into a record. Each
side has a file, or tables, of its own with the same rows, and the sides take turns. SECONDS is how long eight
processes then write to one file at once; it is counted whether anything is lost.
"""

import logging
import multiprocessing
import random
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from etl_platform.tracking.attempts import attempt_key, attempt_pointer
from etl_platform.tracking.dynamodb_values import to_attributes
from etl_platform.tracking.items import item_bytes, to_item
from etl_platform.tracking.records import (
    Alternative,
    CostBreakdown,
    DataQualityScores,
    ExecutionMetrics,
    Issue,
    JobExecution,
    PlatformDecision,
)
from etl_platform.tracking.sqlite import SqliteStore
from etl_platform.tracking.sqlite_schema import columns
from etl_platform.tracking.store import TrackingStore
from etl_platform.tracking.tables import JOB_EXECUTIONS, Item
from etl_platform_tests.tracking.stores import Clock, client, dynamodb_store

SQLITE_EXECUTIONS = 100_000
DYNAMODB_EXECUTIONS = 1_000
SECONDS = 60.0
JOBS = 200
REPEATS = 300
NOW = time.time()
SPACING = 60.0
"""Seconds between the starts of two executions: 100,000 of them are 69 days."""

PAIR = tuple[Callable[[int], Any], Callable[[int], Any]]
"""A question on both sides: ours and the bare one; each gets the number of the repeat."""


def execution(number: int) -> JobExecution:
    """An execution with everything that a run is asked to record."""
    chance = random.Random(number)
    started = NOW - number * SPACING - 3600
    return JobExecution(
        execution_id=f"exec-{number:07}",
        timestamp=started,
        job_name=f"job_{number % JOBS}",
        job_type="glue",
        status="failed" if number % 50 == 0 else "success",
        start_time=started,
        end_time=started + 600,
        duration_seconds=600.0,
        attempt=1,
        attempt_group=f"run-{number}",
        run_handle={"JobRunId": f"jr_{number:064x}"},
        platform_decision=PlatformDecision(
            selected_platform="glue",
            decision_reasoning="Cheapest of those that meet the deadline. " * 5,
            alternatives_considered=[
                Alternative(platform=name, feasible=True, reason="fits", estimated_cost_usd=chance.random())
                for name in ("glue", "emr", "emr_serverless", "batch")
            ],
        ),
        execution_metrics=ExecutionMetrics(
            data_read_gb=chance.random() * 100, data_processed_gb=50.0, records_processed=number
        ),
        cost_breakdown=CostBreakdown(total_cost_usd=chance.random() * 10, dpu_hours=1.5),
        data_quality=DataQualityScores(overall_score=99.0, quality_checks_passed=10),
        issues_detected=[
            Issue(
                issue_id=f"i{n}", severity="low", category="join", type="full_scan", description="text " * 60
            )
            for n in range(12)
        ],
    )


def main(counts: list[int] | None = None) -> None:
    """Print a line for each question."""
    sqlite_count, dynamodb_count, seconds, *_ = [*(counts or []), *_defaults(len(counts or []))]
    with tempfile.TemporaryDirectory() as folder:
        _sqlite(Path(folder), int(sqlite_count))
    _dynamodb(int(dynamodb_count))
    with tempfile.TemporaryDirectory() as folder:
        _eight_processes(Path(folder) / "tracking.db", seconds)


def _defaults(given: int) -> list[float]:
    return [SQLITE_EXECUTIONS, DYNAMODB_EXECUTIONS, SECONDS][given:]


def _sqlite(folder: Path, count: int) -> None:
    store, bare_path = SqliteStore(folder / "ours.db"), folder / "bare.db"
    SqliteStore(bare_path).init()
    bare = sqlite3.connect(bare_path, isolation_level=None)
    bare.execute("PRAGMA synchronous = FULL")
    names = columns(JOB_EXECUTIONS)
    insert = f'INSERT INTO "JobExecutions" VALUES ({", ".join("?" * (len(names) + 1))})'
    for start in range(0, count, 1000):
        items = [to_item(JOB_EXECUTIONS, execution(n), None) for n in range(start, min(start + 1000, count))]
        # As `put_execution` does, but many at once.
        pointers = [attempt_pointer(execution(n)) for n in range(start, start + len(items))]
        store.add_items(JOB_EXECUTIONS, [*items, *pointers])
    bare.execute("ATTACH ? AS ours", [str(folder / "ours.db")])
    bare.execute('INSERT INTO "JobExecutions" SELECT * FROM ours."JobExecutions"')
    bare.execute("DETACH ours")
    size = item_bytes(to_item(JOB_EXECUTIONS, execution(1), None))
    print(f"SQLite, {count:,} executions, item of {size:,} B,")
    print(f"  {(folder / 'ours.db').stat().st_size / count:,.0f} B of the file each:")

    def rows(where: str, *arguments: Any) -> list[Any]:
        return bare.execute(f'SELECT item FROM "JobExecutions" WHERE {where}', arguments).fetchall()

    def bare_write(n: int) -> None:
        item = to_item(JOB_EXECUTIONS, _new(n), None)
        bare.execute("BEGIN IMMEDIATE")
        bare.execute(insert, [*(item.get(name) for name in names), str(item)])
        bare.execute("COMMIT")

    newest = " AND timestamp <= ? ORDER BY timestamp DESC"
    failed = 'SELECT item FROM "JobExecutions" WHERE status_day = ? ORDER BY timestamp DESC'
    _compare(
        {
            "write a new execution": (lambda n: store.put_execution(_new(n)), bare_write),
            **_questions(store, count),
        },
        {
            "execution": lambda n: rows("execution_id = ?", f"exec-{n % count:07}"),
            "latest of a job": lambda n: rows(f"job_name = ?{newest} LIMIT 1", f"job_{n % JOBS}", NOW),
            "50 of a job": lambda n: rows(f"job_name = ?{newest} LIMIT 50", f"job_{n % JOBS}", NOW),
            "50 summaries of a job": lambda n: rows(f"job_name = ?{newest} LIMIT 50", f"job_{n % JOBS}", NOW),
            "50 summaries of all": lambda n: rows("1 ORDER BY rowid LIMIT 50"),
            "failed in a day": lambda n: [
                bare.execute(failed, [f"failed#{_day(NOW - k * 86_400)}"]).fetchall() for k in range(2)
            ],
            "attempts of a group": lambda n: [
                rows("execution_id = ?", attempt_key(f"job_{n % count % JOBS}", f"run-{n % count}")),
                rows("execution_id = ?", f"exec-{n % count:07}"),
            ],
            "10 dearest of a job": lambda n: rows(
                "job_name = ? ORDER BY total_cost_usd DESC LIMIT 10", f"job_{n % JOBS}"
            ),
        },
    )


def _questions(store: TrackingStore, count: int) -> dict[str, Any]:
    return {
        "execution": lambda n: store.execution(f"exec-{n % count:07}"),
        "latest of a job": lambda n: store.latest_execution(f"job_{n % JOBS}"),
        "50 of a job": lambda n: store.executions(f"job_{n % JOBS}"),
        "50 summaries of a job": lambda n: store.summaries(f"job_{n % JOBS}"),
        "50 summaries of all": lambda n: store.summaries(),
        "failed in a day": lambda n: store.executions_by_status("failed", NOW - 86_400),
        "attempts of a group": lambda n: store.attempts(f"job_{n % count % JOBS}", f"run-{n % count}"),
        "10 dearest of a job": lambda n: store.most_expensive_executions(f"job_{n % JOBS}"),
    }


def _new(number: int) -> JobExecution:
    """An execution that is not among the stored ones."""
    return execution(number).model_copy(update={"execution_id": f"new-{number:07}", "attempt_group": None})


def _day(timestamp: float) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(timestamp))


def _compare(ours: dict[str, Any], bare: dict[str, Any], repeats: int = REPEATS) -> None:
    print(f"  {'':24}{'ours p50':>10}{'p95':>9}{'bare p50':>11}{'p95':>9}  ratio of p50")
    for name, question in ours.items():
        pair: PAIR = question if isinstance(question, tuple) else (question, bare[name])
        times: tuple[list[float], list[float]] = ([], [])
        for n in range(repeats):
            for side, call in zip(times, pair, strict=True):
                start = time.perf_counter()
                call(n)
                side.append((time.perf_counter() - start) * 1000)
        (half, most), (bare_half, bare_most) = map(_percentiles, times)
        figures = f"{half:>7.3f} ms{most:>9.3f}{bare_half:>8.3f} ms{bare_most:>9.3f}"
        print(f"  {name:24}{figures}{half / bare_half:>8.1f} ×")


def _percentiles(times: list[float]) -> tuple[float, float]:
    return statistics.median(times), statistics.quantiles(times, n=20)[-1]


def _dynamodb(count: int) -> None:
    with _moto() as url:
        store = dynamodb_store(url, Clock(NOW), None, prefix="Ours")
        store.init()
        bare_store = dynamodb_store(url, Clock(NOW), None, prefix="Bare")
        bare_store.init()
        for start in range(0, count, 100):
            items = [to_item(JOB_EXECUTIONS, execution(n), None) for n in range(start, start + 100)]
            for each in (store, bare_store):
                each.add_items(JOB_EXECUTIONS, items)
        bare = client("dynamodb", url)
        table = bare_store.table_name(JOB_EXECUTIONS)

        def query(condition: str, limit: int = 50, index: str | None = None, **values: Any) -> Any:
            return bare.query(
                TableName=table,
                KeyConditionExpression=condition,
                ExpressionAttributeValues=to_attributes(
                    {f":{name}": value for name, value in values.items()}
                ),
                Limit=limit,
                ScanIndexForward=False,
                **({"IndexName": index} if index else {}),
            )

        def put(item: Item) -> None:
            bare.put_item(TableName=table, Item=to_attributes(item))

        chosen = ("execution", "latest of a job", "50 summaries of a job", "10 dearest of a job")
        questions = _questions(store, count)
        print(f"DynamoDB on moto, {count:,} executions:")
        _compare(
            {
                "write a new execution": (
                    lambda n: store.put_execution(_new(n)),
                    lambda n: put(to_item(JOB_EXECUTIONS, _new(n), None)),
                ),
                **{name: questions[name] for name in chosen},
            },
            {
                "execution": lambda n: query("execution_id = :id", 1, id=f"exec-{n % count:07}"),
                "latest of a job": lambda n: query(
                    "job_name = :job", 1, "JobNameIndex", job=f"job_{n % JOBS}"
                ),
                "50 summaries of a job": lambda n: query(
                    "job_name = :job", 50, "JobNameIndex", job=f"job_{n % JOBS}"
                ),
                "10 dearest of a job": lambda n: query(
                    "job_name = :job", 10, "CostIndex", job=f"job_{n % JOBS}"
                ),
            },
            repeats=40,
        )


@contextmanager
def _moto() -> Iterator[str]:
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_serve, args=(there,), daemon=True)
    process.start()
    try:
        yield here.recv()
    finally:
        process.terminate()
        process.join()


def _serve(pipe: Connection) -> None:
    from etl_platform_tests.tracking.stand_in import moto_server

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    with moto_server() as url:
        pipe.send(url)
        time.sleep(3600)


def _eight_processes(path: Path, seconds: float) -> None:
    command = [sys.executable, "-m", "etl_platform_tests.tracking.writers", str(path), "side_by_side", "0"]
    answer = subprocess.run([*command, str(seconds)], check=True, capture_output=True, text=True)
    acknowledged = answer.stdout.split()
    store = SqliteStore(path)
    stored = [one.execution_id for one in store.summaries("shared", limit=10_000_000).items]
    counted = sum(trend.total_executions for trend in store.cost_trend("shared", "2000-01-01", "2100-01-01"))
    lost, twice = len(set(acknowledged) - set(stored)), len(stored) - len(set(stored))
    rate = len(acknowledged) / seconds
    print(f"Eight processes on one SQLite file for {seconds:.0f} s: {rate:,.0f} executions a second,")
    print(f"  each written and counted; {lost} lost, {twice} twice, {counted - len(stored):+} counted")


if __name__ == "__main__":
    main([int(argument) for argument in sys.argv[1:]])
