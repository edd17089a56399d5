"""The six tables in an account: made where they are missing, compared where they stand, never dropped."""

from collections.abc import Iterator
from typing import Any, Literal

from etl_platform.tracking.aws_errors import reported
from etl_platform.tracking.differences import Difference
from etl_platform.tracking.tables import NUMERIC_KEYS, TABLES, Index, Table

BillingMode = Literal["on_demand", "provisioned"]

_CAPACITY = {"Read": (25, 100), "Write": (50, 200)}
"""Least and most capacity units of a provisioned table, and of each of its indexes."""
_TARGET_PERCENT = 70.0
"""Share of the capacity at which auto-scaling adds more: the value that the AWS console proposes."""

_BILLING = {"on_demand": "PAY_PER_REQUEST", "provisioned": "PROVISIONED"}


class DynamoDbTables:
    """Makes and compares tables."""

    def __init__(self, client: Any, scaling: Any, prefix: str, billing_mode: BillingMode):
        """Use clients of boto3.

        Args:
            client: `boto3.client("dynamodb")`.
            scaling: `boto3.client("application-autoscaling")`; used for provisioned tables only.
            prefix: Put before the names of the tables.
            billing_mode: Of tables and indexes that are made.
        """
        self._client = client
        self._scaling = scaling
        self._prefix = prefix
        self._billing_mode: BillingMode = billing_mode

    def init(self, *, dry_run: bool) -> list[Difference]:
        """Make what is missing, and tell everything that was missing or differs.

        What stands and differs in keys, projection or billing is told and left as it is.

        Args:
            dry_run: True: make nothing.
        """
        return [difference for table in TABLES for difference in self._init(table, dry_run)]

    def _init(self, table: Table, dry_run: bool) -> Iterator[Difference]:
        name = f"{self._prefix}{table.name}"
        with reported(name):
            standing = self._describe(name)
            if standing is None:
                yield Difference(name, "table", "stands", "missing", made=not dry_run)
                if dry_run:
                    return
                self._create(name, table)
            else:
                yield from _compared(name, table, standing, _BILLING[self._billing_mode])
                yield from self._make_indexes(name, table, standing, dry_run)
            yield from self._protect(name, table, dry_run)
            if self._billing_mode == "provisioned":
                yield from self._scale(name, table, dry_run)

    def _describe(self, name: str) -> dict[str, Any] | None:
        try:
            return self._client.describe_table(TableName=name)["Table"]
        except self._client.exceptions.ResourceNotFoundException:
            return None

    def _create(self, name: str, table: Table) -> None:
        request: dict[str, Any] = {
            "TableName": name,
            "KeySchema": _key_schema(table),
            "AttributeDefinitions": _definitions(table.key_attributes),
            "BillingMode": _BILLING[self._billing_mode],
            "SSESpecification": {"Enabled": True, "SSEType": "KMS"},
            **self._throughput(),
        }
        if table.indexes:
            request["GlobalSecondaryIndexes"] = [self._index(index) for index in table.indexes]
        self._client.create_table(**request)
        self._client.get_waiter("table_exists").wait(TableName=name, WaiterConfig={"Delay": 2})

    def _make_indexes(
        self, name: str, table: Table, standing: dict[str, Any], dry_run: bool
    ) -> Iterator[Difference]:
        found = {index["IndexName"] for index in standing.get("GlobalSecondaryIndexes", ())}
        for index in table.indexes:
            if index.name in found:
                continue
            yield Difference(f"{name}/{index.name}", "index", "stands", "missing", made=not dry_run)
            if not dry_run:
                # DynamoDB makes one index of a table at a time; it fills it in the background.
                self._client.get_waiter("table_exists").wait(TableName=name)
                self._client.update_table(
                    TableName=name,
                    AttributeDefinitions=_definitions((index.partition, index.sort)),
                    GlobalSecondaryIndexUpdates=[{"Create": self._index(index)}],
                )

    def _protect(self, name: str, table: Table, dry_run: bool) -> Iterator[Difference]:
        if table.ttl_days is not None:
            answer = self._client.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
            attribute = answer.get("AttributeName")
            if answer["TimeToLiveStatus"] in ("DISABLED", "DISABLING"):
                yield Difference(name, "ttl", "expires_at", "off", made=not dry_run)
                if not dry_run:
                    self._client.update_time_to_live(
                        TableName=name,
                        TimeToLiveSpecification={"Enabled": True, "AttributeName": "expires_at"},
                    )
            elif attribute != "expires_at":
                yield Difference(name, "ttl", "expires_at", str(attribute), made=False)
        backups = self._client.describe_continuous_backups(TableName=name)["ContinuousBackupsDescription"]
        recovery = backups.get("PointInTimeRecoveryDescription", {}).get("PointInTimeRecoveryStatus")
        if recovery != "ENABLED":
            yield Difference(name, "point-in-time recovery", "on", "off", made=not dry_run)
            if not dry_run:
                self._client.update_continuous_backups(
                    TableName=name, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
                )

    def _scale(self, name: str, table: Table, dry_run: bool) -> Iterator[Difference]:
        places = [("table", f"table/{name}")]
        places += [("index", f"table/{name}/index/{index.name}") for index in table.indexes]
        for kind, resource in places:
            for direction, (least, most) in _CAPACITY.items():
                target = {
                    "ServiceNamespace": "dynamodb",
                    "ResourceId": resource,
                    "ScalableDimension": f"dynamodb:{kind}:{direction}CapacityUnits",
                }
                answer = self._scaling.describe_scalable_targets(
                    ServiceNamespace="dynamodb",
                    ResourceIds=[resource],
                    ScalableDimension=target["ScalableDimension"],
                )
                found = [(one["MinCapacity"], one["MaxCapacity"]) for one in answer["ScalableTargets"]]
                if found == [(least, most)]:
                    continue
                missing = not found
                yield Difference(
                    resource.removeprefix("table/"),
                    f"auto-scaling of {direction.lower()} units",
                    f"{least} to {most}",
                    "off" if missing else f"{found[0][0]} to {found[0][1]}",
                    made=missing and not dry_run,
                )
                if missing and not dry_run:
                    self._scaling.register_scalable_target(**target, MinCapacity=least, MaxCapacity=most)
                    self._scaling.put_scaling_policy(
                        **target,
                        PolicyName=f"{resource}:{direction}",
                        PolicyType="TargetTrackingScaling",
                        TargetTrackingScalingPolicyConfiguration={
                            "TargetValue": _TARGET_PERCENT,
                            "PredefinedMetricSpecification": {
                                "PredefinedMetricType": f"DynamoDB{direction}CapacityUtilization"
                            },
                        },
                    )

    def _index(self, index: Index) -> dict[str, Any]:
        return {
            "IndexName": index.name,
            "KeySchema": _key_schema(index),
            "Projection": _projection(index),
            **self._throughput(),
        }

    def _throughput(self) -> dict[str, Any]:
        if self._billing_mode == "on_demand":
            return {}
        units = {f"{direction}CapacityUnits": least for direction, (least, _) in _CAPACITY.items()}
        return {"ProvisionedThroughput": units}


