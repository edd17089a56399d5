"""What a listing of files tells: size, count, layout, last update; the same for S3 and for a folder."""

from dataclasses import dataclass, field
from urllib.parse import unquote

SUFFIX_FORMATS = {
    "parquet": "parquet",
    "orc": "orc",
    "avro": "avro",
    "csv": "csv",
    "tsv": "csv",
    "json": "json",
    "jsonl": "json",
    "ndjson": "json",
}
SUFFIX_CODECS = {
    "gz": "gzip",
    "gzip": "gzip",
    "bz2": "bzip2",
    "zst": "zstd",
    "snappy": "snappy",
    "lz4": "lz4",
    "xz": "xz",
}
TABLE_LOGS = {"_delta_log": "Delta Lake", ".hoodie": "Hudi"}

PartitionValues = tuple[tuple[str, str], ...]


@dataclass
class FileListing:
    """The data files under one prefix or folder, added one by one.

    Attributes:
        names: Path of each data file, relative to the prefix.
        sizes: Bytes of each, in the same order.
        size_bytes: Their sum.
        last_updated: Unix seconds of the newest.
        partition_bytes: Values of each `key=value` folder to its bytes; `()` for files outside of any.
        table_format: `Delta Lake` or `Hudi`, where the folder holds such a log.
    """

    names: list[str] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    size_bytes: int = 0
    last_updated: float | None = None
    partition_bytes: dict[PartitionValues, int] = field(default_factory=dict)
    table_format: str | None = None
    _folders: dict[str, PartitionValues | None] = field(default_factory=dict)

    def add(self, name: str, size: int, modified: float) -> None:
        """Count one file, unless readers skip it (names that start with `_` or `.`, folder markers).

        Args:
            name: Path relative to the prefix, with `/`.
            size: Bytes.
            modified: Unix seconds.
        """
        folder, _, file = name.rpartition("/")
        if folder not in self._folders:
            self._folders[folder] = self._partition_of(folder)
        values = self._folders[folder]
        if values is None or not file or file[0] in "_." or file.endswith("_$folder$"):
            return
        self.names.append(name)
        self.sizes.append(size)
        self.size_bytes += size
        self.partition_bytes[values] = self.partition_bytes.get(values, 0) + size
        if self.last_updated is None or modified > self.last_updated:
            self.last_updated = modified

    def _partition_of(self, folder: str) -> PartitionValues | None:
        """Partition values of a folder; None where readers skip it, as Hadoop's `FileInputFormat` does."""
        values: list[tuple[str, str]] = []
        for part in folder.split("/") if folder else ():
            key, equals, value = part.partition("=")
            if part in TABLE_LOGS:
                self.table_format = TABLE_LOGS[part]
            if equals:
                values.append((key, unquote(value)))
            elif part[:1] in ("_", "."):
                return None
        return tuple(values)

    @property
    def partition_keys(self) -> tuple[str, ...]:
        """Names before the `=` of the folders, outermost first."""
        return tuple(dict.fromkeys(key for values in self.partition_bytes for key, _ in values))

    @property
    def partition_count(self) -> int | None:
        """Folders `key=value` that hold data; None where the data is not cut so."""
        return sum(1 for values in self.partition_bytes if values) or None

    def suffixes(self) -> tuple[str | None, str | None]:
        """Format and codec by the suffixes of the largest file; None where they do not tell."""
        if not self.names:
            return None, None
        parts = self.names[self.largest].rpartition("/")[2].lower().split(".")[1:]
        found = next((SUFFIX_FORMATS[part] for part in reversed(parts) if part in SUFFIX_FORMATS), None)
        codec = next((SUFFIX_CODECS[part] for part in parts if part in SUFFIX_CODECS), None)
        return found, codec

    @property
    def largest(self) -> int:
        """Index of the largest file, the first of equals; the one that is opened to learn about all."""
        return max(range(len(self.sizes)), key=lambda index: (self.sizes[index], -index))

    def sample(self, count: int) -> list[int]:
        """Indexes of at most that many files, evenly spread over the listing and always the same."""
        total = len(self.names)
        if total <= count:
            return list(range(total))
        return [index * total // count for index in range(count)]
