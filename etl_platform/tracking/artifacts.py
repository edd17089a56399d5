"""Where values go that are too large for an item: beside the SQLite file, or in S3."""

import os
import shutil
import uuid
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

from etl_platform.tracking.errors import MissingArtifactError


class Artifacts(Protocol):
    """A place for large values."""

    def write(self, name: str, content: bytes) -> str:
        """Keep a value under a relative name and return where it stands; it is durable when this returns."""
        ...

    def read(self, location: str) -> bytes:
        """The value that stands there.

        Raises:
            MissingArtifactError: It is gone.
        """
        ...


class FolderArtifacts:
    """Large values as files in a folder."""

    def __init__(self, folder: Path):
        self._folder = folder

    def write(self, name: str, content: bytes) -> str:
        """Write a file, whole or not at all; its location is relative to the folder, which may move."""
        path = self._folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f".{uuid.uuid4().hex}")
        with draft.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
        return name

    def read(self, location: str) -> bytes:
        """The content of a file of the folder."""
        path = self._folder / location
        try:
            return path.read_bytes()
        except OSError as error:
            raise MissingArtifactError(str(path), error.strerror or str(error)) from error

    def remove(self, name: str) -> None:
        """Remove a file or a folder of files; nothing happens where there is none."""
        shutil.rmtree(self._folder / name, ignore_errors=True)


class S3Artifacts:
    """Large values as objects under an `s3://` prefix; their end is set by a lifecycle rule of the bucket."""

    def __init__(self, s3_uri: str, client: Any):
        self._prefix = s3_uri.rstrip("/")
        self._client = client

    def write(self, name: str, content: bytes) -> str:
        """Put an object; the location is its `s3://` address."""
        location = f"{self._prefix}/tracking/{name}"
        address = urlsplit(location)
        self._client.put_object(Bucket=address.netloc, Key=address.path.lstrip("/"), Body=content)
        return location

    def read(self, location: str) -> bytes:
        """The content of an object."""
        address = urlsplit(location)
        try:
            answer = self._client.get_object(Bucket=address.netloc, Key=address.path.lstrip("/"))
        except self._client.exceptions.NoSuchKey as error:
            raise MissingArtifactError(location, str(error)) from error
        return answer["Body"].read()
