"""Frames of files: which files, which format, which schema."""

import functools
import itertools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pyspark.sql import DataFrame, DataFrameReader, SparkSession
from pyspark.sql import functions as F

from . import gluetypes as glue
from . import localfiles, records
from .bookmarks import Bookmark
from .casting import cast, reads_as
from .errorstages import ErrorStage
from .formats import ATTACHED, JARS, SPARK_ERRORS, absent, is_true, read_options
from .jsonrecords import parser
from .jsontypes import parse_schema
from .refusal import NotSupportedLocally
from .session import on_sail
from .sparktypes import has_choice, spark_schema
from .typedframe import Lazy, NamedColumn, TypedFrame, plain

CONNECTION = {"paths", "path", "exclusions", "recurse", "basePath"}
TUNING = {
    *("groupFiles", "groupSize", "compressionType", "maxBand", "maxFilesInBand", "useS3ListImplementation"),
    *("isFailFast", "optimizePerformance", "excludeStorageClasses", "compression"),
}
"""Options that change how Glue reads, and not what; Spark finds compression by itself."""
PARTITION_TYPES = "spark.sql.sources.partitionColumnTypeInference.enabled"
BOUNDS = ("boundedFiles", "boundedSize")
"""Options that leave files for later runs: how many are read at most, or after how many bytes to stop."""
OPTIONS = CONNECTION | TUNING | {*BOUNDS}


@dataclass(frozen=True)
class Files:
    """Files to read.

    Attributes:
        paths: Paths of files or folders; none: there is nothing to read.
        base: Folder that partitions are looked for below, or None.
    """

    paths: list[str]
    base: str | None = None

    def reader(self, spark: SparkSession) -> DataFrameReader:
        """Spark's reader, set to find partitions below the base.

        Raises:
            NotSupportedLocally: The engine does not find them.
        """
        if self.base and on_sail() and any("=" in path.removeprefix(self.base) for path in self.paths):
            raise NotSupportedLocally(
                "a choice of a partitioned folder's files (exclusions, a bookmark)",
                "the engine `spark`",
                "The engine `sail` does not tell the partitions of single files.",
            )
        return spark.read.option("basePath", self.base) if self.base else spark.read


def chosen(options: dict[str, Any], bookmark: Bookmark | None, context: str) -> Files:
    """The files that connection options name, without those excluded and those that the bookmark has.

    Raises:
        NotSupportedLocally: An option is not known here.
        ValueError: There is no path.
    """
    if unknown := sorted(set(options) - OPTIONS):
        raise NotSupportedLocally(
            f"connection option {unknown[0]!r}", f"one of {', '.join(sorted(CONNECTION))}"
        )
    given = options.get("paths") or options.get("path")
    paths = [given] if isinstance(given, str) else list(given or [])
    if not paths:
        raise ValueError('connection_options: no path; give "paths": ["s3://bucket/prefix/"].')
    nested = is_true(options.get("recurse")) and any(localfiles.has_plain_folders(path) for path in paths)
    base = options.get("basePath") or (paths[0] if len(paths) == 1 else None)
    if bookmark is None and not options.get("exclusions") and not nested and not set(options) & {*BOUNDS}:
        return Files(paths, options.get("basePath"))
    found = {file: changed for path in paths for file, changed in localfiles.files_below(path).items()}
    if options.get("exclusions"):
        left_out = localfiles.excluded(found, options["exclusions"])
        found = {file: changed for file, changed in found.items() if file not in left_out}
    wanted = unread(found, options, bookmark, context)
    return Files(wanted, None if base in wanted else base)


def unread(
    found: dict[str, int], options: dict[str, Any], bookmark: Bookmark | None, context: str
) -> list[str]:
    """The files to read of those found: not those that the bookmark has, nor more than the bounds allow."""
    wanted = bookmark.unread(context, found) if bookmark is not None else list(found)
    kept = wanted
    if options.get("boundedFiles"):
        kept = wanted[: int(options["boundedFiles"])]
    elif options.get("boundedSize"):
        sizes = [localfiles.local_path(file).stat().st_size for file in wanted]
        before = itertools.accumulate(sizes, initial=0)
        limit = int(options["boundedSize"])
        kept = [file for file, read in zip(wanted, before, strict=False) if read < limit]
    if bookmark is not None:
        bookmark.leave(context, wanted[len(kept) :])
    return kept


def frame_of(
    spark: SparkSession,
    files: Files,
    format: str,
    options: dict[str, Any],
    own: dict[str, Any] | None = None,
) -> tuple[Lazy, ErrorStage]:
    """The records of files, and the error records of what could not be read.

    Args:
        spark: The session.
        files: The files.
        format: Spark's name of the format.
        options: Glue's format options.
        own: Options of Spark's reader, passed on as they are.
    """
    attached = {name: options[name] for name in ATTACHED if options.get(name)}
    options = {name: value for name, value in options.items() if name not in ATTACHED}
    spark_options = read_options(format, options) | (own or {})
    none = ErrorStage("read", lambda: None)
    if not files.paths:
        return Lazy(lambda: TypedFrame.of(spark.createDataFrame([], "_ string").drop("_"))), none
    if format == "json":
        return _json(spark, files, options, attached)

    def compute() -> TypedFrame:
        reader = files.reader(spark).options(**spark_options)
        if options.get("withSchema"):
            reader = reader.schema(spark_schema(parse_schema(options["withSchema"])))
        df = _loaded(spark, reader, format, files.paths)
        if format == "csv" and not is_true(options.get("withHeader")):
            df = df.toDF(
                *[f"col{i}" if _unnamed(name, options) else name for i, name in enumerate(df.columns)]
            )
        return TypedFrame.of(_with_facts(df, attached))

    return Lazy(compute), none


