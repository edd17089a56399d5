"""What a GlueContext does to stored files: delete them, or say that it cannot move them."""

import logging
from functools import cached_property
from typing import Any
from urllib.parse import unquote

from pyspark.sql import SparkSession

from . import catalog
from .localfiles import files_below
from .predicates import where
from .purging import purge
from .refusal import idle
from .session import session

log = logging.getLogger(__name__)


class Storage:
    """Files of S3 and of tables."""

    @cached_property
    def spark_session(self) -> SparkSession:
        """The Spark session."""
        return session()

    def purge_s3_path(
        self, s3_path: str, options: dict[str, Any] | None = None, transformation_ctx: str = ""
    ) -> None:
        """Delete the files below a path that are older than `retentionPeriod` hours (168)."""
        purge(s3_path, dict(options or {}))

    def purge_table(
        self,
        database: str,
        table_name: str,
        options: dict[str, Any] | None = None,
        transformation_ctx: str = "",
        catalog_id: str | None = None,
    ) -> None:
        """Delete a table's files older than `retentionPeriod` hours, in the partitions of a predicate."""
        given = dict(options or {})
        table = catalog.describe(self.spark_session, database, table_name)
        folders = None
        if predicate := given.get("partitionPredicate"):
            keys = table.partition_keys
            rows = catalog.table_rows(self.spark_session, database, table_name)
            found = where(rows, predicate).df.select(*keys).distinct().collect()
            wanted = {tuple(_value(str(row[key])) for key in keys) for row in found}
            folders = {file.rpartition("/")[0] for file in files_below(table.location)}
            folders = {folder for folder in folders if _values(folder, keys) in wanted}
        purge(table.location, given, folders)
        catalog.recover(self.spark_session, table)

    @idle
    def transition_s3_path(
        self,
        s3_path: str,
        transition_to: str,
        options: dict[str, Any] | None = None,
        transformation_ctx: str = "",
    ) -> None:
        """Says that it does nothing here: files of this machine have no storage class."""
        log.warning(
            "path=<%s> | files of this machine have no storage class, so nothing is moved to %s",
            s3_path,
            transition_to,
        )

    @idle
    def transition_table(
        self,
        database: str,
        table_name: str,
        transition_to: str,
        options: dict[str, Any] | None = None,
        transformation_ctx: str = "",
        catalog_id: str | None = None,
    ) -> None:
        """Says that it does nothing here: files of this machine have no storage class."""
        self.transition_s3_path(f"{database}.{table_name}", transition_to)


def _values(folder: str, keys: list[str]) -> tuple[str, ...]:
    """The values of partitions that a folder's path spells."""
    spelled = dict(part.split("=", 1) for part in folder.split("/") if "=" in part)
    return tuple(_value(unquote(spelled.get(key, ""))) for key in keys)


def _value(text: str) -> str:
    """A value of a partition as its type has it: `01` is the number 1."""
    return str(int(text)) if text.removeprefix("-").isdigit() else text
