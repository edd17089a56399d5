from collections.abc import Callable, Iterator
from typing import Any
from urllib.request import Request, urlopen

import pytest

from etl_platform_tests.quality.builders import parquet


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """One Spark for all tests of this folder."""
    from pyspark.sql import SparkSession

    builder: Any = SparkSession.builder
    session = (
        builder.master("local[2]")
        .config("spark.ui.enabled", "false")
        .config("spark.sql.shuffle.partitions", "2")
        .config("spark.driver.memory", "1g")
        .config("spark.sql.warehouse.dir", str(tmp_path_factory.mktemp("warehouse")))
        .getOrCreate()
    )
    session.sparkContext.setLogLevel("ERROR")
    yield session
    session.stop()


@pytest.fixture(scope="session")
def address() -> Iterator[str]:
    """One server that speaks S3's protocol, and SQS's and Glue's."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(scope="session")
def session() -> Any:
    """What makes clients; a new one would read the descriptions of the services again."""
    import boto3

    return boto3.Session("testing", "testing", region_name="us-east-1")


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch, address: str, session: Any) -> Callable:
    """Puts an object into an empty bucket `lake`."""
    import boto3

    for name, value in {
        "AWS_ENDPOINT_URL": address,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(boto3, "Session", lambda **_: session)
    with urlopen(Request(f"{address}/moto-api/reset", method="POST")):
        pass
    client = session.client("s3")
    client.create_bucket(Bucket="lake")
    return lambda key, rows: client.put_object(
        Bucket="lake", Key=key, Body=rows if isinstance(rows, bytes) else parquet(rows)
    )
