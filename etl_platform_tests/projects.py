"""Builders of small projects: a configuration with plain Python jobs, which run in a moment."""

import csv
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from etl_platform.config.load import load
from etl_platform.config.project import Config

COPY_SCRIPT = """
import os, shutil
from pathlib import Path

root = Path(os.environ["ETL_PLATFORM_LOCAL_ROOT"])

def handler(event, context):
    source, target = root / "glue" / "lake" / event["from"], root / "glue" / "lake" / event["to"]
    shutil.copytree(source, target, dirs_exist_ok=True, copy_function=shutil.copyfile)
    print(f"copied {event['from']} to {event['to']}")
    return {"copied": event["from"]}
"""


def source(name: str, **keys: Any) -> dict[str, Any]:
    """A Glue table `lake.<name>`."""
    return {"name": name, "source_type": "glue_catalog", "database": "lake", "table": name, **keys}


def copy_job(job_id: str, *, reads: str = "orders", **sections: Any) -> dict[str, Any]:
    """A job that copies `lake.<reads>` to `lake.<job_id>`."""
    execution = sections.pop("execution", {})
    return {
        "job_id": job_id,
        "execution": {
            "script_path": "copy_table.py",
            "script_type": "python",
            "arguments": {"from": reads, "to": job_id},
            **execution,
        },
        "target": {"type": "glue_catalog", "database": "lake", "table": job_id, "format": "csv"},
        "data_sources": [source(reads)],
        **sections,
    }


def write_project(
    folder: Path,
    jobs: Iterable[Mapping[str, Any]],
    *,
    scripts: Mapping[str, str] | None = None,
    settings: Mapping[str, Any] | None = None,
) -> Path:
    """Write a project of jobs and scripts; return the path of its configuration."""
    for name, text in {"copy_table.py": COPY_SCRIPT, **(scripts or {})}.items():
        (folder / name).write_text(text)
    path = folder / "etl_config.json"
    config = {"config_version": "2.0", "jobs": list(jobs), "global_settings": dict(settings or {})}
    path.write_text(json.dumps(config, indent=1))
    return path


def load_project(folder: Path, *jobs: Mapping[str, Any], **keys: Any) -> Config:
    """Write a project and load it."""
    return load(write_project(folder, jobs, **keys), environ={})


def write_table(config_folder: Path, name: str, rows: Iterable[Mapping[str, Any]]) -> Path:
    """Write rows as the CSV table `lake.<name>` of the local root; None becomes an empty field."""
    folder = config_folder / ".etl_platform" / "glue" / "lake" / name
    folder.mkdir(parents=True, exist_ok=True)
    listed = list(rows)
    with (folder / "part-0.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(listed[0]))
        writer.writeheader()
        writer.writerows(listed)
    return folder


ORDERS = [
    {"order_id": 1, "amount": 10.5, "email": "a@example.com"},
    {"order_id": 2, "amount": 99.0, "email": "b@example.com"},
    {"order_id": 3, "amount": -1.0, "email": None},
]
"""Three orders: one has a negative amount and no e-mail address."""
