"""Iceberg tables, by the summary of the current snapshot in their metadata file."""

import gzip
import json
from typing import Any
from urllib.parse import urlsplit

from etl_platform.catalog.aws import aws_errors_as_sentences
from etl_platform.catalog.context import Context
from etl_platform.catalog.s3 import MISSING
from etl_platform.catalog.stats import CannotMeasureError, TableStats, gigabytes
from etl_platform.config.models.data_sources import Source


def measure_iceberg(source: Source, metadata_uri: str, dataset: str, context: Context) -> TableStats:
    """Figures of an Iceberg table; its files are not listed.

    Args:
        source: The source it stands for.
        metadata_uri: `s3://…/metadata/….metadata.json`, as the catalog's `metadata_location` says.
        dataset: Physical name.
        context: Clients and time.

    Raises:
        CannotMeasureError: The metadata file cannot be read.
    """
    parts = urlsplit(metadata_uri)
    client = context.aws.client("s3")
    with aws_errors_as_sentences("s3", missing=MISSING):
        body = client.get_object(Bucket=parts.netloc, Key=parts.path.lstrip("/"))["Body"].read()
    try:
        metadata = json.loads(gzip.decompress(body) if body.startswith(b"\x1f\x8b") else body)
    except (ValueError, OSError) as error:
        raise CannotMeasureError(f"{metadata_uri}: not an Iceberg metadata file: {error}") from error
    return stats_of_metadata(source, metadata, dataset, context.now)


def stats_of_metadata(source: Source, metadata: dict[str, Any], dataset: str, now: float) -> TableStats:
    """Figures that an Iceberg metadata document holds (Iceberg table spec, versions 1 to 3).

    Args:
        source: The source it stands for.
        metadata: The document.
        dataset: Physical name.
        now: Unix seconds.
    """
    current = metadata.get("current-snapshot-id")
    snapshots = {snapshot["snapshot-id"]: snapshot for snapshot in metadata.get("snapshots", ())}
    snapshot = snapshots.get(current, {})
    summary = snapshot.get("summary", {})
    size_bytes = _number(summary, "total-files-size")
    files = _number(summary, "total-data-files")
    rows = _number(summary, "total-records")
    deletes = _number(summary, "total-position-deletes") or 0
    warnings = []
    if current in (None, -1):
        size_bytes = files = rows = 0
    elif not summary:
        warnings.append("Iceberg: the current snapshot has no summary, so size and rows are unknown.")
    if source.partition_filter:
        warnings.append(
            f"partition_filter `{source.partition_filter}` is not applied to the size: Iceberg's manifests "
            "are not read."
        )
    updated = snapshot.get("timestamp-ms", metadata.get("last-updated-ms"))
    return TableStats(
        dataset=dataset,
        exists=True,
        size_gb=gigabytes(size_bytes),
        file_count=files,
        row_count=None if rows is None else rows - deletes,
        partition_keys=_partition_keys(metadata),
        columns=_columns(metadata) if source.auto_detect_schema else {},
        format="iceberg",
        last_updated=None if updated is None else updated / 1000,
        detected_by="Iceberg metadata: summary of the current snapshot",
        measured_at=now,
        warnings=tuple(warnings),
    )


def _number(summary: dict[str, str], key: str) -> int | None:
    return int(summary[key]) if key in summary else None


def _schema(metadata: dict[str, Any]) -> dict[str, Any]:
    current = metadata.get("current-schema-id")
    return next(
        (schema for schema in metadata.get("schemas", ()) if schema.get("schema-id") == current),
        metadata.get("schema", {}),
    )


def _columns(metadata: dict[str, Any]) -> dict[str, str]:
    fields = _schema(metadata).get("fields", ())
    return {
        item["name"]: item["type"] if isinstance(item["type"], str) else item["type"]["type"]
        for item in fields
    }


def _partition_keys(metadata: dict[str, Any]) -> tuple[str, ...]:
    names = {item["id"]: item["name"] for item in _schema(metadata).get("fields", ())}
    default = metadata.get("default-spec-id")
    fields = next(
        (spec["fields"] for spec in metadata.get("partition-specs", ()) if spec.get("spec-id") == default),
        metadata.get("partition-spec", ()),
    )
    return tuple(
        dict.fromkeys(names.get(item["source-id"], item["name"]) for item in fields if "source-id" in item)
    )
