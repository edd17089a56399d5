"""Builders of configurations, requests and stores for the tests of platforms."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from etl_platform.config.models.global_settings import GlobalSettings
from etl_platform.config.models.job import Job
from etl_platform.config.project import Config
from etl_platform.platforms.protocol import RunRequest
from etl_platform.tracking.sqlite import SqliteStore


def job_of(job_id: str = "orders", execution: Mapping[str, Any] | None = None, **sections: Any) -> Job:
    return Job.model_validate(
        {"job_id": job_id, "execution": dict(execution or {"sql": "select 1 as one"}), **sections}
    )


def config_of(folder: Path, *jobs: Job, root: str = "root", **settings: Any) -> Config:
    return Config(
        path=folder / "etl_config.json",
        jobs=jobs,
        settings=GlobalSettings.model_validate({"local": {"root": root}, **settings}),
    )


def request_of(config: Config, job: Job, execution_id: str = "exec-1", **changes: Any) -> RunRequest:
    values = {"attempt_group": "group", "timeout_seconds": 60.0, **changes}
    return RunRequest(job=job, config=config, execution_id=execution_id, **values)


def script_request(folder: Path, script: str, *, kind: str = "python", **changes: Any) -> RunRequest:
    """A request to run that script in a project of its own in the folder."""
    (folder / "job.py").write_text(script, encoding="utf-8")
    execution = {"script_path": "job.py", "script_type": kind, **changes.pop("execution", {})}
    job = job_of(execution=execution, **changes.pop("sections", {}))
    return request_of(config_of(folder, job), job, **changes)


def store_in(folder: Path) -> SqliteStore:
    return SqliteStore(folder / "tracking.db")
