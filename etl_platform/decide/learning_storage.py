"""Where learning vectors are kept: one JSON object a run, in a folder or under an `s3://` prefix."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

from pydantic import ValidationError

from etl_platform.catalog.aws import AwsClients, aws_errors_as_sentences
from etl_platform.catalog.location import s3_path
from etl_platform.catalog.stats import CannotMeasureError
from etl_platform.config.project import Config
from etl_platform.decide.learning_vectors import LearningVector
from etl_platform.tracking.artifacts import FolderArtifacts
from etl_platform.tracking.tables import utc_date

FOLDER = "learning"
"""Name of the folder in the local root, and of the prefix in a bucket, where the configuration has none."""

MOST = 300
"""Vectors that are read at once; older ones say less of today."""

READERS = 8


class LearningStorageError(RuntimeError):
    """Learning vectors that cannot be written or read; the message names the place and what to do."""


class LearningStorage(Protocol):
    """A place for learning vectors."""

    def write(self, vector: LearningVector) -> str:
        """Keep a vector, in place of one of the same run; returns where it stands.

        Raises:
            LearningStorageError: The place cannot be written.
        """
        ...

    def latest(self, since: float) -> list[LearningVector]:
        """The vectors of runs since a day, the newest first, MOST at the most.

        Raises:
            LearningStorageError: The place cannot be read, or holds something else.
        """
        ...


def open_storage(config: Config) -> LearningStorage:
    """The place that `learning_agent.vector_storage`, else `learning_storage`, names.

    Under the profile `local` an `s3://` address is its folder in the local root.

    Raises:
        LearningStorageError: `learning_storage.type` is `s3`, and there is no `bucket`.
    """
    settings = config.settings.learning_storage
    place = config.settings.agents.learning_agent.vector_storage
    if place is None and settings.type == "s3":
        if not settings.bucket:
            raise LearningStorageError('`learning_storage` of type "s3" needs a `bucket`.')
        place = f"s3://{settings.bucket}/{(settings.prefix or FOLDER).strip('/')}"
    if place is None:
        return FolderStorage(config.local_root / (settings.path or FOLDER))
    if not place.startswith("s3://"):
        return FolderStorage(config.resolve(place))
    if config.profile == "local":
        return FolderStorage(s3_path(place, config.local_root))
    return S3Storage(place, AwsClients(config.settings.aws_region))


class FolderStorage:
    """Vectors as files `<day>/<execution id>.json`."""

    def __init__(self, folder: Path):
        self._folder = folder

    def write(self, vector: LearningVector) -> str:
        """Write a file, whole or not at all."""
        try:
            FolderArtifacts(self._folder).write(_name(vector), _content(vector))
        except OSError as error:
            raise LearningStorageError(f"{self._folder} cannot be written: {error}") from error
        return str(self._folder / _name(vector))

    def latest(self, since: float) -> list[LearningVector]:
        """Read the files of the days since then."""
        first = utc_date(since)
        try:
            days = sorted((day for day in self._folder.iterdir() if day.name >= first), reverse=True)
            paths = [path for day in days for path in day.glob("*.json")][:MOST]
            return _newest_first(_vector(str(path), path.read_bytes()) for path in paths)
        except FileNotFoundError:
            return []
        except OSError as error:
            raise LearningStorageError(f"{self._folder} cannot be read: {error}") from error


class S3Storage:
    """Vectors as objects `<prefix>/<day>/<execution id>.json`."""

    def __init__(self, uri: str, clients: AwsClients):
        address = urlsplit(uri)
        self._bucket, self._prefix = address.netloc, address.path.strip("/")
        self._clients = clients

    def write(self, vector: LearningVector) -> str:
        """Put an object."""
        key = f"{self._prefix}/{_name(vector)}".lstrip("/")
        try:
            with aws_errors_as_sentences("s3"):
                self._client.put_object(
                    Bucket=self._bucket, Key=key, Body=_content(vector), ContentType="application/json"
                )
        except CannotMeasureError as error:
            raise LearningStorageError(f"s3://{self._bucket}/{key}: {error}") from error
        return f"s3://{self._bucket}/{key}"

    def latest(self, since: float) -> list[LearningVector]:
        """List the keys after that day, and get the last of them side by side."""
        prefix = f"{self._prefix}/".lstrip("/")
        try:
            with aws_errors_as_sentences("s3"):
                pages = self._client.get_paginator("list_objects_v2").paginate(
                    Bucket=self._bucket, Prefix=prefix, StartAfter=f"{prefix}{utc_date(since)}"
                )
                keys = [one["Key"] for page in pages for one in page.get("Contents", ())]
                with ThreadPoolExecutor(READERS) as pool:
                    return _newest_first(pool.map(self._get, keys[-MOST:]))
        except CannotMeasureError as error:
            raise LearningStorageError(f"s3://{self._bucket}/{prefix}: {error}") from error

    @property
    def _client(self) -> Any:
        return self._clients.client("s3")

    def _get(self, key: str) -> LearningVector:
        answer = self._client.get_object(Bucket=self._bucket, Key=key)
        return _vector(f"s3://{self._bucket}/{key}", answer["Body"].read())


def _name(vector: LearningVector) -> str:
    return f"{utc_date(vector.timestamp)}/{vector.execution_id}.json"


def _content(vector: LearningVector) -> bytes:
    return vector.model_dump_json(exclude_none=True).encode()


def _vector(place: str, content: bytes) -> LearningVector:
    try:
        return LearningVector.model_validate_json(content)
    except ValidationError as error:
        raise LearningStorageError(
            f"{place} is no learning vector ({error.error_count()} faults); remove it."
        ) from error


def _newest_first(vectors: Iterator[LearningVector]) -> list[LearningVector]:
    return sorted(vectors, key=lambda one: (-one.timestamp, one.execution_id))
