import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.request import Request, urlopen

import boto3
import pytest
from moto.server import ThreadedMotoServer

Answer = tuple[int, dict[str, Any]]


class StandIn:
    """A small HTTP server that answers JSON-protocol AWS calls from a script.

    Attributes:
        answers: Operation to the answers it gives in turn, status and body; the last one repeats.
        calls: Operation and body of each request.
    """

    def __init__(self) -> None:
        self.answers: dict[str, list[Answer]] = {}
        self.calls: list[tuple[str, dict[str, Any]]] = []

    def answer(self, operation: str, *answers: Answer) -> None:
        self.answers[operation] = list(answers)

    def next_answer(self, operation: str, body: dict[str, Any]) -> Answer:
        self.calls.append((operation, body))
        left = self.answers[operation]
        return left.pop(0) if len(left) > 1 else left[0]


@pytest.fixture(scope="session")
def moto_url() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def no_account(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")


@pytest.fixture
def aws(moto_url: str, no_account: None, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A function from a service to a client of an empty AWS."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", moto_url)
    with urlopen(Request(f"{moto_url}/moto-api/reset", method="POST")):
        pass
    return lambda service: boto3.client(service, region_name="us-east-1")


@pytest.fixture
def stand_in(no_account: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    """An AWS that answers what the test tells it to."""
    script = StandIn()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])) or b"{}")
            status, answer = script.next_answer(self.headers["X-Amz-Target"].rpartition(".")[2], body)
            data = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/x-amz-json-1.1")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}")
    yield script
    server.shutdown()
    thread.join()
    server.server_close()
