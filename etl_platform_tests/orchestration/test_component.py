"""An existing `dg` project includes a configuration in three lines."""

import sys
from pathlib import Path

import dagster as dg
import pytest

from etl_platform_tests.projects import copy_job, write_project

THREE_LINES = """
type: etl_platform.EtlConfigComponent
attributes:
  config_path: etl_config.json
"""

PYPROJECT = """
[tool.dg]
directory_type = "project"
[tool.dg.project]
root_module = "shop"
"""


def dg_project(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A `dg` project with the package `shop`; returns the folder of its component."""
    lake = folder / "shop" / "defs" / "lake"
    lake.mkdir(parents=True)
    (folder / "pyproject.toml").write_text(PYPROJECT)
    for package in (folder / "shop", folder / "shop" / "defs"):
        (package / "__init__.py").touch()
    monkeypatch.syspath_prepend(str(folder))
    for name in [name for name in sys.modules if name.partition(".")[0] == "shop"]:
        monkeypatch.delitem(sys.modules, name)
    return lake


def test_three_lines_include_a_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lake = dg_project(tmp_path, monkeypatch)
    write_project(lake, [copy_job("clean")])
    (lake / "defs.yaml").write_text(THREE_LINES)
    defs = dg.load_from_defs_folder(project_root=tmp_path)
    assert {each.key.to_user_string() for each in defs.resolve_all_asset_specs()} == {
        "clean",
        "glue/lake/orders",
    }
    assert defs.resolve_job_def("etl").name == "etl"
