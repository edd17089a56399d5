"""A tick of the decision sensor over jobs of which nothing has changed, against planning all of them anew.

`python -m etl_platform_tests.benchmarks.sensor [--jobs N]`
"""

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

from etl_platform.catalog.cache import CACHE
from etl_platform.config.load import load
from etl_platform.config.project import Config
from etl_platform.decide.plan import plan_jobs
from etl_platform.orchestration.ahead import decide_changed
from etl_platform.orchestration.keys import Graph
from etl_platform.tracking.open import open_store


def project(folder: Path, jobs: int) -> Config:
    """Jobs that each read files of their own."""
    (folder / "job.py").write_text("print('ran')\n")
    declared = []
    for number in range(jobs):
        source = folder / "in" / str(number)
        source.mkdir(parents=True)
        for part in range(3):
            (source / f"{part}.csv").write_text("id,amount\n" + "1,2\n" * 50)
        declared.append(
            {
                "job_id": f"job_{number}",
                "execution": {"script_path": "job.py", "script_type": "python"},
                "data_sources": [
                    {"name": "orders", "source_type": "file", "path": f"in/{number}", "format": "csv"}
                ],
            }
        )
    path = folder / "etl_config.json"
    path.write_text(json.dumps({"config_version": "2.0", "jobs": declared}))
    return load(path)


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--jobs", type=int, default=1000)
    options, _ = parser.parse_known_args()
    with tempfile.TemporaryDirectory() as folder:
        config = project(Path(folder), options.jobs)
        graph, store, cursor = Graph(config), open_store(config), dict[str, Any]()
        start, ticks = time.perf_counter(), 0
        while not cursor.get("ended"):
            decide_changed(graph, cursor, cursor.update, lambda plan: None)
            ticks += 1
        print(f"  {options.jobs:,} new jobs: {time.perf_counter() - start:.1f} s in {ticks} ticks")
        asked = len(store.invocations_by_agent("decision", 0))
        cursor["ended"] = 0
        _forget_measurements()
        start = time.perf_counter()
        said = decide_changed(graph, cursor, cursor.update, lambda plan: None)
        unchanged = time.perf_counter() - start
        invocations = len(store.invocations_by_agent("decision", 0)) - asked
        _forget_measurements()
        start = time.perf_counter()
        plan_jobs(config, config.jobs, store, now=time.time())
        planned = time.perf_counter() - start
    print(f"  the same unchanged: {unchanged:.2f} s, {invocations} invocations ({said})")
    print(f"  planning all of them anew: {planned:.2f} s, {planned / unchanged:.1f} × as long")


def _forget_measurements() -> None:
    # As five minutes later.
    CACHE._kept.clear()


if __name__ == "__main__":
    main()
