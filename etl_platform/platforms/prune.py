"""Folders of runs on this machine whose records have expired: they are removed like the records."""

import shutil
from pathlib import Path

from etl_platform.config.project import Config
from etl_platform.platforms import process_tree
from etl_platform.tracking.store import TrackingStore
from etl_platform.tracking.tables import DAY_SECONDS, JOB_EXECUTIONS


def prune_runs(config: Config, store: TrackingStore, now: float) -> int:
    """Remove the folders of runs that are older than records are kept, have no record, and run no more.

    Args:
        config: Says where runs are kept.
        store: Where their records are.
        now: Unix seconds.

    Returns:
        How many folders were removed.

    Raises:
        OSError: A folder cannot be removed.
    """
    folder = config.local_root / "runs"
    oldest = now - (JOB_EXECUTIONS.ttl_days or 0) * DAY_SECONDS
    removed = 0
    for run in sorted(folder.iterdir()) if folder.is_dir() else ():
        if not run.is_dir() or _last_change(run) > oldest:
            continue
        if store.execution(run.name) is None and process_tree.find_launcher(run) is None:
            shutil.rmtree(run)
            removed += 1
    return removed


def _last_change(folder: Path) -> float:
    """When something in a folder was last written, Unix seconds."""
    return max(path.stat().st_mtime for path in (folder, *folder.iterdir()))
