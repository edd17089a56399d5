import json
import os
import time
from pathlib import Path

import pytest

from etl_platform.tracking.open import open_store
from etl_platform_tests.cli.commands import call
from etl_platform_tests.projects import copy_job, load_project
from etl_platform_tests.tracking.build import an_execution, an_invocation

NOW = time.time()


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with one run, and a call of an agent that expired."""
    with open_store(load_project(tmp_path, copy_job("copied"))) as store:
        store.put_execution(an_execution(job_name="copied", timestamp=NOW - 60))
        store.put_invocation(an_invocation(timestamp=NOW - 40 * 86_400))
    return tmp_path


def test_init_makes_the_store_and_says_so(tmp_path: Path) -> None:
    load_project(tmp_path, copy_job("copied"))
    planned = json.loads(call(tmp_path, "tracking", "init", "--dry-run", "--format", "json").stdout)
    made = json.loads(call(tmp_path, "tracking", "init", "--format", "json").stdout)
    assert [(one["aspect"], one["made"]) for one in planned + made] == [
        ("schema version", False),
        ("schema version", True),
    ]
    again = call(tmp_path, "tracking", "init")
    assert (again.stdout, again.returncode) == ("", 0)
    assert "all is as it should be" in " ".join(again.stderr.split())


def test_export_and_import_move_a_store(project: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    other = tmp_path_factory.mktemp("other")
    config = load_project(other, copy_job("copied"))
    exported = call(project, "tracking", "export", str(other / "export"), "--format", "json")
    assert json.loads(exported.stdout)["JobExecutions"] == {"written": 1}
    imported = call(other, "tracking", "import", "export", "--format", "json")
    assert json.loads(imported.stdout)["JobExecutions"] == {"added": 1, "stood already": 0}
    with open_store(config) as store:
        assert store.execution("exec-1") == an_execution(job_name="copied", timestamp=NOW - 60)


def test_a_folder_without_an_export_is_a_sentence(project: Path) -> None:
    answer = call(project, "tracking", "import", "nothing")
    assert (answer.returncode, answer.stdout) == (1, "")
    assert "holds no whole export" in answer.stderr


def test_prune_tells_what_it_removed(project: Path) -> None:
    removed = json.loads(call(project, "tracking", "prune", "--format", "json").stdout)
    assert (removed["AgentInvocations"], removed["JobExecutions"]) == ({"removed": 1}, {"removed": 0})


@pytest.mark.parametrize(
    ("name", "days", "kept"), [("exec-old", 100, False), ("exec-old", 80, True), ("exec-1", 100, True)]
)
def test_prune_removes_the_folders_of_runs_that_are_forgotten(
    project: Path, name: str, days: int, kept: bool
) -> None:
    folder = project / ".etl_platform" / "runs" / name
    folder.mkdir(parents=True)
    log = folder / "stdout.log"
    log.write_text("done")
    then = NOW - days * 86_400
    for path in (log, folder):
        os.utime(path, (then, then))
    answer = json.loads(call(project, "tracking", "prune", "--format", "json").stdout)
    assert answer["run folders"] == {"removed": 0 if kept else 1}
    assert folder.exists() is kept
