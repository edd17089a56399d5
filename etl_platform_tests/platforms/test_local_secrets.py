"""A secret reaches the script, and nothing else."""

from pathlib import Path

import pytest

from etl_platform.platforms import driver
from etl_platform.platforms.local import LocalPlatform
from etl_platform.platforms.protocol import RunOutcome
from etl_platform_tests.platforms.builders import script_request, store_in

VALUE = 'hunter2-"ä-very-long'


def run_with_secret(folder: Path, script: str) -> tuple[RunOutcome, list[str]]:
    request = script_request(
        folder, script, kind="python", execution={"arguments": {"dsn": "db://u:${SECRET:PASSWORD}@h"}}
    )
    printed: list[str] = []
    store = store_in(folder)
    outcome = driver.run(
        LocalPlatform(),
        request,
        store,
        on_log=lambda lines: printed.extend(line.text for line in lines),
        on_progress=printed.append,
    )
    return outcome, printed


def everything_that_was_kept(folder: Path) -> bytes:
    files = [path for path in folder.rglob("*") if path.is_file() and path.name not in ("job.py",)]
    return b"\n".join(path.read_bytes() for path in files)


def assert_secret_is_nowhere(folder: Path, outcome: RunOutcome, printed: list[str]) -> None:
    kept = everything_that_was_kept(folder)
    escaped = VALUE.encode("unicode_escape").replace(b'"', b'\\"')
    for form in (VALUE.encode(), VALUE.replace('"', '\\"').encode(), escaped, b"hunter2"):
        assert form not in kept
    assert "hunter2" not in repr(outcome) + "".join(printed)


@pytest.fixture(autouse=True)
def secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PASSWORD", VALUE)


@pytest.mark.slow
class TestSecret:
    def test_the_script_gets_its_value(self, tmp_path: Path) -> None:
        script = "import hashlib, sys\nprint(hashlib.sha256(sys.argv[-1].encode()).hexdigest())\n"
        _, printed = run_with_secret(tmp_path, script)
        from hashlib import sha256

        assert sha256(f"db://u:{VALUE}@h".encode()).hexdigest() in printed

    def test_what_the_script_prints_is_masked_everywhere(self, tmp_path: Path) -> None:
        script = (
            "import sys\nprint('args', sys.argv)\nprint(sys.argv[-1])\nprint(sys.argv[-1], file=sys.stderr)\n"
        )
        outcome, printed = run_with_secret(tmp_path, script)
        assert_secret_is_nowhere(tmp_path, outcome, printed)
        assert "db://u:***@h" in printed

    def test_an_error_that_quotes_it_is_masked(self, tmp_path: Path) -> None:
        outcome, printed = run_with_secret(
            tmp_path, "import sys\nraise ValueError('no access with ' + sys.argv[-1])\n"
        )
        assert_secret_is_nowhere(tmp_path, outcome, printed)
        assert outcome.error and "no access with db://u:***@h" in (outcome.error.error_message or "")

    def test_a_handler_that_returns_it_returns_the_mask(self, tmp_path: Path) -> None:
        script = "def handler(event, context):\n    return {'dsn': event['dsn']}\n"
        outcome, printed = run_with_secret(tmp_path, script)
        assert_secret_is_nowhere(tmp_path, outcome, printed)
        assert outcome.result == {"dsn": "db://u:***@h"}


@pytest.mark.slow
def test_an_unknown_secret_stops_the_job_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PASSWORD")
    outcome, _ = run_with_secret(tmp_path, "print('never')\n")
    assert outcome.error and "the environment variable PASSWORD is not set" in str(
        outcome.error.error_message
    )
