"""Processor seconds and memory to load many jobs, against hand-written Dagster definitions of the same graph.

    python -m etl_platform_tests.benchmarks.definitions_load [JOBS ...]

Each side loads in a process of its own. Goal: at most 1.5 times the hand-written side, in time and in
memory, and linear in the number of jobs.
"""

import importlib
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

JOBS = (1000, 3000)
SOURCES = 4
RULES = 10


def generated(jobs: int) -> dict[str, Any]:
    """That many jobs of 4 sources and 10 rules each; every job but the first reads the one before."""
    return {"config_version": "2.0", "jobs": [_job(number) for number in range(jobs)]}


def _job(number: int) -> dict[str, Any]:
    tables = [
        {
            "name": f"source_{index}",
            "source_type": "glue_catalog",
            "database": "lake",
            "table": f"t_{number}_{index}",
        }
        for index in range(SOURCES)
    ]
    if number:
        tables[0]["table"] = f"target_{number - 1}"
    return {
        "job_id": f"job_{number}",
        "description": f"Job {number}",
        "group": f"group_{number % 20}",
        "execution": {"script_path": f"jobs/job_{number}.py", "schedule": "0 2 * * *"},
        "target": {"type": "glue_catalog", "database": "lake", "table": f"target_{number}"},
        "data_sources": tables,
        "data_quality": {
            "completeness_checks": [
                {"field": f"column_{rule}", "dataset": "target", "severity": "critical"}
                for rule in range(RULES)
            ]
        },
    }


def _ours(path: Path) -> None:
    from etl_platform.config.load import load
    from etl_platform.orchestration.build import build_definitions

    build_definitions(load(path)).get_repository_def()


def _by_hand(path: Path) -> None:
    """What an engineer would write in Python for the same graph, in a loop over the same declarations."""
    import dagster as dg

    declared = json.loads(path.read_text())["jobs"]
    assets: list[Any] = []
    checks: list[Any] = []
    schedules: list[Any] = []
    for number, job in enumerate(declared):
        sources = [dg.AssetKey(["glue", "lake", each["table"]]) for each in job["data_sources"]]
        ins = {}
        if number:
            ins = {f"job_{number - 1}": dg.AssetIn(f"job_{number - 1}")}
            sources = sources[1:]
        assets += [dg.AssetSpec(key, group_name="sources", kinds={"glue"}) for key in sources]

        @dg.asset(
            key=job["job_id"],
            ins=ins,
            deps=sources,
            group_name=job["group"],
            description=job["description"],
            kinds={"pyspark"},
            metadata={"dagster/table_name": f"lake.target_{number}"},
        )
        def materialize(context: dg.AssetExecutionContext, **upstream: Any) -> None: ...

        specs = [
            dg.AssetCheckSpec(f"completeness__{rule['field']}", asset=job["job_id"], blocking=True)
            for rule in job["data_quality"]["completeness_checks"]
        ]

        @dg.multi_asset_check(name=f"{job['job_id']}_checks", specs=specs, can_subset=True)
        def check(context: dg.AssetCheckExecutionContext): ...

        assets.append(materialize)
        checks.append(check)
        schedules.append(
            dg.ScheduleDefinition(
                name=f"{job['job_id']}_schedule",
                job_name="etl",
                cron_schedule=job["execution"]["schedule"],
                execution_fn=lambda context, key=job["job_id"]: dg.RunRequest(
                    asset_selection=[dg.AssetKey(key)]
                ),
            )
        )
    dg.Definitions(
        assets=assets, asset_checks=checks, schedules=schedules, jobs=[dg.define_asset_job("etl")]
    ).get_repository_def()


SIDES = {"ours": _ours, "by hand": _by_hand}


def _measure(side: str, path: Path) -> tuple[float, float]:
    """Processor seconds after Dagster's own import, and peak memory in MB, of one side in a new process."""
    command = [
        sys.executable,
        "-m",
        __name__ if __name__ != "__main__" else __spec__.name,
        "--side",
        side,
        str(path),
    ]
    answer = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    return answer["seconds"], answer["megabytes"]


def main(jobs: tuple[int, ...] = JOBS) -> None:
    """Measure and print a row for each number of jobs."""
    print("  jobs   ours s  by hand s  ratio  ours MB  by hand MB  ratio")
    for number in jobs:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "etl_config.json"
            path.write_text(json.dumps(generated(number), indent=1))
            ours, hand = _measure("ours", path), _measure("by hand", path)
        print(
            f"{number:>6} {ours[0]:>8.2f} {hand[0]:>10.2f} {ours[0] / hand[0]:>6.2f}"
            f" {ours[1]:>8.0f} {hand[1]:>11.0f} {ours[1] / hand[1]:>6.2f}"
        )


if __name__ == "__main__":
    if sys.argv[1:2] == ["--side"]:
        # Its import is the same on both sides and is not measured.
        importlib.import_module("dagster")

        before = time.process_time()
        SIDES[sys.argv[2]](Path(sys.argv[3]))
        seconds = time.process_time() - before
        print(
            json.dumps(
                {"seconds": seconds, "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}
            )
        )
    else:
        main(tuple(map(int, sys.argv[1:])) or JOBS)
