"""Every command of the README runs, in its order, on the demo's data."""

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from etl_platform_tests.cli.commands import call

pytestmark = pytest.mark.slow

REPOSITORY = Path(__file__).parents[2]


def readme_commands() -> list[str]:
    blocks = re.findall(r"^```console\n(.*?)^```", (REPOSITORY / "README.md").read_text(), re.M | re.S)
    return [line for block in blocks for line in block.splitlines() if line.strip()]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the demo, with its data laid out."""
    folder = tmp_path_factory.mktemp("demo")
    shutil.copy(REPOSITORY / "etl_config.json", folder)
    shutil.copytree(REPOSITORY / "jobs", folder / "jobs")
    subprocess.run([sys.executable, "jobs/demo_data.py"], cwd=folder, check=True, capture_output=True)
    return folder


@pytest.mark.parametrize("command", [each for each in readme_commands() if each.startswith("make ")])
def test_make_knows_its_targets(command: str) -> None:
    subprocess.run([*shlex.split(command), "--dry-run"], cwd=REPOSITORY, check=True, capture_output=True)


@pytest.mark.parametrize("command", [each for each in readme_commands() if not each.startswith("make ")])
def test_a_command_of_the_readme_runs(command: str, demo: Path) -> None:
    program, *arguments = shlex.split(command)
    assert program == "etl-platform"
    answer = call(demo, *arguments)
    assert answer.returncode == 0, answer.stdout + answer.stderr


def test_the_configuration_of_the_readme_is_valid(tmp_path: Path) -> None:
    blocks = re.findall(r"^```json\n(.*?)^```", (REPOSITORY / "README.md").read_text(), re.M | re.S)
    assert blocks
    for block in blocks:
        (tmp_path / "etl_config.json").write_text(block)
        answer = call(tmp_path, "validate")
        assert answer.returncode == 0, answer.stderr
