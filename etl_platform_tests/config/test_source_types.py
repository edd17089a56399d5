from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Literal

import pytest

from etl_platform.config import source_types
from etl_platform.config.faults import ConfigError
from etl_platform.config.identity import source_key
from etl_platform.config.load import load
from etl_platform.config.models.data_sources import Source
from etl_platform.config.models.job import Job
from etl_platform.config.schema import json_schema
from etl_platform_tests.config.files import config, job, write


class Warehouse(Source):
    """A table of a warehouse that this package does not know."""

    source_type: Literal["warehouse"]
    account: str
    table: str
    role: str | None = None


class Impostor(Source):
    """A type whose name is taken."""

    source_type: Literal["s3"]


NOT_A_SOURCE = 3


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Names of objects of this module that installed packages offer as source types."""
    names: list[str] = []

    def entry_points(*, group: str) -> list[EntryPoint]:
        return [EntryPoint(name.lower(), f"{__name__}:{name}", group) for name in names]

    monkeypatch.setattr(source_types, "entry_points", entry_points)
    source_types.job_model.cache_clear()
    yield names
    source_types.job_model.cache_clear()


SOURCE = {"name": "s", "source_type": "warehouse", "account": "acme", "table": "orders"}


def test_an_installed_package_adds_a_source_type(tmp_path: Path, installed: list[str]) -> None:
    installed.append("Warehouse")
    found = load(write(tmp_path / "c.json", config(job(data_sources=[SOURCE]))), environ={}).jobs[0]
    (source,) = found.data_sources
    assert isinstance(found, Job)
    assert type(source).__name__ == "Warehouse"
    assert source_key(source) == ("warehouse", "acme", "orders")
    assert "Warehouse.part" in json_schema()["$defs"]


def test_its_keys_are_checked_like_all_others(tmp_path: Path, installed: list[str]) -> None:
    installed.append("Warehouse")
    path = write(tmp_path / "c.json", config(job(data_sources=[{**SOURCE, "acount": "x"}])))
    with pytest.raises(ConfigError, match='unknown key; did you mean "account"'):
        load(path, environ={})


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("Impostor", "there is already a source type s3"),
        ("NOT_A_SOURCE", "it is no subclass of"),
        ("Absent", "has no attribute 'Absent'"),
        ("Source", 'it has no field `source_type: Literal\\["…"\\]`'),
    ],
)
def test_a_package_that_cannot_be_used_is_named(
    tmp_path: Path, installed: list[str], name: str, reason: str
) -> None:
    installed.append(name)
    with pytest.raises(ConfigError, match=f'the source type "{name.lower()}" .* cannot be used: .*{reason}'):
        load(write(tmp_path / "c.json", config()), environ={})
