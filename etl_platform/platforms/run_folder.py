"""The folder of one run in S3, by which the platform and the package inside a function or container talk."""

import json
from collections.abc import Mapping
from typing import Any

from etl_platform.config.project import Config
from etl_platform.platforms import artifacts
from etl_platform.platforms.aws_access import AwsAccess, calling
from etl_platform.platforms.errors import PlatformError, TransientError

_SPOILT = "Something else has written it: remove it, and re-execute the job."


class RunFolder:
    """Small JSON objects under one prefix.

    Attributes:
        uri: Without an end slash.
    """

    def __init__(self, access: AwsAccess, uri: str):
        self.uri = uri
        self._access = access

    def names(self) -> frozenset[str]:
        """What is there, by one call."""
        uris = artifacts.keys_under(self._access, self.uri)
        return frozenset(uri.removeprefix(f"{self.uri}/") for uri in uris)

    def read(self, name: str) -> dict[str, Any] | None:
        """An object; None where there is none.

        Raises:
            PlatformError: It is no JSON object.
        """
        content = artifacts.read(self._access, f"{self.uri}/{name}")
        if content is None:
            return None
        try:
            value = json.loads(content)
        except ValueError as error:
            raise PlatformError(f"{self.uri}/{name} is no JSON: {error}. {_SPOILT}") from error
        if not isinstance(value, dict):
            raise PlatformError(f"{self.uri}/{name} is no JSON object. {_SPOILT}")
        return value

    def write(self, name: str, content: Mapping[str, Any]) -> None:
        """Write an object."""
        artifacts.write(self._access, f"{self.uri}/{name}", json.dumps(content).encode())

    def create(self, name: str, content: Mapping[str, Any]) -> bool:
        """Write an object that is not there yet; False where it is. Of several at once, one succeeds."""
        from botocore.exceptions import ClientError

        bucket, key = artifacts.bucket_and_key(f"{self.uri}/{name}")
        client = self._access.client("s3")
        with calling("s3"):
            try:
                client.put_object(Bucket=bucket, Key=key, Body=json.dumps(content).encode(), IfNoneMatch="*")
                return True
            except ClientError as error:
                code = error.response["Error"]["Code"]
                if code == "PreconditionFailed":
                    return False
                if code == "ConditionalRequestConflict":
                    raise TransientError(f"{self.uri}/{name} is being written by another one.") from error
                raise

    def delete(self, name: str) -> None:
        """Remove an object; no error where there is none."""
        bucket, key = artifacts.bucket_and_key(f"{self.uri}/{name}")
        client = self._access.client("s3")
        with calling("s3"):
            client.delete_object(Bucket=bucket, Key=key)


def run_folder(access: AwsAccess, config: Config, execution_id: str) -> RunFolder:
    """The folder of a run.

    Raises:
        NotRunnableError: The configuration does not say where artifacts go.
    """
    return RunFolder(access, artifacts.artifact_uri(config, "runs", execution_id))
