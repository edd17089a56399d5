from pathlib import Path

import pytest

from etl_platform.config.faults import ConfigError
from etl_platform.config.load import load
from etl_platform_tests.config.files import config, job, loaded, write


def test_included_files_add_their_jobs_in_name_order(tmp_path: Path) -> None:
    write(tmp_path / "jobs" / "b.json", {"jobs": [job("second", extends="large")]})
    write(tmp_path / "jobs" / "a.json", {"jobs": [job("first")], "templates": {"large": {"dpu_count": 9}}})
    (tmp_path / "jobs" / "c.yaml").write_text(
        "jobs: [{job_id: third, execution: {sql: '${variables.query}'}}]"
    )
    found = loaded(
        tmp_path, config(job("main"), include=["jobs/*.json", "jobs/*.yaml"], variables={"query": "select 3"})
    )
    assert [each.job_id for each in found.jobs] == ["main", "first", "second", "third"]
    assert (found.jobs[2].platform.dpu_count, found.jobs[3].execution.sql) == (9, "select 3")


def test_jobs_may_all_be_included(tmp_path: Path) -> None:
    write(tmp_path / "a.json", {"jobs": [job("a")], "_note": "x", "$schema": "y"})
    path = write(tmp_path / "etl_config.json", {"config_version": "2.0", "include": ["a.json", "*.json"]})
    assert [each.job_id for each in load(path, environ={}).jobs] == ["a"]


def test_places_name_the_included_file(tmp_path: Path) -> None:
    included = write(tmp_path / "jobs" / "a.json", {"jobs": [job("a")]})
    place = loaded(tmp_path, config(job("main"), include=["jobs/*"])).places["a"]
    assert (place.path, included.read_text().splitlines()[place.line - 1].strip()) == (included, "{")


def test_a_fault_is_placed_in_the_file_that_wrote_it(tmp_path: Path) -> None:
    included = write(tmp_path / "jobs" / "a.json", {"templates": {"large": {"dpu_count": "many"}}})
    path = write(tmp_path / "etl_config.json", config(job("main", extends="large"), include=["jobs/*"]))
    with pytest.raises(ConfigError) as caught:
        load(path, environ={})
    (fault,) = caught.value.faults
    assert (fault.path, fault.location) == (included, "templates.large.dpu_count")
    assert '"dpu_count": "many"' in included.read_text().splitlines()[fault.line - 1]


def test_a_missing_file_says_how_to_name_one(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match="there is no such file; name the configuration with `--config PATH`"
    ):
        load(tmp_path / "etl_config.json")


def test_a_folder_is_no_configuration(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="the file cannot be read: is a directory"):
        load(tmp_path)
