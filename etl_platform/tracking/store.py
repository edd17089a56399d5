"""The questions that every store answers, written once over a few primitive operations.

Times are Unix seconds UTC, ranges include both ends, lists are newest first unless said otherwise. What has expired
is never returned, even where the store has not removed it yet.

With DynamoDB, a question that goes by the id of an execution (`execution`, `attempts`) sees all that was acknowledged
before; every other one reads an index and may lag behind, usually by less than a second. With SQLite none lags.
"""

import hashlib
import heapq
import json
import time
from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, islice
from types import TracebackType
from typing import Any, Generic, TypeVar

from typing_extensions import Self

from etl_platform.tracking import tables
from etl_platform.tracking.artifacts import Artifacts
from etl_platform.tracking.changes import Change, Increment, Put
from etl_platform.tracking.errors import ChangedKeyError
from etl_platform.tracking.items import R, to_item, to_record
from etl_platform.tracking.records import (
    STATUSES,
    AgentInvocation,
    AuditRecord,
    CostTrend,
    ExecutionOutline,
    ExecutionSummary,
    IssueRecord,
    JobExecution,
    QualityRecord,
    Status,
)
from etl_platform.tracking.tables import DAY_SECONDS, Index, Item, Table, midnight, utc_date

T = TypeVar("T")
E = TypeVar("E", bound=ExecutionOutline)

_CLOCK_SKEW_SECONDS = DAY_SECONDS
"""How far a writer's clock may be ahead of the reader's for its executions to be listed."""

_BELONGING_SECONDS = DAY_SECONDS
"""What belongs to an execution (issues, scores, audits) is recorded at the latest this long after its end."""


@dataclass(frozen=True)
class Page(Generic[T]):
    """A part of a list.

    Attributes:
        cursor: What to ask with for the next part; None: this was the last.
    """

    items: list[T]
    cursor: str | None = None


@dataclass(frozen=True)
class JobCost:
    """What a job cost in a period.

    Attributes:
        total_cost_usd: Sum over the executions whose cost is known.
        priced_executions: How many those are.
    """

    job_name: str
    total_cost_usd: float
    total_executions: int
    priced_executions: int


@dataclass(frozen=True)
class Dossier:
    """An execution with all that belongs to it."""

    execution: JobExecution
    invocations: list[AgentInvocation]
    issues: list[IssueRecord]
    quality: list[QualityRecord]
    audits: list[AuditRecord]


