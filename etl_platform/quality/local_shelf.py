"""Quarantine on this machine: the clean dataset is a folder of its own, which takes the place of the old one.

Files that hold bad rows are written again, all other files are linked, and the two folders change places in
one step. The process may end at any point: the target is the old or the new one, whole.
"""

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from etl_platform.quality.files import Files
from etl_platform.quality.local_frame import LocalFrame
from etl_platform.quality.quarantined import MANIFEST, ROWS_FILE, Quarantined, write_rows
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
        for path in sorted(self.root.rglob("*")):
            place = self.clean / path.relative_to(self.root)
            if path.is_dir():
                place.mkdir(parents=True, exist_ok=True)
                continue
            place.parent.mkdir(parents=True, exist_ok=True)
            if str(path) in affected:
                write_without(frame, bad, self.files, str(path), str(place))
            else:
                link(path, place)
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
