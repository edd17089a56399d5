"""`glue_catalog`: a table of the Glue Data Catalog, by what crawlers and engines wrote into it."""

from collections.abc import Mapping
from typing import Any

from etl_platform.catalog.aws import aws_errors_as_sentences
from etl_platform.catalog.context import Context
from etl_platform.catalog.files import SUFFIX_FORMATS, PartitionValues
from etl_platform.catalog.iceberg import measure_iceberg
from etl_platform.catalog.partitions import kept_by_filter
from etl_platform.catalog.s3 import measure_prefix
from etl_platform.catalog.stats import CannotMeasureError, TableStats, gigabytes
from etl_platform.config.models.data_sources import GlueCatalogSource

# The same figure under the names that Hive, Spark, Athena and Glue crawlers give it, newest writer first.
SIZE_KEYS = ("totalSize", "spark.sql.statistics.totalSize", "sizeKey", "rawDataSize")
FILE_KEYS = ("numFiles", "objectCount")
ROW_KEYS = ("numRows", "spark.sql.statistics.numRows", "recordCount")


def measure_glue(source: GlueCatalogSource, dataset: str, context: Context) -> TableStats:
    """Figures of a Glue table.

    They come from the statistics of all partitions where each has them, else from the table's own
    parameters, else from the S3 listing of its location. Iceberg tables have their own metadata.

    Raises:
        CannotMeasureError: Glue refuses, or nothing tells the size.
    """
    client = context.aws.client("glue")
    catalog = {"CatalogId": source.catalog_id} if source.catalog_id else {}
    with aws_errors_as_sentences("glue", missing=("EntityNotFoundException",)):
        table = client.get_table(DatabaseName=source.database, Name=source.table, **catalog)["Table"]
    parameters: Mapping[str, str] = table.get("Parameters", {})
    if parameters.get("table_type", "").upper() == "ICEBERG" and "metadata_location" in parameters:
        return measure_iceberg(source, parameters["metadata_location"], dataset, context)
    if table.get("TableType") == "VIRTUAL_VIEW":
        raise CannotMeasureError(
            f"{dataset}: a view has no size of its own; declare the tables below it, or `size_gb`."
        )

    storage: Mapping[str, Any] = table.get("StorageDescriptor", {})
    keys = tuple(column["Name"] for column in table.get("PartitionKeys", ()))
    columns = {column["Name"]: column.get("Type", "") for column in storage.get("Columns", ())}
    columns |= {column["Name"]: column.get("Type", "") for column in table.get("PartitionKeys", ())}
    warnings: list[str] = []
    partitions: list[Mapping[str, Any]] = []
    if keys and source.auto_detect_partitions and parameters.get("projection.enabled") != "true":
        try:
            partitions = _partitions(client, source, catalog)
        except CannotMeasureError as error:
            warnings.append(f"partitions unknown: {error}")

    declared_format = table_format(parameters, storage)
    size, files, rows, detected_by = _statistics(parameters, partitions)
    update: dict[str, Any] = {
        "columns": columns if source.auto_detect_schema else {},
        "partition_keys": keys,
        "partition_count": len(partitions) or None,
    }
    if size is None:
        location = storage.get("Location", "")
        if not location.startswith(("s3://", "s3a://", "s3n://")):
            raise CannotMeasureError(
                f"{dataset}: the table's parameters hold none of {', '.join(SIZE_KEYS)} and its location "
                f"`{location}` is not in S3; set `size_gb`, or let a crawler or ANALYZE TABLE write them."
            )
        listed = measure_prefix(source, location, dataset, context, declared_format=declared_format)
        update["partition_count"] = update["partition_count"] or listed.partition_count
        update["columns"] = update["columns"] or listed.columns
        update["warnings"] = (*warnings, *listed.warnings)
        if listed.row_count is None:
            update["row_count"] = rows
        return listed.model_copy(update=update)

    filtered: tuple[int, int] | tuple[None, None] = (None, None)
    if source.partition_filter:
        try:
            filtered = _filtered(source.partition_filter, keys, partitions)
        except CannotMeasureError as error:
            warnings.append(str(error))
    changed = [
        _changed(parameters, table),
        *(_changed(item.get("Parameters", {}), item) for item in partitions),
    ]
    return TableStats(
        dataset=dataset,
        exists=True,
        size_gb=gigabytes(size),
        file_count=files,
        row_count=rows,
        filtered_gb=gigabytes(filtered[1]),
        filtered_partition_count=filtered[0],
        format=declared_format,
        compression=_compression(parameters),
        last_updated=max((value for value in changed if value), default=None),
        detected_by=detected_by,
        measured_at=context.now,
        warnings=tuple(warnings),
    ).model_copy(update=update)


