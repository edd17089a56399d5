"""S3 buckets as folders of the local root."""

import shutil
import uuid
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Protocol

from etl_platform.runtime.buckets import UnknownBucketError

BLOCK_BYTES = 1 << 20


class Content(Protocol):
    """Bytes to be read once."""

    def read(self, size: int, /) -> bytes:
        """The next bytes, at most `size`; none at the end."""
        ...


class S3Error(Exception):
    """An answer of S3 that is an error."""

    def __init__(self, status: int, code: str, message: str):
        self.status, self.code = status, code
        super().__init__(message)


def etag(path: Path) -> str:
    """What tells versions of an object apart."""
    stat = path.stat()
    return f'"{stat.st_mtime_ns:x}-{stat.st_size:x}"'


def save(content: Content, path: Path) -> None:
    """Write content to a file."""
    with path.open("wb") as file:
        while block := content.read(BLOCK_BYTES):
            file.write(block)


class LocalS3:
    """Buckets as folders.

    Args:
        root: The folder that stands for S3 and Glue.
        buckets: Names of the buckets that exist.
        scratch: Folder for uploads in parts.
    """

    def __init__(self, root: Path, buckets: Collection[str], scratch: Path):
        self._root, self._buckets, self._scratch = root / "s3", frozenset(buckets), scratch

    def path(self, bucket: str, key: str) -> Path:
        """The file of an object.

        Raises:
            S3Error: The bucket does not exist, or the key cannot be a path.
        """
        if bucket not in self._buckets:
            raise S3Error(404, "NoSuchBucket", str(UnknownBucketError(bucket)))
        if any(part in ("", ".", "..") for part in key.rstrip("/").split("/")) and key:
            raise S3Error(400, "InvalidArgument", f"Key {key!r} cannot be a file's path on this machine.")
        return self._root / bucket / key

    def existing(self, bucket: str, key: str) -> Path:
        """The file of an object that exists.

        Raises:
            S3Error: It does not.
        """
        path = self.path(bucket, key)
        if not path.is_file():
            raise S3Error(404, "NoSuchKey", f"The specified key does not exist: s3://{bucket}/{key}")
        return path

    def write(self, bucket: str, key: str, content: Content) -> Path:
        """Make or replace an object; readers see the old one until the new one is whole."""
        path = self.path(bucket, key)
        try:
            if key.endswith("/"):
                path.mkdir(parents=True, exist_ok=True)
                return path
            path.parent.mkdir(parents=True, exist_ok=True)
            draft = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}")
            save(content, draft)
            draft.replace(path)
        except (NotADirectoryError, IsADirectoryError, FileExistsError) as error:
            raise S3Error(
                409, "OperationAborted", f"{path}: a key and a prefix of the same name cannot both be here."
            ) from error
        return path

    def keys(self, bucket: str, prefix: str) -> Iterator[str]:
        """Keys that start with a prefix, in the order of S3."""
        top = self.path(bucket, "")
        # Only folders on the way to the prefix are read.
        start = top / prefix.rpartition("/")[0]
        found = (
            (path.relative_to(top) for path in start.rglob("*") if path.is_file()) if start.is_dir() else ()
        )
        names = (path.as_posix() for path in found if not any(part.startswith(".") for part in path.parts))
        yield from sorted((name for name in names if name.startswith(prefix)), key=str.encode)

    def start_upload(self) -> str:
        """Begin an upload in parts; returns its id."""
        upload = uuid.uuid4().hex
        (self._scratch / upload).mkdir(parents=True)
        return upload

    def part(self, upload: str, number: int) -> Path:
        """The file of a part.

        Raises:
            S3Error: No upload of that id is under way.
        """
        folder = self._scratch / upload
        if not upload.isalnum() or not folder.is_dir():
            raise S3Error(404, "NoSuchUpload", f"No upload {upload} is under way.")
        return folder / f"{number:06d}"

    def end_upload(self, upload: str) -> None:
        """Forget an upload and its parts."""
        shutil.rmtree(self.part(upload, 0).parent)
