"""The store in six DynamoDB tables.

Keys are read consistently, indexes cannot be. A question for whole records reads a narrow index for their
keys and then the records themselves, so that writes stay cheap (see `tables.Index`).
"""

import operator
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from etl_platform.tracking.artifacts import Artifacts, S3Artifacts
from etl_platform.tracking.aws_errors import reported
from etl_platform.tracking.changes import Change, Increment, Put
from etl_platform.tracking.differences import Difference
from etl_platform.tracking.dynamodb_tables import BillingMode, DynamoDbTables
from etl_platform.tracking.dynamodb_values import from_attributes, to_attributes
from etl_platform.tracking.errors import StoreError, StoreUnavailableError
from etl_platform.tracking.query import Query
from etl_platform.tracking.store import TrackingStore
from etl_platform.tracking.tables import Item, Table

_GET_KEYS = 100
"""Keys of one BatchGetItem. This and the next two: Amazon DynamoDB Developer Guide, quotas."""
_WRITE_ITEMS = 25
"""Items of one BatchWriteItem; at `items.LARGEST_ITEM_BYTES` each they are far from its 16 MB."""
_TRANSACTION_ITEMS = 100

_TRANSIENT = frozenset({"TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"})
"""Reasons for which a cancelled transaction may succeed when it is sent again."""


class _LeftOver(StoreUnavailableError):
    """A call that was only done in part, or not at all, because of others or of the table's capacity."""


def connect(
    *,
    prefix: str = "Strands",
    region: str | None = None,
    endpoint_url: str | None = None,
    billing_mode: BillingMode = "on_demand",
    artifacts_uri: str | None = None,
    clock: Callable[[], float] = time.time,
) -> "DynamoDbStore":
    """A store in an account of AWS, or at the address of a local DynamoDB.

    Args:
        prefix: Put before the names of the tables.
        region: AWS region; None: as the environment says.
        endpoint_url: Address of a local DynamoDB.
        billing_mode: Of tables that `init` makes.
        artifacts_uri: `s3://` prefix for values that are too large for an item; None: they are refused.
        clock: Unix seconds UTC.
    """
    from boto3 import Session
    from botocore.config import Config

    # Adaptive: standard retries with jittered back-off, and a sender that slows down when throttled.
    calls = Config(retries={"mode": "adaptive", "total_max_attempts": 6}, connect_timeout=5, read_timeout=15)
    session = Session(region_name=region)

    def client(service: str, endpoint: str | None = None) -> Any:
        return session.client(service, endpoint_url=endpoint, config=calls)  # type: ignore[call-overload]

    with reported("the tracking store"):
        artifacts = S3Artifacts(artifacts_uri, client("s3")) if artifacts_uri else None
        dynamodb = client("dynamodb", endpoint_url)
        tables = DynamoDbTables(dynamodb, client("application-autoscaling"), prefix, billing_mode)
        return DynamoDbStore(dynamodb, tables=tables, prefix=prefix, artifacts=artifacts, clock=clock)


