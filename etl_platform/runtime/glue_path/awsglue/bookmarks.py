"""Job bookmarks: which files each reader of a job has read, moved on by a commit only."""

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from .localfiles import local_root

ENABLE, DISABLE, PAUSE = "job-bookmark-enable", "job-bookmark-disable", "job-bookmark-pause"


@dataclass
class Bookmark:
    """The bookmark of one job.

    Attributes:
        path: The file that holds it: `<local root>/bookmarks/<job>.json`.
        option: `job-bookmark-enable`, `-disable` or `-pause`.
        run_id: This run, written beside the files that it reads.
        after: Take up again behind this run (`--job-bookmark-from`), or None.
        until: Read nothing newer than this run's files (`--job-bookmark-to`), or None.
    """

    path: Path
    option: str
    run_id: str
    after: str | None = None
    until: str | None = None
    _state: dict[str, Any] = field(init=False)
    _read: dict[str, dict[str, int]] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self._state = {"runs": [], "files": {}}
        if self.path.is_file():
            self._state = json.loads(self.path.read_text())

    def unread(self, context: str, files: dict[str, int]) -> list[str]:
        """The files that the reader of this context has not read yet, or not as they are now.

        Args:
            context: The reader's `transformation_ctx`; without one, nothing is kept, as in Glue.
            files: Every file there is, with its time of change in nanoseconds.
        """
        if self.option == DISABLE or not context:
            return list(files)
        self._read.setdefault(context, {}).update(files)
        seen: dict[str, dict[str, Any]] = self._state["files"].get(context, {})
        return [file for file, changed in files.items() if self._wanted(seen.get(file), changed)]

    def leave(self, context: str, files: Iterable[str]) -> None:
        """Keep files of this context for a later run, which `unread` gave and nobody has read."""
        for file in files:
            self._read.get(context, {}).pop(file, None)

    def _wanted(self, seen: dict[str, Any] | None, changed: int) -> bool:
        if seen is None or seen["changed"] != changed:
            return self.until is None
        run = self._place(seen["run"])
        return self.after is not None and run > self._place(self.after) and self._within(run)

    def _within(self, run: int) -> bool:
        return self.until is None or run <= self._place(self.until)

    def _place(self, run: str) -> int:
        runs: list[str] = self._state["runs"]
        if run not in runs:
            raise ValueError(
                f'bookmark {self.path}: no run "{run}"; the committed runs are {", ".join(runs) or "none"}.'
            )
        return runs.index(run)

    def commit(self) -> None:
        """Keep what this run has read; `pause` keeps nothing."""
        if self.option != ENABLE:
            return
        for context, files in self._read.items():
            seen = self._state["files"].setdefault(context, {})
            for file, changed in files.items():
                if file not in seen or seen[file]["changed"] != changed:
                    seen[file] = {"changed": changed, "run": self.run_id}
        self._state["runs"] = [*dict.fromkeys([*self._state["runs"], self.run_id])]
        self.path.parent.mkdir(parents=True, exist_ok=True)
        draft = self.path.with_suffix(f".{os.getpid()}.tmp")
        draft.write_text(json.dumps(self._state, indent=1))
        draft.replace(self.path)


def bookmark_of(job_name: str, args: dict[str, Any]) -> Bookmark | None:
    """The bookmark that a job's arguments ask for; None where they ask for none.

    Raises:
        LookupError: Bookmarks are on and the local root is not known.
    """
    option = args.get("job_bookmark_option") or DISABLE
    if option == DISABLE:
        return None
    run_id = args.get("JOB_RUN_ID") or Path(os.environ.get("ETL_PLATFORM_RUN_DIR", f"run-{os.getpid()}")).name
    path = local_root("job bookmarks") / "bookmarks" / f"{quote(job_name, safe='')}.json"
    return Bookmark(path, option, run_id, args.get("job_bookmark_from"), args.get("job_bookmark_to"))
