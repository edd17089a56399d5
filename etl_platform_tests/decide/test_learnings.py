"""Learnings of similar jobs: what is alike, where it is kept, and what it changes in a decision."""

from collections.abc import Iterator
from math import sqrt
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from etl_platform.config.models.global_settings import GlobalSettings
from etl_platform.config.models.job import Job
from etl_platform.config.project import Config
from etl_platform.decide.cold_start import estimate_seconds, work_of
from etl_platform.decide.learning_storage import LearningStorageError, open_storage
from etl_platform.decide.learning_vectors import LearningVector, Traits, distance, similarity, vector_of
from etl_platform.decide.options import PlatformOption
from etl_platform.decide.plan import Plan, plan_job
from etl_platform.decide.size import Size, glue
from etl_platform.tracking.records import JobExecution, PlatformDecision, WorkloadCharacteristics
from etl_platform.tracking.sqlite import SqliteStore
from etl_platform.workload.model import Workload
from etl_platform_tests.decide.builders import NOW

DAY = 86_400.0
HEAVY = 28.0
"""So many times what physics expects, the jobs of these tests take."""


def traits(**changed: Any) -> Traits:
    given = {
        "data_gb": 50.0,
        "shuffle_gb": 0.0,
        "files": 0,
        "sources": 1,
        "joins": 0,
        "operations": 0,
        "complexity": "simple",
        "kind": "sql",
    }
    return Traits.model_validate({**given, **changed})


def cosine(one: list[float], other: list[float]) -> float:
    dot = sum(a * b for a, b in zip(one, other, strict=True))
    return dot / sqrt(sum(a * a for a in one)) / sqrt(sum(b * b for b in other))


def test_cosine_on_raw_units_sees_only_the_largest_while_scaled_distance_sees_all():
    plain = traits(data_gb=50.0, files=400)
    tangled = traits(data_gb=50.0, files=400, joins=12, operations=20, sources=13, complexity="complex")
    tenfold = traits(data_gb=500.0, files=400)

    def raw(one: Traits) -> list[float]:
        assert one.data_gb and one.files is not None and one.joins is not None and one.operations is not None
        return [one.data_gb * 2**30, one.files, one.joins, one.operations, one.sources]

    assert cosine(raw(plain), raw(tangled)) > 0.999_999
    assert cosine(raw(plain), raw(tenfold)) > 0.999_999
    assert similarity(plain, tangled) < 0.2
    assert similarity(plain, tangled) < similarity(plain, tenfold) < 0.9


def test_a_factor_counts_the_same_at_any_size_and_unknown_traits_do_not_count():
    assert distance(traits(data_gb=1.0), traits(data_gb=4.0)) == pytest.approx(
        distance(traits(data_gb=256.0), traits(data_gb=1024.0))
    )
    assert similarity(traits(), traits(joins=None, files=None, shuffle_gb=None)) == 1
    assert similarity(traits(), traits(kind="python")) < 1


def a_job(job_id: str = "orders", size_gb: float = 50.0, **sections: Any) -> Job:
    source = {
        "name": "orders",
        "source_type": "redshift",
        "cluster": "c",
        "database": "d",
        "table": "orders",
        "size_gb": size_gb,
    }
    return Job.model_validate(
        {
            "job_id": job_id,
            "execution": {"sql": "select * from orders", "timeout_minutes": 30.0},
            "platform": {"allowed_platforms": ["glue"], "auto_select_platform": True, "worker_type": "G.1X"},
            "cost": {"optimization_priority": "cost"},
            "data_sources": [source],
            **sections,
        }
    )


def a_config(folder: Path, *jobs: Job, **settings: Any) -> Config:
    given = {"feature_flags": {"enable_auto_size_detection": False}, **settings}
    return Config(
        path=folder / "etl_config.json",
        jobs=jobs,
        settings=GlobalSettings.model_validate(given),
        profile="aws",
    )


