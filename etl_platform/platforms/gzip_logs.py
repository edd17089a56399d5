"""Logs that a service puts into S3 as gzip files, and puts there anew as they grow."""

import gzip
import json
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from etl_platform.platforms.artifacts import bucket_and_key
from etl_platform.platforms.aws_access import AwsAccess, calling
from etl_platform.platforms.errors import TransientError
from etl_platform.platforms.protocol import LogChunk, LogLine

Stream = Literal["stdout", "stderr"]

CHUNK_BYTES = 4 * 2**20
"""Most bytes of one stream in one chunk."""

COMES_WITHIN_SECONDS = 600.0
"""EMR copies logs to S3 every five minutes (Amazon EMR Management Guide, "View log files"); twice that."""

TAIL_BYTES = 64 * 1024


@dataclass(frozen=True)
class _Place:
    """How far a stream was read.

    Attributes:
        etag: Of the object that was read to its end; None: there is more in it.
        at: Bytes of the text that were handed on.
        modified: When the object was last written, Unix seconds; None: it was not there yet.
    """

    etag: str | None = None
    at: int = 0
    modified: float | None = None


def read_gzip_logs(
    access: AwsAccess, files: Mapping[Stream, str], cursor: str | None, *, ended: float | None, now: float
) -> LogChunk:
    """The next lines of a run's logs; a log that is not there has none, and an unchanged one is not sent.

    Args:
        access: Where S3 is.
        files: s3:// address of each stream's log.
        cursor: Of the chunk before; None: from the beginning.
        ended: When the run ended, Unix seconds; None while it runs.
        now: Unix seconds.

    Raises:
        TransientError: The run ended, and its last lines have not come yet but may still come.
    """
    places = {stream: _Place(**place) for stream, place in (json.loads(cursor) if cursor else {}).items()}
    after: dict[str, _Place] = {}
    lines: list[LogLine] = []
    late = ended is not None and now >= ended + COMES_WITHIN_SECONDS
    for stream, uri in files.items():
        place = places.get(stream, _Place())
        found = _changed(access, uri, place.etag)
        if found is None:
            after[stream] = place
            continue
        text, etag, modified = found
        complete = late or (ended is not None and modified >= int(ended))
        piece = text[place.at : place.at + CHUNK_BYTES]
        if not complete or len(text) > place.at + len(piece):
            # The rest of an unfinished line comes with the next chunk; one that fills a chunk is cut.
            whole = piece[: piece.rfind(b"\n") + 1]
            piece = whole or (piece if len(piece) == CHUNK_BYTES else b"")
        lines += [LogLine(stream, line) for line in piece.decode("utf-8", "replace").splitlines()]
        at = place.at + len(piece)
        after[stream] = _Place(etag if at == len(text) else None, at, modified)
    if all(after[stream] == places.get(stream, _Place()) for stream in files):
        # What spark-submit says always ends up on stderr, so that file is the one to wait for.
        written = after["stderr"].modified
        if ended is not None and not late and (written is None or written < int(ended)):
            raise TransientError(f"The last lines of {files['stderr']} have not been written yet.")
        return LogChunk((), cursor)
    return LogChunk(tuple(lines), json.dumps({stream: asdict(place) for stream, place in after.items()}))


def gzip_tail(access: AwsAccess, uri: str) -> str | None:
    """The last 64 KB of a log; None where there is none."""
    found = _changed(access, uri, None)
    return None if found is None else found[0][-TAIL_BYTES:].decode("utf-8", "replace")


def _changed(access: AwsAccess, uri: str, etag: str | None) -> tuple[bytes, str, float] | None:
    """Text, tag and time of an object; None where it is not there, or still is as that tag says."""
    from botocore.exceptions import ClientError

    bucket, key = bucket_and_key(uri)
    client = access.client("s3")
    condition: dict[str, Any] = {"IfNoneMatch": etag} if etag else {}
    with calling("s3"):
        try:
            answer = client.get_object(Bucket=bucket, Key=key, **condition)
            content = answer["Body"].read()
        except ClientError as error:
            if error.response["Error"]["Code"] in ("304", "NotModified", "404", "NoSuchKey"):
                return None
            raise
    return _text(content), answer["ETag"], answer["LastModified"].timestamp()


def _text(content: bytes) -> bytes:
    if not content.startswith(b"\x1f\x8b"):
        return content
    try:
        return gzip.decompress(content)
    except (EOFError, zlib.error):
        # A file that is still being written may lack its end.
        return zlib.decompressobj(wbits=31).decompress(content)
