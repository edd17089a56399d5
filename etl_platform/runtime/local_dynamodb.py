"""DynamoDB's read calls on local stand-ins: `<root>/dynamodb/<table>/` with items as JSON lines."""

from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from etl_platform.runtime.json_lines import ApiError, folder_of, lines, record

Item = dict[str, Any]
PAGE = 1000
"""Items of one answer to a scan, so that a script's paging is used; DynamoDB itself counts megabytes."""
_READS = {"TableName", "ConsistentRead", "ReturnConsumedCapacity"}
_KNOWN = {
    "GetItem": {*_READS, "Key"},
    "BatchGetItem": {"RequestItems", "ReturnConsumedCapacity"},
    "Scan": {*_READS, "Limit", "ExclusiveStartKey"},
}
_BATCH = 100
"""Keys of one BatchGetItem, by the API's reference."""


def typed(value: Any) -> Item:
    """A plain value in DynamoDB's JSON, such as `{"S": "text"}`."""
    match value:
        case None:
            return {"NULL": True}
        case bool():
            return {"BOOL": value}
        case int() | Decimal():
            return {"N": str(value)}
        case str():
            return {"S": value}
        case list():
            return {"L": [typed(part) for part in value]}
    return {"M": {name: typed(part) for name, part in value.items()}}


class LocalDynamoDb:
    """Tables of the local root.

    Args:
        root: The local root.
    """

    target = "DynamoDB_20120810"

    def __init__(self, root: Path):
        self._root = root
        self._items = cache(self._read)
        self._by_key = cache(self._indexed)

    def call(self, operation: str, given: Item) -> Item:
        """The answer to a call.

        Raises:
            ApiError: The call is not one of those here, or names what is not there.
        """
        unknown = sorted(set(given) - _KNOWN.get(operation, set()))
        if unknown:
            raise ApiError(
                "ValidationException",
                f"The DynamoDB of this machine has no {operation} with {', '.join(unknown)}; it has GetItem "
                "and BatchGetItem by key, and Scan. Set AWS_ENDPOINT_URL_DYNAMODB to use another one.",
            )
        match operation:
            case "GetItem":
                item = self._get(given["TableName"], given["Key"])
                return {"Item": item} if item else {}
            case "BatchGetItem":
                return self._batch(given["RequestItems"])
        return self._scan(given)

    def _read(self, table: str) -> list[Item]:
        folder = folder_of(self._root, "dynamodb", table, "table_name")
        return [typed(record(line, folder))["M"] for line, _ in lines(folder)]

    def _indexed(self, table: str, names: tuple[str, ...]) -> dict[str, Item]:
        return {repr([item.get(name) for name in names]): item for item in self._items(table)}

    def _get(self, table: str, key: Item) -> Item | None:
        # The files do not tell the table's key, the call does.
        names = tuple(sorted(key))
        return self._by_key(table, names).get(repr([key[name] for name in names]))

    def _batch(self, asked: Item) -> Item:
        if sum(len(request["Keys"]) for request in asked.values()) > _BATCH:
            raise ApiError("ValidationException", f"Too many items requested: at most {_BATCH} keys.")
        found = {
            table: [item for key in request["Keys"] if (item := self._get(table, key))]
            for table, request in asked.items()
        }
        return {"Responses": found, "UnprocessedKeys": {}}

    def _scan(self, given: Item) -> Item:
        items = self._items(given["TableName"])
        start = int(given.get("ExclusiveStartKey", {}).get("position", {}).get("N", 0))
        end = start + min(given.get("Limit", PAGE), PAGE)
        page = items[start:end]
        answer: Item = {"Items": page, "Count": len(page), "ScannedCount": len(page)}
        if end < len(items):
            answer["LastEvaluatedKey"] = {"position": {"N": str(end)}}
        return answer
