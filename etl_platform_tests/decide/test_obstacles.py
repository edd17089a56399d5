"""Why a job cannot run on a platform: what its package weighs, and what its script imports."""

import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from etl_platform.decide import obstacles as module
from etl_platform.decide.obstacles import obstacles, package_bytes
from etl_platform_tests.decide.builders import config, job

MB = 2**20


def packed(folder: Path, **modules: int):
    """A job in a folder, with modules of so many bytes: files, folders, and zips by their suffix."""
    (folder / "job.py").write_bytes(b" " * 10)
    for name, size in modules.items():
        if name == "package":
            (folder / name).mkdir()
            (folder / name / "data.bin").write_bytes(bytes(size))
        else:
            with zipfile.ZipFile(folder / f"{name}.whl", "w", zipfile.ZIP_DEFLATED) as archive:
                archive.writestr("data.bin", bytes(size))
    names = [name if name == "package" else f"{name}.whl" for name in modules]
    one = job(execution={"python_modules": names})
    return replace(config(one), path=folder / "etl_config.json"), one


def test_a_package_weighs_what_it_is_unzipped(tmp_path: Path):
    assert package_bytes(*packed(tmp_path, package=5 * MB, library=7 * MB)) == 12 * MB + 10


@pytest.mark.parametrize(("limit_mb", "refused"), [(11, True), (13, False)])
def test_lambda_takes_no_package_over_its_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit_mb: int, refused: bool
):
    monkeypatch.setattr(module, "LAMBDA_PACKAGE_MB", limit_mb)
    about = packed(tmp_path, package=5 * MB, library=7 * MB)
    assert any("12 MB unzipped" in each for each in obstacles(*about, "lambda")) is refused
    assert not any("unzipped" in each for each in obstacles(*about, "batch"))


def test_the_limit_of_lambda_is_250_mb():
    assert module.LAMBDA_PACKAGE_MB == 250


@pytest.mark.parametrize(
    ("script", "modules", "refused"),
    [
        ("from awsglue.context import GlueContext", [], True),
        ("from pyspark.sql import SparkSession", [], False),
        ("from awsglue.context import GlueContext", ["libs/awsglue.zip"], False),
        ("not python (", [], False),
    ],
)
def test_a_glue_script_runs_on_glue_alone(tmp_path: Path, script: str, modules: list[str], refused: bool):
    (tmp_path / "job.py").write_text(script)
    one = job(execution={"script_type": "pyspark", "python_modules": modules})
    about = (replace(config(one), path=tmp_path / "etl_config.json"), one)
    for platform in ("emr", "emr_serverless"):
        assert any("imports `awsglue`" in each for each in obstacles(*about, platform)) is refused
    assert not any("awsglue" in each for each in obstacles(*about, "glue"))


def test_a_query_in_a_file_is_one_that_sail_carries(tmp_path: Path):
    (tmp_path / "job.sql").write_text("SELECT 1 AS one")
    one = job(execution={"script_path": "job.sql", "script_type": None})
    about = replace(config(one), path=tmp_path / "etl_config.json"), one
    assert not any("Sail cannot carry" in each for each in obstacles(*about, "lambda"))
