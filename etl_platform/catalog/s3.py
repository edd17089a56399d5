"""`s3`: a prefix, by its listing and a look into some objects."""

from typing import Any
from urllib.parse import urlsplit

from etl_platform.catalog.aws import aws_errors_as_sentences
from etl_platform.catalog.context import Context
from etl_platform.catalog.files import FileListing
from etl_platform.catalog.listing_stats import stats_of_listing
from etl_platform.catalog.stats import CannotMeasureError, TableStats
from etl_platform.config.models.data_sources import S3Source, Source

FOOTERS = 20
"""Footers to read at the most: one request each, about a second in all."""

MISSING = ("NoSuchBucket", "NoSuchKey", "404")


def measure_s3(source: S3Source, dataset: str, context: Context) -> TableStats:
    """Figures of an S3 prefix.

    Raises:
        CannotMeasureError: It cannot be listed, or holds no data.
    """
    stats = measure_prefix(source, source.path, dataset, context, declared_format=source.format)
    return stats.model_copy(update={"compression": source.compression or stats.compression})


def measure_prefix(
    source: Source, uri: str, dataset: str, context: Context, *, declared_format: str | None
) -> TableStats:
    """Figures of the objects below an S3 address, for whatever source they stand.

    Raises:
        CannotMeasureError: It cannot be listed, or holds no data.
    """
    prefix, listing = list_prefix(context.aws.client("s3"), uri)
    if not listing.names:
        raise CannotMeasureError(
            f"{uri}: there are no data objects; correct the path, or run what writes it.", missing=True
        )
    bucket = urlsplit(uri).netloc

    def read_range(name: str, offset: int, length: int) -> bytes:
        with aws_errors_as_sentences("s3", missing=MISSING):
            answer = context.aws.client("s3").get_object(
                Bucket=bucket, Key=prefix + name, Range=f"bytes={offset}-{offset + length - 1}"
            )
            return answer["Body"].read()

    return stats_of_listing(
        source,
        listing,
        read_range,
        dataset=dataset,
        declared_format=declared_format,
        footers=FOOTERS,
        detected_by=f"S3 listing of {uri}",
        now=context.now,
    )


def list_prefix(client: Any, uri: str) -> tuple[str, FileListing]:
    """List an address as Spark reads it: the folder of that name, else the one object.

    Args:
        client: A boto3 S3 client.
        uri: `s3://bucket/prefix/`.

    Returns:
        The key prefix that the names of the listing are relative to, and the listing.

    Raises:
        CannotMeasureError: S3 refuses, or the path has a pattern.
    """
    parts = urlsplit(uri)
    key = parts.path.lstrip("/")
    if any(mark in key for mark in "*?[{"):
        raise CannotMeasureError(
            f"{uri}: a path with a pattern is not measured; give the folder and a `partition_filter`, "
            "or `size_gb`."
        )
    folder = key if not key or key.endswith("/") else key + "/"
    listing = _list(client, parts.netloc, folder, folder)
    if not listing.names and folder != key:
        base = key.rpartition("/")[0]
        base = base + "/" if base else ""
        return base, _list(client, parts.netloc, key, base, only=key)
    return folder, listing


def _list(client: Any, bucket: str, prefix: str, base: str, only: str | None = None) -> FileListing:
    listing = FileListing()
    with aws_errors_as_sentences("s3", missing=MISSING):
        pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        for page in pages:
            for item in page.get("Contents", ()):
                if only is None or item["Key"] == only:
                    listing.add(item["Key"][len(base) :], item["Size"], item["LastModified"].timestamp())
    return listing
