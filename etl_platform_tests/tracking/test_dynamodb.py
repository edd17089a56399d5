from pathlib import Path
from typing import Any

import pytest

from etl_platform.tracking.artifacts import S3Artifacts
from etl_platform.tracking.dynamodb import DynamoDbStore
from etl_platform.tracking.errors import MissingArtifactError, RecordTooLargeError, StoreUnavailableError
from etl_platform.tracking.tables import TABLES
from etl_platform_tests.tracking.build import an_audit, an_execution, an_invocation
from etl_platform_tests.tracking.stand_in import Fault, StandIn
from etl_platform_tests.tracking.stores import NOW, Clock, client, dynamodb_store

pytestmark = pytest.mark.slow

# As often as the store tries.
THROTTLED: list[Fault] = ["throttle"] * 6
CONFLICTS: list[Fault] = ["conflict"] * 10


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(faulty: StandIn, tables_prefix: str, clock: Clock, no_waiting: None) -> DynamoDbStore:
    return dynamodb_store(faulty.url, clock, None, prefix=tables_prefix)


def test_a_write_that_was_throttled_is_repeated(store: DynamoDbStore, faulty: StandIn) -> None:
    faulty.fail_next("PutItem", "throttle", "throttle", "throttle")
    store.put_execution(an_execution())
    assert store.execution("exec-1") == an_execution()
    assert faulty.calls["PutItem"] == 4


def test_a_store_that_throttles_for_long_is_unavailable(store: DynamoDbStore, faulty: StandIn) -> None:
    faulty.fail_next("PutItem", *THROTTLED)
    with pytest.raises(StoreUnavailableError, match=r"JobExecutions: the call failed .*slow down"):
        store.put_execution(an_execution())


def test_an_append_whose_answer_was_lost_stands_once(store: DynamoDbStore, faulty: StandIn) -> None:
    faulty.fail_next("PutItem", "cut")
    store.put_audit(an_audit())
    assert store.audits("flights") == [an_audit()]


@pytest.mark.parametrize("fault", ["cut", "conflict", "throttle"])
def test_a_count_that_was_disturbed_is_made_once(store: DynamoDbStore, faulty: StandIn, fault: Any) -> None:
    faulty.fail_next("TransactWriteItems", fault, fault)
    store.count_cost(an_execution(cost=2.0))
    (trend,) = store.cost_trends("2026-11-18")
    assert (trend.total_executions, trend.total_cost_usd) == (1, 2.0)


def test_a_conflict_that_does_not_end_is_unavailable(
    store: DynamoDbStore, faulty: StandIn, clock: Clock
) -> None:
    faulty.fail_next("TransactWriteItems", *CONFLICTS)
    with pytest.raises(StoreUnavailableError, match="TransactionConflict"):
        store.count_cost(an_execution())
    assert len(clock.pauses) == 9
    assert len(set(clock.pauses)) > 1


def test_an_attempt_stands_with_its_pointer_or_not_at_all(store: DynamoDbStore, faulty: StandIn) -> None:
    faulty.fail_next("TransactWriteItems", *THROTTLED)
    with pytest.raises(StoreUnavailableError):
        store.put_execution(an_execution(attempt_group="g"))
    assert (store.execution("exec-1"), store.attempts("flights", "g")) == (None, [])


def test_attempts_are_asked_of_no_index(store: DynamoDbStore, faulty: StandIn) -> None:
    store.put_execution(an_execution(attempt_group="g"))
    before = dict(faulty.calls)
    assert store.attempts("flights", "g") == [an_execution(attempt_group="g")]
    # The stand-in refuses a consistent read of an index; the pointers and the executions are two reads.
    assert faulty.calls["Query"] == before["Query"] + 1
    assert faulty.calls["BatchGetItem"] == before.get("BatchGetItem", 0) + 1


def test_unprocessed_keys_are_asked_for_again(store: DynamoDbStore, faulty: StandIn, clock: Clock) -> None:
    for n in range(5):
        store.put_execution(an_execution(f"exec-{n}", timestamp=NOW - n))
    faulty.fail_next("BatchGetItem", "unprocessed")
    assert len(store.executions("flights").items) == 5
    assert len(clock.pauses) == 1


def test_more_keys_than_a_batch_takes_are_read_in_several(store: DynamoDbStore, faulty: StandIn) -> None:
    for n in range(105):
        store.put_execution(an_execution(f"exec-{n:03}", timestamp=NOW - n))
    assert len(store.executions("flights", limit=105).items) == 105
    assert faulty.calls["BatchGetItem"] == 2


def test_missing_tables_are_an_error_that_says_what_to_do(moto_url: str, clock: Clock) -> None:
    store = dynamodb_store(moto_url, clock, None)
    with pytest.raises(StoreUnavailableError, match="Run `etl-platform tracking init`"):
        store.put_execution(an_execution())


def test_an_address_where_nobody_listens_is_unavailable(clock: Clock, no_waiting: None) -> None:
    with pytest.raises(StoreUnavailableError, match="AWS cannot be reached"):
        dynamodb_store("http://127.0.0.1:9", clock, None).put_execution(an_execution())


def test_a_record_that_does_not_fit_is_refused_with_what_to_do(store: DynamoDbStore) -> None:
    with pytest.raises(RecordTooLargeError, match=r"JobExecutions exec-1.*Set `artifacts\.s3_uri`"):
        store.put_execution(an_execution(warnings=["w" * 500_000]))