def takes(size: Size, workload: Workload) -> float:
    """What a run of these jobs really takes."""
    seconds = estimate_seconds(work_of(workload), size)
    assert seconds
    return 60 + HEAVY * (seconds - 60)


def ran(job_id: str, size: Size, seconds: float, number: int = 0, gb: float = 50.0) -> JobExecution:
    return JobExecution(
        execution_id=f"exec-{job_id}-{number}",
        timestamp=NOW - (number + 1) * DAY,
        job_name=job_id,
        job_type="glue",
        status="success",
        duration_seconds=seconds,
        platform_decision=PlatformDecision(selected_platform="glue", size=size.record()),
        workload_characteristics=WorkloadCharacteristics(data_volume_gb=gb),
    )


def planned(folder: Path, job: Job, config: Config) -> Plan:
    return plan_job(config, job, SqliteStore(folder / "tracking.db", clock=lambda: NOW), now=NOW)


def selected(plan: Plan) -> PlatformOption:
    assert plan.decision, plan.refusal
    return plan.decision.selected


def test_five_runs_of_its_own_turn_a_decision_that_misses_the_deadline_into_one_that_meets_it(tmp_path):
    job = a_job()
    config = a_config(tmp_path, job)
    store = SqliteStore(tmp_path / "tracking.db", clock=lambda: NOW)
    before = planned(tmp_path, job, config)
    chosen = selected(before).size
    assert chosen
    limit = job.execution.timeout_minutes * 60
    assert takes(chosen, before.workload) > limit
    for number in range(5):
        store.put_execution(ran("orders", chosen, takes(chosen, before.workload), number))
    after = planned(tmp_path, job, config)
    better = selected(after).size
    assert better and after.decision and after.decision.learned_from == 5
    assert takes(better, after.workload) < limit


def recorded(config: Config, job: Job, plan: Plan, sizes: list[Size]) -> None:
    storage = open_storage(config)
    for number, size in enumerate(sizes):
        run = ran(job.job_id, size, takes(size, plan.workload), number, gb=60.0)
        storage.write(vector_of(run, job, plan.workload))


def similar_runs(folder: Path, count: int, **settings: Any) -> tuple[Plan, Plan]:
    """The plans of a job that never ran, before and after `count` runs of a similar job are stored."""
    new, old = a_job("fresh"), a_job("seasoned", size_gb=60.0)
    storage = {"learning_storage": {"type": "local", "path": str(folder / "vectors")}}
    config = a_config(folder, new, old, **storage, **settings)
    before = planned(folder, new, config)
    sizes = [glue("G.1X", workers) for workers in (5, 10, 20, 10, 20)]
    recorded(config, old, planned(folder, old, config), sizes[:count])
    return before, planned(folder, new, config)


def test_five_runs_of_a_similar_job_do_so_for_a_job_that_never_ran(tmp_path):
    before, after = similar_runs(tmp_path, 5)
    first, then = selected(before), selected(after)
    assert first.size and then.size
    limit = 30 * 60
    assert takes(first.size, before.workload) > limit
    assert takes(then.size, after.workload) < limit
    assert first.figures.seconds and then.figures.seconds
    early = takes(first.size, before.workload) / first.figures.seconds
    late = takes(then.size, after.workload) / then.figures.seconds
    assert early > 8
    assert 1 / 2 < late < 2
    assert any("5 runs of similar jobs (seasoned)" in note for note in after.notes)
    assert before.decision and after.decision and before.decision.fingerprint != after.decision.fingerprint


@pytest.mark.parametrize(
    ("count", "settings"),
    [
        (4, {}),
        (5, {"enable_agent_learning": False}),
        (5, {"agents": {"learning_agent": {"enabled": False}}}),
        (5, {"agents": {"learning_agent": {"min_history_samples": 6}}}),
        (5, {"agents": {"learning_agent": {"similarity_threshold": 1.0}}}),
    ],
)
def test_too_few_or_unlike_runs_and_learning_that_is_off_change_nothing(tmp_path, count, settings):
    before, after = similar_runs(tmp_path, count, **settings)
    assert before.decision == after.decision


