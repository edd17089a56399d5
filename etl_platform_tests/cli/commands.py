"""Call the command line in a process of its own, as a user does."""

import os
import subprocess
import sys
from pathlib import Path


def call(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """`etl-platform ARGUMENTS` in a folder; both streams are captured apart."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("ETL_PLATFORM_")}
    inherited.pop("DAGSTER_HOME", None)
    return subprocess.run(
        [sys.executable, "-m", "etl_platform.cli.main", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        env={**inherited, **environment},
        check=False,
    )
