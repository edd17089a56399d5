"""A run again in a process that a debugger can hold."""

import subprocess
import sys
from pathlib import Path

import pytest

from etl_platform_tests.runtime.builders import Project

pytestmark = pytest.mark.slow

SCRIPT = """
import sys
from awsglue.context import GlueContext
from awsglue.utils import getResolvedOptions
from pyspark.context import SparkContext

args = getResolvedOptions(sys.argv, ["JOB_NAME", "out"])
glue = GlueContext(SparkContext.getOrCreate())
frame = glue.create_dynamic_frame.from_catalog(database="shop", table_name="orders")
glue.write_dynamic_frame.from_options(frame, "s3", {"path": args["out"]}, "json")
print(frame.count(), "orders")
"""


@pytest.mark.parametrize("engine", ["spark", "sail"])
def test_a_run_is_run_again_in_one_process(tmp_path: Path, engine: str):
    project = Project(tmp_path)
    project.table("orders", [{"id": 1}, {"id": 2}])
    arguments = {"JOB_NAME": "orders", "out": "s3://lake/orders/"}
    folder = project.prepare(SCRIPT, script_type="pyspark", engine=engine, arguments=arguments)
    command = [sys.executable, "-m", "etl_platform.runtime.debug", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "2 orders\n"), done.stderr
    assert list((project.root / "s3" / "lake" / "orders").glob("*.json"))
    assert [file.name for file in folder.iterdir()] == ["launch.json"]


def test_a_folder_without_a_run_is_refused(tmp_path: Path):
    command = [sys.executable, "-m", "etl_platform.runtime.debug", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "a folder with launch.json" in done.stderr
