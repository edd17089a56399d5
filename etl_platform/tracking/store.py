"""The questions that every store answers, written once over the operations of `ItemStore`.

Times are Unix seconds UTC, ranges include both ends, lists are newest first unless said otherwise. What has
expired is never returned, even where the store has not removed it yet.

With DynamoDB, `execution` and `attempts` see every write that was acknowledged before. Every other question
reads an index and may lag behind, usually by less than a second. With SQLite none lags.
"""

import heapq
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Protocol, TypeVar

from etl_platform.tracking import tables
from etl_platform.tracking.answers import Dossier, JobCost, Page
from etl_platform.tracking.attempts import attempt_key, attempt_pointer, pointed_at
from etl_platform.tracking.changes import Change, Put
from etl_platform.tracking.costs import counted_once, to_trend
from etl_platform.tracking.errors import ChangedKeyError
from etl_platform.tracking.history import (
    by_position,
    days,
    from_cursor,
    item_position,
    position,
    side_by_side,
    spans,
    started,
    to_cursor,
)
from etl_platform.tracking.item_store import ItemStore
from etl_platform.tracking.items import R, fit, to_item, to_record
from etl_platform.tracking.items import whole as with_large_values
from etl_platform.tracking.query import Query
from etl_platform.tracking.records import (
    STATUSES,
    AgentInvocation,
    AuditRecord,
    CostTrend,
    ExecutionSummary,
    IssueRecord,
    JobExecution,
    QualityRecord,
    Status,
)
from etl_platform.tracking.tables import DAY_SECONDS, Index, Item, Table, midnight
from etl_platform.tracking.values import Record

_CLOCK_SKEW_SECONDS = DAY_SECONDS
"""How far a writer's clock may be ahead of the reader's for its executions to be listed."""

_BELONGING_SECONDS = DAY_SECONDS
"""What belongs to an execution (issues, scores, audits) is recorded at the latest this long after its end."""


class _OfExecution(Protocol):
    @property
    def execution_id(self) -> str: ...


Owned = TypeVar("Owned", bound=_OfExecution)


