"""Sources and targets behind servers: their local stand-ins, which are tables of the local catalog."""

import re
from typing import Any

from pyspark.sql import SparkSession

from . import catalog
from .refusal import NotSupportedLocally

FILES = ("s3", "file")
SERVERS = (
    "mysql",
    "postgresql",
    "redshift",
    "sqlserver",
    "oracle",
    "jdbc",
    "custom.jdbc",
    "marketplace.jdbc",
)
"""Connection types whose tables JDBC reads."""


def stand_in(spark: SparkSession, connection_type: str, options: dict[str, Any]) -> tuple[str, str]:
    """Database and table of the local catalog that stand for a connection's.

    A JDBC table `schema.table` of the database at the end of the URL is `database.table`, a DynamoDB table
    `dynamodb.table`, a Kinesis stream `kinesis.stream`.

    Raises:
        NotSupportedLocally: No stand-in is known for connections of this type.
        LookupError: The options do not say which table.
    """
    if connection_type in SERVERS:
        return _jdbc(connection_type, options)
    if connection_type == "dynamodb":
        name = options.get("dynamodb.input.tableName") or options.get("dynamodb.output.tableName")
        arn = str(options.get("dynamodb.tableArn", ""))
        return "dynamodb", _named(name or arn.rpartition("/")[2], connection_type, "dynamodb.input.tableName")
    if connection_type == "kinesis":
        arn = str(options.get("streamARN", ""))
        return "kinesis", _named(
            options.get("streamName") or arn.rpartition("/")[2], connection_type, "streamARN"
        )
    known = ", ".join([*FILES, *SERVERS, "dynamodb", "kinesis"])
    raise NotSupportedLocally(f'connection_type "{connection_type}"', f"one of {known}")


def _jdbc(connection_type: str, options: dict[str, Any]) -> tuple[str, str]:
    table = _named(options.get("dbtable"), connection_type, "dbtable").rpartition(".")[2]
    if database := options.get("database"):
        return str(database), table
    url = str(options.get("url", ""))
    found = re.search(r"databaseName=([^;]+)", url) or re.fullmatch(r"jdbc:.*/([^/?;]+)(?:\?.*)?", url)
    return _named(found[1] if found else options.get("connectionName"), connection_type, "url"), table


def _named(value: Any, connection_type: str, key: str) -> str:
    if not value:
        raise LookupError(f'connection_type "{connection_type}": the connection options lack "{key}".')
    return str(value)


def check(spark: SparkSession, connection_type: str, database: str, table: str) -> None:
    """Stop where a stand-in is not configured.

    Raises:
        LookupError: With the key that declares it.
    """
    if not catalog.exists(spark, database, table):
        raise LookupError(
            f"{connection_type} {database}.{table}: no local stand-in is configured, and the local platform "
            f"opens no connection; add to the job's `data_sources` "
            f'`{{"name": "{table}", "source_type": "glue_catalog", '
            f'"database": "{database}", "table": "{table}"}}` '
            "and put its files under "
            f"<global_settings.local.root>/glue/{database}/{table}/."
        )


def conf_of(name: str) -> dict[str, str]:
    """What `extract_jdbc_conf` gives for a connection: an address that only this runtime reads."""
    url = f"jdbc:local://{name}"
    return {"url": url, "fullUrl": f"{url}/{name}", "vendor": "local", "user": "local", "password": ""}
