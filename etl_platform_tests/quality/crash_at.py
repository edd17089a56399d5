"""Quarantine or replay in processes that end at their n-th change of the file system; run as a program.

Prints, as JSON, for each n whether the process ended early, and what a reader then finds.
"""

import json
import os
import shutil
import sys
from datetime import datetime, timezone
from importlib import import_module
from pathlib import Path
from zoneinfo import ZoneInfo

from pyarrow import parquet as pq

from etl_platform.config.models.global_settings import GlobalSettings
from etl_platform.config.models.job import Job
from etl_platform.config.project import Config
from etl_platform.quality.quarantine import quarantine
from etl_platform.quality.replay import replay
from etl_platform.quality.rules import rules_of
from etl_platform.quality.schema import Context, schema_of

CHANGES = ("os.rename", "os.link", "os.mkdir", "os.remove", "os.rmdir", "ctypes.dlsym", "shutil.rmtree")


def end_at(number: int) -> None:
    """End this process without any clean-up at its n-th change of the file system."""
    left = number

    def hook(event: str, arguments: tuple) -> None:
        nonlocal left
        writes = event == "open" and isinstance(arguments[1], str) and arguments[1][:1] in "wxa"
        if event in CHANGES or writes:
            left -= 1
            if left == 0:
                os._exit(9)

    sys.addaudithook(hook)


def rows(folder: Path) -> list[int]:
    """The values of x in a folder's files, as a reader finds them; [-1] where there is no folder."""
    if not folder.is_dir():
        return [-1]
    files = [path for path in folder.rglob("*.parquet") if not path.name.startswith((".", "_"))]
    return sorted(value for path in files for value in pq.ParquetFile(path).read(["x"])["x"].to_pylist())


def act(action: str, config: Config, job: Job) -> None:
    """Do what may end."""
    if action == "replay":
        replay(config, job, "exec-1")
    else:
        quarantine(config, job, "target", "exec-1")


def main(action: str, template: Path, job: Job) -> None:
    answers = []
    # Imported once, before the forks; no engine runs yet in this process.
    for name in ("duckdb", "narwhals.stable.v1", "pandera.pyarrow", "pandera.backends.narwhals.container"):
        import_module(name)
    schema_of(rules_of(job), Context(None, ZoneInfo("UTC"), datetime.now(timezone.utc)), dataset="target")
    for number in range(1, 200):
        place = template.with_name(f"run-{number}")
        shutil.copytree(template, place)
        child = os.fork()
        if child == 0:
            end_at(number)
            act(action, config_at(place, job), job)
            os._exit(0)
        ended_early = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
        lake = place / "root" / "s3" / "lake"
        found = rows(lake / "out"), rows(lake / "out_quarantine" / "execution_id=exec-1")
        child = os.fork()
        if child == 0:
            act(action, config_at(place, job), job)
            os._exit(0)
        again = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        answers.append(
            {
                "ended_early": ended_early,
                "found": found,
                "again": again,
                "after": rows(lake / "out"),
                "quarantined": rows(lake / "out_quarantine" / "execution_id=exec-1"),
                "left_over": sorted(
                    path.name for path in (*lake.iterdir(), *(lake / "out_quarantine").iterdir())
                ),
            }
        )
        if not ended_early:
            break
    sys.stdout.write(json.dumps(answers))


def config_at(folder: Path, job: Job) -> Config:
    settings = GlobalSettings.model_validate({"local": {"root": "root"}})
    return Config(path=folder / "etl_config.json", jobs=(job,), settings=settings)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Job.model_validate_json(sys.argv[3]))
