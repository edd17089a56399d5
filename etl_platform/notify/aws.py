"""Calls of AWS services that deliver messages."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from etl_platform.config.project import Config
from etl_platform.notify.errors import DeliveryError

TIMEOUT_SECONDS = 8

_BUSY = ("Throttling", "ThrottlingException", "TooManyRequestsException", "RequestLimitExceeded")


@contextmanager
def aws_client(service: str, target: str, config: Config) -> Iterator[Any]:
    """A boto3 client with the usual chain of credentials, which tries once.

    Args:
        service: boto3's name of the service.
        target: Name of the target, for errors.
        config: Says the region.

    Raises:
        DeliveryError: In place of all that boto3 raises inside the block.
    """
    import boto3
    from botocore.config import Config as ClientConfig
    from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError

    # Retries are bounded in one place, for all targets.
    once = ClientConfig(
        connect_timeout=TIMEOUT_SECONDS, read_timeout=TIMEOUT_SECONDS, retries={"total_max_attempts": 1}
    )
    try:
        yield boto3.Session().client(
            service,  # pyright: ignore[reportArgumentType]  # any service name, not a literal
            region_name=config.settings.aws_region,
            config=once,
        )
    except ClientError as error:
        details = error.response.get("Error", {})
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        code = details.get("Code", "")
        raise DeliveryError(
            target,
            f"{service} {error.operation_name} failed with {code}: {details.get('Message', 'no message')}",
            retry_can_help=code in _BUSY or status >= 500,
        ) from None
    except BotoCoreError as error:
        words = " ".join(str(error).split())
        raise DeliveryError(
            target, f"{service}: {words}", retry_can_help=isinstance(error, HTTPClientError)
        ) from None
