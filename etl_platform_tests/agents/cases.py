"""Cases of agents: a job, its recorded runs, and a clock that stands still."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from etl_platform.agents.agent import Agent, Case
from etl_platform.config.models.global_settings import GlobalSettings
from etl_platform.config.models.job import Job
from etl_platform.config.project import Config
from etl_platform.tracking.records import (
    CostBreakdown,
    ExecutionMetrics,
    JobExecution,
    Status,
    WorkloadCharacteristics,
)
from etl_platform.tracking.sqlite import SqliteStore

NOW = 1_790_000_000.0
DAY = 86_400.0


def glue_job(size_gb: float | None = 20.0, **sections: Any) -> Job:
    """A job on Glue with one source, whose size is declared."""
    source: dict[str, Any] = {
        "name": "orders",
        "source_type": "redshift",
        "cluster": "c",
        "database": "d",
        "table": "orders",
        **({} if size_gb is None else {"size_gb": size_gb}),
    }
    return Job.model_validate(
        {
            "job_id": "orders",
            "execution": {"sql": "select * from orders", "timeout_minutes": 600.0},
            "platform": {"user_preference": "glue", "dpu_count": 10.0},
            "data_sources": [source],
            **sections,
        }
    )


def run(
    number: int,
    *,
    days_ago: float,
    usd: float | None = 1.0,
    seconds: float = 600.0,
    gb: float | None = 20.0,
    status: Status = "success",
    **fields: Any,
) -> JobExecution:
    """A run that ended."""
    start = NOW - days_ago * DAY
    metrics = fields.pop("metrics", {})
    return JobExecution(
        execution_id=f"exec-{number}",
        timestamp=start,
        start_time=start,
        end_time=start + seconds,
        duration_seconds=seconds,
        job_name=fields.pop("job_name", "orders"),
        job_type=fields.pop("job_type", "glue"),
        status=status,
        cost_breakdown=None
        if usd is None
        else CostBreakdown(total_cost_usd=usd, compute_cost_usd=usd, dpu_hours=fields.pop("dpu_hours", None)),
        workload_characteristics=WorkloadCharacteristics(data_volume_gb=gb),
        execution_metrics=ExecutionMetrics(data_processed_gb=gb, **metrics),
        **fields,
    )


def case_of(
    folder: Path,
    job: Job | None = None,
    runs: Sequence[JobExecution] = (),
    *,
    others: Sequence[Job] = (),
    execution_id: str | None = None,
    profile: Literal["aws", "local"] = "aws",
    **settings: Any,
) -> Case:
    """A case whose store holds these runs; sizes come from `size_gb`, so no account is asked."""
    job = job or glue_job()
    flags = {"feature_flags": {"enable_auto_size_detection": False}} if profile == "aws" else {}
    config = Config(
        path=folder / "etl_config.json",
        jobs=(job, *others),
        settings=GlobalSettings.model_validate({**flags, **settings}),
        profile=profile,
    )
    store = SqliteStore(folder / "tracking.db", clock=lambda: NOW)
    for record in runs:
        store.put_execution(record)
    return Case(config, job, store, NOW, execution_id)


def results(agent: Agent[Any], case: Case) -> dict[str, Any]:
    """What all tools of an agent say, by name."""
    return {name: tool() for name, tool in agent.tools(case).items()}


def answer(agent: Agent[Any], case: Case) -> Any:
    """The answer by rule, checked as any answer is."""
    return agent.check(case, agent.policy(case, results(agent, case)))
