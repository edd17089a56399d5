"""A stand-in in front of moto: it counts calls, injects faults, and answers what moto cannot."""

import json
import re
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal
from urllib.parse import urlsplit

Fault = Literal["throttle", "denied", "cut", "lost", "down"]
"""throttle and denied: refused before anything is done. cut: the connection ends before anything is done.
lost: done, and the answer is lost. down: the service answers 503."""


@dataclass(frozen=True)
class Call:
    """One request.

    Attributes:
        service: As the request is signed for: `glue`, `elasticmapreduce`, `emr-serverless`, `lambda`, …
        operation: `StartJobRun` where the protocol names it, else `POST /v1/submitjob`.
        body: As JSON; None where it is none.
        path: With the query.
        headers: Of the request.
    """

    service: str
    operation: str
    body: Any
    path: str
    headers: dict[str, str]

    @property
    def name(self) -> str:
        return f"{self.service}:{self.operation}"


@dataclass(frozen=True)
class Reply:
    """An answer in place of moto's; headers such as Lambda's `X-Amz-Log-Result` go with it."""

    body: Any
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()


Handler = Callable[[Call], Reply | None]
"""Answers a call; None: moto shall."""

Rewrite = Callable[[Call, Any], Any]
"""Changes moto's JSON answer."""


class AwsStandIn:
    """An address that speaks for all services.

    All patterns are regular expressions that match the whole of `Call.name`.

    Attributes:
        url: The address.
        backend: The address of moto.
        calls: Name of the call to the number of requests; `count` sums by pattern.
    """

    def __init__(self, url: str, backend: str):
        self.url = url
        self.backend = backend
        self._lock = threading.Lock()
        self.reset()

    def reset(self) -> None:
        """Forget all that was asked and told; tests that share an address share its clients."""
        self.calls: Counter[str] = Counter()
        self.seen: list[Call] = []
        self._handlers: list[tuple[str, Handler]] = []
        self._rewrites: list[tuple[str, Rewrite]] = []
        self._faults: dict[str, list[Fault]] = defaultdict(list)

    def answer(self, pattern: str, handler: Handler) -> None:
        """Let a function answer; the one named last is asked first."""
        self._handlers.insert(0, (pattern, handler))

    def rewrite(self, pattern: str, change: Rewrite) -> None:
        """Let a function change what moto answers."""
        self._rewrites.append((pattern, change))

    def fail_next(self, pattern: str, *faults: Fault) -> None:
        """Let the next requests fail, one for each fault."""
        self._faults[pattern].extend(faults)

    def count(self, pattern: str) -> int:
        """How many requests there were."""
        return sum(number for name, number in self.calls.items() if re.fullmatch(pattern, name))

    def bodies(self, pattern: str) -> list[Any]:
        """The bodies of the requests so far, in order."""
        return [call.body for call in self.seen if re.fullmatch(pattern, call.name)]

    def take(self, call: Call) -> tuple[Fault | None, Reply | None]:
        with self._lock:
            self.calls[call.name] += 1
            self.seen.append(call)
            for pattern, faults in self._faults.items():
                if faults and re.fullmatch(pattern, call.name):
                    return faults.pop(0), None
        for pattern, handler in self._handlers:
            if re.fullmatch(pattern, call.name) and (reply := handler(call)) is not None:
                return None, reply
        return None, None

    def rewritten(self, call: Call, content: bytes) -> bytes:
        for pattern, change in self._rewrites:
            if re.fullmatch(pattern, call.name):
                content = json.dumps(change(call, json.loads(content))).encode()
        return content


@contextmanager
def aws_stand_in(backend: str) -> Iterator[AwsStandIn]:
    """A running stand-in in front of a moto server."""
    server = _Server(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    stand_in = AwsStandIn(f"http://127.0.0.1:{server.server_port}", backend)
    server.stand_in = stand_in  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield stand_in
    finally:
        server.shutdown()
        server.server_close()


class _Server(ThreadingHTTPServer):
    # A hundred runs may connect at the same moment; one that finds the queue full waits for seconds.
    request_queue_size = 256


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # An answer leaves in one packet; two of them would wait for each other.
    wbufsize = -1
    disable_nagle_algorithm = True

    def log_message(self, format: str, *args: Any) -> None:
        """Tests need no access log."""

    def handle_expect_100(self) -> bool:
        """Answer at once: botocore waits a second for it with each upload."""
        super().handle_expect_100()
        self.wfile.flush()
        return True

    def do_POST(self) -> None:
        body = self._body()
        stand_in: AwsStandIn = self.server.stand_in  # type: ignore[attr-defined]
        call = self._call(body)
        fault, reply = stand_in.take(call)
        if fault == "cut":
            self.close_connection = True
            return
        if fault in _REFUSALS:
            status, code = _REFUSALS[fault]
            reply = Reply({"__type": code, "message": fault, "Message": fault, "code": code}, status)
            reply = Reply(reply.body, status, (("x-amzn-ErrorType", code),))
        if reply is not None:
            content = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
            self._answer(reply.status, reply.headers, content)
            return
        status, headers, content = self._forward(stand_in.backend, body)
        if fault == "lost":
            self.close_connection = True
            return
        if status < 300:
            content = stand_in.rewritten(call, content)
        self._answer(status, tuple(headers), content)

    do_GET = do_PUT = do_DELETE = do_HEAD = do_PATCH = do_POST

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        content = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            content += self.rfile.read(size)
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass
        return content

    def _call(self, body: bytes) -> Call:
        scope = re.search(r"Credential=[^/]+/\d+/[^/]+/([^/]+)/", self.headers.get("Authorization", ""))
        target = self.headers.get("X-Amz-Target")
        operation = target.rpartition(".")[2] if target else f"{self.command} {urlsplit(self.path).path}"
        try:
            parsed = json.loads(body) if body else None
        except ValueError:
            parsed = None
        return Call(scope[1] if scope else "", operation, parsed, self.path, dict(self.headers))

    def _forward(self, backend: str, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        connection = HTTPConnection(urlsplit(backend).netloc)
        try:
            headers = {
                name: value
                for name, value in self.headers.items()
                if name.lower() not in ("transfer-encoding", "expect")
            }
            headers["Content-Length"] = str(len(body))
            connection.request(self.command, self.path, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.getheaders(), answer.read()
        finally:
            connection.close()

    def _answer(self, status: int, headers: tuple[tuple[str, str], ...], content: bytes) -> None:
        self.send_response(status)
        for name, value in headers:
            keep_length = self.command == "HEAD" and name.lower() == "content-length"
            if keep_length or name.lower() not in _HOP_HEADERS:
                self.send_header(name, value)
        if self.command != "HEAD":
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)


_REFUSALS: dict[Fault | None, tuple[int, str]] = {
    "throttle": (429, "ThrottlingException"),
    "denied": (403, "AccessDeniedException"),
    "down": (503, "ServiceUnavailable"),
}
_HOP_HEADERS = ("content-length", "transfer-encoding", "connection", "server", "date")
