"""What a remote run wrote to its job's target: files, bytes and rows, from S3 and the Glue catalog."""

import gzip
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from etl_platform.catalog.content import look_inside
from etl_platform.catalog.files import FileListing
from etl_platform.config.models.job import Job
from etl_platform.config.models.target import Target
from etl_platform.platforms.artifacts import bucket_and_key, read
from etl_platform.platforms.aws_access import AwsAccess, calling
from etl_platform.platforms.errors import PlatformError, RunNotFoundError, TransientError
from etl_platform.platforms.figures import Figures

FOOTERS = 50
"""Files whose footers are read at the most, two small requests each; rows of more files are unknown."""

_GB = 2**30
_MB = 2**20


def target_figures(
    access: AwsAccess, job: Job, since: float | None, *, succeeded: bool
) -> tuple[str | None, Figures]:
    """Where the target's files stand and what a run wrote there.

    Files that are older than the run are of earlier ones. Rows come from the footers of Parquet and ORC
    files, and from the snapshots of an Iceberg table; other formats do not tell them.

    Args:
        access: Where S3 and Glue are.
        job: Its target; a target behind a server has no files.
        since: Start of the run by the service's clock, Unix seconds; None: only the place is told.
        succeeded: Whether the run did: then it is worth a warning that it wrote nothing.

    Returns:
        An `s3://` address, None where there is none; and `output_file_count`, `output_avg_file_mb`,
        `data_written_gb`, `records_written`, as far as they are known. What could not be asked is a warning.

    Raises:
        TransientError: A service did not answer.
    """
    target = job.target
    if target is None:
        return None, Figures()
    try:
        location, parameters = _place(access, target)
        if location is None or since is None:
            return location, Figures()
        if parameters.get("table_type", "").upper() == "ICEBERG" and "metadata_location" in parameters:
            figures = _snapshots(access, parameters["metadata_location"], since)
        else:
            figures = _files(access, location, target.format, since)
    except TransientError:
        raise
    except (PlatformError, OSError, ValueError) as error:
        warning = f"What the run wrote to its target is unknown: {' '.join(str(error).split())}"
        return target.path, Figures(warnings=(warning,))
    if succeeded and figures.values["output_file_count"] == 0:
        nothing = (
            f"The run wrote no file to its target {location}. If the script writes elsewhere, correct "
            "`target`; if there was nothing to write, all is well."
        )
        return location, replace(figures, warnings=(*figures.warnings, nothing))
    return location, figures


def _place(access: AwsAccess, target: Target) -> tuple[str | None, Mapping[str, str]]:
    """Address of the files, and the parameters of the table."""
    if target.type == "s3":
        return target.path, {}
    if target.type != "glue_catalog" or not target.database or not target.table:
        return None, {}
    client = access.client("glue")
    name = f"{target.database}.{target.table}"
    try:
        with calling("glue", not_found=("EntityNotFoundException",)):
            table = client.get_table(DatabaseName=target.database, Name=target.table)["Table"]
    except RunNotFoundError as error:
        raise PlatformError(
            f"the Glue catalog has no table {name}; correct `target`, or let the script create it."
        ) from error
    location = table.get("StorageDescriptor", {}).get("Location", "")
    if not location.startswith(("s3://", "s3a://", "s3n://")):
        raise PlatformError(f"the location of the Glue table {name} is `{location}`, which is not in S3.")
    return location, table.get("Parameters", {})


def _files(access: AwsAccess, uri: str, file_format: str, since: float) -> Figures:
    bucket, key = bucket_and_key(uri)
    prefix = key.rstrip("/") + "/" if key else ""
    client = access.client("s3")
    listing = FileListing()
    with calling("s3"):
        for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
            for item in page.get("Contents", ()):
                modified = item["LastModified"].timestamp()
                # S3 tells whole seconds.
                if modified >= int(since):
                    listing.add(item["Key"][len(prefix) :], item["Size"], modified)
    values: dict[str, float] = {"output_file_count": len(listing.names)}
    if not listing.names:
        return Figures(values)
    values["output_avg_file_mb"] = listing.size_bytes / len(listing.names) / _MB
    values["data_written_gb"] = listing.size_bytes / _GB
    if file_format not in ("parquet", "orc") or len(listing.names) > FOOTERS:
        return Figures(values)

    def read_range(name: str, offset: int, length: int) -> bytes:
        with calling("s3"):
            wanted = f"bytes={offset}-{offset + length - 1}"
            return client.get_object(Bucket=bucket, Key=prefix + name, Range=wanted)["Body"].read()

    content = look_inside(
        listing, read_range, declared_format=file_format, footers=FOOTERS, schema=False, read_options={}
    )
    if content.row_count is not None and not content.rows_estimated:
        values["records_written"] = content.row_count
    return Figures(values, tuple(content.warnings))


def _snapshots(access: AwsAccess, metadata_uri: str, since: float) -> Figures:
    """What the snapshots of an Iceberg table since the start of the run added, by their summaries."""
    content = read(access, metadata_uri)
    if content is None:
        raise PlatformError(f"{metadata_uri}, the metadata of the Iceberg table, is not there.")
    metadata: dict[str, Any] = json.loads(
        gzip.decompress(content) if content.startswith(b"\x1f\x8b") else content
    )
    summaries = [
        snapshot.get("summary", {})
        for snapshot in metadata.get("snapshots", ())
        if snapshot["timestamp-ms"] / 1000 >= since
    ]
    # Iceberg leaves a counter out where it is 0.
    files, size, rows = (
        sum(int(summary.get(f"added-{what}", 0)) for summary in summaries)
        for what in ("data-files", "files-size", "records")
    )
    values: dict[str, float] = {"output_file_count": files, "records_written": rows}
    if files:
        values |= {"output_avg_file_mb": size / files / _MB, "data_written_gb": size / _GB}
    return Figures(values)
