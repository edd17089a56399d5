"""From a listing of files, and a look inside, to the figures of a dataset."""

from etl_platform.catalog.content import Content, ReadRange, look_inside
from etl_platform.catalog.files import FileListing
from etl_platform.catalog.partitions import kept_by_filter
from etl_platform.catalog.stats import CannotMeasureError, TableStats, gigabytes
from etl_platform.config.models.data_sources import Source


def stats_of_listing(
    source: Source,
    listing: FileListing,
    read_range: ReadRange,
    *,
    dataset: str,
    declared_format: str | None,
    footers: int,
    detected_by: str,
    now: float,
) -> TableStats:
    """The figures of a dataset that is made of files.

    Args:
        source: For its filter, its options and what it wants detected.
        listing: At least one file.
        read_range: How to fetch bytes of a file; CannotMeasureError and OSError become warnings.
        dataset: Physical name.
        declared_format: What the configuration or the catalog says.
        footers: Files to open at the most.
        detected_by: How the listing was made.
        now: Unix seconds.
    """
    warnings: list[str] = []
    content = Content(format=declared_format)
    try:
        content = look_inside(
            listing,
            read_range,
            declared_format=declared_format,
            footers=footers,
            schema=source.auto_detect_schema,
            read_options=source.read_options,
        )
    except (CannotMeasureError, OSError) as error:
        warnings.append(f"files not opened, rows and columns stay unknown: {error}")
    warnings += content.warnings
    if listing.table_format:
        warnings.append(
            f"{listing.table_format} table: files of older versions are counted too, so size and rows are "
            "upper bounds."
        )
    filtered: tuple[int, int] | tuple[None, None] = (None, None)
    if source.partition_filter:
        try:
            filtered = kept_by_filter(
                source.partition_filter, listing.partition_keys, listing.partition_bytes
            )
        except CannotMeasureError as error:
            warnings.append(str(error))
    if content.rows_estimated:
        detected_by += f"; rows estimated from {content.footers_read} of {len(listing.names):,} footers"
    elif content.row_count is not None:
        detected_by += "; rows from all footers"
    return TableStats(
        dataset=dataset,
        exists=True,
        size_gb=gigabytes(listing.size_bytes),
        file_count=len(listing.names),
        row_count=content.row_count,
        rows_estimated=content.rows_estimated,
        partition_count=listing.partition_count,
        partition_keys=listing.partition_keys,
        filtered_gb=gigabytes(filtered[1]),
        filtered_partition_count=filtered[0],
        columns=content.columns | dict.fromkeys(listing.partition_keys if content.columns else (), "string"),
        format=content.format,
        compression=content.compression,
        last_updated=listing.last_updated,
        detected_by=detected_by,
        measured_at=now,
        warnings=tuple(warnings),
    )
