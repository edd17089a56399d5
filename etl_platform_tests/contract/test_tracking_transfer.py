"""A store is moved whole, from either kind to either kind."""

from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from etl_platform.tracking.sqlite import SqliteStore
from etl_platform.tracking.store import TrackingStore
from etl_platform.tracking.tables import TABLES
from etl_platform.tracking.transfer import export_store, import_store
from etl_platform_tests.tracking.build import an_audit, an_execution, an_invocation, an_issue, scores
from etl_platform_tests.tracking.stand_in import StandIn
from etl_platform_tests.tracking.stores import Clock, dynamodb_store


def filled(store: TrackingStore) -> TrackingStore:
    for n in range(30):
        record = an_execution(f"exec-{n}", cost=n / 7, attempt_group="g", warnings=["w" * (n * 20_000)])
        store.put_execution(record)
        store.count_cost(record)
    store.put_invocation(an_invocation())
    store.put_issue(an_issue())
    store.put_quality(scores())
    store.put_audit(an_audit())
    return store


def sqlite(folder: Path) -> SqliteStore:
    return SqliteStore(folder / "tracking.db", clock=Clock())


def contents(store: TrackingStore) -> dict[str, list[dict]]:
    return {
        table.name: sorted(store.items(table), key=lambda item: str(table.key_of(item))) for table in TABLES
    }


def test_a_store_is_moved_whole(tmp_path: Path) -> None:
    source, target = filled(sqlite(tmp_path / "a")), sqlite(tmp_path / "b")
    exported = export_store(source, tmp_path / "export")
    imported = import_store(target, tmp_path / "export")
    assert imported == {name: (count, 0) for name, count in exported.items()}
    assert contents(target) == contents(source)
    assert len(target.attempts("flights", "g")) == 30


@pytest.mark.slow
def test_from_sqlite_to_dynamodb_and_back(
    tmp_path: Path, tables_prefix: str, faulty: StandIn, no_waiting: None
) -> None:
    source = filled(sqlite(tmp_path / "a"))
    middle = dynamodb_store(faulty.url, Clock(), tmp_path / "artifacts", prefix=tables_prefix)
    faulty.fail_in_turn(
        BatchWriteItem=["unprocessed", "cut", "throttle"], BatchGetItem=["unprocessed"], Scan=["throttle"]
    )
    export_store(source, tmp_path / "first")
    import_store(middle, tmp_path / "first")
    export_store(middle, tmp_path / "second")
    target = sqlite(tmp_path / "b")
    import_store(target, tmp_path / "second")
    assert contents(middle) == contents(target) == contents(source)


def test_what_stands_in_the_target_stays(tmp_path: Path) -> None:
    source, target = filled(sqlite(tmp_path / "a")), sqlite(tmp_path / "b")
    target.put_audit(an_audit(auditor="the target's own"))
    export_store(source, tmp_path / "export")
    assert import_store(target, tmp_path / "export")["ComplianceAudit"] == (0, 1)
    assert target.audits("flights")[0].auditor == "the target's own"


def test_an_imported_execution_is_not_counted_again(tmp_path: Path) -> None:
    source, target = filled(sqlite(tmp_path / "a")), sqlite(tmp_path / "b")
    export_store(source, tmp_path / "export")
    import_store(target, tmp_path / "export")
    target.count_cost(an_execution("exec-1", cost=100))
    assert target.cost_trends("2026-11-18") == source.cost_trends("2026-11-18")


def test_figures_are_columns_for_analysis(tmp_path: Path) -> None:
    export_store(filled(sqlite(tmp_path / "a")), tmp_path / "export")
    table = pq.read_table(tmp_path / "export" / "JobExecutions.parquet")
    executions = table.filter(pc.field("status") == "success")
    assert executions.num_rows == 30
    assert sum(executions["cost_breakdown.total_cost_usd"].to_pylist()) == pytest.approx(sum(range(30)) / 7)
    assert executions["partition_key"].null_count == 30


def test_an_export_is_never_overwritten(tmp_path: Path) -> None:
    store = filled(sqlite(tmp_path / "a"))
    export_store(store, tmp_path / "export")
    with pytest.raises(FileExistsError, match=r"JobExecutions\.parquet stands already"):
        export_store(store, tmp_path / "export")


def test_a_folder_without_an_export_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="holds no whole export"):
        import_store(sqlite(tmp_path), tmp_path / "nothing")