def _compared(name: str, table: Table, standing: dict[str, Any], billing: str) -> Iterator[Difference]:
    if _as_text(standing["KeySchema"]) != _as_text(_key_schema(table)):
        expected = _as_text(_key_schema(table))
        yield Difference(name, "keys", expected, _as_text(standing["KeySchema"]), made=False)
    found = standing.get("BillingModeSummary", {}).get("BillingMode", "PROVISIONED")
    if found != billing:
        yield Difference(name, "billing", billing, found, made=False)
    encryption = standing.get("SSEDescription", {}).get("Status", "DISABLED")
    if encryption not in ("ENABLED", "ENABLING", "UPDATING"):
        yield Difference(name, "encryption", "a key of KMS", "the service's own key", made=False)
    by_name = {index["IndexName"]: index for index in standing.get("GlobalSecondaryIndexes", ())}
    for index in table.indexes:
        if (other := by_name.get(index.name)) is None:
            continue
        for aspect, expected, actual in (
            ("keys", _as_text(_key_schema(index)), _as_text(other["KeySchema"])),
            ("projection", _projected(_projection(index)), _projected(other["Projection"])),
        ):
            if expected != actual:
                yield Difference(f"{name}/{index.name}", aspect, expected, actual, made=False)


def _key_schema(place: Table | Index) -> list[dict[str, str]]:
    return [
        {"AttributeName": place.partition, "KeyType": "HASH"},
        {"AttributeName": place.sort, "KeyType": "RANGE"},
    ]


def _definitions(attributes: tuple[str, ...]) -> list[dict[str, str]]:
    return [
        {"AttributeName": name, "AttributeType": "N" if name in NUMERIC_KEYS else "S"} for name in attributes
    ]


def _projection(index: Index) -> dict[str, Any]:
    if index.projected is None:
        return {"ProjectionType": "ALL"}
    # The table's own key is in every index; naming it, or the index's key, is refused.
    owner = next(table for table in TABLES if index in table.indexes)
    keys = {owner.partition, owner.sort, index.partition, index.sort}
    return {"ProjectionType": "INCLUDE", "NonKeyAttributes": sorted(index.projected - keys)}


def _as_text(key_schema: list[dict[str, str]]) -> str:
    return " + ".join(part["AttributeName"] for part in sorted(key_schema, key=lambda part: part["KeyType"]))


def _projected(projection: dict[str, Any]) -> str:
    names = sorted(projection.get("NonKeyAttributes", ()))
    return f"{projection['ProjectionType']} {', '.join(names)}".strip()
