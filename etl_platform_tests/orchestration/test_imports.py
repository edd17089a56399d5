"""`dagster dev` loads definitions without the packages that take seconds to import."""

import subprocess
import sys
from pathlib import Path

from etl_platform_tests.projects import copy_job, write_project

HEAVY = (
    "pyspark",
    "pysail",
    "pandera",
    "strands",
    "boto3",
    "polars",
    "pandas",
    "duckdb",
    "sklearn",
    "sqlglot",
)

RULES = {"completeness_checks": [{"field": "order_id", "dataset": "target"}]}


def modules_after(code: str, folder: Path) -> set[str]:
    """Top-level modules that a new process holds after running code."""
    script = f"{code}\nimport sys\nprint(' '.join(sys.modules))"
    answer = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=folder
    )
    return {name.partition(".")[0] for name in answer.stdout.split()}


def test_definitions_load_without_heavy_packages(tmp_path: Path) -> None:
    write_project(tmp_path, [copy_job("clean", data_quality=RULES)])
    assert modules_after("import etl_platform.definitions", tmp_path).isdisjoint(HEAVY)


def test_the_core_loads_without_dagster(tmp_path: Path) -> None:
    write_project(tmp_path, [copy_job("clean", data_quality=RULES)])
    code = (
        "from etl_platform.config.load import load\n"
        "import etl_platform.platforms.driver, etl_platform.platforms.local, etl_platform.tracking.sqlite\n"
        "from etl_platform.quality.engine import evaluate\n"
        "load('etl_config.json')"
    )
    assert "dagster" not in modules_after(code, tmp_path)
