"""Plain Python through the launcher, in real processes."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from etl_platform_tests.runtime.builders import Project, Run


@pytest.fixture
def project(tmp_path):
    return Project(tmp_path)


def await_child(process: subprocess.Popen[bytes], folder: Path) -> psutil.Process:
    """The script's process, once the script runs: it says so in a file."""
    while not (folder / "running").exists():
        assert process.poll() is None, "the launcher ended before the script ran"
        os.sched_yield()
    return psutil.Process(int((folder / "running").read_text()))


# Says that it runs, and waits for longer than any test does.
WAITS = """
import os, time
from pathlib import Path
Path("draft").write_text(str(os.getpid()))
Path("draft").rename("running")
time.sleep(600)
"""


def start(folder: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-m", "etl_platform.runtime.launch", str(folder)])


def test_a_script_sees_its_arguments_and_its_output_is_kept(project):
    run = project.run(
        "import sys; print(sys.argv[1:]); print('to stderr', file=sys.stderr)",
        arguments={"JOB_NAME": "orders", "full": True, "limit": 3},
    )
    assert run.exit_status == 0
    assert (run.outcome["status"], run.outcome["exit_code"], run.outcome["error"]) == ("success", 0, None)
    assert run.stdout == "['--JOB_NAME', 'orders', '--full', 'true', '--limit', '3']\n"
    assert run.stderr == "to stderr\n"


def test_an_exception_is_told_with_the_frames_of_the_script_only(project):
    run = project.run("import json\ndef read():\n    json.loads('{')\nread()\n")
    error = run.outcome["error"]
    assert (run.outcome["status"], run.outcome["exit_code"]) == ("failed", 1)
    assert (error["type"], error["error_class"]) == ("JSONDecodeError", "code")
    assert "line 3, in read" in error["stack_trace"]
    assert "decoder.py" not in error["stack_trace"]
    assert "decoder.py" in run.stderr


@pytest.mark.parametrize(
    ("script", "status", "exit_code"),
    [
        ("import sys; sys.exit(0)", "success", 0),
        ("import sys; sys.exit(3)", "failed", 3),
        ("import sys; sys.exit('no input')", "failed", 1),
        ("import os; os._exit(4)", "failed", 4),
        ("import os; os._exit(0)", "success", 0),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "failed", -9),
        ("import os; os.abort()", "failed", -6),
    ],
)
def test_the_end_of_the_process_decides_the_status(project, script, status, exit_code):
    run = project.run(script)
    assert (run.outcome["status"], run.outcome["exit_code"]) == (status, exit_code)
    assert (run.exit_status == 0) == (status == "success")
    assert (run.outcome["error"] is None) == (status == "success")


@pytest.mark.parametrize(
    ("script", "error_class"),
    [
        ("open('nowhere.csv')", "missing_input"),
        ("raise MemoryError", "out_of_memory"),
        ("raise PermissionError('s3://raw/x: Permission denied')", "permission"),
        ("import boto3; boto3.client('s3').get_object(Bucket='raw', Key='x')", "missing_input"),
        ("1/0", "code"),
    ],
)
def test_failures_are_classed(project, script, error_class):
    run = project.run(script, buckets=["raw"])
    assert run.outcome["error"]["error_class"] == error_class


def test_a_script_that_takes_too_long_is_ended_with_its_children(project):
    script = "import subprocess; child = subprocess.Popen(['sleep', '600']); print(child.pid, flush=True)\n"
    run = project.run(f"{script}child.wait()", timeout_seconds=1.5)
    assert (run.outcome["status"], run.outcome["exit_code"]) == ("timeout", None)
    assert "1.5 s" in run.outcome["error"]["message"]
    assert not psutil.pid_exists(int(run.stdout))


def test_a_launcher_asked_to_stop_ends_the_script_and_says_so(project):
    folder = project.prepare(WAITS)
    process = start(folder)
    child = await_child(process, folder)
    process.send_signal(signal.SIGTERM)
    assert process.wait() == 1
    assert not child.is_running()
    outcome = json.loads((folder / "outcome.json").read_text())
    assert (outcome["status"], outcome["error"]["type"]) == ("failed", "Stopped")