class TrackingStore(ItemStore):
    """Where the records of six tables are kept."""

    # Writes

    def put_execution(self, record: JobExecution) -> None:
        """Insert an execution, or replace it by a newer state of the same `execution_id`.

        A repeated write changes nothing. A stale one is ignored: `running` after a final status, or a final
        status that ended before the one that stands.

        Raises:
            ChangedKeyError: The execution stands with another `timestamp`.
        """
        standing = next(
            self._find(Query(table=tables.JOB_EXECUTIONS, key=record.execution_id, limit=1)), None
        )
        if standing and standing["timestamp"] != record.timestamp:
            raise ChangedKeyError(record.execution_id, standing["timestamp"], record.timestamp)
        changes: list[Change] = [self._put(tables.JOB_EXECUTIONS, record)]
        if record.attempt_group and (standing or {}).get("attempt_group") != record.attempt_group:
            changes.append(Put(tables.JOB_EXECUTIONS, attempt_pointer(record), "own"))
        self._write(changes)

    def count_cost(self, record: JobExecution) -> None:
        """Add an execution that ended to the cost trend of its job and day.

        It is counted once, with the figures of the first call, however often this is called.

        Raises:
            ValueError: The execution is still running.
        """
        self._write(counted_once(record))

    def put_invocation(self, record: AgentInvocation) -> None:
        """Insert an agent's invocation; a repeated write changes nothing."""
        self._write([self._put(tables.AGENT_INVOCATIONS, record)])

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
        self._write([self._put(tables.COMPLIANCE_AUDIT, record)])

    # Questions about executions

    def execution(self, execution_id: str) -> JobExecution | None:
        """The execution of that id; sees every acknowledged write."""
        items = self._find(Query(table=tables.JOB_EXECUTIONS, key=execution_id, limit=1))
        # A pointer of `attempts` has a key of the same kind.
        return next((self._record(JobExecution, item) for item in items if "status" in item), None)

    def latest_execution(self, job_name: str) -> JobExecution | None:
        """The execution of a job that started last."""
        latest = self._records(JobExecution, tables.JOB_EXECUTIONS, tables.JOB_NAME_INDEX, job_name, limit=1)
        return latest[0] if latest else None

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
        entries, following = self._listed(job_name, since, until, limit, cursor)
        items = self._whole(tables.JOB_EXECUTIONS, entries)
        return Page([self._record(JobExecution, item) for item in items], following)

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
        entries, following = self._listed(job_name, since, until, limit, cursor)
        return Page([to_record(ExecutionSummary, entry) for entry in entries], following)

    def executions_by_status(self, status: Status, since: float) -> list[JobExecution]:
        """Executions that have a status now and started at or after a time."""
        items = self._whole(tables.JOB_EXECUTIONS, list(self._history([status], since, None, None)))
        # An index that lags may still list an execution under the status that it had.
        return [self._record(JobExecution, item) for item in items if item["status"] == status]

    def attempts(self, job_name: str, attempt_group: str) -> list[JobExecution]:
        """Executions that share an attempt group.

        Sees every acknowledged write, with DynamoDB too: an execution is first written in one transaction
        with a pointer whose key is made of the job and the group, and both are read consistently. A driver
        that writes its execution before it submits a run therefore always finds that run here.
        """
        pointers = self._find(Query(table=tables.JOB_EXECUTIONS, key=attempt_key(job_name, attempt_group)))
        items = self._get(tables.JOB_EXECUTIONS, [pointed_at(pointer) for pointer in pointers])
        return sorted((self._record(JobExecution, item) for item in items), key=position)

    def most_expensive_executions(self, job_name: str, limit: int = 10) -> list[JobExecution]:
        """The executions of a job whose known cost is highest, dearest first."""
        table, index = tables.JOB_EXECUTIONS, tables.COST_INDEX
        return self._records(JobExecution, table, index, job_name, limit=limit)

    def dossier(self, execution_id: str) -> Dossier | None:
        """An execution with all that belongs to it; None where there is no such execution."""
        execution = self.execution(execution_id)
        if execution is None:
            return None
        job_name, since = execution.job_name, execution.timestamp
        until = (execution.end_time or self._clock()) + _BELONGING_SECONDS

        def own(records: Iterable[Owned]) -> list[Owned]:
            return [record for record in records if record.execution_id == execution_id]

        return Dossier(
            execution,
            self.invocations(execution_id),
            own(self.issues(job_name, since=since, until=until)),
            own(self.quality_trend(job_name, since=since, until=until)),
            own(self.audits(job_name, since=since, until=until)),
        )

    # Questions about costs; dates are UTC days, `YYYY-MM-DD`

    def cost_trend(self, job_name: str, since: str, until: str) -> list[CostTrend]:
        """What a job cost on each day of a period, oldest first; days without runs are absent."""
        index = tables.JOB_DATE_INDEX
        items = self._find(
            Query(
                table=tables.COST_TRENDS, index=index, key=job_name, low=since, high=until, newest_first=False
            )
        )
        return [to_trend(item) for item in items]

    def cost_trends(self, date: str) -> list[CostTrend]:
        """What each job cost on a day, by job name."""
        return [
            to_trend(item)
            for item in self._find(Query(table=tables.COST_TRENDS, key=date, newest_first=False))
        ]

    def most_expensive_jobs(self, since: str, until: str, limit: int = 10) -> list[JobCost]:
        """The jobs whose known cost over a period of days is highest, dearest first."""
        by_job: dict[str, list[CostTrend]] = defaultdict(list)
        for day in days(midnight(since), midnight(until)):
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
        table, index = tables.ISSUE_REGISTRY, tables.JOB_ISSUES_INDEX
        return self._records(IssueRecord, table, index, job_name, since, until)

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
        """The scores of a job's executions; of the newest `limit`, where it is given."""
        table = tables.DATA_QUALITY_HISTORY
        return self._records(QualityRecord, table, None, job_name, since, until, limit)

    def audits(
        self, job_name: str, *, since: float | None = None, until: float | None = None
    ) -> list[AuditRecord]:
        """Audits of a job."""
        table, index = tables.COMPLIANCE_AUDIT, tables.JOB_AUDIT_INDEX
        return self._records(AuditRecord, table, index, job_name, since, until)

    def invocations(self, execution_id: str) -> list[AgentInvocation]:
        """Invocations of agents for an execution."""
        table, index = tables.AGENT_INVOCATIONS, tables.EXECUTION_INDEX
        return self._records(AgentInvocation, table, index, execution_id)

    def invocations_by_agent(self, agent_name: str, since: float) -> list[AgentInvocation]:
        """Invocations of an agent at or after a time."""
        table, index = tables.AGENT_INVOCATIONS, tables.AGENT_INDEX
        return self._records(AgentInvocation, table, index, agent_name, since)

    # For export and import

    def items(self, table: Table) -> Iterator[Item]:
        """All items of a table with their large values; pointers of attempts and markers of costs too."""
        return (with_large_values(item, self._artifacts) for item in self._scan(table))

    def add_items(self, table: Table, items: Sequence[Item]) -> int:
        """Add items whose keys are free and change none that stands.

        Returns:
            How many were added.
        """
        return self._add(table, [fit(table, item, self._artifacts) for item in items])

    # Shared steps

    def _put(self, table: Table, record: Record) -> Put:
        return Put(table, to_item(table, record, self._artifacts), "new" if table.append_only else "own")

    def _put_beside(self, table: Table, record: R) -> R:
        while not self._write([put := self._put(table, record)]):
            standing = self._get(table, [table.key_of(put.item)])
            if not standing or standing[0]["execution_id"] == put.item["execution_id"]:
                return record
            record = record.model_copy(update={"timestamp": round(put.item["timestamp"] + 1e-6, 6)})
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
        entries = list(
            islice(
                self._find(Query(table=table, index=index, key=key, low=since, high=until, limit=limit)),
                limit,
            )
        )
        narrow = index is not None and index.projected is not None
        items = self._whole(table, entries) if narrow else entries
        return [self._record(record, item) for item in items]

    def _record(self, record: type[R], item: Item) -> R:
        return to_record(record, with_large_values(item, self._artifacts))

    def _whole(self, table: Table, entries: list[Item]) -> list[Item]:
        """The items of entries of a narrow index; one that is gone meanwhile is left out."""
        if self._index_carries_all:
            return entries
        keys = [table.key_of(entry) for entry in entries]
        found = {table.key_of(item): item for item in self._get(table, keys)}
        return [found[key] for key in keys if key in found]

    def _listed(
        self,
        job_name: str | None,
        since: float | None,
        until: float | None,
        limit: int,
        cursor: str | None,
    ) -> tuple[list[Item], str | None]:
        start = from_cursor(cursor)
        if start is not None:
            until = -start[0] if until is None else min(until, -start[0])
        # One more than is shown tells whether there are more; another ends the last group of equal times.
        fetched = limit + 2
        if job_name is None:
            entries = self._history(STATUSES, since, until, fetched)
        else:
            table, index = tables.JOB_EXECUTIONS, tables.JOB_NAME_INDEX
            entries = by_position(
                self._find(
                    Query(table=table, index=index, key=job_name, low=since, high=until, limit=fetched)
                )
            )
        later = (entry for entry in entries if start is None or item_position(entry) > start)
        page = list(islice(later, limit + 1))
        following = to_cursor(item_position(page[limit - 1])) if len(page) > limit else None
        return page[:limit], following

    def _history(
        self, statuses: Sequence[Status], since: float | None, until: float | None, limit: int | None
    ) -> Iterator[Item]:
        table, index = tables.JOB_EXECUTIONS, tables.STATUS_INDEX
        oldest = self._clock() - (table.ttl_days or 0) * DAY_SECONDS
        low = oldest if since is None else max(oldest, since)
        high = self._clock() + _CLOCK_SKEW_SECONDS if until is None else until

        def partition(day: str, status: Status) -> Iterator[Item]:
            entries = self._find(
                Query(table=table, index=index, key=f"{status}#{day}", low=low, high=high, limit=limit)
            )
            return started(by_position(entries))

        previous = None
        for span in spans(days(low, high)):
            asked = [(day, status) for day in span for status in statuses]
            with side_by_side(self._parallel_queries) as run:
                streams = list(run(partition, *zip(*asked, strict=True)))
            for item in heapq.merge(*streams, key=item_position):
                # An index that lags may list an execution under two statuses.
                if item["execution_id"] != previous:
                    yield item
                previous = item["execution_id"]
