import sqlite3
from pathlib import Path
from typing import Any

import pytest

from etl_platform.tracking.errors import StoreError, StoreUnavailableError
from etl_platform.tracking.outbox import Outbox
from etl_platform.tracking.sqlite import SqliteStore
from etl_platform_tests.tracking.build import an_audit, an_execution, an_invocation, an_issue, scores
from etl_platform_tests.tracking.stores import Clock


class UnsteadyStore(SqliteStore):
    """A store that is down when it is told to be, and remembers what it took."""

    down = False
    refusing = False

    def __init__(self, path: Path):
        super().__init__(path, clock=Clock())
        self.taken: list[str] = []

    def _write(self, changes: Any) -> bool:
        if self.down:
            raise StoreUnavailableError("no route to the store")
        if self.refusing:
            raise StoreError("not like this")
        self.taken.append(f"{changes[0].item.get('execution_id')} {changes[0].item.get('status')}")
        return super()._write(changes)


@pytest.fixture
def store(tmp_path: Path) -> UnsteadyStore:
    return UnsteadyStore(tmp_path / "tracking.db")


@pytest.fixture
def outbox(tmp_path: Path, store: UnsteadyStore) -> Outbox:
    return Outbox(tmp_path / "outbox.db", store)


def test_a_store_that_is_up_gets_the_record_and_no_file_is_made(
    tmp_path: Path, store: UnsteadyStore, outbox: Outbox
) -> None:
    assert outbox.write("put_execution", an_execution()) is None
    assert store.execution("exec-1") == an_execution()
    assert not (tmp_path / "outbox.db").exists()


def test_a_store_that_is_down_makes_a_warning(store: UnsteadyStore, outbox: Outbox) -> None:
    store.down = True
    warning = outbox.write("put_execution", an_execution())
    assert warning is not None
    assert "delivered later: no route to the store" in warning
    assert outbox.waiting() == 1


def test_what_waits_is_delivered_in_order_before_the_next(store: UnsteadyStore, outbox: Outbox) -> None:
    store.down = True
    outbox.write("put_execution", an_execution(status="running"))
    outbox.write("put_execution", an_execution(status="success"))
    store.down = False
    assert outbox.write("put_execution", an_execution("exec-2")) is None
    assert store.taken == ["exec-1 running", "exec-1 success", "exec-2 success"]
    assert outbox.waiting() == 0


def test_each_record_is_delivered_once(store: UnsteadyStore, outbox: Outbox) -> None:
    store.down = True
    outbox.write("put_execution", an_execution())
    store.down = False
    assert [outbox.deliver(), outbox.deliver()] == [1, 0]
    assert store.taken == ["exec-1 success"]


def test_every_kind_of_record_is_delivered(store: UnsteadyStore, outbox: Outbox) -> None:
    store.down = True
    outbox.write("put_execution", an_execution(cost=2))
    outbox.write("count_cost", an_execution(cost=2))
    outbox.write("put_invocation", an_invocation())
    outbox.write("put_issue", an_issue())
    outbox.write("put_quality", scores())
    outbox.write("put_audit", an_audit())
    store.down = False
    assert outbox.deliver() == 6
    dossier = store.dossier("exec-1")
    assert dossier is not None
    assert (dossier.invocations, dossier.issues) == ([an_invocation()], [an_issue()])
    assert (dossier.quality, dossier.audits) == ([scores()], [an_audit()])
    assert store.cost_trends("2026-11-18")[0].total_cost_usd == 2


def test_a_store_that_is_still_down_keeps_all(store: UnsteadyStore, outbox: Outbox) -> None:
    store.down = True
    outbox.write("put_execution", an_execution())
    with pytest.raises(StoreUnavailableError):
        outbox.deliver()
    assert outbox.waiting() == 1


def test_a_record_that_is_refused_for_good_holds_back_no_other(store: UnsteadyStore, outbox: Outbox) -> None:
    store.down = True
    outbox.write("put_audit", an_audit())
    store.down, store.refusing = False, True
    assert outbox.deliver() == 0
    store.refusing = False
    assert outbox.write("put_execution", an_execution()) is None
    assert (outbox.waiting(), outbox.refused()) == (0, 1)


def test_while_another_process_delivers_a_record_waits_its_turn(
    tmp_path: Path, store: UnsteadyStore, outbox: Outbox
) -> None:
    store.down = True
    outbox.write("put_execution", an_execution(status="running"))
    store.down = False
    other = sqlite3.connect(tmp_path / "outbox.db.lock", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    assert "earlier records" in (outbox.write("put_execution", an_execution()) or "")
    other.close()
    outbox.deliver()
    assert store.taken == ["exec-1 running", "exec-1 success"]


def test_an_outbox_that_cannot_be_written_is_an_error(tmp_path: Path, store: UnsteadyStore) -> None:
    (tmp_path / "file").write_text("")
    store.down = True
    with pytest.raises(StoreError, match="the outbox cannot be used"):
        Outbox(tmp_path / "file" / "outbox.db", store).write("put_execution", an_execution())
