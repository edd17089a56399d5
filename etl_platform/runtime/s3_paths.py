"""`s3://` addresses and the folders that stand for them on this machine."""

import re
from collections.abc import Collection
from pathlib import Path

from etl_platform.runtime.buckets import UnknownBucketError

_URI = re.compile(r"s3[an]?://([^/]*)/?(.*)", re.DOTALL)
# Places of Spark SQL where an address is a place and not just a text: format.`address`, LOCATION, PATH.
_IN_SQL = re.compile(
    r"""((?:\w+\.`)|(?:\bLOCATION\s*['"])|(?:\bpath['"`]?\s*(?:=|\s)\s*['"]))(s3[an]?://[^'"`]*)""",
    re.IGNORECASE,
)


def local_uri(address: str, root: Path, buckets: Collection[str]) -> str:
    """The local place of an S3 address as a URI; any other address is returned as it is.

    Args:
        address: Such as `s3://bucket/prefix/`; it may hold wildcards.
        root: The folder that stands for S3 and Glue.
        buckets: Names of the buckets that may be used.

    Raises:
        UnknownBucketError: The bucket is none of them.
    """
    match = _URI.fullmatch(address)
    if match is None:
        return address
    bucket, key = match.groups()
    if bucket not in buckets:
        raise UnknownBucketError(bucket, address)
    return f"file://{root}/s3/{bucket}/{key}"


def local_sql(query: str, root: Path, buckets: Collection[str]) -> str:
    """A query with its S3 places replaced by local ones; texts that are not places stay.

    Raises:
        UnknownBucketError: A bucket is none of `buckets`.
    """
    return _IN_SQL.sub(lambda match: match.group(1) + local_uri(match.group(2), root, buckets), query)
