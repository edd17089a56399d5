"""What lies in quarantine, and where."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from etl_platform.quality.files import Files
from etl_platform.quality.local_frame import FILE_COLUMN, ROW_COLUMN, LocalFrame, literal
from etl_platform.quality.remote_files import duckdb_path

MANIFEST = "_quarantine.json"
ROWS_FILE = "rows.parquet"
TIME_COLUMN = "_quarantined_at"


class QuarantineError(RuntimeError):
    """Rows cannot be moved to quarantine; the dataset is as it was."""


@dataclass(frozen=True)
class Quarantined:
    """What went into quarantine in one execution.

    Attributes:
        job_id: The job.
        dataset: `target`, or the name of a source.
        execution_id: The execution.
        path: Folder of the rows.
        rows_in: Rows that the dataset had.
        published: Rows that it has, or its clean copy has.
        quarantined: Rows in quarantine; `rows_in` = `published` + `quarantined`, which was verified.
        by_rule: Check name to rows that broke it; a row can break several.
        kept_by: What said which row of a duplicated key stays: a column, or `file order`.
        quarantined_at: Unix seconds, UTC.
        clean_copy: Folder of the clean copy of a source; None for a target.
        replays: How many times rows were replayed from here.
    """

    job_id: str
    dataset: str
    execution_id: str
    path: str
    rows_in: int
    published: int
    quarantined: int
    by_rule: Mapping[str, int]
    kept_by: str
    quarantined_at: float
    clean_copy: str | None = None
    replays: int = 0

    def document(self) -> dict[str, Any]:
        """As JSON holds it."""
        return asdict(self)


def replayed_stem(content: Quarantined) -> str:
    """What the names of the files begin with that the next replay adds to the target."""
    moved = int(content.quarantined_at * 1000)
    return f"replayed-{content.execution_id}-{moved}-{content.replays + 1}-"


class Shelf(Protocol):
    """Where the quarantine of a dataset stands, and how the dataset is published without its bad rows."""

    def folder(self, execution_id: str) -> str:
        """Where the rows of an execution are kept."""
        ...

    def clean_copy(self, execution_id: str) -> str | None:
        """Where the clean copy of a source is made; None for a target, which is published itself."""
        ...

    def recover(self) -> None:
        """Finish or undo what a process that ended too early left behind."""
        ...

    def prepare(self, execution_id: str, files: Files) -> None:
        """Take up the dataset's files before they are read."""
        ...

    def write_clean(self, frame: LocalFrame, bad: str) -> list[str]:
        """Write the files that hold bad rows again without them, aside.

        Returns:
            The files that make up the clean dataset.

        Raises:
            QueryError: A file cannot be read or written.
        """
        ...

    def discard(self) -> None:
        """Remove what `write_clean` wrote."""
        ...

    def publish(self, frame: LocalFrame, bad: str, content: Quarantined) -> None:
        """Keep the bad rows, and put the clean files in the place of the others."""
        ...

    def stage_rows(self, execution_id: str) -> tuple[str, str]:
        """First step of a replay: take up the rows of an execution before they are read.

        Returns:
            The file that holds them, and the place aside for those that stay, as pyarrow names them.
        """
        ...

    def stage_target(self, execution_id: str, files: Files) -> str:
        """Second step: take up the target's files.

        Returns:
            The place aside where files are made that come to it, with its folders.
        """
        ...

    def publish_replay(self, content: Quarantined, added: Sequence[str]) -> None:
        """Third step: the files come to the target, and the rows that stay take the place of all.

        Args:
            content: What stays.
            added: The files; none: no row holds.

        Raises:
            QuarantineError: The rows were written anew since they were taken up; nothing was published.
        """
        ...

    def contents(self) -> Iterator[Quarantined]:
        """What lies in quarantine, by execution."""
        ...

    def content(self, execution_id: str) -> Quarantined | None:
        """What lies in quarantine of an execution; None where nothing does."""
        ...


def write_rows(frame: LocalFrame, bad: str, content: Quarantined, path: str, filesystem: Any = None) -> None:
    """Write the bad rows as one Parquet file, in the order of the dataset, and count them again.

    Args:
        frame: The dataset, numbered.
        bad: Name of the table of bad rows.
        content: What goes into quarantine.
        path: The file, as pyarrow names it.
        filesystem: pyarrow's file system; None for this machine's.

    Raises:
        QueryError: It cannot be written.
        QuarantineError: It does not hold the rows that it should.
    """
    place = literal(duckdb_path(path, filesystem))
    at = f"to_timestamp({content.quarantined_at!r}) AS {TIME_COLUMN}"
    frame.run(
        f"COPY (SELECT * EXCLUDE ({FILE_COLUMN}, {ROW_COLUMN}), {at} FROM {frame.column(bad)} "
        f"ORDER BY {FILE_COLUMN}, {ROW_COLUMN}) TO {place} (FORMAT parquet)"
    )
    written = int(frame.run(f"SELECT count(*) FROM read_parquet({place})")[0][0])
    if written != content.quarantined:
        raise QuarantineError(f"{path} holds {written} rows instead of {content.quarantined}.")
