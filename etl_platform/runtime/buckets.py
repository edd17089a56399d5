"""Which S3 buckets a run may use on this machine."""

import re

from etl_platform.runtime.contract import Launch

# The characters that a bucket's name may have, by the rules of Amazon S3.
_S3_URI = re.compile(r"\bs3[an]?://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])")


class UnknownBucketError(LookupError):
    """An S3 bucket that neither the configuration nor the script's text names."""

    def __init__(self, bucket: str, uri: str | None = None):
        self.bucket = bucket
        where = uri or f"s3://{bucket}/"
        super().__init__(
            f'{where}: bucket "{bucket}" is not known to this job, so it has no place on this machine. '
            f'Declare it in the configuration: as a source (`data_sources[]` with `"source_type": "s3"` and '
            f'`"path": "s3://{bucket}/…"`), as the `target.path`, or as a value of `execution.arguments`.'
        )


def buckets_in(text: str) -> set[str]:
    """Names of the S3 buckets whose addresses stand in a text, such as a script's string constants."""
    return set(_S3_URI.findall(text))


def known_buckets(launch: Launch) -> set[str]:
    """S3 buckets that a run may use: of the configuration, its arguments, the script and its modules.

    Raises:
        OSError: The script or a module cannot be read.
    """
    return {*launch.buckets, *buckets_in(launch.all_text())}
