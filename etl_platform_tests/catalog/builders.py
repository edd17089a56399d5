"""Configurations, sources and files of the tests of this folder."""

from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import parquet
from pydantic import TypeAdapter

from etl_platform.catalog.cache import MeasurementCache
from etl_platform.catalog.measure import measure
from etl_platform.catalog.stats import TableStats
from etl_platform.config.models.data_sources import AnySource
from etl_platform.config.models.global_settings import GlobalSettings
from etl_platform.config.models.job import Job
from etl_platform.config.project import Config

_SOURCE = TypeAdapter(AnySource)


def source(source_type: str, name: str = "orders", **keys: Any) -> AnySource:
    return _SOURCE.validate_python({"name": name, "source_type": source_type, **keys})


def job(*data_sources: dict[str, Any], job_id: str = "orders_job", **keys: Any) -> Job:
    execution = keys.pop("execution", {"script_path": "script.py"})
    return Job.model_validate(
        {"job_id": job_id, "execution": execution, "data_sources": list(data_sources), **keys}
    )


def config(folder: Path, *jobs: Job, profile: str = "local", **settings: Any) -> Config:
    given = GlobalSettings.model_validate({"aws_region": "us-east-1", **settings})
    return Config(
        path=folder / "etl_config.json",
        jobs=jobs,
        settings=given,
        profile="aws" if profile == "aws" else "local",
    )


def measured(one: AnySource, given: Config) -> TableStats:
    """Figures of a source, past every cache."""
    return measure(one, given, cache=MeasurementCache())


def write_parquet(path: Path, rows: int, **options: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    table = pa.table({"order_id": pa.array(range(rows), pa.int64()), "city": ["Ulm"] * rows})
    parquet.write_table(table, path, **options)
    return path
