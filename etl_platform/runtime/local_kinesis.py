"""Kinesis' read calls on local stand-ins: `<root>/kinesis/<stream>/` with records as JSON lines."""

import base64
import json
import time
from functools import cache
from pathlib import Path
from typing import Any

from etl_platform.runtime.json_lines import ApiError, folder_of, lines

Answer = dict[str, Any]
SHARD = "shardId-000000000000"
"""The one shard of each stream."""
_MOST = 10_000
"""Records of one GetRecords, by the API's reference."""
OPERATIONS = ("ListShards", "DescribeStreamSummary", "GetShardIterator", "GetRecords")


class LocalKinesis:
    """Streams of the local root; the sequence number of a record is its place in the files, from 1.

    Args:
        root: The local root.
    """

    target = "Kinesis_20131202"

    def __init__(self, root: Path):
        self._root = root
        self._records = cache(self._read)

    def call(self, operation: str, given: Answer) -> Answer:
        """The answer to a call.

        Raises:
            ApiError: The call is not one of those here, or names what is not there.
        """
        if operation not in OPERATIONS:
            raise ApiError(
                "InvalidArgumentException",
                f"The Kinesis of this machine has no {operation}; it has {', '.join(OPERATIONS)}. Set "
                "AWS_ENDPOINT_URL_KINESIS to use another one.",
            )
        if operation == "GetRecords":
            stream, place = json.loads(given["ShardIterator"])
            return self._page(stream, place, min(given.get("Limit", _MOST), _MOST))
        stream = given.get("StreamName") or given.get("StreamARN", "")
        records = self._records(stream)
        if operation == "ListShards":
            hashes = {"StartingHashKey": "0", "EndingHashKey": str(2**128 - 1)}
            numbers = {"StartingSequenceNumber": "1"}
            return {"Shards": [{"ShardId": SHARD, "HashKeyRange": hashes, "SequenceNumberRange": numbers}]}
        if operation == "DescribeStreamSummary":
            about = {"StreamName": stream, "StreamStatus": "ACTIVE", "OpenShardCount": 1}
            return {"StreamDescriptionSummary": about}
        return {"ShardIterator": json.dumps([stream, _place(given, records)])}

    def _read(self, stream: str) -> list[tuple[str, float]]:
        return list(lines(folder_of(self._root, "kinesis", stream, "stream_name")))

    def _page(self, stream: str, place: int, limit: int) -> Answer:
        records = self._records(stream)
        page = records[place : place + limit]
        end = place + len(page)
        behind = time.time() - records[end][1] if end < len(records) else 0.0
        return {
            "Records": [
                {
                    "SequenceNumber": str(number),
                    "ApproximateArrivalTimestamp": arrived,
                    "Data": base64.b64encode(line.encode()).decode(),
                    "PartitionKey": SHARD,
                }
                for number, (line, arrived) in enumerate(page, place + 1)
            ],
            "NextShardIterator": json.dumps([stream, end]),
            "MillisBehindLatest": max(0, int(behind * 1000)),
        }


def _place(given: Answer, records: list[tuple[str, float]]) -> int:
    match given["ShardIteratorType"]:
        case "LATEST":
            return len(records)
        case "AT_SEQUENCE_NUMBER":
            return int(given["StartingSequenceNumber"]) - 1
        case "AFTER_SEQUENCE_NUMBER":
            return int(given["StartingSequenceNumber"])
        case "AT_TIMESTAMP":
            since = given["Timestamp"]
            return next((at for at, (_, arrived) in enumerate(records) if arrived >= since), len(records))
    return 0
