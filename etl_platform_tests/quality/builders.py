"""Jobs and configurations for tests of quality, in one line each."""

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from etl_platform.config.models.global_settings import GlobalSettings
from etl_platform.config.models.job import Job
from etl_platform.config.project import Config
from etl_platform.quality.engine import evaluate
from etl_platform.quality.report import DatasetReport

TARGET = {"type": "s3", "path": "s3://lake/out/"}


def job_with(
    quality: dict[str, Any],
    *,
    target: dict[str, Any] | None = TARGET,
    sources: Sequence[dict[str, Any]] = (),
    **sections: Any,
) -> Job:
    """A job whose `data_quality` is given; its target is the prefix s3://lake/out/."""
    body: dict[str, Any] = {
        "job_id": "orders",
        "execution": {"script_path": "orders.py"},
        "data_quality": quality,
        "data_sources": list(sources),
        **sections,
    }
    if target:
        body["target"] = target
    return Job.model_validate(body)


def config_of(*jobs: Job, folder: Path) -> Config:
    """A configuration of these jobs under the local profile, whose local root is `folder`/root."""
    settings = GlobalSettings.model_validate({"local": {"root": "root"}})
    return Config(path=folder / "etl_config.json", jobs=jobs, settings=settings)


def lake(folder: Path, prefix: str = "out") -> Path:
    """The local folder of s3://lake/<prefix>/, made."""
    path = folder / "root" / "s3" / "lake" / prefix
    path.mkdir(parents=True, exist_ok=True)
    return path


def write(rows: list[dict[str, Any]] | pa.Table, folder: Path, name: str = "part-0.parquet") -> None:
    """Write rows as one Parquet file of a folder."""
    table = pa.Table.from_pylist(rows) if isinstance(rows, list) else rows
    folder.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, folder / name)


def parquet(rows: list[dict[str, Any]] | pa.Table) -> bytes:
    """Rows as the content of a Parquet file."""
    buffer = BytesIO()
    pq.write_table(rows if isinstance(rows, pa.Table) else pa.Table.from_pylist(rows), buffer)
    return buffer.getvalue()


def check(
    rows: list[dict[str, Any]] | pa.Table, quality: dict[str, Any], folder: Path, **options: Any
) -> DatasetReport:
    """Write rows as the target, and evaluate rules on it; `job` in options is what the job has besides."""
    write(rows, lake(folder))
    job = job_with(quality, **options.pop("job", {}))
    return evaluate(config_of(job, folder=folder), job, "target", **{"engine": "local", **options})


def check_one(rows: list[dict[str, Any]] | pa.Table, quality: dict[str, Any], folder: Path, **options: Any):
    """The result of the only rule."""
    (result,) = check(rows, quality, folder, **options).results
    return result