def _partitions(
    client: Any, source: GlueCatalogSource, catalog: Mapping[str, str]
) -> list[Mapping[str, Any]]:
    with aws_errors_as_sentences("glue"):
        pages = client.get_paginator("get_partitions").paginate(
            DatabaseName=source.database, TableName=source.table, ExcludeColumnSchema=True, **catalog
        )
        return [partition for page in pages for partition in page["Partitions"]]


def _statistics(
    parameters: Mapping[str, str], partitions: list[Mapping[str, Any]]
) -> tuple[int | None, int | None, int | None, str]:
    """Bytes, files, rows, and where they stand."""
    if partitions:
        all_parameters = [partition.get("Parameters", {}) for partition in partitions]
        size = _sum(all_parameters, SIZE_KEYS)
        if size is not None:
            files, rows = _sum(all_parameters, FILE_KEYS), _sum(all_parameters, ROW_KEYS)
            return size, files, rows, f"Glue statistics of {len(partitions):,} partitions"
    found = [_first(parameters, keys) for keys in (SIZE_KEYS, FILE_KEYS, ROW_KEYS)]
    used = [name for _, name in found if name]
    return found[0][0], found[1][0], found[2][0], f"Glue table parameters {', '.join(used)}"


def _first(parameters: Mapping[str, str], keys: tuple[str, ...]) -> tuple[int | None, str | None]:
    """The first key with a count; engines write -1 for unknown."""
    for key in keys:
        text = parameters.get(key, "")
        if text.isdecimal():
            return int(text), key
    return None, None


def _sum(all_parameters: list[Mapping[str, str]], keys: tuple[str, ...]) -> int | None:
    """The sum over all partitions; None unless each has the figure."""
    values = [_first(parameters, keys)[0] for parameters in all_parameters]
    return None if None in values else sum(value for value in values if value is not None)


def _filtered(filter_sql: str, keys: tuple[str, ...], partitions: list[Mapping[str, Any]]) -> tuple[int, int]:
    sizes: dict[PartitionValues, int] = {}
    for partition in partitions:
        size = _first(partition.get("Parameters", {}), SIZE_KEYS)[0]
        if size is None:
            raise CannotMeasureError(
                f"partition_filter `{filter_sql}` is not applied to the size: not every partition has its "
                "own statistics; run a crawler, or ANALYZE TABLE … PARTITION."
            )
        sizes[tuple(zip(keys, partition["Values"], strict=True))] = size
    return kept_by_filter(filter_sql, keys if partitions else (), sizes)


def _changed(parameters: Mapping[str, str], item: Mapping[str, Any]) -> float | None:
    """Unix seconds of the last change of data, by Hive's parameter, else of the entry."""
    text = parameters.get("transient_lastDdlTime", "")
    if text.isdecimal():
        return float(text)
    when = item.get("UpdateTime") or item.get("CreationTime")
    return when.timestamp() if when else None


def table_format(parameters: Mapping[str, str], storage: Mapping[str, Any]) -> str | None:
    """By the crawler's classification, else by the names of the SerDe and input format."""
    classification = parameters.get("classification", "").lower()
    if classification in SUFFIX_FORMATS:
        return SUFFIX_FORMATS[classification]
    names = storage.get("SerdeInfo", {}).get("SerializationLibrary", "") + storage.get("InputFormat", "")
    for found in ("parquet", "orc", "avro", "json", "csv"):
        if found in names.lower():
            return found
    return "csv" if "LazySimpleSerDe" in names else None


def _compression(parameters: Mapping[str, str]) -> str | None:
    """The codec; a crawler writes `none` for files that are not compressed as a whole."""
    codec = parameters.get("parquet.compression") or parameters.get("compressionType", "")
    return codec.lower() if codec.lower() not in ("", "none") else None
