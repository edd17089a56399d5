"""`python -m etl_platform.runtime.debug RUN_DIR`: run again what a run was, in this process, for a debugger.

What `launch.json` of the run's folder says is run with the same arguments, tables and buckets; what it writes
goes where the run wrote. Nothing of the run's own folder is changed, and no time limit holds.
"""

import io
import os
import shutil
import sys
import tempfile
from pathlib import Path

from etl_platform.runtime import worker
from etl_platform.runtime.buckets import known_buckets
from etl_platform.runtime.contract import LAUNCH_FILE, LaunchError, read_launch
from etl_platform.runtime.json_endpoint import JsonEndpoint
from etl_platform.runtime.process_environment import process_environment
from etl_platform.runtime.s3_endpoint import S3Endpoint
from etl_platform.runtime.s3_storage import LocalS3
from etl_platform.runtime.secret_values import refers_to_secrets


def debug(run_dir: Path) -> None:
    """Run what `launch.json` of a folder says, in this process.

    Args:
        run_dir: Folder of a run: `<local root>/runs/<execution id>`.

    Raises:
        LaunchError: The folder has no launch.json that can be read, or the run takes a secret.
    """
    with tempfile.TemporaryDirectory(prefix="debug-") as name:
        folder = Path(name)
        shutil.copy(run_dir / LAUNCH_FILE, folder)
        launch = read_launch(folder)
        if refers_to_secrets(launch):
            raise LaunchError(
                f"{run_dir / LAUNCH_FILE}: an argument is a secret, which only `etl-platform run` fills in; "
                "put a value for debugging in its place."
            )
        storage = LocalS3(launch.local_root, known_buckets(launch), folder / "uploads")
        with S3Endpoint(storage) as s3, JsonEndpoint(launch.local_root) as services:
            environment = process_environment(launch, folder) | s3.environment | services.environment
            os.environ.clear()
            os.environ.update(environment)
            sys.path[1:1] = [path for path in environment["PYTHONPATH"].split(os.pathsep) if path]
            # A worker reads its secrets from its standard input, and ends when its supervisor does.
            sys.stdin = io.StringIO("{}")
            lifeline, _held = os.pipe()
            worker.run(folder, lifeline)


if __name__ == "__main__":
    if len(sys.argv) != 2 or not (Path(sys.argv[1]) / LAUNCH_FILE).is_file():
        sys.exit("usage: python -m etl_platform.runtime.debug RUN_DIR (a folder with launch.json)")
    debug(Path(sys.argv[1]).resolve())