def frame_of_stand_in(spark: SparkSession, folder: Path) -> tuple[Lazy, ErrorStage]:
    """The records of the local stand-in of a server's table; CSV files have a header, and their own types."""
    format = localfiles.format_of(folder)
    if format != "csv":
        return frame_of(spark, Files([str(folder)]), format, {})

    def compute() -> TypedFrame:
        return TypedFrame.of(spark.read.options(header=True, inferSchema=True).csv(str(folder)))

    return Lazy(compute), ErrorStage("read", lambda: None)


def _unnamed(name: str, options: dict[str, Any]) -> bool:
    """Whether a CSV column has no name of its own; Glue calls such columns `col0`, `col1` and so on."""
    return is_true(options.get("skipFirst")) or (name.startswith("_c") and name[2:].isdigit())


def _loaded(spark: SparkSession, reader: DataFrameReader, format: str, paths: list[str]) -> DataFrame:
    """The rows of files; partitions of their paths are texts, as in Glue, where the engine can be told so."""
    told = None if on_sail() else spark.conf.get(PARTITION_TYPES)
    try:
        if told:
            spark.conf.set(PARTITION_TYPES, "false")
        df = reader.format(format).load(paths)
        if format in JARS and on_sail():
            # Sail looks for the format only when something asks for the schema.
            _ = df.schema
        return df
    except SPARK_ERRORS as error:
        raise absent(format, error) or error from None
    finally:
        if told:
            spark.conf.set(PARTITION_TYPES, told)


def _with_facts(df: DataFrame, attached: dict[str, str]) -> DataFrame:
    """The rows with the columns that `attachFilename` and `attachTimestamp` name.

    Raises:
        NotSupportedLocally: The engine does not tell a row's file.
    """
    for option, column in attached.items():
        if on_sail():
            why = "The engine `sail` does not tell the file of a row."
            raise NotSupportedLocally(f"format option {option!r}", "the engine `spark`", why)
        df = df.withColumn(column, F.col(f"_metadata.{ATTACHED[option]}"))
    return df


def _json(
    spark: SparkSession, files: Files, options: dict[str, Any], attached: dict[str, str]
) -> tuple[Lazy, ErrorStage]:
    whole = bool(options.get("jsonPath")) or any(is_true(options.get(n)) for n in ("multiLine", "multiline"))
    parse = parser(options.get("jsonPath"))

    @functools.cache
    def inferred(whole: bool) -> tuple[records.Input, glue.StructType, bool]:
        """What is read, its schema, and whether any of it cannot be read."""
        reader = files.reader(spark).option("wholetext", whole)
        source = records.Input(_with_facts(_loaded(spark, reader, "text", files.paths), attached), None)
        return source, *records.infer(source, parse, None)

    @functools.cache
    def by_text() -> bool:
        """Whether records may span lines: by option, or as a line by itself cannot be read."""
        return whole or inferred(False)[2]

    def compute() -> TypedFrame:
        source, schema, _ = inferred(by_text())
        if by_text() or has_choice(schema) or not schema.fields:
            return records.made_by(source, parse, schema)
        native = _loaded(spark, files.reader(spark).schema(spark_schema(schema)), "json", files.paths)
        native = _with_facts(native, attached)
        columns = TypedFrame.of(native).schema.fields[len(schema.fields) :]
        return TypedFrame(native, glue.StructType([*schema.fields, *columns]))

    def errors() -> DataFrame | None:
        source, _, failed = inferred(by_text())
        return records.errors_of(source, parse, "read json", "") if failed else None

    return Lazy(compute), ErrorStage("read json", errors)


def checked_csv(texts: DataFrame, declared: glue.StructType) -> TypedFrame:
    """CSV rows with a table's types: a column that has values of another type is a choice with string.

    One pass looks for such values.

    Args:
        texts: The rows, every column a string.
        declared: The table's columns and types.
    """
    frame = TypedFrame.of(texts)
    typed = [
        f for f in declared.fields if not isinstance(f.dataType, glue.StringType) and f.name in texts.columns
    ]
    if not typed:
        return frame
    bad = [
        F.max((~reads_as(F.col(plain(f.name)), f.dataType)).cast("int")).alias(f"c{i}")
        for i, f in enumerate(typed)
    ]
    found = texts.agg(*bad).collect()[0]
    mixed = {f.name for i, f in enumerate(typed) if found[f"c{i}"]}
    columns: list[NamedColumn] = []
    for column in frame.columns():
        field = declared.getField(column.name)
        columns.append(_typed(column, field.dataType, column.name in mixed) if field else column)
    return frame.select(columns)


def _typed(text: NamedColumn, wanted: glue.DataType, mixed: bool) -> NamedColumn:
    value = cast(text, wanted).column
    if not mixed:
        return NamedColumn(text.name, value, wanted)
    good = reads_as(text.column, wanted)
    parts: dict[str, tuple[glue.DataType, Any]] = {
        wanted.typeName(): (wanted, F.when(good, value)),
        "string": (glue.StringType(), F.when(~good, text.column)),
    }
    names = sorted(parts)
    struct = F.struct(*[parts[n][1].alias(n) for n in names])
    kept = F.when(text.column.isNotNull(), struct)
    return NamedColumn(text.name, kept, glue.ChoiceType(parts[n][0] for n in names))
