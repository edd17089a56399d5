"""Quarantine on this machine: the clean dataset is a folder of its own, which takes the place of the old one.

Files that hold bad rows are written again, all other files are linked, and the two folders change places in
one step. The process may end at any point: the target is the old or the new one, whole.

Rows that come back are further files of such a folder. Their names tell `recover` that they are in the
target, and that the rows that stay are still to take the place of all.
"""

import json
import os
import shutil
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from etl_platform.quality.files import Files
from etl_platform.quality.local_frame import LocalFrame
from etl_platform.quality.quarantined import (
    MANIFEST,
    ROWS_FILE,
    Quarantined,
    QuarantineError,
    replayed_stem,
    write_rows,
)
from etl_platform.quality.rewriting import affected_files, write_without
from etl_platform.quality.swap import publish, recover


class LocalShelf:
    """Quarantine of a dataset in folders of this machine."""

    def __init__(self, parent: Path, target: Path | None):
        """Say where things stand.

        Args:
            parent: Folder that holds one folder an execution.
            target: Folder of the target; None for a source, of which a clean copy is made.
        """
        self.parent = parent
        self.target = target

    def folder(self, execution_id: str) -> str:
        """Where the rows of an execution are kept."""
        return str(self.parent / f"execution_id={execution_id}")

    def clean_copy(self, execution_id: str) -> str | None:
        """Where the clean copy of a source is made."""
        return str(self.parent / "_clean" / execution_id) if self.target is None else None

    def recover(self) -> None:
        """Finish or undo an interrupted publication, and remove what others left aside."""
        if self.target is None:
            return
        recover(self.target)
        for left in self.target.parent.glob(f".{self.target.name}.quarantine-*"):
            shutil.rmtree(left)
        for staged in self.parent.glob(f".execution_id=*{_REPLAYED}"):
            self._recover_replay(staged)

    def prepare(self, execution_id: str, files: Files) -> None:
        """Note where the clean files go."""
        copy = self.clean_copy(execution_id)
        self.files, self.root = files, Path(files.root)
        self.clean = (
            Path(copy) if copy else self.root.with_name(f".{self.root.name}.quarantine-{execution_id}")
        )

    def write_clean(self, frame: LocalFrame, bad: str) -> list[str]:
        """Make the folder of the clean dataset."""
        self.discard()
        affected = affected_files(frame, bad)
        self._link_all(affected)
        for path in sorted(affected):
            place = self.clean / Path(path).relative_to(self.root)
            write_without(frame, bad, self.files, path, str(place))
        return [str(self.clean / Path(path).relative_to(self.root)) for path in self.files.paths]

    def discard(self) -> None:
        """Remove the folder of the clean dataset."""
        shutil.rmtree(self.clean, ignore_errors=True)

    def publish(self, frame: LocalFrame, bad: str, content: Quarantined) -> None:
        """Keep the bad rows, then let the clean folder and the target change places."""
        folder = Path(content.path)
        staging = folder.with_name(f".{folder.name}.new")
        shutil.rmtree(staging, ignore_errors=True)
        staging.mkdir(parents=True)
        write_rows(frame, bad, content, str(staging / ROWS_FILE))
        save_manifest(staging, content)
        publish(staging, folder)
        if self.target is not None:
            publish(self.clean, self.root)

    def stage_rows(self, execution_id: str) -> tuple[str, str]:
        """Take up the rows of an execution, and make a folder for those that stay."""
        folder = Path(self.folder(execution_id))
        self.staged = folder.with_name(f".{folder.name}{_REPLAYED}")
        self.staged.mkdir()
        self.rows = folder / ROWS_FILE
        self.rows_written = self.rows.stat().st_mtime_ns
        return str(self.rows), str(self.staged / ROWS_FILE)

    def stage_target(self, execution_id: str, files: Files) -> str:
        """Link the target's files into a folder, to which further ones come."""
        self.prepare(execution_id, files)
        self._link_all(())
        return str(self.clean)

    def publish_replay(self, content: Quarantined, added: Sequence[str]) -> None:
        """Let the folder with the further files take the place of the target, then that of the rows."""
        if self.rows.stat().st_mtime_ns != self.rows_written:
            raise QuarantineError(f"{self.rows} was written to meanwhile; nothing was put back.")
        save_manifest(self.staged, content)
        if added:
            publish(self.clean, self.root)
        publish(self.staged, self.rows.parent)

    def contents(self) -> Iterator[Quarantined]:
        """What lies in quarantine, by execution."""
        for path in sorted(self.parent.glob(f"execution_id=*/{MANIFEST}")):
            yield Quarantined(**json.loads(path.read_text()))

    def content(self, execution_id: str) -> Quarantined | None:
        """What lies in quarantine of an execution."""
        try:
            return Quarantined(**json.loads((Path(self.folder(execution_id)) / MANIFEST).read_text()))
        except FileNotFoundError:
            return None

    def _link_all(self, besides: Collection[str]) -> None:
        """Make the folders of the target, and link its files but some."""
        for path in sorted(self.root.rglob("*")):
            place = self.clean / path.relative_to(self.root)
            if path.is_dir():
                place.mkdir(parents=True, exist_ok=True)
                continue
            place.parent.mkdir(parents=True, exist_ok=True)
            if str(path) not in besides:
                link(path, place)

    def _recover_replay(self, staged: Path) -> None:
        folder = staged.with_name(staged.name.removeprefix(".").removesuffix(_REPLAYED))
        recover(folder)
        content = self.content(folder.name.removeprefix("execution_id="))
        assert self.target is not None
        if content and any(self.target.rglob(f"{replayed_stem(content)}*")):
            publish(staged, folder)
        else:
            shutil.rmtree(staged)


_REPLAYED = ".replayed"
"""Ends the name of the folder of rows that stay, until it takes its place."""


def save_manifest(folder: Path, content: Quarantined) -> None:
    """Write what is in a folder of quarantine, in one step."""
    temporary = folder / f"{MANIFEST}.new"
    temporary.write_text(json.dumps(content.document(), indent=2))
    temporary.replace(folder / MANIFEST)


def link(path: Path, place: Path) -> None:
    """Let a file be found at a second place too, without a copy where the file system can."""
    try:
        os.link(path, place)
    except OSError:
        # A file system without hard links, or another one.
        shutil.copy2(path, place)