class TrackingStore(ABC):
    """Where the records of six tables are kept; safe to share between threads.

    Each method raises `StoreUnavailableError` where the store cannot be reached, and `StoreError` where it refuses.
    """

    def __init__(self, artifacts: Artifacts | None, clock: Callable[[], float] = time.time):
        self._artifacts = artifacts
        self._clock = clock

    # Writes

    def put_execution(self, record: JobExecution) -> None:
        """Insert an execution, or replace it by a newer state of the same `execution_id`.

        A repeated write changes nothing. A stale one is ignored: `running` after a final status, or a final status
        that ended before the one that stands.

        Raises:
            ChangedKeyError: The execution stands with another `timestamp`.
        """
        item = to_item(tables.JOB_EXECUTIONS, record, self._artifacts)
        standing = next(self._query(tables.JOB_EXECUTIONS, None, record.execution_id, limit=1), None)
        if standing and standing["timestamp"] != record.timestamp:
            raise ChangedKeyError(record.execution_id, standing["timestamp"], record.timestamp)
        changes: list[Change] = [Put(tables.JOB_EXECUTIONS, item, "own")]
        if not standing and record.attempt_group:
            changes.append(Put(tables.JOB_EXECUTIONS, _attempt_pointer(record), "own"))
        self._write(changes)

    def count_cost(self, record: JobExecution) -> None:
        """Add an execution that ended to the cost trend of its job and day; once, however often this is called.

        Raises:
            ValueError: The execution is still running.
        """
        if record.status == "running":
            raise ValueError(
                f"execution {record.execution_id} is running: its cost is counted when it has ended."
            )
        date = utc_date(record.timestamp)
        expiry = tables.COST_TRENDS.expiry(record.timestamp)
        marker = f"counted#{record.execution_id}"
        self._write(
            [
                # In the same table, so that it expires with the trend; both parts of its key, so that no
                # partition of the table or its index holds more than one.
                Put(tables.COST_TRENDS, {"date": marker, "job_name": marker, **expiry}, "new"),
                Increment(
                    tables.COST_TRENDS,
                    {"date": date, "job_name": record.job_name, **expiry},
                    _amounts(record),
                ),
            ]
        )

    def put_invocation(self, record: AgentInvocation) -> None:
        """Insert an agent's invocation; a repeated write changes nothing."""
        self._write([Put(tables.AGENT_INVOCATIONS, self._item(tables.AGENT_INVOCATIONS, record), "new")])

    def put_issue(self, record: IssueRecord) -> IssueRecord:
        """Insert an issue, or replace it by a newer state (more `occurrences`, `resolved`).

        `execution_id` stays the one that first showed the issue.

        Returns:
            The record with the `timestamp` under which it stands: some microseconds later where another
            execution's issue has the same type and time.
        """
        return self._put_beside(tables.ISSUE_REGISTRY, record)

    def put_quality(self, record: QualityRecord) -> QualityRecord:
        """Insert the scores of an execution, or replace them.

        Returns:
            The record with the `timestamp` under which it stands, as of `put_issue`.
        """
        return self._put_beside(tables.DATA_QUALITY_HISTORY, record)

    def put_audit(self, record: AuditRecord) -> None:
        """Insert an audit; one that stands is never changed, and there is no way to remove it."""
        self._write([Put(tables.COMPLIANCE_AUDIT, self._item(tables.COMPLIANCE_AUDIT, record), "new")])

    # Questions about executions

    def execution(self, execution_id: str) -> JobExecution | None:
        """The execution of that id; sees every acknowledged write."""
        item = next(self._query(tables.JOB_EXECUTIONS, None, execution_id, limit=1), None)
        return to_record(JobExecution, item) if item else None

    def latest_execution(self, job_name: str) -> JobExecution | None:
        """The execution of a job that started last."""
        item = next(self._query(tables.JOB_EXECUTIONS, tables.JOB_NAME_INDEX, job_name, limit=1), None)
        return to_record(JobExecution, item) if item else None

    def executions(
        self,
        job_name: str | None = None,
        *,
        since: float | None = None,
        until: float | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page[JobExecution]:
        """Executions of a job, or of all, that started in a time range; whole. See `summaries` for lists."""
        return self._page(JobExecution, job_name, since, until, limit, cursor)

    def summaries(
        self,
        job_name: str | None = None,
        *,
        since: float | None = None,
        until: float | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page[ExecutionSummary]:
        """As `executions`, but of each only what a list shows, which is far cheaper to read."""
        return self._page(ExecutionSummary, job_name, since, until, limit, cursor)

    def executions_by_status(self, status: Status, since: float) -> list[JobExecution]:
        """Executions that have a status now and started at or after a time."""
        history = self._history([status], since, self._clock() + _CLOCK_SKEW_SECONDS, None, whole=True)
        # An index that lags may still list an execution under the status that it had.
        return [to_record(JobExecution, item) for item in history if item["status"] == status]

    def attempts(self, job_name: str, attempt_group: str) -> list[JobExecution]:
        """Executions that share an attempt group.

        Sees every acknowledged write, with DynamoDB too: each execution is written in one transaction with a pointer
        whose key is made of the job and the group, and both are read consistently. A driver that writes its
        execution before it submits a run therefore always finds that run here.
        """
        pointers = self._query(tables.JOB_EXECUTIONS, None, _attempt_key(job_name, attempt_group))
        keys = [(pointer["pointer_id"], pointer["pointer_timestamp"]) for pointer in pointers]
        found = [to_record(JobExecution, item) for item in self._get(tables.JOB_EXECUTIONS, keys)]
        return sorted(found, key=_order)

    def most_expensive_executions(self, job_name: str, limit: int = 10) -> list[JobExecution]:
        """The executions of a job whose known cost is highest, dearest first."""
        items = self._query(tables.JOB_EXECUTIONS, tables.COST_INDEX, job_name, limit=limit)
        return [to_record(JobExecution, item) for item in islice(items, limit)]

    def dossier(self, execution_id: str) -> Dossier | None:
        """An execution with all that belongs to it; None where there is no such execution."""
        execution = self.execution(execution_id)
        if execution is None:
            return None
        since = execution.timestamp
        until = (execution.end_time or self._clock()) + _BELONGING_SECONDS

        def own(records: Iterable[T]) -> list[T]:
            return [record for record in records if getattr(record, "execution_id", None) == execution_id]

        return Dossier(
            execution,
            self.invocations(execution_id),
            own(self.issues(execution.job_name, since=since, until=until)),
            own(self.quality_trend(execution.job_name, since=since, until=until)),
            own(self.audits(execution.job_name, since=since, until=until)),
        )

    # Questions about costs

    def cost_trend(self, job_name: str, since: str, until: str) -> list[CostTrend]:
        """What a job cost on each day (`YYYY-MM-DD`, UTC) of a period, oldest first; days without runs are absent."""
        items = self._query(
            tables.COST_TRENDS, tables.JOB_DATE_INDEX, job_name, low=since, high=until, newest_first=False
        )
        return [_trend(item) for item in items]

    def cost_trends(self, date: str) -> list[CostTrend]:
        """What each job cost on a day (`YYYY-MM-DD`, UTC), by job name."""
        return [_trend(item) for item in self._query(tables.COST_TRENDS, None, date, newest_first=False)]

    def most_expensive_jobs(self, since: str, until: str, limit: int = 10) -> list[JobCost]:
        """The jobs whose known cost over a period of days (`YYYY-MM-DD`, UTC) is highest, dearest first."""
        by_job: dict[str, list[CostTrend]] = defaultdict(list)
        for day in _days(midnight(since), midnight(until)):
            for trend in self.cost_trends(day):
                by_job[trend.job_name].append(trend)
        costs = [
            JobCost(
                job_name,
                sum(trend.total_cost_usd or 0 for trend in trends),
                sum(trend.total_executions for trend in trends),
                sum(trend.priced_executions for trend in trends),
            )
            for job_name, trends in by_job.items()
            if any(trend.total_cost_usd is not None for trend in trends)
        ]
        return sorted(costs, key=lambda cost: (-cost.total_cost_usd, cost.job_name))[:limit]

    # Questions about issues, quality, audits, agents

    def issues(
        self, job_name: str, *, since: float | None = None, until: float | None = None
    ) -> list[IssueRecord]:
        """Issues of a job that were first seen in a time range."""
        return self._records(
            IssueRecord, tables.ISSUE_REGISTRY, tables.JOB_ISSUES_INDEX, job_name, since, until
        )

    def issues_by_type(
        self, issue_type: str, *, since: float | None = None, until: float | None = None
    ) -> list[IssueRecord]:
        """Issues of a type, of all jobs."""
        return self._records(IssueRecord, tables.ISSUE_REGISTRY, None, issue_type, since, until)

    def quality_trend(
        self,
        job_name: str,
        *,
        since: float | None = None,
        until: float | None = None,
        limit: int | None = None,
    ) -> list[QualityRecord]:
        """The scores of a job's executions."""
        table = tables.DATA_QUALITY_HISTORY
        return self._records(QualityRecord, table, None, job_name, since, until, limit)

    def audits(
        self, job_name: str, *, since: float | None = None, until: float | None = None
    ) -> list[AuditRecord]:
        """Audits of a job."""
        table = tables.COMPLIANCE_AUDIT
        return self._records(AuditRecord, table, tables.JOB_AUDIT_INDEX, job_name, since, until)

    def invocations(self, execution_id: str) -> list[AgentInvocation]:
        """Invocations of agents for an execution."""
        table = tables.AGENT_INVOCATIONS
        return self._records(AgentInvocation, table, tables.EXECUTION_INDEX, execution_id)

    def invocations_by_agent(self, agent_name: str, since: float) -> list[AgentInvocation]:
        """Invocations of an agent at or after a time."""
        table = tables.AGENT_INVOCATIONS
        return self._records(AgentInvocation, table, tables.AGENT_INDEX, agent_name, since)

    # Shared steps

    def _item(self, table: Table, record: Any) -> Item:
        return to_item(table, record, self._artifacts)

    def _put_beside(self, table: Table, record: R) -> R:
        while not self._write([Put(table, item := self._item(table, record), "own")]):
            standing = self._get(table, [table.key_of(item)])
            if not standing or standing[0]["execution_id"] == item["execution_id"]:
                return record
            record = record.model_copy(update={"timestamp": round(item["timestamp"] + 1e-6, 6)})
        return record

    def _records(
        self,
        record: type[R],
        table: Table,
        index: Index | None,
        key: str,
        since: float | None = None,
        until: float | None = None,
        limit: int | None = None,
    ) -> list[R]:
        items = self._query(table, index, key, low=since, high=until, limit=limit)
        return [to_record(record, item) for item in islice(items, limit)]

    def _page(
        self,
        record: type[E],
        job_name: str | None,
        since: float | None,
        until: float | None,
        limit: int,
        cursor: str | None,
    ) -> Page[E]:
        start = _position(cursor)
        low = self._clock() - (tables.JOB_EXECUTIONS.ttl_days or 0) * DAY_SECONDS
        low = low if since is None else max(low, since)
        high = self._clock() + _CLOCK_SKEW_SECONDS if until is None else until
        high = high if start is None else min(high, -start[0])
        whole = record is JobExecution
        # One more than is shown, to know whether there are more, and one that ends the last group of equal times.
        fetched = limit + 2
        if job_name is None:
            items = self._history(STATUSES, low, high, fetched, whole=whole)
        else:
            index = tables.JOB_NAME_INDEX
            items = _by_id_within_equal_times(
                self._query(
                    tables.JOB_EXECUTIONS, index, job_name, low=low, high=high, limit=fetched, whole=whole
                )
            )
        records = (to_record(record, item) for item in items)
        later = (record for record in records if start is None or _order(record) > start)
        page = list(islice(later, limit + 1))
        more = json.dumps(_order(page[limit - 1])) if len(page) > limit else None
        return Page(page[:limit], more)

    def _history(
        self, statuses: Sequence[Status], low: float, high: float, limit: int | None, *, whole: bool
    ) -> Iterator[Item]:
        """Executions of several statuses, newest first; a lagging index lists one of them twice at the most once."""
        previous = None
        for day in reversed(list(_days(low, high))):
            streams = [
                _by_id_within_equal_times(
                    self._query(
                        tables.JOB_EXECUTIONS,
                        tables.STATUS_INDEX,
                        f"{status}#{day}",
                        low=low,
                        high=high,
                        limit=limit,
                        whole=whole,
                    )
                )
                for status in statuses
            ]
            for item in heapq.merge(*streams, key=_item_order):
                if item["execution_id"] != previous:
                    yield item
                previous = item["execution_id"]

    # What a store has to provide

    @abstractmethod
    def _write(self, changes: Sequence[Change]) -> bool:
        """Make all changes or, where the guard of one refuses, none.

        Returns:
            Whether they were made.
        """

    @abstractmethod
    def _query(
        self,
        table: Table,
        index: Index | None,
        key: str,
        *,
        low: float | str | None = None,
        high: float | str | None = None,
        newest_first: bool = True,
        limit: int | None = None,
        whole: bool = True,
    ) -> Iterator[Item]:
        """Items of one partition of a table, or of an index, ordered by its sort key.

        Args:
            low: Smallest sort key.
            high: Largest sort key.
            limit: How many the caller will take, at a guess: the size of what is read at once.
            whole: False: the attributes that the index carries are enough.
        """

    @abstractmethod
    def _get(self, table: Table, keys: Sequence[tuple[Any, Any]]) -> list[Item]:
        """The items that stand under primary keys, in no particular order; sees every acknowledged write."""

    @abstractmethod
    def items(self, table: Table) -> Iterator[Item]:
        """All items of a table as they stand, pointers and markers included, with their large values; for export."""

    @abstractmethod
    def add_items(self, table: Table, items: Sequence[Item]) -> int:
        """Add items whose keys are free, change none that stands, and return how many were added; for import."""

    @abstractmethod
    def prune(self) -> dict[str, int]:
        """Remove what has expired, where the store does not do so by itself; table name to number removed."""

    @abstractmethod
    def close(self) -> None:
        """Give up connections; the store is not used afterwards."""

    def __enter__(self) -> Self:
        """The store itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the store."""
        self.close()


def _attempt_key(job_name: str, attempt_group: str) -> str:
    return f"attempts#{job_name}#{attempt_group}"


def _attempt_pointer(record: JobExecution) -> Item:
    # It has no `job_name` and no `status_day`, so that no index lists it.
    return {
        "execution_id": _attempt_key(record.job_name, record.attempt_group or ""),
        # A number of its own for each execution, where a time could be that of two.
        "timestamp": int(hashlib.sha256(record.execution_id.encode()).hexdigest()[:12], 16),
        "pointer_id": record.execution_id,
        "pointer_timestamp": record.timestamp,
        "version": 0,
        **tables.JOB_EXECUTIONS.expiry(record.timestamp),
    }


def _amounts(record: JobExecution) -> dict[str, float]:
    cost = record.cost_breakdown.total_cost_usd if record.cost_breakdown else None
    processed = record.execution_metrics.data_processed_gb if record.execution_metrics else None
    sums = {
        "total_cost_usd": cost,
        "total_duration_seconds": record.duration_seconds,
        "total_data_processed_gb": processed,
    }
    return {
        "total_executions": 1,
        "successful_executions": int(record.status == "success"),
        "failed_executions": int(record.status in ("failed", "timeout")),
        "priced_executions": int(cost is not None),
        **{name: amount for name, amount in sums.items() if amount is not None},
    }


def _trend(item: Item) -> CostTrend:
    priced, total = item["priced_executions"], item.get("total_cost_usd")
    return to_record(CostTrend, {**item, "avg_cost_per_execution": total / priced if priced else None})


def _days(low: float, high: float) -> Iterator[str]:
    """The UTC days that a time range touches, in order."""
    if high < low:
        return
    day = midnight(utc_date(low))
    while day <= high:
        yield utc_date(day)
        day += DAY_SECONDS


def _order(record: ExecutionOutline) -> tuple[float, str]:
    return -record.timestamp, record.execution_id


def _item_order(item: Item) -> tuple[float, str]:
    return -item["timestamp"], item["execution_id"]


def _by_id_within_equal_times(items: Iterable[Item]) -> Iterator[Item]:
    """The order of a page does not hang on the order in which a store returns equal sort keys."""
    for _, group in groupby(items, key=lambda item: item["timestamp"]):
        yield from sorted(group, key=_item_order)


def _position(cursor: str | None) -> tuple[float, str] | None:
    if cursor is None:
        return None
    try:
        timestamp, execution_id = json.loads(cursor)
    except ValueError as error:
        raise ValueError(
            f"{cursor!r} is no cursor of a page: pass `Page.cursor` as it was returned."
        ) from error
    return float(timestamp), str(execution_id)