class DynamoDbStore(TrackingStore):
    """Records in DynamoDB; one client serves all threads."""

    _index_carries_all = False
    # The connections that boto3 keeps open.
    _parallel_queries = 10

    def __init__(
        self,
        client: Any,
        *,
        tables: DynamoDbTables,
        prefix: str,
        artifacts: Artifacts | None = None,
        clock: Callable[[], float] = time.time,
        pause: Callable[[float], None] = time.sleep,
    ):
        """Use a client of boto3.

        Args:
            client: `boto3.client("dynamodb")`.
            tables: Makes the tables.
            prefix: Put before the names of the tables.
            artifacts: Where values go that are too large for an item.
            clock: Unix seconds UTC.
            pause: Waits that many seconds before unprocessed items are sent again.
        """
        super().__init__(artifacts, clock)
        self._client = client
        self._tables = tables
        self._prefix = prefix
        self._again = Retrying(
            retry=retry_if_exception_type(_LeftOver),
            wait=wait_random_exponential(multiplier=0.05, max=5),
            stop=stop_after_attempt(10),
            sleep=pause,
            reraise=True,
        )

    def __str__(self) -> str:
        """What the store is, for people."""
        return f"DynamoDB tables {self._prefix}*"

    def table_name(self, table: Table) -> str:
        """The name of a table in the account."""
        return f"{self._prefix}{table.name}"

    def _write(self, changes: Sequence[Change]) -> bool:
        if len(changes) > _TRANSACTION_ITEMS:
            raise ValueError(f"at most {_TRANSACTION_ITEMS} changes fit a transaction, not {len(changes)}")
        if len(changes) == 1 and isinstance(put := changes[0], Put):
            return self._put_alone(put)
        return self._again(self._transact, changes)

    def _put_alone(self, put: Put) -> bool:
        with reported(self.table_name(put.table)):
            try:
                self._client.put_item(**self._put_request(put))
            except self._client.exceptions.ConditionalCheckFailedException:
                return False
        return True

    def _transact(self, changes: Sequence[Change]) -> bool:
        requests = [
            {"Put": self._put_request(change)}
            if isinstance(change, Put)
            else {"Update": self._increment_request(change)}
            for change in changes
        ]
        place = self.table_name(changes[0].table)
        with reported(place):
            try:
                # boto3 adds a request token, by which DynamoDB does the same call twice only once.
                self._client.transact_write_items(TransactItems=requests)
            except self._client.exceptions.TransactionCanceledException as error:
                reasons = {reason["Code"] for reason in error.response["CancellationReasons"]} - {"None"}
                if "ConditionalCheckFailed" in reasons:
                    return False
                message = f"{place}: the transaction was cancelled ({', '.join(sorted(reasons))})."
                raise (_LeftOver if reasons <= _TRANSIENT else StoreError)(message) from error
        return True

    def _put_request(self, put: Put) -> dict[str, Any]:
        request: dict[str, Any] = {
            "TableName": self.table_name(put.table),
            "Item": to_attributes(put.item),
            "ConditionExpression": "attribute_not_exists(#partition)",
            "ExpressionAttributeNames": {"#partition": put.table.partition},
        }
        if put.guard == "own":
            request["ConditionExpression"] += " OR (execution_id = :execution AND version <= :version)"
            request["ExpressionAttributeValues"] = to_attributes(
                {":execution": put.item["execution_id"], ":version": put.item["version"]}
            )
        return request

    def _increment_request(self, change: Increment) -> dict[str, Any]:
        table = change.table
        settings = {
            name: value for name, value in change.item.items() if name not in (table.partition, table.sort)
        }
        names = {f"#{name}": name for name in (*settings, *change.amounts)}
        setting = ", ".join(f"#{name} = :{name}" for name in settings)
        adding = ", ".join(f"#{name} :{name}" for name in change.amounts)
        return {
            "TableName": self.table_name(table),
            "Key": self._key(table, table.key_of(change.item)),
            "UpdateExpression": f"{'SET ' + setting if settings else ''} ADD {adding}",
            "ExpressionAttributeNames": names,
            "ExpressionAttributeValues": to_attributes(
                {f":{name}": value for name, value in {**settings, **change.amounts}.items()}
            ),
        }

    def _find(self, query: Query) -> Iterator[Item]:
        place, low, high = query.place, query.low, query.high
        condition = "#partition = :partition"
        names = {"#partition": place.partition}
        values: Item = {":partition": query.key}
        if low is not None or high is not None:
            names["#sort"] = place.sort
            # One condition is allowed on the sort key, so a range with both ends has to be a BETWEEN.
            if low is None:
                condition, values = f"{condition} AND #sort <= :high", {**values, ":high": high}
            elif high is None:
                condition, values = f"{condition} AND #sort >= :low", {**values, ":low": low}
            elif operator.gt(low, high):
                # DynamoDB refuses such a BETWEEN.
                return
            else:
                condition += " AND #sort BETWEEN :low AND :high"
                values = {**values, ":low": low, ":high": high}
        request = {
            "TableName": self.table_name(query.table),
            "KeyConditionExpression": condition,
            "ExpressionAttributeNames": names,
            "ScanIndexForward": not query.newest_first,
            **({"IndexName": query.index.name} if query.index else {"ConsistentRead": True}),
            **({"Limit": query.limit} if query.limit else {}),
        }
        for page in self._pages(self._client.query, request, values):
            yield from page

    def _pages(self, call: Callable[..., Any], request: dict[str, Any], values: Item) -> Iterator[list[Item]]:
        """Pages of unexpired items; a page may be empty."""
        request = {
            **request,
            "FilterExpression": "attribute_not_exists(expires_at) OR expires_at > :now",
            "ExpressionAttributeValues": to_attributes({**values, ":now": self._clock()}),
        }
        while True:
            with reported(request["TableName"]):
                answer = call(**request)
            yield [from_attributes(item) for item in answer["Items"]]
            if "LastEvaluatedKey" not in answer:
                return
            request["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    def _get(self, table: Table, keys: Sequence[tuple[Any, Any]]) -> list[Item]:
        name = self.table_name(table)
        found: list[Item] = []
        for chunk in _chunks(list(dict.fromkeys(keys)), _GET_KEYS):
            wanted = {name: {"Keys": [self._key(table, key) for key in chunk], "ConsistentRead": True}}

            def receive(rest: Mapping[str, Any]) -> Mapping[str, Any]:
                answer = self._client.batch_get_item(RequestItems=rest)
                found.extend(from_attributes(item) for item in answer["Responses"].get(name, ()))
                return answer["UnprocessedKeys"]

            self._until_done(name, receive, wanted)
        now = self._clock()
        return [item for item in found if item.get("expires_at", now + 1) > now]

    def _until_done(
        self, name: str, call: Callable[[Mapping[str, Any]], Mapping[str, Any]], wanted: Mapping[str, Any]
    ) -> None:
        """Send a batch, and what was left unprocessed of it again, with jittered back-off."""
        rest = wanted

        def send() -> None:
            nonlocal rest
            with reported(name):
                rest = call(rest)
            if rest:
                raise _LeftOver(
                    f"{name}: DynamoDB left a part of a batch unprocessed. Check the table's capacity."
                )

        self._again(send)

    def _scan(self, table: Table) -> Iterator[Item]:
        request = {"TableName": self.table_name(table), "ConsistentRead": True}
        for page in self._pages(self._client.scan, request, {}):
            yield from page

    def _add(self, table: Table, items: Sequence[Item]) -> int:
        # A batch knows no conditions: whoever imports has to be the only one that writes these keys.
        name = self.table_name(table)
        by_key = {table.key_of(item): item for item in items}
        standing = {table.key_of(item) for item in self._get(table, list(by_key))}
        free = [item for key, item in by_key.items() if key not in standing]
        for chunk in _chunks(free, _WRITE_ITEMS):
            wanted = {name: [{"PutRequest": {"Item": to_attributes(item)}} for item in chunk]}
            self._until_done(
                name,
                lambda rest: self._client.batch_write_item(RequestItems=rest)["UnprocessedItems"],
                wanted,
            )
        return len(free)

    def init(self, *, dry_run: bool = False) -> list[Difference]:
        """Make missing tables, indexes and settings, and tell what differs."""
        return self._tables.init(dry_run=dry_run)

    def prune(self) -> dict[str, int]:
        """DynamoDB removes what has expired by itself."""
        return {}

    def close(self) -> None:
        """Close the client's connections."""
        self._client.close()

    def _key(self, table: Table, key: tuple[Any, Any]) -> dict[str, Any]:
        return to_attributes({table.partition: key[0], table.sort: key[1]})


def _chunks(values: Sequence[Any], size: int) -> Iterator[list[Any]]:
    rest = iter(values)
    while chunk := list(islice(rest, size)):
        yield chunk
