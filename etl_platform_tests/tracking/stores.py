"""Stores to test, and the fixtures that make them."""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from boto3 import Session
from botocore.config import Config

from etl_platform.tracking.artifacts import FolderArtifacts
from etl_platform.tracking.dynamodb import DynamoDbStore
from etl_platform.tracking.dynamodb_tables import BillingMode, DynamoDbTables
from etl_platform.tracking.tables import TABLES
from etl_platform_tests.tracking.stand_in import StandIn, moto_server, stand_in

NOW = 1_795_000_000.0
"""The time of all clocks in these tests: 2026-11-18, in the middle of a UTC day."""


@dataclass
class Clock:
    """A clock that stands until a test moves it."""

    now: float = NOW
    pauses: list[float] = field(default_factory=list)

    def __call__(self) -> float:
        return self.now

    def pause(self, seconds: float) -> None:
        """Take the place of `time.sleep`."""
        self.pauses.append(seconds)


@cache
def _session() -> Session:
    # Shared, because it keeps the descriptions of services that it has read.
    return Session("testing", "testing", region_name="eu-central-1")


def client(service: str, url: str) -> Any:
    """A boto3 client that retries as the store's own does."""
    config = Config(retries={"mode": "adaptive", "total_max_attempts": 6}, read_timeout=20)
    return _session().client(service, endpoint_url=url, config=config)  # type: ignore[call-overload]


def dynamodb_store(
    url: str,
    clock: Clock,
    artifacts: Path | None,
    *,
    prefix: str | None = None,
    billing: BillingMode = "on_demand",
) -> DynamoDbStore:
    """A store without tables at an address."""
    prefix = prefix or f"Test{uuid.uuid4().hex[:8]}"
    dynamodb = client("dynamodb", url)
    tables = DynamoDbTables(dynamodb, client("application-autoscaling", url), prefix, billing)
    folder = FolderArtifacts(artifacts) if artifacts else None
    return DynamoDbStore(
        dynamodb, tables=tables, prefix=prefix, artifacts=folder, clock=clock, pause=clock.pause
    )


@pytest.fixture(scope="session")
def moto_url() -> Iterator[str]:
    """One moto server for all tests; each has tables of its own."""
    with moto_server() as url:
        yield url


@pytest.fixture(scope="session")
def shared_prefix(moto_url: str) -> str:
    """Prefix of tables that are made once, because that takes a second."""
    with dynamodb_store(moto_url, Clock(), None, prefix="Shared") as store:
        store.init()
    return "Shared"


@pytest.fixture
def tables_prefix(moto_url: str, shared_prefix: str) -> Iterator[str]:
    """Prefix of empty tables."""
    yield shared_prefix
    dynamodb = client("dynamodb", moto_url)
    for table in TABLES:
        name = f"{shared_prefix}{table.name}"
        for page in dynamodb.get_paginator("scan").paginate(TableName=name):
            for item in page["Items"]:
                dynamodb.delete_item(
                    TableName=name, Key={key: item[key] for key in (table.partition, table.sort)}
                )


@pytest.fixture
def faulty(moto_url: str) -> Iterator[StandIn]:
    """A stand-in in front of the server that does what it is told to."""
    with stand_in(moto_url) as server:
        yield server


@pytest.fixture
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let boto3 retry without waiting."""
    import botocore.endpoint
    import botocore.retries.bucket

    class Clock:
        time = staticmethod(botocore.retries.bucket.time.time)

        @staticmethod
        def sleep(seconds: float) -> None:
            """Wait for nothing."""

    monkeypatch.setattr(botocore.endpoint, "time", Clock)
    # Adaptive retries also slow the sender down after it was throttled.
    monkeypatch.setattr(
        botocore.retries.bucket.TokenBucket, "acquire", lambda self, amount=1, block=True: True
    )