def test_a_job_with_enough_runs_of_its_own_borrows_none(tmp_path):
    job = a_job("fresh")
    store = SqliteStore(tmp_path / "tracking.db", clock=lambda: NOW)
    for number in range(5):
        store.put_execution(ran("fresh", glue("G.1X", 10), 700.0, number))
    _, after = similar_runs(tmp_path, 5)
    assert job.job_id == after.job.job_id
    assert after.situation.history.borrowed == ()


def a_vector(number: int = 0, **changed: Any) -> LearningVector:
    run = ran("orders", glue("G.1X", 10), 100.0, number)
    vector = vector_of(run, a_job(), Workload.model_validate(EMPTY))
    return vector.model_copy(update=changed)


EMPTY = {
    "job_id": "orders",
    "query_pattern": "batch",
    "volume_gb": 50.0,
    "volume_from": "declared",
    "volume_unknown": (),
    "stream_gb_per_hour": None,
    "file_count": None,
    "complexity": "simple",
    "complexity_reasons": (),
}


def test_vectors_come_back_from_a_folder_newest_first_and_the_old_ones_do_not(tmp_path):
    storage = open_storage(a_config(tmp_path, a_job()))
    assert storage.latest(0) == []
    kept = [a_vector(number) for number in range(3)]
    locations = [storage.write(vector) for vector in reversed(kept)]
    assert Path(locations[0]).parent.parent == tmp_path / ".etl_platform" / "learning"
    assert storage.latest(NOW - 30 * DAY) == kept
    assert storage.latest(NOW - DAY) == kept[:1]


def test_a_file_that_is_no_vector_is_named_and_the_plan_goes_on(tmp_path):
    job = a_job()
    config = a_config(tmp_path, job)
    bad = Path(open_storage(config).write(a_vector()))
    bad.write_text("{}")
    with pytest.raises(LearningStorageError, match=f"{bad.name} is no learning vector"):
        open_storage(config).latest(0)
    notes = planned(tmp_path, job, config).notes
    assert any("nothing is learned from similar jobs" in note for note in notes)


def test_s3_under_the_local_profile_is_a_folder_and_needs_a_bucket(tmp_path):
    settings = {"learning_storage": {"type": "s3", "bucket": "vectors", "prefix": "learn"}}
    config = Config(
        path=tmp_path / "etl_config.json", jobs=(a_job(),), settings=GlobalSettings.model_validate(settings)
    )
    location = open_storage(config).write(a_vector())
    assert location.startswith(str(tmp_path / ".etl_platform" / "s3" / "vectors" / "learn"))
    with pytest.raises(LearningStorageError, match="needs a `bucket`"):
        open_storage(a_config(tmp_path, a_job(), learning_storage={"type": "s3"}))


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    server = ThreadedMotoServer(port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.mark.slow
def test_vectors_come_back_from_s3(tmp_path, s3, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    place = {"learning_storage": {"type": "s3", "bucket": "vectors", "prefix": "learn"}}
    storage = open_storage(a_config(tmp_path, a_job(), aws_region="us-east-1", **place))
    with pytest.raises(LearningStorageError, match="s3://vectors/learn"):
        storage.write(a_vector())
    boto3.client("s3", region_name="us-east-1").create_bucket(Bucket="vectors")
    kept = [a_vector(number) for number in range(3)]
    locations = [storage.write(vector) for vector in kept]
    assert locations[0].startswith("s3://vectors/learn/2026-09-2") and locations[0].endswith(
        "/exec-orders-0.json"
    )
    assert storage.latest(NOW - 30 * DAY) == kept
    assert storage.latest(NOW - DAY) == kept[:1]
