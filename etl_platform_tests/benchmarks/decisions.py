"""Decisions a second, and the plan of many jobs.

`python -m etl_platform_tests.benchmarks.decisions [--jobs N] [--runs N]`
"""

import argparse
import tempfile
import time
from pathlib import Path

from etl_platform.config.models.global_settings import GlobalSettings
from etl_platform.config.models.job import Job
from etl_platform.config.project import Config
from etl_platform.decide.plan import plan_jobs
from etl_platform.tracking.records import JobExecution, PlatformDecision, WorkloadCharacteristics
from etl_platform.tracking.sqlite import SqliteStore
from etl_platform_tests.decide.builders import NOW, decided, run, spark_job


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--jobs", type=int, default=1000)
    parser.add_argument("--runs", type=int, default=10, help="Past runs of each tenth job.")
    options, _ = parser.parse_known_args()
    _decisions()
    _plans(options.jobs, options.runs)


def _decisions() -> None:
    one = spark_job()
    glue = decided(one).options[0].size
    assert glue is not None, "Glue has a size for a Spark job"
    for count in (0, 10, 40):
        runs = [run(glue, 300.0 + 7 * n % 40, 50.0 + n, n) for n in range(count)]
        start, decisions = time.perf_counter(), 0
        while time.perf_counter() - start < 2:
            decided(one, runs=runs)
            decisions += 1
        print(f"  {count:>2} past runs: {decisions / (time.perf_counter() - start):,.0f} decisions a second")


def _plans(jobs: int, runs: int) -> None:
    source = {"source_type": "redshift", "cluster": "c", "database": "d", "size_gb": 20.0}
    many = tuple(
        Job.model_validate(
            {
                "job_id": f"job_{n}",
                "execution": {"sql": f"select * from t{n}", "schedule": "0 5 * * *"},
                "data_sources": [{**source, "name": "t", "table": f"t{n}"}],
            }
        )
        for n in range(jobs)
    )
    with tempfile.TemporaryDirectory() as folder:
        settings = GlobalSettings.model_validate({"feature_flags": {"enable_auto_size_detection": False}})
        config = Config(path=Path(folder) / "etl_config.json", jobs=many, settings=settings, profile="aws")
        store = SqliteStore(Path(folder) / "tracking.db", clock=lambda: NOW)
        for n in range(0, jobs, 10):
            for past in range(runs):
                store.put_execution(_execution(f"job_{n}", past))
        start = time.perf_counter()
        plans = plan_jobs(config, many, store, now=NOW)
        seconds = time.perf_counter() - start
    learned = sum(1 for one in plans if one.decision and one.decision.learned_from)
    print(f"  plan of {jobs:,} jobs, {learned} of them with {runs} past runs: {seconds:.1f} s")


def _execution(job_id: str, past: int) -> JobExecution:
    start = NOW - (past + 1) * 86_400
    size = {"label": "5 × G.1X", "machine": "glue G.1X", "nodes": 4, "cores": 16, "memory_gb": 64}
    return JobExecution(
        execution_id=f"exec-{job_id}-{past}",
        timestamp=start,
        job_name=job_id,
        job_type="glue",
        status="success",
        end_time=start + 300,
        duration_seconds=300.0 + past,
        workload_characteristics=WorkloadCharacteristics(data_volume_gb=20.0 + past),
        platform_decision=PlatformDecision(selected_platform="glue", size=size),
    )


if __name__ == "__main__":
    main()
