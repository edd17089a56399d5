"""What every tracking store promises: SQLite, and DynamoDB behind a stand-in that fails now and then."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from etl_platform.tracking.answers import JobCost
from etl_platform.tracking.errors import ChangedKeyError, MissingArtifactError
from etl_platform.tracking.records import ExecutionSummary, Issue, JobExecution
from etl_platform.tracking.sqlite import SqliteStore
from etl_platform.tracking.store import TrackingStore
from etl_platform.tracking.tables import DAY_SECONDS
from etl_platform_tests.tracking.build import (
    an_audit,
    an_execution,
    an_invocation,
    an_issue,
    processed,
    scores,
)
from etl_platform_tests.tracking.stand_in import StandIn
from etl_platform_tests.tracking.stores import NOW, Clock, dynamodb_store


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=["sqlite", pytest.param("dynamodb", marks=pytest.mark.slow)])
def store(request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> Iterator[TrackingStore]:
    if request.param == "sqlite":
        made = SqliteStore(tmp_path / "tracking.db", clock=clock)
        made.init()
    else:
        request.getfixturevalue("no_waiting")
        faulty: StandIn = request.getfixturevalue("faulty")
        prefix = request.getfixturevalue("tables_prefix")
        made = dynamodb_store(faulty.url, clock, tmp_path / "tracking.db.artifacts", prefix=prefix)
        faulty.fail_in_turn(
            PutItem=["cut", "throttle"],
            TransactWriteItems=["conflict", "cut", "throttle"],
            BatchGetItem=["unprocessed", "throttle"],
            BatchWriteItem=["unprocessed", "cut", "throttle"],
            Query=["throttle"],
        )
    with made:
        yield made


def ids(records: list[JobExecution] | list[ExecutionSummary]) -> list[str]:
    return [record.execution_id for record in records]


def test_an_execution_is_read_as_it_was_written(store: TrackingStore) -> None:
    record = an_execution(
        cost=0.1 + 0.2, run_handle={"id": "jr_1", "n": [1, 2.5, None]}, tags={"team": "data"}
    )
    store.put_execution(record)
    assert store.execution("exec-1") == record


def test_an_unknown_execution_is_none(store: TrackingStore) -> None:
    assert store.execution("exec-0") is None
    assert store.latest_execution("flights") is None
    assert store.dossier("exec-0") is None


def test_a_newer_state_replaces_the_older(store: TrackingStore) -> None:
    store.put_execution(an_execution(status="running"))
    store.put_execution(an_execution(status="success"))
    assert ids(store.executions("flights").items) == ["exec-1"]
    assert store.execution("exec-1") == an_execution(status="success")


def test_running_after_a_final_status_is_ignored(store: TrackingStore) -> None:
    store.put_execution(an_execution(status="failed"))
    store.put_execution(an_execution(status="running"))
    assert store.execution("exec-1") == an_execution(status="failed")


def test_an_older_final_status_is_ignored(store: TrackingStore) -> None:
    store.put_execution(an_execution(status="success", end_time=NOW))
    store.put_execution(an_execution(status="timeout", end_time=NOW - 1))
    assert store.execution("exec-1") == an_execution(status="success", end_time=NOW)


def test_a_final_record_can_be_enriched(store: TrackingStore) -> None:
    store.put_execution(an_execution())
    store.put_execution(an_execution(cost=2.0))
    assert store.execution("exec-1") == an_execution(cost=2.0)


def test_a_changed_timestamp_is_refused(store: TrackingStore) -> None:
    store.put_execution(an_execution(status="running"))
    with pytest.raises(ChangedKeyError, match="exec-1: its timestamp is part of its key"):
        store.put_execution(an_execution(timestamp=NOW))


def test_latest_execution_is_the_one_that_started_last(store: TrackingStore) -> None:
    for age in (300, 100, 200):
        store.put_execution(an_execution(f"exec-{age}", timestamp=NOW - age))
    store.put_execution(an_execution("other", timestamp=NOW, job_name="carriers"))
    latest = store.latest_execution("flights")
    assert latest and latest.execution_id == "exec-100"


@pytest.mark.parametrize("job_name", ["flights", None])
def test_pages_hold_each_execution_once_newest_first(store: TrackingStore, job_name: str | None) -> None:
    # Groups of three at the same moment, over two days, in several states.
    statuses = ("success", "failed", "running")
    for n in range(12):
        timestamp = NOW - (n // 3) * 20_000
        store.put_execution(an_execution(f"exec-{n:02}", timestamp=timestamp, status=statuses[n % 3]))
    pages, cursor = [], None
    while not pages or cursor:
        page = store.executions(job_name, limit=5, cursor=cursor)
        pages.append(ids(page.items))
        cursor = page.cursor
    assert [len(page) for page in pages] == [5, 5, 2]
    assert [each for page in pages for each in page] == [f"exec-{n:02}" for n in range(12)]


@pytest.mark.parametrize("job_name", ["flights", None])
def test_a_time_range_includes_both_ends(store: TrackingStore, job_name: str | None) -> None:
    for age in (1, 2, 3, 4):
        store.put_execution(an_execution(f"exec-{age}", timestamp=NOW - age))
    page = store.executions(job_name, since=NOW - 3, until=NOW - 2)
    assert ids(page.items) == ["exec-2", "exec-3"]


def test_an_empty_time_range_has_nothing(store: TrackingStore) -> None:
    store.put_execution(an_execution())
    assert store.executions("flights", since=NOW, until=NOW - 1000).items == []
    assert store.executions(since=NOW, until=NOW - 1000).items == []


def test_a_text_that_is_no_cursor_is_refused(store: TrackingStore) -> None:
    with pytest.raises(ValueError, match="is no cursor of a page"):
        store.executions("flights", cursor="exec-1")


def test_summaries_carry_what_a_list_shows(store: TrackingStore) -> None:
    record = an_execution(cost=1.5, attempt=2, partition_key="2026-11-18", job_type="glue")
    store.put_execution(record)
    expected = ExecutionSummary(
        execution_id="exec-1",
        timestamp=NOW - 100,
        job_name="flights",
        job_type="glue",
        status="success",
        end_time=NOW - 40,
        duration_seconds=60,
        partition_key="2026-11-18",
        attempt=2,
        total_cost_usd=1.5,
    )
    assert store.summaries("flights").items == store.summaries().items == [expected]


def test_executions_by_status_cross_midnight(store: TrackingStore) -> None:
    store.put_execution(an_execution("today", status="failed", timestamp=NOW))
    store.put_execution(an_execution("yesterday", status="failed", timestamp=NOW - DAY_SECONDS))
    store.put_execution(an_execution("too old", status="failed", timestamp=NOW - 2 * DAY_SECONDS))
    store.put_execution(an_execution("well", status="success", timestamp=NOW))
    found = store.executions_by_status("failed", NOW - 1.5 * DAY_SECONDS)
    assert ids(found) == ["today", "yesterday"]


def test_an_execution_leaves_its_former_status(store: TrackingStore) -> None:
    store.put_execution(an_execution(status="running"))
    store.put_execution(an_execution(status="success"))
    assert store.executions_by_status("running", NOW - 1000) == []


def test_attempts_are_those_of_the_job_and_group(store: TrackingStore) -> None:
    for n in range(3):
        store.put_execution(
            an_execution(f"exec-{n}", timestamp=NOW - n, status="running", attempt_group="run1/flights")
        )
    store.put_execution(an_execution("other job", job_name="carriers", attempt_group="run1/flights"))
    store.put_execution(an_execution("other group", attempt_group="run2/flights"))
    assert ids(store.attempts("flights", "run1/flights")) == ["exec-0", "exec-1", "exec-2"]


def test_an_attempt_is_seen_in_its_newest_state(store: TrackingStore) -> None:
    store.put_execution(an_execution(status="running", attempt_group="g"))
    store.put_execution(an_execution(status="running", attempt_group="g", run_handle={"id": "jr_1"}))
    (attempt,) = store.attempts("flights", "g")
    assert attempt.run_handle == {"id": "jr_1"}


def test_attempts_that_start_at_the_same_moment_are_all_found(store: TrackingStore) -> None:
    for n in range(3):
        store.put_execution(an_execution(f"exec-{n}", attempt_group="g"))
    assert ids(store.attempts("flights", "g")) == ["exec-0", "exec-1", "exec-2"]


def test_the_dearest_executions_come_first_and_unpriced_ones_not_at_all(store: TrackingStore) -> None:
    for n, cost in enumerate([0.5, None, 2.0, 1.0]):
        store.put_execution(an_execution(f"exec-{n}", cost=cost))
    assert ids(store.most_expensive_executions("flights", limit=2)) == ["exec-2", "exec-3"]


def test_an_execution_is_counted_once(store: TrackingStore) -> None:
    for _ in range(5):
        store.count_cost(an_execution(cost=0.25, execution_metrics=processed(2)))
    (trend,) = store.cost_trend("flights", "2026-11-01", "2026-11-30")
    assert trend.model_dump() == {
        "date": "2026-11-18",
        "job_name": "flights",
        "total_executions": 1,
        "successful_executions": 1,
        "failed_executions": 0,
        "priced_executions": 1,
        "total_cost_usd": 0.25,
        "avg_cost_per_execution": 0.25,
        "total_duration_seconds": 60,
        "total_data_processed_gb": 2,
    }


def test_the_average_is_over_the_executions_whose_cost_is_known(store: TrackingStore) -> None:
    store.count_cost(an_execution("exec-1", cost=0.5))
    store.count_cost(an_execution("exec-2", cost=1.0))
    store.count_cost(an_execution("exec-3", status="failed"))
    (trend,) = store.cost_trends("2026-11-18")
    assert (trend.total_executions, trend.failed_executions, trend.priced_executions) == (3, 1, 2)
    assert (trend.total_cost_usd, trend.avg_cost_per_execution) == (1.5, 0.75)


def test_a_sum_of_nothing_known_is_unknown(store: TrackingStore) -> None:
    store.count_cost(an_execution())
    (trend,) = store.cost_trends("2026-11-18")
    assert (trend.total_cost_usd, trend.avg_cost_per_execution, trend.total_data_processed_gb) == (None,) * 3


def test_a_running_execution_is_not_counted(store: TrackingStore) -> None:
    with pytest.raises(ValueError, match="exec-1 is running"):
        store.count_cost(an_execution(status="running"))


def test_costs_by_job_over_a_period(store: TrackingStore) -> None:
    for n in range(3):
        store.count_cost(an_execution(f"a{n}", job_name="flights", cost=1.0, timestamp=NOW - n * DAY_SECONDS))
    store.count_cost(an_execution("b", job_name="carriers", cost=2.5))
    store.count_cost(an_execution("c", job_name="unpriced"))
    assert store.most_expensive_jobs("2026-11-16", "2026-11-18") == [
        JobCost("flights", 3.0, 3, 3),
        JobCost("carriers", 2.5, 1, 1),
    ]
    assert [trend.date for trend in store.cost_trend("flights", "2026-11-16", "2026-11-17")] == [
        "2026-11-16",
        "2026-11-17",
    ]
    assert [trend.job_name for trend in store.cost_trends("2026-11-18")] == [
        "carriers",
        "flights",
        "unpriced",
    ]


def test_issues_of_equal_type_and_time_stand_beside_each_other(store: TrackingStore) -> None:
    first = store.put_issue(an_issue("exec-1"))
    second = store.put_issue(an_issue("exec-2", job_name="carriers"))
    assert second.timestamp != first.timestamp
    assert store.issues_by_type("full_scan") == [second, first]
    assert store.issues("carriers") == [second]


def test_a_repeated_issue_stands_once(store: TrackingStore) -> None:
    store.put_issue(an_issue("exec-2"))
    stored = [store.put_issue(an_issue("exec-1")) for _ in range(3)]
    assert stored[0] == stored[1] == stored[2]
    assert len(store.issues("flights")) == 2


def test_a_resolved_issue_stays_resolved(store: TrackingStore) -> None:
    resolved = an_issue(resolved=True, occurrences=2, resolution_timestamp=NOW)
    store.put_issue(an_issue())
    store.put_issue(resolved)
    store.put_issue(an_issue(occurrences=3))
    assert store.issues("flights", since=NOW - 60, until=NOW) == [resolved]


def test_issues_in_a_time_range(store: TrackingStore) -> None:
    for age in (10, 20, 30):
        store.put_issue(an_issue(issue_type=f"type{age}", timestamp=NOW - age))
    assert [issue.issue_type for issue in store.issues("flights", since=NOW - 25)] == ["type10", "type20"]


def test_quality_trend_is_newest_first(store: TrackingStore) -> None:
    kept = [store.put_quality(scores(f"exec-{n}", timestamp=NOW - n, overall_score=90 + n)) for n in range(4)]
    assert store.quality_trend("flights", limit=2) == kept[:2]
    assert store.quality_trend("flights", since=NOW - 3, until=NOW - 2) == kept[2:]


def test_scores_of_two_executions_at_one_moment_are_both_kept(store: TrackingStore) -> None:
    store.put_quality(scores("exec-1"))
    store.put_quality(scores("exec-2"))
    assert {record.execution_id for record in store.quality_trend("flights")} == {"exec-1", "exec-2"}


def test_an_audit_is_never_changed(store: TrackingStore) -> None:
    store.put_audit(an_audit())
    store.put_audit(an_audit(auditor="somebody else"))
    assert store.audits("flights") == [an_audit()]


def test_invocations_of_an_execution_and_of_an_agent(store: TrackingStore) -> None:
    first = an_invocation("call-1", output_response={"why": ["cheap", {"usd": 0.1}]})
    second = an_invocation("call-2", timestamp=NOW, agent_name="quality_agent")
    other = an_invocation("call-3", execution_id="exec-2")
    for record in (first, second, other):
        store.put_invocation(record)
    assert store.invocations("exec-1") == [second, first]
    agents = store.invocations_by_agent("decision_agent", NOW - 1000)
    assert {record.invocation_id for record in agents} == {"call-1", "call-3"}


def test_a_dossier_holds_what_belongs_to_the_execution(store: TrackingStore) -> None:
    store.put_execution(an_execution())
    store.put_execution(an_execution("exec-2"))
    for execution_id in ("exec-1", "exec-2"):
        store.put_invocation(an_invocation(f"call of {execution_id}", execution_id=execution_id))
        store.put_issue(an_issue(execution_id, issue_type=f"type of {execution_id}"))
        store.put_quality(scores(execution_id))
        store.put_audit(an_audit(f"audit of {execution_id}", execution_id=execution_id))
    dossier = store.dossier("exec-1")
    assert dossier is not None
    belonging = [*dossier.invocations, *dossier.issues, *dossier.quality, *dossier.audits]
    assert [record.execution_id for record in belonging] == ["exec-1"] * 4


def test_what_has_expired_is_not_returned(store: TrackingStore, clock: Clock) -> None:
    store.put_execution(an_execution(attempt_group="g", cost=1.0))
    store.put_invocation(an_invocation())
    store.put_issue(an_issue())
    store.put_quality(scores())
    store.put_audit(an_audit())
    store.count_cost(an_execution(cost=1.0))
    clock.now = NOW + 91 * DAY_SECONDS
    assert store.execution("exec-1") is None
    assert store.executions("flights").items == store.attempts("flights", "g") == []
    assert store.invocations("exec-1") == []
    assert len(store.quality_trend("flights")) == len(store.cost_trends("2026-11-18")) == 1
    clock.now = NOW + 366 * DAY_SECONDS
    assert store.quality_trend("flights") == store.cost_trends("2026-11-18") == []
    assert len(store.audits("flights")) == len(store.issues("flights")) == 1
    clock.now = NOW + 2558 * DAY_SECONDS
    assert store.audits("flights") == []
    assert len(store.issues("flights")) == 1


def large_issues() -> list[Issue]:
    return [
        Issue(issue_id=str(n), severity="low", category="style", type="x", description=f"{n}" * 800)
        for n in range(1000)
    ]


def test_large_lists_are_never_cut(store: TrackingStore) -> None:
    record = an_execution(issues_detected=large_issues(), warnings=["w" * 700_000])
    store.put_execution(record)
    assert store.execution("exec-1") == record
    assert store.executions("flights").items == [record]
    assert store.summaries("flights").items[0].execution_id == "exec-1"


def test_a_lost_artifact_is_an_error_that_names_it(store: TrackingStore, tmp_path: Path) -> None:
    store.put_execution(an_execution(issues_detected=large_issues()))
    (artifact,) = (tmp_path / "tracking.db.artifacts").rglob("*.json.gz")
    artifact.unlink()
    with pytest.raises(MissingArtifactError, match=r"issues_detected-\w+\.json\.gz"):
        store.execution("exec-1")
    assert store.summaries("flights").items[0].status == "success"


def test_more_than_a_page_of_everything_is_read(store: TrackingStore) -> None:
    # A page of DynamoDB ends at 1 MB.
    for n in range(8):
        store.put_invocation(an_invocation(f"call-{n}", input_parameters={"text": "x" * 200_000}))
    assert len(store.invocations("exec-1")) == 8


def test_ready_means_that_nothing_differs(store: TrackingStore) -> None:
    assert store.init(dry_run=True) == store.init() == []
