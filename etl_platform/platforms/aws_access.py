"""How the AWS platforms reach their services: clients, and errors of AWS as errors of platforms."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from etl_platform.catalog.aws import DENIED, client_error_sentence
from etl_platform.config.aws_login import login_sentence
from etl_platform.platforms.errors import NotRunnableError, PlatformError, RunNotFoundError, TransientError

THROTTLED = frozenset(
    (
        "Throttling",
        "ThrottlingException",
        "ThrottledException",
        "TooManyRequestsException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "SlowDown",
        "LimitExceededException",
    )
)
"""Error codes by which services say: not so fast. The source is botocore's own list."""

_making = threading.Lock()


@dataclass(frozen=True)
class AwsAccess:
    """Where and as whom AWS services are called; equal ones share their clients.

    Credentials, region and endpoint are found by boto3 in its usual places where they are not given.

    Attributes:
        region: AWS region; None: boto3's own.
        endpoint_url: Address of a stand-in of AWS; None: boto3's own.
        role_arn: Role to take for all calls; None: the caller's own credentials.
        attempts: How often botocore tries a call, in its adaptive mode, before the driver hears of a fault.
        connect_timeout_seconds: For a connection.
        read_timeout_seconds: For an answer.
    """

    region: str | None = None
    endpoint_url: str | None = None
    role_arn: str | None = None
    attempts: int = 4
    connect_timeout_seconds: float = 5
    read_timeout_seconds: float = 30

    def client(
        self, service: str, *, read_timeout_seconds: float | None = None, attempts: int | None = None
    ) -> Any:
        """A boto3 client, made once and shared by all threads.

        Args:
            service: boto3's name of the service.
            read_timeout_seconds: Another limit for an answer.
            attempts: Another number of tries; 1 for a call that must not be sent twice.

        Raises:
            PlatformError: boto3 cannot make one, for want of a region for example.
        """
        # lru_cache may compute a value twice, and a boto3 session is not thread-safe while it makes a client.
        with _making, calling(service):
            return _client(
                self,
                service,
                read_timeout_seconds or self.read_timeout_seconds,
                attempts or self.attempts,
            )


@lru_cache(maxsize=64)
def _client(access: AwsAccess, service: str, read_timeout_seconds: float, attempts: int) -> Any:
    from botocore.config import Config as ClientConfig

    return _session(access).client(
        service,  # pyright: ignore[reportArgumentType]  # any service name, not a literal
        endpoint_url=access.endpoint_url,
        config=ClientConfig(
            connect_timeout=access.connect_timeout_seconds,
            read_timeout=read_timeout_seconds,
            retries={"mode": "adaptive", "total_max_attempts": attempts},
            max_pool_connections=32,
        ),
    )


def forget_clients() -> None:
    """Make clients anew next time; those that are made keep the endpoint that the environment named then."""
    _client.cache_clear()


def _session(access: AwsAccess) -> Any:
    import boto3

    session = boto3.Session(region_name=access.region)
    if access.role_arn is None:
        return session
    from botocore.credentials import AssumeRoleCredentialFetcher, DeferredRefreshableCredentials
    from botocore.session import get_session

    def make_sts(service: str, **settings: Any) -> Any:
        return session.client(service, endpoint_url=access.endpoint_url, **settings)  # pyright: ignore

    fetcher = AssumeRoleCredentialFetcher(
        make_sts, session.get_credentials(), access.role_arn, {"RoleSessionName": "etl-platform"}
    )
    assumed = get_session()
    # botocore has no public way to give a session credentials that renew themselves.
    assumed._credentials = DeferredRefreshableCredentials(fetcher.fetch_credentials, "assume-role")  # pyright: ignore
    return boto3.Session(botocore_session=assumed, region_name=session.region_name)


@contextmanager
def calling(service: str, *, not_found: tuple[str, ...] = (), run_id: str | None = None) -> Iterator[None]:
    """Turn what boto3 raises inside the block into errors of platforms, each with what to do next.

    Args:
        service: boto3's name of the service.
        not_found: Error codes that mean that the service does not know the run.
        run_id: The run that the call is about.

    Raises:
        TransientError: Throttling, a network fault, or a fault of the service.
        RunNotFoundError: One of `not_found`.
        PlatformError: Everything else; a denied call names the action and the statement that is missing.
    """
    from botocore.exceptions import (
        BotoCoreError,
        ClientError,
        HTTPClientError,
        NoCredentialsError,
        NoRegionError,
    )

    try:
        yield
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "")
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        sentence = client_error_sentence(service, error)
        if code in not_found:
            raise RunNotFoundError.of(service, f"run {run_id}", f"{sentence}.") from error
        if code in DENIED:
            raise PlatformError(
                f"{sentence} `etl-platform iam` prints the policy that the configuration needs."
            ) from error
        if code in THROTTLED or status == 429 or status >= 500:
            raise TransientError(sentence) from error
        raise PlatformError(sentence) from error
    except (NoRegionError, NoCredentialsError) as error:
        raise NotRunnableError(login_sentence(service, error)) from error
    except HTTPClientError as error:
        raise TransientError(
            f"{service} cannot be reached: {' '.join(str(error).split())}. Check the network, the region, "
            "and AWS_ENDPOINT_URL where it is set."
        ) from error
    except BotoCoreError as error:
        raise PlatformError(f"{service}: {' '.join(str(error).split())}") from error
