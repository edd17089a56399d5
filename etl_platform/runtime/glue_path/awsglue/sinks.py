"""Writing frames to files and tables, and the catalog's update."""

import os
from typing import Any

from pyspark.sql import SparkSession

from . import catalog
from . import gluetypes as glue
from .connections import ServerTable
from .formats import FORMATS, SPARK_ERRORS, absent, is_true, spark_format, write_options
from .localfiles import ROOT, format_of, local_path
from .refusal import NotSupportedLocally, missing, public_names

OPTIONS = {"path", "partitionKeys", "enableUpdateCatalog", "updateBehavior", "compression"}
TABLE_OPTIONS = {"partitionKeys", "enableUpdateCatalog", "updateBehavior"}
"""Options of writing to a table of the catalog, which knows its own path and format."""
TUNING = {"groupFiles", "groupSize", "useS3ListImplementation", "recurse", "numberTargetPartitions"}


class DataSink:
    """Where frames are written: a path of S3, or of this machine.

    Args:
        spark: The session.
        options: `path`, `partitionKeys`, `compression`, `enableUpdateCatalog`, `updateBehavior`.

    Raises:
        NotSupportedLocally: An option is not known here.
        ValueError: There is no path.
    """

    def __init__(self, spark: SparkSession, options: dict[str, Any]):
        if unknown := sorted(set(options) - OPTIONS - TUNING):
            raise NotSupportedLocally(
                f"connection option {unknown[0]!r}", f"one of {', '.join(sorted(OPTIONS))}"
            )
        if not options.get("path"):
            raise ValueError('connection_options: no path; give "path": "s3://bucket/prefix/".')
        self._spark, self._options = spark, options
        self._format: str | None = None
        self._format_options: dict[str, Any] = {}
        self._table: tuple[str, str] | None = None

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        raise missing("DataSink", name, public_names(DataSink))

    def setFormat(self, format: str, **options: Any) -> None:
        """Set the format and its options."""
        spark_format(format)
        self._format, self._format_options = format, options

    def setAccumulableSize(self, size: int) -> None:
        """Accepted; it tunes how Glue collects errors, and changes nothing that is written."""

    def setCatalogInfo(self, catalogDatabase: str, catalogTableName: str, catalogId: str = "") -> None:
        """Set the table that `enableUpdateCatalog` brings up to date."""
        self._table = (catalogDatabase, catalogTableName)

    def writeFrame(self, dynamic_frame: Any, info: str = "") -> Any:
        """Append a frame's records, and bring the catalog's table up to date.

        Raises:
            ValueError: There is no format, or the catalog shall be updated and no table is set.
        """
        if self._format is None:
            raise ValueError(f"getSink: no format; call setFormat with one of {', '.join(FORMATS)}.")
        updates = is_true(self._options.get("enableUpdateCatalog"))
        if updates and self._table is None:
            raise ValueError(
                "enableUpdateCatalog: call setCatalogInfo(catalogDatabase=…, catalogTableName=…) first."
            )
        df = dynamic_frame.toDF()
        if not dynamic_frame.schema().fields:
            return dynamic_frame
        format = spark_format(self._format)
        if format == "csv":
            _check_flat(dynamic_frame.schema())
        keys = list(self._options.get("partitionKeys") or [])
        writer = df.write.format(format).mode("append").options(**write_options(format, self._format_options))
        if self._options.get("compression"):
            writer = writer.option("compression", self._options["compression"])
        if keys:
            writer = writer.partitionBy(*keys)
        try:
            writer.save(self._options["path"])
        except SPARK_ERRORS as error:
            raise absent(format, error) or error from None
        if updates and self._table is not None:
            behavior = str(self._options.get("updateBehavior") or "UPDATE_IN_DATABASE")
            catalog.update(self._spark, self._written(df, format, keys, *self._table), behavior)
        return dynamic_frame

    def write(self, dynamic_frame_or_dfc: Any, info: str = "") -> Any:
        """Append a frame, or each frame of a collection to a folder of its name."""
        if not hasattr(dynamic_frame_or_dfc, "items"):
            return self.writeFrame(dynamic_frame_or_dfc, info)
        for name, frame in dynamic_frame_or_dfc.items():
            path = f"{self._options['path'].rstrip('/')}/{name}"
            sink = DataSink(self._spark, {**self._options, "path": path, "enableUpdateCatalog": False})
            sink._format, sink._format_options = self._format, self._format_options
            sink.writeFrame(frame, info)
        return dynamic_frame_or_dfc

    def _written(self, df: Any, format: str, keys: list[str], database: str, name: str) -> catalog.Table:
        types = {field.name: field.dataType.simpleString() for field in df.schema.fields}
        columns = {n: t for n, t in types.items() if n not in keys} | {key: types[key] for key in keys}
        path = self._options["path"]
        location = str(local_path(path)) if os.environ.get(ROOT) else path
        header = (
            {"header": "true"}
            if format == "csv" and is_true(self._format_options.get("writeHeader", True))
            else {}
        )
        sep = {"sep": self._format_options["separator"]} if self._format_options.get("separator") else {}
        return catalog.Table(
            database, name, format, location, header | sep if format == "csv" else {}, columns, keys
        )


def _check_flat(schema: glue.StructType) -> None:
    for field in schema.fields:
        if isinstance(field.dataType, glue.StructType | glue.ArrayType | glue.MapType | glue.ChoiceType):
            name, kind = field.name, field.dataType.typeName()
            instead = (
                f'resolveChoice(specs=[("{name}", "cast:string")])' if kind == "choice" else "relationalize"
            )
            raise ValueError(
                f'csv: the column "{name}" is a {kind}, and CSV holds plain values: {instead} first.'
            )


def append_to_table(
    spark: SparkSession, frame: Any, database: str, table: str, options: dict[str, Any]
) -> None:
    """Append a frame's records to a table of the catalog, in the table's format and partitions.

    Raises:
        LookupError: There is no such table.
    """
    known = catalog.describe(spark, database, table)
    keys = list(options.get("partitionKeys") or known.partition_keys)
    sink = DataSink(
        spark,
        {
            "path": known.location,
            "partitionKeys": keys,
            "enableUpdateCatalog": True,
            "updateBehavior": options.get("updateBehavior") or "LOG",
        },
    )
    given = {"separator": known.options["sep"]} if "sep" in known.options else {}
    if known.provider == "csv":
        given["writeHeader"] = known.options.get("header", "false")
    sink.setFormat(known.provider, **given)
    sink.setCatalogInfo(database, table)
    sink.writeFrame(frame)


class StandInSink(DataSink):
    """Where frames for a server's table are written: a collection's frames go to the same table."""

    def write(self, dynamic_frame_or_dfc: Any, info: str = "") -> Any:
        """Append a frame, or each frame of a collection."""
        frames = getattr(dynamic_frame_or_dfc, "values", None)
        for frame in frames() if frames else [dynamic_frame_or_dfc]:
            self.writeFrame(frame, info)
        return dynamic_frame_or_dfc

    def setFormat(self, format: str, **options: Any) -> None:
        """Accepted; a server's table has no format, and its stand-in that of its files."""


def stand_in_sink(spark: SparkSession, table: ServerTable) -> DataSink:
    """A sink of the local stand-in of a server's table, in the format of its files; new ones are Parquet."""
    folder = table.target()
    sink = StandInSink(spark, {"path": str(folder)})
    sink._format = format_of(folder)
    return sink
