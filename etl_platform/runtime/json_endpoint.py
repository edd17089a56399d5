"""DynamoDB and Kinesis over HTTP on the local root, for scripts that read them by boto3.

boto3 takes the addresses from `AWS_ENDPOINT_URL_DYNAMODB` and `AWS_ENDPOINT_URL_KINESIS`; where the user has
set one of them, it stays as it is.
"""

import json
import os
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, Protocol

from etl_platform.runtime.json_lines import ApiError
from etl_platform.runtime.local_dynamodb import LocalDynamoDb
from etl_platform.runtime.local_kinesis import LocalKinesis

_VARIABLES = ("AWS_ENDPOINT_URL_DYNAMODB", "AWS_ENDPOINT_URL_KINESIS")


class Service(Protocol):
    """A service of AWS that speaks JSON.

    Attributes:
        target: How the service is named in the header `X-Amz-Target`, before the dot.
    """

    target: str

    def call(self, operation: str, given: dict[str, Any], /) -> dict[str, Any]:
        """The answer to a call; raises ApiError."""
        ...


class _Handler(BaseHTTPRequestHandler):
    """Answers one connection."""

    protocol_version = "HTTP/1.1"
    services: dict[str, Service]

    def log_message(self, format: str, *args: object) -> None:
        """Keep requests out of the run's log, which is the script's."""

    def do_POST(self) -> None:
        """Answer a call."""
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        target, _, operation = self.headers.get("X-Amz-Target", "").partition(".")
        try:
            if target not in self.services:
                raise ApiError("UnknownOperationException", f"No service {target} on this machine.")
            status, answer = 200, self.services[target].call(operation, json.loads(body))
        except ApiError as error:
            status, answer = 400, {"__type": error.code, "message": str(error)}
        content = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", self.headers.get("Content-Type", "application/x-amz-json-1.1"))
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


class JsonEndpoint(ThreadingHTTPServer):
    """The server; a context manager that answers from a thread until it is left.

    Args:
        root: The local root.
    """

    daemon_threads = True

    def __init__(self, root: Path):
        services: Sequence[Service] = (LocalDynamoDb(root), LocalKinesis(root))
        by_target = {service.target: service for service in services}
        super().__init__(("127.0.0.1", 0), type("Handler", (_Handler,), {"services": by_target}))

    def __enter__(self) -> "JsonEndpoint":
        Thread(target=self.serve_forever, name="aws-json", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()

    @property
    def environment(self) -> dict[str, str]:
        """Environment variables by which AWS libraries find this server."""
        address = f"http://127.0.0.1:{self.server_port}"
        return {name: address for name in _VARIABLES if name not in os.environ}
