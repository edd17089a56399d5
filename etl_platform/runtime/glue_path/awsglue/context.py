"""GlueContext: the way into the API."""

import pickle
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from . import catalog, connections, queries, reading, records
from . import gluetypes as glue
from .bookmarks import Bookmark
from .datasource import DataSource, for_each_batch
from .dynamicframe import DynamicFrame
from .errorstages import ErrorStage
from .formats import SPARK_OWN, is_true, spark_format
from .gluelog import GlueLogger
from .localfiles import files_below
from .predicates import only_partitions, where
from .readers import DataFrameReader, DynamicFrameReader
from .refusal import missing, public_names
from .session import on_sail
from .sparktypes import spark_schema
from .typedframe import Lazy, TypedFrame
from .writers import DataFrameWriter, DynamicFrameWriter
from .writing import Writing

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


class GlueContext(Writing):
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
        self.write_data_frame = DataFrameWriter(self)
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
        if connection_type in SPARK_OWN:
            connection_type, format = "s3", connection_type
        if connection_type in connections.FILES:
            lazy, stage = self._files(options, spark_format(format), format_options, transformation_ctx)
        else:
            lazy, stage = self._server(connection_type, options)
        if push_down_predicate:
            lazy = lazy.then(lambda frame: where(frame, push_down_predicate))
        return self._read(lazy, stage, transformation_ctx)

    def _files(
        self, options: dict[str, Any], format: str, format_options: dict[str, Any] | None, context: str
    ) -> tuple[Lazy, ErrorStage]:
        own = {n: v for n, v in options.items() if format in SPARK_OWN and n not in reading.OPTIONS}
        given = {name: value for name, value in options.items() if name not in own}
        files = reading.chosen(given, self.bookmark, context)
        return reading.frame_of(self.spark_session, files, format, dict(format_options or {}), own)

    def _server(self, connection_type: str, options: dict[str, Any]) -> tuple[Lazy, ErrorStage]:
        query = queries.query_in(options) if connection_type in connections.SERVERS else None
        if query is None:
            stand_in = connections.server_table(connection_type, options).stand_in()
            return reading.frame_of_stand_in(self.spark_session, stand_in)
        rows = queries.rows_of_query(self.spark_session, connection_type, options, query)
        return Lazy(lambda: TypedFrame.of(rows)), ErrorStage("read", lambda: None)

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
        if not database or not table_name:
            found = f"; found {', '.join(sorted(kwargs))}" if kwargs else ""
            raise ValueError(f"from_catalog: give database and table_name{found}.")
        spark = self.spark_session
        rows = catalog.table_rows(spark, database, table_name)
        options = dict(additional_options or {})
        predicates = [p for p in (push_down_predicate, options.get("catalogPartitionPredicate")) if p]
        if predicates:
            described = catalog.describe(spark, database, table_name, rows.df)
            for predicate in predicates:
                only_partitions(predicate, described)
        bookmark, context = self.bookmark, transformation_ctx

        def compute() -> TypedFrame:
            frame = self._table(database, table_name, rows, bookmark if context else None, context, options)
            for predicate in predicates:
                frame = where(frame, predicate)
            return frame

        lazy = Lazy(compute)
        if bookmark is not None and context:
            # A bookmark sees the files as they are when the script asks for the frame.
            lazy.get()
        return self._read(lazy, ErrorStage("read", lambda: None), transformation_ctx)

    def _table(
        self,
        database: str,
        name: str,
        rows: TypedFrame,
        bookmark: Bookmark | None,
        context: str,
        options: dict[str, Any],
    ) -> TypedFrame:
        """The rows of a table: of all its files, or of those that the bookmark does not have."""
        spark = self.spark_session
        bounded = any(name in options for name in reading.BOUNDS)
        if bookmark is None and not bounded and catalog.provider_of(spark, database, name) != "csv":
            return rows
        table = catalog.describe(spark, database, name, rows.df)
        paths = [table.location]
        if bookmark is not None or bounded:
            paths = reading.unread(files_below(table.location), options, bookmark, context)
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
        """The rows of a table of the catalog as a DataFrame, by `useSparkDataSource` as Spark reads them."""
        options = dict(additional_options or {})
        if is_true(options.pop("useSparkDataSource", False)):
            rows = catalog.spark_rows(self.spark_session, database, table_name, options)
            predicate = kwargs.get("push_down_predicate")
            return where(TypedFrame.of(rows), predicate).df if predicate else rows
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
