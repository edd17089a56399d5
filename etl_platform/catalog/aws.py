"""AWS clients of one measurement, and AWS errors as sentences that say what to grant or set."""

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from etl_platform.catalog.stats import CannotMeasureError
from etl_platform.config.aws_login import login_sentence

if TYPE_CHECKING:
    from botocore.exceptions import ClientError

CONNECT_TIMEOUT_SECONDS = 5
READ_TIMEOUT_SECONDS = 20
ATTEMPTS = 4

# Operations whose IAM action is not `service:Operation`, by the Service Authorization Reference.
IAM_ACTIONS = {
    ("s3", "ListObjectsV2"): "s3:ListBucket",
    ("s3", "HeadObject"): "s3:GetObject",
    ("lambda", "Invoke"): "lambda:InvokeFunction",
}

# Services whose IAM prefix is not boto3's name of them.
IAM_PREFIXES = {"emr": "elasticmapreduce"}

DENIED = ("AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "403")


class AwsClients:
    """The boto3 clients of one measurement, made once a service and shared by its threads.

    Credentials, and AWS_ENDPOINT_URL where set, are found by boto3 in its usual places.
    """

    def __init__(self, region: str | None = None):
        self.region = region
        self._clients: dict[str, Any] = {}
        self._lock = threading.Lock()

    def client(self, service: str) -> Any:
        """A client with short time-outs and adaptive retries.

        Raises:
            CannotMeasureError: boto3 cannot make one, for want of a region for example.
        """
        import boto3
        from botocore.config import Config

        # Making a client is not thread-safe, using one is.
        with self._lock:
            if service not in self._clients:
                with aws_errors_as_sentences(service):
                    self._clients[service] = boto3.Session().client(
                        service,  # pyright: ignore[reportArgumentType]  # any service name, not a literal
                        region_name=self.region,
                        config=Config(
                            connect_timeout=CONNECT_TIMEOUT_SECONDS,
                            read_timeout=READ_TIMEOUT_SECONDS,
                            retries={"mode": "adaptive", "total_max_attempts": ATTEMPTS},
                            max_pool_connections=16,
                        ),
                    )
            return self._clients[service]


@contextmanager
def aws_errors_as_sentences(service: str, *, missing: tuple[str, ...] = ()) -> Iterator[None]:
    """Turn errors of AWS calls into CannotMeasureError.

    Args:
        service: boto3's name of the service, such as `redshift-data`.
        missing: Error codes that mean that there is no such dataset.
    """
    from botocore.exceptions import (
        BotoCoreError,
        ClientError,
        NoCredentialsError,
        NoRegionError,
    )

    try:
        yield
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "")
        raise CannotMeasureError(client_error_sentence(service, error), missing=code in missing) from error
    except (NoRegionError, NoCredentialsError) as error:
        raise CannotMeasureError(login_sentence(service, error)) from error
    except BotoCoreError as error:
        raise CannotMeasureError(f"{service}: {' '.join(str(error).split())}") from error


def client_error_sentence(service: str, error: "ClientError") -> str:
    """Name the call, AWS's reason, and the permission to grant where that is the reason."""
    details = error.response.get("Error", {})
    code = details.get("Code", "")
    operation = error.operation_name
    if code in DENIED:
        prefix = IAM_PREFIXES.get(service, service)
        action = IAM_ACTIONS.get((service, operation), f"{prefix}:{operation}")
        # AWS names the resource in most refusals: "… is not authorized to perform: … on resource: ARN".
        found = re.search(r"on resource: (arn:\S+)", details.get("Message", ""))
        resource = found[1].rstrip(".") if found else "*"
        statement = json.dumps({"Effect": "Allow", "Action": action, "Resource": resource})
        return (
            f"{service} {operation} was denied: grant `{action}` to the role that runs this. "
            f"The statement that its policy lacks: {statement}"
        )
    return f"{service} {operation} failed with {code}: {details.get('Message', 'no message')}"
