"""Jobs, situations and past runs of the tests of this folder."""

from pathlib import Path
from typing import Any, Literal

from etl_platform.config.models.global_settings import GlobalSettings
from etl_platform.config.models.job import Job
from etl_platform.config.project import Config
from etl_platform.decide.cold_start import Work
from etl_platform.decide.decision import Decision, decide
from etl_platform.decide.history import History, PastRun
from etl_platform.decide.options import PlatformOption, Situation
from etl_platform.decide.size import Size
from etl_platform.pricing.book import open_book
from etl_platform.workload.model import Complexity

NOW = 1_790_000_000.0

EVERYWHERE = {
    "cluster_id": "j-1",
    "application_id": "app",
    "execution_role_arn": "arn:role",
    "job_queue": "queue",
    "job_definition": "definition",
}
"""Keys that configure every platform."""


def job(platform: dict[str, Any] | None = None, **sections: Any) -> Job:
    """A plain Python job that may run everywhere."""
    execution = {"script_path": "job.py", "script_type": "python", "timeout_minutes": 600.0}
    execution |= sections.pop("execution", {})
    return Job.model_validate(
        {
            "job_id": "orders",
            "execution": execution,
            "platform": {**EVERYWHERE, **(platform or {})},
            **sections,
        }
    )


def spark_job(platform: dict[str, Any] | None = None, **sections: Any) -> Job:
    """A Spark job whose script is not on this machine."""
    execution = {"script_path": "s3://code/job.py", "script_type": "pyspark", "timeout_minutes": 600.0}
    return job(platform, execution=execution | sections.pop("execution", {}), **sections)


def config(*jobs: Job, profile: Literal["aws", "local"] = "aws", **settings: Any) -> Config:
    return Config(
        path=Path("/nowhere/etl_config.json"),
        jobs=jobs,
        settings=GlobalSettings.model_validate(settings),
        profile=profile,
    )


def situation(
    volume_gb: float | None = 50.0,
    *,
    complexity: Complexity = "moderate",
    runs=(),
    last=None,
    circuits=None,
    **prices,
) -> Situation:
    return Situation(
        work=Work(volume_gb, 0.0, 0, complexity),
        history=History(tuple(runs), last),
        book=open_book(**prices),
        circuits=circuits or {},
        now=NOW,
    )


def run(size: Size, seconds: float, data_gb: float | None = 50.0, number: int = 0) -> PastRun:
    return PastRun(f"exec-{number}", size, data_gb, seconds)


def decided(
    one: Job, profile: Literal["aws", "local"] = "aws", settings: dict[str, Any] | None = None, **about: Any
) -> Decision:
    return decide(config(one, profile=profile, **(settings or {})), one, situation(**about))


def option(decision: Decision, platform: str) -> PlatformOption:
    return next(one for one in decision.options if one.platform == platform)