def test_a_script_does_not_outlive_a_killed_launcher(project):
    folder = project.prepare(WAITS)
    process = start(folder)
    child = await_child(process, folder)
    process.kill()
    process.wait()
    psutil.wait_procs([child], timeout=30)
    assert not child.is_running()


HANDLER = """
import os

def handler(event, context):
    return {
        "event": event,
        "name": context.function_name,
        "request": context.aws_request_id,
        "time_left": 0 < context.get_remaining_time_in_millis() <= 120_000,
        "root": os.environ["ETL_PLATFORM_LOCAL_ROOT"],
    }
"""


def test_a_handler_gets_event_and_context_and_its_answer_is_the_result(project):
    run = project.run(HANDLER, arguments={"limit": 3})
    assert run.outcome["result"] == {
        "event": {"limit": 3},
        "name": "orders",
        "request": "exec-0",
        "time_left": True,
        "root": str(project.root),
    }


def test_a_handler_whose_answer_is_not_json_fails_as_on_lambda(project):
    run = project.run("def lambda_handler(event, context):\n    return {1, 2}\n")
    assert (run.outcome["status"], run.outcome["error"]["type"]) == ("failed", "TypeError")


def test_boto3_and_pandas_reach_the_local_root(project):
    run = project.run(
        "import boto3, pandas as pd\n"
        "boto3.client('s3').put_object(Bucket='raw', Key='in/a.txt', Body=b'hello')\n"
        "pd.DataFrame({'a': [1, 2]}).to_parquet('s3://out-bucket/t/a.parquet')\n"
        "print(pd.read_parquet('s3://out-bucket/t/a.parquet')['a'].sum())\n",
        buckets=["raw"],
    )
    assert run.outcome["status"] == "success", run.stderr
    assert run.stdout == "3\n"
    assert (project.root / "s3" / "raw" / "in" / "a.txt").read_text() == "hello"


def test_modules_are_on_the_path_but_not_what_stands_beside_them(project):
    (project.folder / "lib").mkdir()
    (project.folder / "lib" / "shapes.py").write_text("SIDES = 4")
    (project.folder / "lib" / "secret.py").write_text("")
    run = project.run(
        "import importlib.util, shapes; print(shapes.SIDES, importlib.util.find_spec('secret'))",
        python_modules=[str(project.folder / "lib" / "shapes.py")],
    )
    assert run.stdout == "4 None\n"


def test_the_files_of_the_target_are_counted_old_ones_not(project):
    target = project.target("daily")
    path = Path(target["path"])
    path.mkdir(parents=True)
    (path / "old.csv").write_text("x")
    os.utime(path / "old.csv", (0, 0))
    run: Run = project.run(f"open({str(path / 'new.csv')!r}, 'w').write('x' * 2**20)", target=target)
    assert run.outcome["metrics"]["output_file_count"] == 1
    assert run.outcome["metrics"]["output_avg_file_mb"] == 1.0


def test_what_the_process_used_is_measured(project):
    metrics = project.run("x = bytearray(200 * 2**20)").outcome["metrics"]
    assert metrics["memory_mb_max"] > 200
    assert metrics["cpu_seconds"] > 0


def test_a_run_without_a_script_is_an_outcome_too(project):
    run = project.run(script=None)
    assert (run.outcome["status"], run.outcome["error"]["type"]) == ("failed", "LaunchError")


@pytest.mark.parametrize("end", ["import os; os._exit(0)", "import sys; sys.exit(0)"])
def test_a_handler_that_ends_the_process_has_not_succeeded(project, end):
    run = project.run(f"def handler(event, context):\n    {end}\n")
    assert (run.outcome["status"], run.outcome["exit_code"]) == ("failed", 0)
    assert "before the handler returned" in run.outcome["error"]["message"]
