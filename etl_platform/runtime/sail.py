"""Sail on this machine: a Spark Connect server inside the script's process.

`SparkSession.builder.getOrCreate()` of an unchanged script connects to it, because `SPARK_REMOTE` names it.
"""

import atexit
import functools
import os
from collections.abc import Collection
from typing import Any

from etl_platform.runtime.contract import Launch
from etl_platform.runtime.jdbc_stand_ins import offer_stand_ins
from etl_platform.runtime.session_hook import offer_tables, on_new_session


def environment() -> dict[str, str | None]:
    """The environment of a script's process; None means that the variable must be absent."""
    return {
        "RUST_LOG": os.environ.get("RUST_LOG", "error"),
        "SPARK_REMOTE": None,
        "SPARK_CONNECT_MODE_ENABLED": None,
    }


def _intercept(launch: Launch, buckets: Collection[str]) -> None:
    """Have every channel to a Spark Connect server pass through the rewriting of requests."""
    import grpc
    from pyspark.sql.connect.client import core

    from etl_platform.runtime.sail_requests import LocalPlaces

    # Spark 4 has an abstract builder and a default one; Spark 3.5 has just the one.
    builder: Any = getattr(core, "DefaultChannelBuilder", core.ChannelBuilder)
    to_channel = builder.toChannel

    @functools.wraps(to_channel)
    def rewriting_channel(self: Any) -> Any:
        channel = to_channel(self)
        return grpc.intercept_channel(channel, LocalPlaces(channel, launch.local_root, buckets))

    builder.toChannel = rewriting_channel


def _count_plain_numbers() -> None:
    """Make `DataFrame.count()` give an int, as Spark does; Spark Connect 3.5 gives one of NumPy."""
    from pyspark.sql.connect.dataframe import DataFrame

    count = DataFrame.count

    @functools.wraps(count)
    def plain_count(self: DataFrame) -> int:
        return int(count(self))

    DataFrame.count = plain_count


def start(launch: Launch, buckets: Collection[str]) -> None:
    """Start the server, and prepare what the script's session is to find.

    Args:
        launch: What is run.
        buckets: S3 buckets that the script may use.
    """
    from pysail.spark import SparkConnectServer
    from pyspark.sql.connect.readwriter import DataFrameReader
    from pyspark.sql.connect.session import SparkSession

    server = SparkConnectServer(ip="127.0.0.1", port=0)
    server.start()
    # The server lives as long as somebody holds it.
    atexit.register(server.stop)
    address = server.listening_address
    if address is None:
        raise RuntimeError("Sail's server did not come up; run the job with `--engine spark`.")
    os.environ["SPARK_REMOTE"] = f"sc://{address[0]}:{address[1]}"
    _intercept(launch, buckets)
    _count_plain_numbers()

    def configure(session: Any) -> None:
        session.conf.set("spark.sql.session.timeZone", "UTC")
        for name, value in launch.spark_conf.items():
            session.conf.set(name, str(value).lower() if isinstance(value, bool) else str(value))

    on_new_session(SparkSession, _session_id, configure)
    offer_tables(SparkSession, DataFrameReader, _session_id, launch)
    offer_stand_ins(DataFrameReader, has_jars=False)


def _session_id(session: Any) -> str:
    return session.session_id
