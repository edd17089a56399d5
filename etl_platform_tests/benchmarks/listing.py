"""Seconds to list S3 objects with sizes, partitions and last update, against a bare boto3 paginator.

    python -m etl_platform_tests.benchmarks.listing [OBJECTS ...]

Both ask the same moto server, which runs in a process of its own. The bare side only goes through the
pages and adds up the sizes. The sides take turns; the best of each counts.
"""

import logging
import multiprocessing
import os
import sys
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

OBJECTS = (20_000,)
ROUNDS = 3
BUCKET = "lake"
OBJECT_BYTES = 10


def main(objects: tuple[int, ...] = OBJECTS) -> None:
    """Print seconds and ratio for each number of objects."""
    for count in objects:
        ours, bare = measured(count)
        print(
            f"{count:,} objects: {ours:.2f} s, bare paginator {bare:.2f} s, ratio {ours / bare:.2f}, "
            f"{count / ours:,.0f} objects a second"
        )


def measured(count: int) -> tuple[float, float]:
    """Best seconds of the platform's listing and of the bare paginator."""
    from etl_platform.catalog.aws import AwsClients
    from etl_platform.catalog.s3 import list_prefix

    os.environ.update(AWS_ACCESS_KEY_ID="testing", AWS_SECRET_ACCESS_KEY="testing")
    mine, theirs = multiprocessing.get_context("spawn").Pipe()
    server = multiprocessing.get_context("spawn").Process(target=_serve, args=(count, theirs))
    server.start()
    try:
        os.environ["AWS_ENDPOINT_URL"] = mine.recv()
        client = AwsClients("us-east-1").client("s3")

        def ours() -> int:
            return list_prefix(client, f"s3://{BUCKET}/orders/")[1].size_bytes

        sides = (ours, lambda: _bare(client))
        best = [float("inf")] * len(sides)
        for _ in range(ROUNDS):
            for index, side in enumerate(sides):
                best[index] = min(best[index], _seconds(side, count * OBJECT_BYTES))
        return best[0], best[1]
    finally:
        mine.send("stop")
        server.join()


def _seconds(side: Callable[[], int], size_bytes: int) -> float:
    start = time.perf_counter()
    found = side()
    seconds = time.perf_counter() - start
    if found != size_bytes:
        raise AssertionError(f"listed {found:,} bytes instead of {size_bytes:,}")
    return seconds


def _bare(client: Any) -> int:
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix="orders/")
    return sum(item["Size"] for page in pages for item in page.get("Contents", ()))


def _serve(count: int, pipe: Connection) -> None:
    """Fill a moto server's bucket from within, which is faster than over HTTP, and serve it."""
    from moto.core.models import DEFAULT_ACCOUNT_ID
    from moto.s3.models import s3_backends
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    stored = s3_backends[DEFAULT_ACCOUNT_ID]["aws"]
    stored.create_bucket(BUCKET, "us-east-1")
    for number in range(count):
        stored.put_object(
            BUCKET, f"orders/day={number % 365:03}/part-{number:06}.parquet", b"0" * OBJECT_BYTES
        )
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    pipe.send(f"http://{host}:{port}")
    pipe.recv()
    server.stop()


if __name__ == "__main__":
    main(tuple(map(int, sys.argv[1:])) or OBJECTS)
