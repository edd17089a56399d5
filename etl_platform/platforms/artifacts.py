"""Files that remote runs need, in S3 under `artifacts.s3_uri`: each content is uploaded once."""

import hashlib
from pathlib import Path
from urllib.parse import urlsplit

from etl_platform.config.project import Config
from etl_platform.platforms.aws_access import AwsAccess, calling
from etl_platform.platforms.errors import NotRunnableError, PlatformError
from etl_platform.platforms.zips import files_in, zipped

_HASH_LENGTH = 16
"""Hex digits of SHA-256 in a key: 64 bits."""


def artifact_uri(config: Config, *parts: str) -> str:
    """An address under `artifacts.s3_uri`, without an end slash.

    Raises:
        NotRunnableError: The configuration does not say where artifacts go.
    """
    root = config.settings.artifacts.s3_uri
    if root is None:
        raise NotRunnableError(
            "Runs on AWS need a place for scripts, logs and messages: set global_settings.artifacts.s3_uri "
            "to an s3:// prefix that you may write."
        )
    return "/".join((root.rstrip("/"), *parts))


def upload_file(access: AwsAccess | None, config: Config, path: Path) -> str:
    """Put a file, or a folder as a zip, into S3 under its content's hash, unless it is there.

    Args:
        access: Where S3 is; None: nothing is uploaded, only the address is told.
        config: Says where artifacts go.
        path: The file or folder.

    Returns:
        Its s3:// address; it ends with the file's own name, which runtimes show and import by.

    Raises:
        NotRunnableError: There is no such file.
    """
    try:
        content, name = (
            (zipped(dict(files_in(path))), f"{path.name}.zip")
            if path.is_dir()
            else (path.read_bytes(), path.name)
        )
    except OSError as error:
        raise NotRunnableError(
            f"{path} cannot be read: {error.strerror or error}. Correct the path in `execution`, or put the "
            "file there."
        ) from error
    return upload_content(access, config, "scripts", name, content)


def upload_content(access: AwsAccess | None, config: Config, folder: str, name: str, content: bytes) -> str:
    """Put a content into S3 under its hash, unless it is there.

    Args:
        access: Where S3 is; None: nothing is uploaded, only the address is told.
        config: Says where artifacts go.
        folder: Below `artifacts.s3_uri`, such as `scripts`.
        name: The last part of its address.
        content: What is uploaded.

    Returns:
        Its s3:// address.
    """
    digest = hashlib.sha256(content).hexdigest()[:_HASH_LENGTH]
    uri = artifact_uri(config, folder, digest, name)
    if access is not None and not exists(access, uri):
        write(access, uri, content)
    return uri


def exists(access: AwsAccess, uri: str) -> bool:
    """Whether S3 has an object."""
    from botocore.exceptions import ClientError

    bucket, key = bucket_and_key(uri)
    client = access.client("s3")
    with calling("s3"):
        try:
            client.head_object(Bucket=bucket, Key=key)
        except ClientError as error:
            # A HEAD has no body that says more. Without s3:ListBucket a missing object is a 403.
            if error.response["Error"]["Code"] in ("404", "NoSuchKey", "NotFound", "403"):
                return False
            raise
    return True


def write(access: AwsAccess, uri: str, content: bytes) -> None:
    """Write an object."""
    bucket, key = bucket_and_key(uri)
    client = access.client("s3")
    with calling("s3"):
        client.put_object(Bucket=bucket, Key=key, Body=content)


def read(access: AwsAccess, uri: str) -> bytes | None:
    """The content of an object; None where there is none."""
    from botocore.exceptions import ClientError

    bucket, key = bucket_and_key(uri)
    client = access.client("s3")
    with calling("s3"):
        try:
            return client.get_object(Bucket=bucket, Key=key)["Body"].read()
        except ClientError as error:
            if error.response["Error"]["Code"] in ("404", "NoSuchKey"):
                return None
            raise


def keys_under(access: AwsAccess, uri: str) -> list[str]:
    """The s3:// addresses of all objects under a folder, in order."""
    bucket, key = bucket_and_key(uri)
    client = access.client("s3")
    with calling("s3"):
        pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=key.rstrip("/") + "/")
        return [f"s3://{bucket}/{item['Key']}" for page in pages for item in page.get("Contents", ())]


def bucket_and_key(uri: str) -> tuple[str, str]:
    """The parts of an s3:// address.

    Raises:
        PlatformError: It is none.
    """
    parts = urlsplit(uri)
    if parts.scheme not in ("s3", "s3a", "s3n") or not parts.netloc:
        raise PlatformError(f"{uri} is no s3:// address; name it as s3://bucket/key.")
    return parts.netloc, parts.path.lstrip("/")
