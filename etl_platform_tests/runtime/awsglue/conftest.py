"""One Spark session for all tests, and the Glue library's stand-in on the path as in a job's process."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from etl_platform.runtime.glue_compat import path_for
from etl_platform.runtime.java import java_home

GLUE = path_for("import awsglue")
assert GLUE is not None, "the real awsglue is installed; these tests are of its stand-in"
if GLUE not in sys.path:
    sys.path.insert(0, GLUE)


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    from pyspark.sql import SparkSession

    os.environ.setdefault("JAVA_HOME", str(java_home()))
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    builder: Any = SparkSession.builder
    settings = {
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.sql.shuffle.partitions": "1",
        # With a handful of rows, compiling a query takes longer than running it.
        "spark.sql.codegen.wholeStage": "false",
        "spark.sql.codegen.factoryMode": "NO_CODEGEN",
        "spark.sql.adaptive.enabled": "false",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.warehouse.dir": str(tmp_path_factory.mktemp("warehouse")),
    }
    for name, value in settings.items():
        builder = builder.config(name, value)
    session = builder.master("local[2]").getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    yield session


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The local root, of this test alone."""
    monkeypatch.setenv("ETL_PLATFORM_LOCAL_ROOT", str(tmp_path / "root"))
    return tmp_path / "root"


@pytest.fixture
def glue(spark: Any, root: Path) -> Any:
    from awsglue.context import GlueContext

    return GlueContext(spark.sparkContext)


@pytest.fixture
def database(spark: Any) -> Iterator[str]:
    spark.sql("DROP DATABASE IF EXISTS shop CASCADE")
    spark.sql("CREATE DATABASE shop")
    yield "shop"
    spark.sql("DROP DATABASE IF EXISTS shop CASCADE")
