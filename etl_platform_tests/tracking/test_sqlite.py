import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from etl_platform.tracking import sqlite_schema
from etl_platform.tracking.errors import SchemaVersionError, StoreError, StoreUnavailableError
from etl_platform.tracking.records import ExecutionSummary
from etl_platform.tracking.sqlite import SqliteStore
from etl_platform.tracking.sqlite_schema import SCHEMA_VERSION
from etl_platform.tracking.store import TrackingStore
from etl_platform.tracking.tables import DAY_SECONDS
from etl_platform_tests.tracking.build import an_audit, an_execution, an_issue, scores
from etl_platform_tests.tracking.stores import NOW, Clock


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "tracking.db"


def acknowledged(path: Path, *arguments: str) -> list[str]:
    """Run writers in processes of their own; the execution ids that they were told are stored."""
    command = [sys.executable, "-m", "etl_platform_tests.tracking.writers", str(path), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()


def all_summaries(store: TrackingStore) -> list[ExecutionSummary]:
    return store.summaries("shared", limit=1_000_000).items


def check_nothing_lost(path: Path, written: list[str], unacknowledged: int) -> None:
    """Each acknowledged execution stands once and is counted once; few more stand than were told."""
    store = SqliteStore(path)
    stored = [summary.execution_id for summary in all_summaries(store)]
    assert len(stored) == len(set(stored))
    assert set(written) <= set(stored)
    assert len(stored) - len(written) <= unacknowledged
    counted = sum(trend.total_executions for trend in store.cost_trend("shared", "2000-01-01", "2100-01-01"))
    assert len(written) <= counted <= len(stored)
    (verdict,) = sqlite3.connect(path).execute("PRAGMA integrity_check").fetchone()
    assert verdict == "ok"


@pytest.mark.slow
def test_eight_processes_lose_nothing_and_write_nothing_twice(path: Path) -> None:
    written = acknowledged(path, "side_by_side", "40")
    assert len(written) == 8 * 40
    check_nothing_lost(path, written, unacknowledged=0)


@pytest.mark.slow
def test_writers_killed_at_random_points_lose_nothing(path: Path) -> None:
    kills = 100
    written = acknowledged(path, "killed", str(kills))
    assert written
    check_nothing_lost(path, written, unacknowledged=kills)
    store = SqliteStore(path)
    for turn in range(kills):
        ids = {attempt.execution_id for attempt in store.attempts("shared", f"writer{turn}")}
        assert ids >= {name for name in written if name.startswith(f"writer{turn}-")}


def test_threads_share_a_store(path: Path) -> None:
    store = SqliteStore(path)

    def write(n: int) -> None:
        store.put_execution(an_execution(f"exec-{n}", timestamp=NOW + n, job_name="shared"))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(40)))
    store._clock = Clock()
    assert len(all_summaries(store)) == 40


def test_commits_are_flushed_to_the_disk(path: Path) -> None:
    connection = SqliteStore(path)._connection()
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert connection.execute("PRAGMA synchronous").fetchone() == (2,)


def test_a_file_that_another_process_holds_is_unavailable(path: Path) -> None:
    SqliteStore(path).init()
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    store = SqliteStore(path, clock=Clock(), busy_seconds=0.05)
    with pytest.raises(StoreUnavailableError, match=r"tracking\.db.*locked"):
        store.put_execution(an_execution())
    other.close()
    store.put_execution(an_execution())
    assert store.execution("exec-1") == an_execution()


def test_a_folder_that_cannot_be_made_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreUnavailableError, match="Check that its folder exists"):
        SqliteStore(tmp_path / "file" / "tracking.db").put_execution(an_execution())


def test_a_file_of_another_kind_is_an_error(path: Path) -> None:
    path.write_text("this is no database, but it is long enough to be taken for one" * 100)
    with pytest.raises(StoreError, match="damaged or of another kind"):
        SqliteStore(path).latest_execution("flights")


def test_a_file_of_a_newer_version_is_refused(path: Path) -> None:
    SqliteStore(path).init()
    with sqlite3.connect(path) as connection:
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    with pytest.raises(SchemaVersionError, match=f"schema version {SCHEMA_VERSION + 1}"):
        SqliteStore(path).latest_execution("flights")


