"""Lines of CloudWatch log streams, after a cursor."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from etl_platform.platforms.aws_access import AwsAccess, calling
from etl_platform.platforms.protocol import LogChunk, LogLine

EVENTS_A_CALL = 1_000
"""Of the 10,000 that GetLogEvents gives at most: a bounded piece for one poll."""


@dataclass(frozen=True)
class LogStream:
    """One stream of a run.

    Attributes:
        group: Log group.
        name: Log stream.
        stream: What its lines count as.
    """

    group: str
    name: str
    stream: Literal["stdout", "stderr"]


def read_streams(access: AwsAccess, streams: Iterable[LogStream], cursor: str | None) -> LogChunk:
    """The next lines of some streams; a stream that does not exist yet has none.

    Args:
        access: Where the service is.
        streams: Streams of one run.
        cursor: Of the chunk before; None: from the beginning.
    """
    client = access.client("logs")
    tokens: dict[str, str] = json.loads(cursor) if cursor else {}
    lines: list[LogLine] = []
    after = dict(tokens)
    for stream in streams:
        events, token = _events(client, stream, tokens.get(f"{stream.group}:{stream.name}"))
        for event in events:
            lines += [LogLine(stream.stream, text) for text in event["message"].rstrip("\n").split("\n")]
        if token is not None:
            after[f"{stream.group}:{stream.name}"] = token
    # A page may be empty although more follows; the end is a token that stays the same.
    return LogChunk(tuple(lines), cursor if after == tokens else json.dumps(after))


def read_tail(access: AwsAccess, stream: LogStream, events: int = 200) -> str | None:
    """The last lines of a stream; None where it does not exist or is empty."""
    from botocore.exceptions import ClientError

    client = access.client("logs")
    with calling("logs"):
        try:
            found = client.get_log_events(
                logGroupName=stream.group, logStreamName=stream.name, startFromHead=False, limit=events
            )["events"]
        except ClientError as error:
            if error.response["Error"]["Code"] == "ResourceNotFoundException":
                return None
            raise
    return "\n".join(event["message"].rstrip("\n") for event in found) or None


def _events(client: Any, stream: LogStream, token: str | None) -> tuple[list[Mapping[str, Any]], str | None]:
    from botocore.exceptions import ClientError

    with calling("logs"):
        try:
            answer = client.get_log_events(
                logGroupName=stream.group,
                logStreamName=stream.name,
                startFromHead=True,
                limit=EVENTS_A_CALL,
                **({"nextToken": token} if token else {}),
            )
        except ClientError as error:
            if error.response["Error"]["Code"] == "ResourceNotFoundException":
                return [], None
            raise
    return answer["events"], answer.get("nextForwardToken")
