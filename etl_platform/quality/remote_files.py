"""Files on S3 for DuckDB, through pyarrow's file system: its own S3 extension would be a download."""

from typing import Any

PROTOCOL = "arrow-s3"
"""DuckDB would answer `s3://` with its extension."""


def duckdb_path(path: str, filesystem: Any) -> str:
    """A file's name for DuckDB.

    Args:
        path: As pyarrow names it, such as `bucket/key`; of this machine, its path.
        filesystem: pyarrow's file system; None for this machine's.
    """
    return path if filesystem is None else f"{PROTOCOL}://{path}"


def plain_path(name: str) -> str:
    """A file's name as pyarrow has it, from DuckDB's."""
    return name.removeprefix(f"{PROTOCOL}://")


def register(connection: Any, filesystem: Any) -> None:
    """Let a DuckDB connection read and write files of a pyarrow file system."""
    from fsspec.implementations.arrow import ArrowFSWrapper

    if PROTOCOL in connection.list_filesystems():
        return

    class ArrowS3(ArrowFSWrapper):
        # fsspec keeps equal instances for ever, and with them the credentials of the first.
        cachable = False

        @property
        def protocol(self) -> str:
            return PROTOCOL

        @classmethod
        def _strip_protocol(cls, path: str) -> str:
            return plain_path(path)

    connection.register_filesystem(ArrowS3(filesystem))