def test_init_tells_what_it_made(path: Path) -> None:
    store = SqliteStore(path)
    (planned,) = store.init(dry_run=True)
    assert (planned.aspect, planned.found, planned.made) == ("schema version", "none", False)
    assert not path.exists()
    (done,) = store.init()
    assert done.made
    assert store.init() == []


def test_an_older_file_gets_new_columns_filled_from_its_documents(path: Path) -> None:
    old = SqliteStore(path, clock=Clock())
    for n in range(3):
        old.put_execution(an_execution(f"exec-{n}", cost=float(n)))
    with sqlite3.connect(path) as connection:
        # A version that knew neither the index by cost nor the table of audits.
        connection.execute('DROP INDEX "CostIndex"')
        connection.execute('ALTER TABLE "JobExecutions" DROP COLUMN total_cost_usd')
        connection.execute('DROP TABLE "ComplianceAudit"')
        connection.execute("PRAGMA user_version = 0")
    store = SqliteStore(path, clock=Clock())
    store.put_audit(an_audit())
    assert [one.execution_id for one in store.most_expensive_executions("flights", 2)] == ["exec-2", "exec-1"]
    assert store.audits("flights") == [an_audit()]


def test_the_schema_of_this_version_is_what_it_was(path: Path) -> None:
    """Whoever changes a key or an index raises SCHEMA_VERSION, so that older files are brought up to it."""
    SqliteStore(path).init()
    with sqlite3.connect(path) as connection:
        columns = {
            table: [name for _, name, *_ in connection.execute(f'PRAGMA table_info("{table}")')]
            for (table,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")
        }
    own = ["execution_id", "version", "expires_at", "item"]
    assert (SCHEMA_VERSION, columns) == (
        1,
        {
            "JobExecutions": [
                "execution_id",
                "timestamp",
                "job_name",
                "status_day",
                "total_cost_usd",
                *own[1:],
            ],
            "AgentInvocations": ["invocation_id", "timestamp", "execution_id", "agent_name", *own[1:]],
            "IssueRegistry": ["issue_type", "timestamp", "job_name", *own],
            "CostTrends": ["date", "job_name", *own],
            "DataQualityHistory": ["job_name", "timestamp", *own],
            "ComplianceAudit": ["audit_id", "timestamp", "job_name", *own],
        },
    )


def test_a_failed_migration_changes_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    SqliteStore(path, clock=Clock()).put_execution(an_execution())
    with sqlite3.connect(path) as connection:
        connection.execute('DROP INDEX "JobNameIndex"')
        connection.execute('DROP TABLE "CostTrends"')
        connection.execute("PRAGMA user_version = 0")
    genuine = sqlite_schema._bring_up

    def failing(connection: sqlite3.Connection, table: sqlite_schema.Table) -> None:
        if table.name == "CostTrends":
            raise sqlite3.OperationalError("disk I/O error")
        genuine(connection, table)

    monkeypatch.setattr(sqlite_schema, "_bring_up", failing)
    with pytest.raises(StoreUnavailableError, match="disk I/O error"):
        SqliteStore(path).init()
    with sqlite3.connect(path) as connection:
        names = {name for (name,) in connection.execute("SELECT name FROM sqlite_schema")}
    assert not names & {"JobNameIndex", "CostTrends"}


def test_prune_removes_what_has_expired_and_its_large_values(path: Path) -> None:
    clock = Clock()
    store = SqliteStore(path, clock=clock)
    store.put_execution(an_execution(warnings=["w" * 400_000]))
    store.put_execution(an_execution("exec-2", timestamp=NOW + 50 * DAY_SECONDS, warnings=["x" * 400_000]))
    store.put_quality(scores())
    store.put_issue(an_issue())
    clock.now = NOW + 91 * DAY_SECONDS
    removed = store.prune()
    assert removed == {
        "JobExecutions": 1,
        "AgentInvocations": 0,
        "CostTrends": 0,
        "DataQualityHistory": 0,
        "ComplianceAudit": 0,
    }
    assert len(list(path.with_name("tracking.db.artifacts").rglob("*.json.gz"))) == 1
    kept = store.execution("exec-2")
    assert kept and kept.warnings == ["x" * 400_000]


def test_a_store_has_no_way_to_change_or_remove_an_audit() -> None:
    public = {name for name in dir(SqliteStore) if not name.startswith("_")}
    assert {name for name in public if "audit" in name} == {"put_audit", "audits"}
    assert not {name for name in public if name.startswith(("delete", "remove", "update"))}
