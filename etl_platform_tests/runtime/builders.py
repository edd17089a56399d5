"""Runs of the launcher on small projects, as the local platform starts them."""

import json
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq


@dataclass(frozen=True)
class Run:
    """What a run left behind."""

    folder: Path
    exit_status: int
    outcome: dict[str, Any]

    @property
    def stdout(self) -> str:
        return (self.folder / "stdout.log").read_text()

    @property
    def stderr(self) -> str:
        return (self.folder / "stderr.log").read_text()

    @property
    def printed(self) -> dict[str, Any]:
        """The script's last line, as JSON."""
        return json.loads(self.stdout.splitlines()[-1])


@dataclass
class Project:
    """A folder with scripts, a local root and runs."""

    folder: Path
    tables: list[dict[str, Any]] = field(default_factory=list)

    @property
    def root(self) -> Path:
        return self.folder / "root"

    def table(self, name: str, rows: list[dict[str, Any]] | None = None, partition_by: str = "") -> Path:
        """Declare the Glue table `shop.<name>`; with rows, write its files."""
        path = self.root / "glue" / "shop" / name
        self.tables.append({"database": "shop", "table": name, "path": str(path), "format": "parquet"})
        if rows is not None:
            path.mkdir(parents=True)
            columns = [partition_by] if partition_by else None
            pq.write_to_dataset(pa.Table.from_pylist(rows), path, partition_cols=columns)
        return path

    def target(self, name: str, **keys: Any) -> dict[str, Any]:
        """The job's target as the Glue table `shop.<name>`."""
        path = str(self.root / "glue" / "shop" / name)
        common = {"database": "shop", "table": name, "path": path, "format": "parquet", "mode": "overwrite"}
        return {**common, "partition_by": [], **keys}

    def prepare(self, script: str | None = None, **keys: Any) -> Path:
        """Write a run's folder; return it."""
        number = len(list(self.folder.glob("run-*")))
        folder = self.folder / f"run-{number}"
        folder.mkdir(parents=True)
        if script is not None:
            (self.folder / f"script_{number}.py").write_text(script)
            keys["script"] = str(self.folder / f"script_{number}.py")
        launch = {
            "execution_id": f"exec-{number}",
            "job_id": "orders",
            "script_type": "python",
            "engine": "none",
            "arguments": {"JOB_NAME": "orders"},
            "local_root": str(self.root),
            "tables": self.tables,
            "timeout_seconds": 120,
            **keys,
        }
        (folder / "launch.json").write_text(json.dumps(launch))
        return folder

    def run(self, script: str | None = None, **keys: Any) -> Run:
        """Run a script, or what the keys of launch.json say, to its end."""
        return launch(self.prepare(script, **keys))


def launch(folder: Path) -> Run:
    """Start the launcher on a run's folder and wait for it."""
    done = subprocess.run([sys.executable, "-m", "etl_platform.runtime.launch", str(folder)], check=False)
    return Run(folder, done.returncode, json.loads((folder / "outcome.json").read_text()))
