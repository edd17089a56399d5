"""What is known of a dataset: the figures that `measure` returns."""

import hashlib

from pydantic import BaseModel, ConfigDict, computed_field

from etl_platform.catalog.findings import Finding

BYTES_PER_GB = 2**30


class CannotMeasureError(Exception):
    """A source that tells nothing; the message names the call, and the permission or key to set.

    Attributes:
        missing: True where the store answered that there is no such dataset.
    """

    def __init__(self, message: str, *, missing: bool = False):
        super().__init__(message)
        self.missing = missing


class TableStats(BaseModel):
    """Figures of one dataset; None is unknown.

    Attributes:
        dataset: Physical name, such as `glue/db/table`.
        exists: False where the store says that there is no such dataset.
        size_gb: Stored bytes / 2**30; of a database with its indexes.
        size_rough: The size is the middle of what `expected_size_hint` says, nobody counted it.
        file_count: Data files; markers such as `_SUCCESS` do not count.
        row_count: Rows, items or messages.
        rows_estimated: The row count comes from a sample or from an engine's statistics.
        partition_count: Folders `key=value`, or partitions of the catalog or engine.
        partition_keys: Columns that the data is cut by; empty where it is not cut.
        filtered_gb: Size of the partitions that the source's `partition_filter` keeps.
        filtered_partition_count: Number of those partitions.
        columns: Column to type, as the store names it.
        format: `parquet`, `csv`, … or the engine, such as `postgresql`.
        compression: Codec, such as `snappy`.
        last_updated: Unix seconds of the last change of the data.
        records_per_second: Of a stream, on average over the last day.
        avg_record_kb: Of a stream, on average over the last day.
        detected_by: The calls, files or keys that the figures come from.
        measured_at: Unix seconds.
        warnings: What could not be found out, and what to do about it.
        findings: What is wrong with the data.
    """

    model_config = ConfigDict(frozen=True)

    dataset: str
    exists: bool | None = None
    size_gb: float | None = None
    size_rough: bool = False
    file_count: int | None = None
    row_count: int | None = None
    rows_estimated: bool = False
    partition_count: int | None = None
    partition_keys: tuple[str, ...] | None = None
    filtered_gb: float | None = None
    filtered_partition_count: int | None = None
    columns: dict[str, str] = {}
    format: str | None = None
    compression: str | None = None
    last_updated: float | None = None
    records_per_second: float | None = None
    avg_record_kb: float | None = None
    detected_by: str
    measured_at: float
    warnings: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()

    @computed_field
    @property
    def avg_file_mb(self) -> float | None:
        """Mean size of a file in units of 2**20 bytes."""
        if self.size_gb is None or not self.file_count:
            return None
        return self.size_gb * 1024 / self.file_count

    @property
    def data_version(self) -> str | None:
        """A text that changes with size, file count or last update; None where none is known."""
        known = (self.size_gb, self.file_count, self.last_updated)
        if known == (None, None, None):
            return None
        return hashlib.sha256(repr(known).encode()).hexdigest()[:16]

    @property
    def read_gb(self) -> float | None:
        """What a job reads of it: the partitions that its filter keeps, else all."""
        return self.size_gb if self.filtered_gb is None else self.filtered_gb


def gigabytes(size_bytes: float | None) -> float | None:
    """Bytes as units of 2**30; None stays None."""
    return None if size_bytes is None else size_bytes / BYTES_PER_GB
