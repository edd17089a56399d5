"""A stand-in in front of moto that is as strict as DynamoDB, and fails as DynamoDB does."""

import json
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from moto.server import ThreadedMotoServer

from etl_platform.tracking.tables import NUMERIC_KEYS

Fault = Literal["throttle", "cut", "unprocessed", "conflict"]
"""throttle: refused before anything is done. cut: done, and the answer is lost. unprocessed: all of a
batch is done but its last element. conflict: a transaction is cancelled because of another one."""


class StandIn:
    """An address that speaks DynamoDB's JSON protocol.

    Attributes:
        calls: Operation to the number of requests that reached the stand-in.
    """

    def __init__(self, url: str, backend: str):
        self.url = url
        self.calls: dict[str, int] = defaultdict(int)
        self._backend = urlsplit(backend).netloc
        self._planned: dict[str, list[Fault]] = defaultdict(list)
        self._rhythm: dict[str, list[Fault]] = {}
        self._lock = threading.Lock()

    def fail_next(self, operation: str, *faults: Fault) -> None:
        """Let the next requests of an operation fail, one for each fault."""
        self._planned[operation].extend(faults)

    def fail_in_turn(self, **faults: list[Fault]) -> None:
        """Let every fourth request of an operation fail, with its faults in turn."""
        self._rhythm = dict(faults)

    def fault_of(self, operation: str) -> Fault | None:
        with self._lock:
            self.calls[operation] += 1
            if self._planned[operation]:
                return self._planned[operation].pop(0)
            turns, rest = divmod(self.calls[operation], 4)
            if rest == 0 and (faults := self._rhythm.get(operation)):
                return faults[turns % len(faults)]
        return None

    def forward(self, headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
        connection = HTTPConnection(self._backend)
        try:
            connection.request("POST", "/", body, headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()


@contextmanager
def stand_in(backend: str) -> Iterator[StandIn]:
    """A running stand-in in front of a moto server."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    server.stand_in = StandIn(f"http://127.0.0.1:{server.server_port}", backend)  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server.stand_in  # type: ignore[attr-defined]
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def moto_server() -> Iterator[str]:
    """The address of a running moto server on a free port; it is empty."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        # All servers of a process have one account, with what an earlier module left in it.
        urlopen(Request(f"http://{host}:{port}/moto-api/reset", method="POST")).close()
        yield f"http://{host}:{port}"
    finally:
        server.stop()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # An answer leaves in one packet; two of them would wait for each other.
    wbufsize = -1
    disable_nagle_algorithm = True

    def log_message(self, format: str, *args: Any) -> None:
        """Tests need no access log."""

    def do_POST(self) -> None:
        stand_in: StandIn = self.server.stand_in  # type: ignore[attr-defined]
        body = self.rfile.read(int(self.headers["Content-Length"]))
        operation = self.headers["X-Amz-Target"].partition(".")[2]
        request = json.loads(body)
        fault = stand_in.fault_of(operation)
        if reason := refusal(operation, request):
            self._answer(*_error("ValidationException", reason))
            return
        if fault == "throttle":
            self._answer(*_error("ProvisionedThroughputExceededException", "slow down"))
            return
        if fault == "conflict":
            reasons = [
                {"Code": "TransactionConflict"},
                *[{"Code": "None"}] * (len(request["TransactItems"]) - 1),
            ]
            self._answer(*_error("TransactionCanceledException", "conflict", CancellationReasons=reasons))
            return
        rest: dict[str, Any] = {}
        if fault == "unprocessed":
            rest = _take_last(operation, request)
            body = json.dumps(request).encode()
        status, content = stand_in.forward(dict(self.headers) | {"Content-Length": str(len(body))}, body)
        if fault == "cut":
            self.close_connection = True
            return
        if rest and status == 200:
            content = json.dumps({**json.loads(content), _LEFT_OVER[operation]: rest}).encode()
        self._answer(status, content)

    def _answer(self, status: int, content: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/x-amz-json-1.0")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


_LEFT_OVER = {"BatchGetItem": "UnprocessedKeys", "BatchWriteItem": "UnprocessedItems"}


def _take_last(operation: str, request: dict[str, Any]) -> dict[str, Any]:
    """Remove the last element of a batch of several, and return it in the form of what is left over."""
    ((table, wanted),) = request["RequestItems"].items()
    elements = wanted["Keys"] if operation == "BatchGetItem" else wanted
    if len(elements) < 2:
        return {}
    last = elements.pop()
    return {table: {**wanted, "Keys": [last]} if operation == "BatchGetItem" else [last]}


def _error(code: str, message: str, **more: Any) -> tuple[int, bytes]:
    name = f"com.amazonaws.dynamodb.v20120810#{code}"
    return 400, json.dumps({"__type": name, "message": message, "Message": message, **more}).encode()


def refusal(operation: str, request: dict[str, Any]) -> str | None:
    """Why DynamoDB would refuse a request that moto takes."""
    items = list(_items(operation, request))
    if operation == "BatchWriteItem" and len(items) > 25:
        return "a batch has at most 25 items"
    if operation == "BatchGetItem" and sum(len(t["Keys"]) for t in request["RequestItems"].values()) > 100:
        return "a batch has at most 100 keys"
    if operation == "TransactWriteItems" and len(request["TransactItems"]) > 100:
        return "a transaction has at most 100 items"
    if request.get("ConsistentRead") and "IndexName" in request:
        return "indexes cannot be read consistently"
    for item in items:
        if len(json.dumps(item)) > 400 * 1024:
            return "an item has at most 400 KB"
        for name, value in item.items():
            kind = "N" if name in NUMERIC_KEYS else "S"
            if name in _KEYS and (kind not in value or not value[kind]):
                return f"index key {name} has the wrong type or is empty"
        if any(len(digits.strip("-").replace(".", "").strip("0")) > 38 for digits in _numbers(item)):
            return "a number has at most 38 digits"
    return None


_KEYS = {
    *("execution_id", "timestamp", "job_name", "status_day", "total_cost_usd", "invocation_id", "agent_name"),
    *("issue_type", "date", "audit_id"),
}


def _items(operation: str, request: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if operation == "PutItem":
        yield request["Item"]
    elif operation == "TransactWriteItems":
        yield from (item["Put"]["Item"] for item in request["TransactItems"] if "Put" in item)
    elif operation == "BatchWriteItem":
        for puts in request["RequestItems"].values():
            yield from (put["PutRequest"]["Item"] for put in puts)


def _numbers(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for name, element in value.items():
            if name == "N" and isinstance(element, str):
                yield element.partition("E")[0]
            else:
                yield from _numbers(element)
    elif isinstance(value, list):
        for element in value:
            yield from _numbers(element)
