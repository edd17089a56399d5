"""Builders of configuration files, and what loading them says."""

import json
from pathlib import Path
from typing import Any

import pytest

from etl_platform.config.faults import ConfigError
from etl_platform.config.load import load
from etl_platform.config.models.job import Job
from etl_platform.config.project import Config


def job(job_id: str = "orders", **sections: Any) -> dict[str, Any]:
    """A job without faults."""
    return {"job_id": job_id, "execution": {"sql": "select 1"}, **sections}


def config(*jobs: dict[str, Any], **keys: Any) -> dict[str, Any]:
    """A configuration without faults."""
    return {"config_version": "2.0", "jobs": [*(jobs or (job(),))], **keys}


def write(path: Path, value: Any) -> Path:
    """Write a JSON file, and the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False), encoding="utf-8")
    return path


def loaded(folder: Path, value: dict[str, Any], **options: Any) -> Config:
    """Write a configuration and load it, without this process's environment unless one is given."""
    return load(write(folder / "etl_config.json", value), **{"environ": {}, **options})


def loaded_job(folder: Path, value: dict[str, Any], **options: Any) -> Job:
    """The first job of a configuration."""
    return loaded(folder, value, **options).jobs[0]


def faults(folder: Path, value: dict[str, Any], **options: Any) -> list[str]:
    """The faults of a configuration as `location: message`."""
    with pytest.raises(ConfigError) as caught:
        loaded(folder, value, **options)
    return [f"{fault.location}: {fault.message}" for fault in caught.value.faults]
