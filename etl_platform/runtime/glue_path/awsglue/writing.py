"""What a GlueContext writes: frames to files, to tables, to the stand-ins of servers."""

import logging
from typing import Any

from pyspark.sql import DataFrame

from . import connections, sinks
from .dynamicframe import DynamicFrame
from .refusal import NotSupportedLocally, refused
from .storage import Storage

SPARK_SINK = ("useSparkDataSink",)
"""Options that choose Spark's own writer, which is the writer here."""
STATEMENTS = ("preactions", "postactions")
"""Options that hold statements which a database runs before and after the rows come."""
log = logging.getLogger(__name__)


class Writing(Storage):
    """Sinks and writers."""

    def getSink(
        self, connection_type: str, format: str | None = None, transformation_ctx: str = "", **options: Any
    ) -> sinks.DataSink:
        """A sink of files, or of the local stand-in of a server's table, that frames are written to."""
        if connection_type not in connections.FILES:
            return self._server_sink(connection_type, options)
        sink = sinks.DataSink(self.spark_session, options)
        if format:
            sink.setFormat(format)
        return sink

    def write_dynamic_frame_from_options(
        self,
        frame: Any,
        connection_type: str,
        connection_options: dict[str, Any] | None = None,
        format: str | None = None,
        format_options: dict[str, Any] | None = None,
        transformation_ctx: str = "",
    ) -> Any:
        """Append a frame, or a collection, to files or to the local stand-in of a server's table."""
        options = dict(connection_options or {})
        if connection_type not in connections.FILES:
            return self._server_sink(connection_type, options).write(frame)
        sink = sinks.DataSink(self.spark_session, options)
        sink.setFormat(format or "", **dict(format_options or {}))
        return sink.write(frame)

    def write_from_options(self, frame_or_dfc: Any, connection_type: str, *args: Any, **kwargs: Any) -> Any:
        """Append a frame or a collection to a connection."""
        return self.write_dynamic_frame_from_options(frame_or_dfc, connection_type, *args, **kwargs)

    def write_dynamic_frame_from_catalog(
        self,
        frame: Any,
        database: str | None = None,
        table_name: str | None = None,
        redshift_tmp_dir: str = "",
        transformation_ctx: str = "",
        additional_options: dict[str, Any] | None = None,
        catalog_id: str | None = None,
        name_space: str | None = None,
        **kwargs: Any,
    ) -> Any:
        """Append a frame to a table of the catalog, in its format and partitions."""
        options = dict(additional_options or {})
        sinks.append_to_table(
            self.spark_session, frame, database or name_space or "", table_name or "", options
        )
        return frame

    def write_data_frame_from_catalog(
        self,
        frame: DataFrame,
        database: str | None = None,
        table_name: str | None = None,
        redshift_tmp_dir: str = "",
        transformation_ctx: str = "",
        additional_options: dict[str, Any] | None = None,
        catalog_id: str | None = None,
        **kwargs: Any,
    ) -> DataFrame:
        """Append a DataFrame to a table of the catalog, in its format and partitions.

        Raises:
            NotSupportedLocally: The options are those of Hudi, Iceberg or Delta Lake.
        """
        given = dict(additional_options or {})
        options = {name: value for name, value in given.items() if name not in SPARK_SINK}
        if lake := sorted(name for name in options if name not in sinks.TABLE_OPTIONS):
            raise NotSupportedLocally(
                f"additional_options {lake[0]!r} of write_data_frame",
                "a table of Parquet files",
                "Tables of Hudi, Iceberg and Delta Lake are not written here.",
            )
        self.write_dynamic_frame_from_catalog(
            DynamicFrame.fromDF(frame, self), database, table_name, additional_options=options, **kwargs
        )
        return frame

    def write_dynamic_frame_from_jdbc_conf(
        self,
        frame: Any,
        catalog_connection: str,
        connection_options: dict[str, Any] | None = None,
        redshift_tmp_dir: str = "",
        transformation_ctx: str = "",
        catalog_id: str | None = None,
    ) -> Any:
        """Append a frame, or each frame of a collection, to the local stand-in of a server's table."""
        options = {"connectionName": catalog_connection, **(connection_options or {})}
        return self._server_sink("jdbc", options).write(frame)

    def _server_sink(self, connection_type: str, options: dict[str, Any]) -> sinks.DataSink:
        table = connections.server_table(connection_type, options)
        for name in STATEMENTS:
            if options.get(name):
                log.warning("table=<%s> option=<%s> | no server is here to run these statements", table, name)
        return sinks.stand_in_sink(self.spark_session, table)

    def write_from_jdbc_conf(
        self, frame_or_dfc: Any, catalog_connection: str, *args: Any, **kwargs: Any
    ) -> Any:
        """Append a frame to a table behind a connection of the catalog."""
        return self.write_dynamic_frame_from_jdbc_conf(frame_or_dfc, catalog_connection, *args, **kwargs)

    def extract_jdbc_conf(self, connection_name: str, catalog_id: str | None = None) -> dict[str, str]:
        """Address of a connection's stand-in: `url`, `fullUrl`, `vendor`, `user`, `password` (empty)."""
        return connections.conf_of(connection_name)

    @refused
    def start_transaction(self, read_only: bool) -> str:
        """Begin a transaction of Lake Formation."""
        raise _no_transactions("start_transaction")

    @refused
    def commit_transaction(self, transaction_id: str, wait_for_commit: bool = True) -> bool:
        """End a transaction of Lake Formation."""
        raise _no_transactions("commit_transaction")

    @refused
    def cancel_transaction(self, transaction_id: str) -> None:
        """Give up a transaction of Lake Formation."""
        raise _no_transactions("cancel_transaction")


def _no_transactions(method: str) -> NotSupportedLocally:
    why = "Governed tables exist in AWS Lake Formation only."
    return NotSupportedLocally(f"GlueContext.{method}", "the same writes without a transaction", why)