def test_large_values_go_to_s3(moto_url: str, tables_prefix: str, clock: Clock) -> None:
    s3 = client("s3", moto_url)
    s3.create_bucket(Bucket="team", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    store = dynamodb_store(moto_url, clock, None, prefix=tables_prefix)
    store._artifacts = S3Artifacts("s3://team/etl/", s3)
    record = an_invocation(output_response=["x" * 400_000])
    store.put_invocation(record)
    assert store.invocations("exec-1") == [record]
    (stored,) = s3.list_objects_v2(Bucket="team", Prefix="etl/tracking/AgentInvocations/")["Contents"]
    item = next(store._scan(TABLES[1]))
    assert item["artifacts"]["output_response"] == {
        "location": f"s3://team/{stored['Key']}",
        "count": 1,
        "bytes": 400_004,
    }
    s3.delete_object(Bucket="team", Key=stored["Key"])
    with pytest.raises(MissingArtifactError, match="s3://team/etl/tracking"):
        store.invocations("exec-1")


def test_init_makes_what_the_schema_says(moto_url: str, clock: Clock) -> None:
    store = dynamodb_store(moto_url, clock, None)
    planned = store.init(dry_run=True)
    assert [(one.aspect, one.found, one.made) for one in planned] == [("table", "missing", False)] * 6
    store.init()
    dynamodb = client("dynamodb", moto_url)
    for table in TABLES:
        name = store.table_name(table)
        made = dynamodb.describe_table(TableName=name)["Table"]
        assert [part["AttributeName"] for part in made["KeySchema"]] == [table.partition, table.sort]
        assert made["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
        assert made["SSEDescription"]["SSEType"] == "KMS"
        indexes = {index["IndexName"] for index in made.get("GlobalSecondaryIndexes", ())}
        assert indexes == {index.name for index in table.indexes}
        ttl = dynamodb.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
        assert ttl.get("AttributeName") == (None if table.ttl_days is None else "expires_at")
        backups = dynamodb.describe_continuous_backups(TableName=name)["ContinuousBackupsDescription"]
        recovery = backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"]
        assert recovery == "ENABLED"
    assert store.init() == []


def test_provisioned_tables_scale_by_themselves(moto_url: str, clock: Clock) -> None:
    store = dynamodb_store(moto_url, clock, None, billing="provisioned")
    store.init()
    assert store.init() == []
    scaling = client("application-autoscaling", moto_url)
    place = f"table/{store.table_name(TABLES[0])}/index/StatusIndex"
    targets = scaling.describe_scalable_targets(ServiceNamespace="dynamodb", ResourceIds=[place])
    limits = {
        one["ScalableDimension"]: (one["MinCapacity"], one["MaxCapacity"])
        for one in targets["ScalableTargets"]
    }
    assert limits == {
        "dynamodb:index:ReadCapacityUnits": (25, 100),
        "dynamodb:index:WriteCapacityUnits": (50, 200),
    }
    # moto answers with the policies of other places too.
    policies = scaling.describe_scaling_policies(ServiceNamespace="dynamodb", ResourceId=place)
    assert {
        policy["PolicyName"] for policy in policies["ScalingPolicies"] if policy["ResourceId"] == place
    } == {
        f"{place}:Read",
        f"{place}:Write",
    }


def test_init_tells_what_differs_and_leaves_it(moto_url: str, clock: Clock) -> None:
    store = dynamodb_store(moto_url, clock, None)
    dynamodb = client("dynamodb", moto_url)
    name = store.table_name(TABLES[0])
    key = [("execution_id", "HASH", "S"), ("timestamp", "RANGE", "N")]
    other = [("job_name", "HASH", "S"), ("timestamp", "RANGE", "N")]
    dynamodb.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": one, "KeyType": kind} for one, kind, _ in key],
        AttributeDefinitions=[
            {"AttributeName": one, "AttributeType": kind} for one, _, kind in [*key, other[0]]
        ],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "JobNameIndex",
                "KeySchema": [{"AttributeName": one, "KeyType": kind} for one, kind, _ in other],
                "Projection": {"ProjectionType": "ALL"},
                "ProvisionedThroughput": {"ReadCapacityUnits": 5, "WriteCapacityUnits": 5},
            }
        ],
        ProvisionedThroughput={"ReadCapacityUnits": 5, "WriteCapacityUnits": 5},
    )
    differences = {
        (one.place.removeprefix(name), one.aspect): one.made for one in store.init() if name in one.place
    }
    assert differences == {
        ("", "billing"): False,
        ("", "encryption"): False,
        ("/JobNameIndex", "projection"): False,
        ("/StatusIndex", "index"): True,
        ("/CostIndex", "index"): True,
        ("", "ttl"): True,
        ("", "point-in-time recovery"): True,
    }
    standing = dynamodb.describe_table(TableName=name)["Table"]["GlobalSecondaryIndexes"]
    assert {index["IndexName"] for index in standing} == {"JobNameIndex", "StatusIndex", "CostIndex"}


def test_expired_items_that_dynamodb_still_holds_are_passed_over(
    store: DynamoDbStore, clock: Clock, tmp_path: Path
) -> None:
    store.put_execution(an_execution(attempt_group="g"))
    clock.now = NOW + 91 * 86_400
    assert list(store.items(TABLES[0])) == []
    assert store.prune() == {}
