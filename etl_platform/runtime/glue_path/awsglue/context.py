"""GlueContext: the way into the API."""

import pickle
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from . import catalog, connections, reading, records, sinks
from . import gluetypes as glue
from .bookmarks import Bookmark
from .datasource import DataSource, for_each_batch
from .dynamicframe import DynamicFrame
from .errorstages import ErrorStage
from .formats import spark_format
from .gluelog import GlueLogger
from .localfiles import files_below
from .readers import DataFrameReader, DynamicFrameReader
from .refusal import NotSupportedLocally, missing, public_names
from .session import on_sail
from .sparktypes import spark_schema
from .storage import Storage
from .typedframe import Lazy, TypedFrame
from .writers import DynamicFrameWriter

SESSION = (
    "sql",
    "read",
    "readStream",
    "createDataFrame",
    "table",
    "range",
    "udf",
    "catalog",
    "streams",
    "conf",
)
"""What a GlueContext passes on to the Spark session, being a SQLContext in Glue."""
GRANULARITY = {"day": 3, "hour": 4, "minute": 5}
"""How many ingestion columns each granularity adds."""


class GlueContext(Storage):
    """Reads and writes frames.

    Args:
        sparkContext: The Spark context; the session is that of the process.
        **options: Accepted for scripts that pass Glue's own tuning, such as `minPartitions`.
    """

    def __init__(self, sparkContext: Any = None, **options: Any):
        self.spark_context = sparkContext
        self.bookmark: Bookmark | None = None
        self.create_dynamic_frame = DynamicFrameReader(self)
        self.create_data_frame = DataFrameReader(self)
        self.write_dynamic_frame = DynamicFrameWriter(self)
        # Glue's Spark is not ANSI: a cast that fails is null. Spark 4 is ANSI unless told otherwise.
        self.spark_session.conf.set("spark.sql.ansi.enabled", "false")
        catalog.restore(self.spark_session)

    def __getattr__(self, name: str) -> Any:
        if name in SESSION:
            return getattr(self.spark_session, name)
        if name.startswith("_"):
            raise AttributeError(name)
        raise missing("GlueContext", name, [*public_names(GlueContext), *SESSION])

    def get_logger(self) -> GlueLogger:
        """A logger with `info`, `warn`, `error` and `debug`."""
        return GlueLogger()

    def catalog_schema(self, database: str, table: str) -> glue.StructType:
        """Columns and types of a table of the catalog."""
        return catalog.declared_schema(self.spark_session, database, table)

    def create_dynamic_frame_from_rdd(
        self,
        data: Any,
        name: str,
        schema: Any = None,
        sample_ratio: float | None = None,
        transformation_ctx: str = "",
    ) -> DynamicFrame:
        """A frame of an RDD's records: dicts, Rows or tuples; without a schema, one pass learns it."""
        if schema is not None:
            fields = spark_schema(schema) if isinstance(schema, glue.StructType) else schema
            return DynamicFrame(self.spark_session.createDataFrame(data, fields), self, name)
        pickled = data.map(lambda record: (bytearray(pickle.dumps(record)),))
        source = records.Input(self.spark_session.createDataFrame(pickled, "value binary"), None)

        def unpickled(value: Any) -> list[Any]:
            record = pickle.loads(bytes(value))
            if isinstance(record, dict):
                return [record]
            named = getattr(record, "asDict", None)
            return [named(True) if named else {f"_{i}": part for i, part in enumerate(record, 1)}]

        def compute() -> TypedFrame:
            return records.made_by(source, unpickled, records.infer(source, unpickled, None)[0])

        return DynamicFrame(Lazy(compute), self, name)

    def create_dynamic_frame_from_options(
        self,
        connection_type: str,
        connection_options: dict[str, Any] | None = None,
        format: str | None = None,
        format_options: dict[str, Any] | None = None,
        transformation_ctx: str = "",
        push_down_predicate: str = "",
        **kwargs: Any,
    ) -> DynamicFrame:
        """A frame of files, or of the local stand-in of a table behind a server."""
        options = dict(connection_options or {})
        if connection_type not in connections.FILES:
            stand_in = connections.server_table(connection_type, options).stand_in()
            lazy, stage = reading.frame_of_stand_in(self.spark_session, stand_in)
            return self._read(lazy, stage, transformation_ctx)
        files = reading.chosen(options, self.bookmark, transformation_ctx)
        lazy, stage = reading.frame_of(
            self.spark_session, files, spark_format(format), dict(format_options or {})
        )
        if push_down_predicate:
            lazy = lazy.then(lambda frame: frame.rows(frame.df.where(push_down_predicate)))
        return self._read(lazy, stage, transformation_ctx)

    def _read(self, lazy: Lazy, stage: ErrorStage, name: str) -> DynamicFrame:
        frame = DynamicFrame(lazy, self, name)
        frame._stages = (stage,)
        return frame

    def create_dynamic_frame_from_catalog(
        self,
        database: str | None = None,
        table_name: str | None = None,
        redshift_tmp_dir: str = "",
        transformation_ctx: str = "",
        push_down_predicate: str = "",
        additional_options: dict[str, Any] | None = None,
        catalog_id: str | None = None,
        name_space: str | None = None,
        **kwargs: Any,
    ) -> DynamicFrame:
        """A frame of a table of the catalog; a CSV column with values of another type is a choice.

        Raises:
            LookupError: There is no such table.
        """
        database, table_name = database or name_space or "", table_name or ""
        spark = self.spark_session
        rows = catalog.table_rows(spark, database, table_name)
        options = dict(additional_options or {})
        predicates = [p for p in (push_down_predicate, options.get("catalogPartitionPredicate")) if p]
        bookmark, context = self.bookmark, transformation_ctx

        def compute() -> TypedFrame:
            frame = self._table(database, table_name, rows, bookmark if context else None, context)
            for predicate in predicates:
                frame = frame.rows(frame.df.where(predicate))
            return frame

        lazy = Lazy(compute)
        if bookmark is not None and context:
            # A bookmark sees the files as they are when the script asks for the frame.
            lazy.get()
        return self._read(lazy, ErrorStage("read", lambda: None), transformation_ctx)

    def _table(
        self, database: str, name: str, rows: TypedFrame, bookmark: Bookmark | None, context: str
    ) -> TypedFrame:
        """The rows of a table: of all its files, or of those that the bookmark does not have."""
        spark = self.spark_session
        if bookmark is None and catalog.provider_of(spark, database, name) != "csv":
            return rows
        table = catalog.describe(spark, database, name, rows.df)
        paths = [table.location]
        if bookmark is not None:
            paths = bookmark.unread(context, files_below(table.location))
        if not paths:
            empty = spark.createDataFrame([], spark_schema(table.schema))
            return TypedFrame(empty, table.schema)
        reader = spark.read.format(table.provider).options(**table.options).option("basePath", table.location)
        if table.provider != "csv":
            schema = spark_schema(table.schema)
            return TypedFrame.of(reader.schema(schema).load(paths).select(*schema.fieldNames()))
        stored = [name for name in table.columns if name not in table.partition_keys]
        texts = reader.schema(", ".join(f"`{name}` string" for name in stored)).load(paths)
        return reading.checked_csv(texts, table.schema)

    def create_data_frame_from_catalog(
        self,
        database: str,
        table_name: str,
        transformation_ctx: str = "",
        additional_options: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> DataFrame:
        """The rows of a table of the catalog as a DataFrame."""
        return self.create_dynamic_frame_from_catalog(
            database,
            table_name,
            transformation_ctx=transformation_ctx,
            additional_options=additional_options,
            **kwargs,
        ).toDF()

    def create_data_frame_from_options(
        self,
        connection_type: str,
        connection_options: dict[str, Any] | None = None,
        format: str | None = None,
        format_options: dict[str, Any] | None = None,
        transformation_ctx: str = "",
        **kwargs: Any,
    ) -> DataFrame:
        """The rows of a connection as a DataFrame; of Kinesis, a stream where the engine has streams."""
        if connection_type == "kinesis" and not on_sail():
            stand_in = connections.server_table(connection_type, dict(connection_options or {})).stand_in()
            known = self.spark_session.read.json(str(stand_in)).schema
            return self.spark_session.readStream.schema(known).json(str(stand_in))
        return self.create_dynamic_frame_from_options(
            connection_type, connection_options, format, format_options, transformation_ctx
        ).toDF()

    def create_sample_dynamic_frame_from_catalog(
        self,
        database: str,
        table_name: str,
        num: int,
        *args: Any,
        sample_options: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> DynamicFrame:
        """A frame of the first records of a table of the catalog; `sample_options` tune Glue alone."""
        frame = self.create_dynamic_frame_from_catalog(database, table_name, *args, **kwargs)
        return frame._then(lambda f: f.rows(f.df.limit(num)), frame.name)

    def create_sample_dynamic_frame_from_options(
        self,
        connection_type: str,
        connection_options: dict[str, Any] | None,
        num: int,
        sample_options: dict[str, Any] | None = None,
        *args: Any,
        **kwargs: Any,
    ) -> DynamicFrame:
        """A frame of the first records of a connection; `sample_options` tune Glue alone."""
        frame = self.create_dynamic_frame_from_options(connection_type, connection_options, *args, **kwargs)
        return frame._then(lambda f: f.rows(f.df.limit(num)), frame.name)

    def getSource(self, connection_type: str, transformation_ctx: str = "", **options: Any) -> DataSource:
        """A source that frames are read from: `setFormat`, then `getFrame`."""
        return DataSource(self, connection_type, options, transformation_ctx)

    def forEachBatch(
        self, frame: DataFrame, batch_function: Any, options: dict[str, Any] | None = None
    ) -> None:
        """Call a function with each batch of a stream, until all that its stand-in holds has been read."""
        for_each_batch(frame, batch_function, dict(options or {}))

    def getSink(
        self, connection_type: str, format: str | None = None, transformation_ctx: str = "", **options: Any
    ) -> sinks.DataSink:
        """A sink of files that frames are written to.

        Raises:
            NotSupportedLocally: The connection is not one of files.
        """
        if connection_type not in connections.FILES:
            near = "GlueContext.write_dynamic_frame.from_options"
            raise NotSupportedLocally(f'GlueContext.getSink("{connection_type}")', near)
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
            table = connections.server_table(connection_type, options)
            sinks.append_to_stand_in(self.spark_session, frame, table.folder)
            return frame
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
        table = connections.server_table("jdbc", options)
        sinks.append_to_stand_in(self.spark_session, frame, table.folder)
        return frame

    def write_from_jdbc_conf(
        self, frame_or_dfc: Any, catalog_connection: str, *args: Any, **kwargs: Any
    ) -> Any:
        """Append a frame to a table behind a connection of the catalog."""
        return self.write_dynamic_frame_from_jdbc_conf(frame_or_dfc, catalog_connection, *args, **kwargs)

    def extract_jdbc_conf(self, connection_name: str, catalog_id: str | None = None) -> dict[str, str]:
        """Address of a connection's stand-in: `url`, `fullUrl`, `vendor`, `user`, `password` (empty)."""
        return connections.conf_of(connection_name)

    def add_ingestion_time_columns(self, dataFrame: DataFrame, timeGranularity: str = "") -> DataFrame:
        """The rows with `ingest_year`, `ingest_month`, `ingest_day`, then hour and minute by granularity.

        Raises:
            ValueError: The granularity is not `day`, `hour` or `minute`.
        """
        if timeGranularity not in GRANULARITY:
            raise ValueError(f'timeGranularity "{timeGranularity}": expected {", ".join(GRANULARITY)}.')
        now = F.current_timestamp()
        parts = {
            "year": F.year(now),
            "month": F.month(now),
            "day": F.dayofmonth(now),
            "hour": F.hour(now),
            "minute": F.minute(now),
        }
        for name in list(parts)[: GRANULARITY[timeGranularity]]:
            dataFrame = dataFrame.withColumn(f"ingest_{name}", parts[name])
        return dataFrame
