"""A server that stands for a language model: the same replies by the protocols of several.

Bedrock's ConverseStream, OpenAI's chat completions, and Ollama's chat.
"""

import json
import struct
import threading
from binascii import crc32
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal

Stop = Literal["tool_use", "end_turn", "max_tokens"]

_OPENAI_STOP = {"tool_use": "tool_calls", "end_turn": "stop", "max_tokens": "length"}


@dataclass(frozen=True)
class Turn:
    """One request: its number from 1, the tools that it offers, and all of its text."""

    number: int
    tools: tuple[str, ...]
    text: str


@dataclass(frozen=True)
class Reply:
    """What the model says.

    Attributes:
        calls: Tool name and arguments.
        status: HTTP status of a refusal; None: it is answered.
        breaks: The stream ends with an error after its first part.
        silent: Nothing is sent until the server stops.
    """

    calls: tuple[tuple[str, Mapping[str, Any]], ...] = ()
    text: str = ""
    stop: Stop = "tool_use"
    tokens: tuple[int, int] = (500, 100)
    status: int | None = None
    breaks: bool = False
    silent: bool = False


@dataclass
class ModelServer:
    """A running server, and what it was asked."""

    script: Callable[[Turn], Reply]
    url: str = ""
    turns: list[Turn] = field(default_factory=list)
    closing: threading.Event = field(default_factory=threading.Event)

    def next(self, body: dict[str, Any]) -> Reply:
        tools = tuple(_tool_names(body))
        self.turns.append(Turn(len(self.turns) + 1, tools, json.dumps(body, ensure_ascii=False)))
        return self.script(self.turns[-1])


def look_up_then(answer: Mapping[str, Any], tool: str = "DecisionAnswer") -> Callable[[Turn], Reply]:
    """A model that calls all tools at once, and then answers."""

    def script(turn: Turn) -> Reply:
        if turn.number == 1:
            return Reply(calls=tuple((name, {}) for name in turn.tools if name != tool))
        return Reply(calls=((tool, answer),))

    return script


@contextmanager
def serving(script: Callable[[Turn], Reply]) -> Iterator[ModelServer]:
    """Run a server on a free port of this machine."""
    server = ModelServer(script)
    listener = ThreadingHTTPServer(("127.0.0.1", 0), _handler(server))
    listener.daemon_threads = True
    server.url = f"http://127.0.0.1:{listener.server_address[1]}"
    thread = threading.Thread(target=listener.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.closing.set()
        listener.shutdown()
        listener.server_close()
        thread.join()


def _handler(server: ModelServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            bedrock = self.path.endswith("converse-stream")
            reply = server.next(body)
            if reply.silent:
                server.closing.wait()
            elif reply.status:
                self._refuse(reply.status, bedrock)
            elif bedrock:
                self._send(200, "application/vnd.amazon.eventstream", b"".join(_frames(reply)))
            elif self.path == "/api/chat":
                self._send(200, "application/x-ndjson", b"".join(_lines(reply)))
            else:
                self._send(200, "text/event-stream", b"".join(_events(reply)))

        def _refuse(self, status: int, bedrock: bool) -> None:
            message = "slow down, sk-verysecretkey12345"
            error = {"message": message} if bedrock else {"error": {"message": message, "code": None}}
            name = "ThrottlingException" if status == 429 else "InternalServerException"
            self._send(status, "application/json", json.dumps(error).encode(), {"x-amzn-ErrorType": name})

        def _send(
            self, status: int, kind: str, body: bytes, headers: Mapping[str, str] | None = None
        ) -> None:
            self.send_response(status)
            for name, value in {
                "Content-Type": kind,
                "Content-Length": str(len(body)),
                **(headers or {}),
            }.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    return Handler


def _tool_names(body: dict[str, Any]) -> Iterator[str]:
    for tool in body.get("toolConfig", {}).get("tools", []):
        if "toolSpec" in tool:
            yield tool["toolSpec"]["name"]
    for tool in body.get("tools", []):
        yield tool["function"]["name"]


def _frames(reply: Reply) -> Iterator[bytes]:
    """Event-stream frames of ConverseStream."""
    yield _frame("messageStart", {"role": "assistant"})
    if reply.breaks:
        yield _frame("modelStreamErrorException", {"message": "the stream broke"}, "exception")
        return
    index = 0
    if reply.text:
        yield _frame("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": reply.text}})
        yield _frame("contentBlockStop", {"contentBlockIndex": 0})
        index = 1
    for number, (name, arguments) in enumerate(reply.calls, index):
        call = {"toolUse": {"toolUseId": f"call-{number}", "name": name}}
        yield _frame("contentBlockStart", {"contentBlockIndex": number, "start": call})
        text = {"toolUse": {"input": json.dumps(arguments)}}
        yield _frame("contentBlockDelta", {"contentBlockIndex": number, "delta": text})
        yield _frame("contentBlockStop", {"contentBlockIndex": number})
    yield _frame("messageStop", {"stopReason": reply.stop})
    sent, received = reply.tokens
    usage = {"inputTokens": sent, "outputTokens": received, "totalTokens": sent + received}
    yield _frame("metadata", {"usage": usage, "metrics": {"latencyMs": 1}})


def _frame(name: str, payload: Mapping[str, Any], message_type: str = "event") -> bytes:
    headers = {
        f":{message_type}-type": name,
        ":content-type": "application/json",
        ":message-type": message_type,
    }
    head = b"".join(
        bytes([len(key)]) + key.encode() + b"\x07" + struct.pack("!H", len(value)) + value.encode()
        for key, value in headers.items()
    )
    body = json.dumps(payload).encode()
    prelude = struct.pack("!II", 16 + len(head) + len(body), len(head))
    message = prelude + struct.pack("!I", crc32(prelude)) + head + body
    return message + struct.pack("!I", crc32(message))


def _events(reply: Reply) -> Iterator[bytes]:
    """Server-sent events of chat completions."""
    yield _event(_chunk({"role": "assistant", "content": ""}))
    if reply.breaks:
        yield _event({"error": {"message": "the stream broke", "type": "server_error", "code": None}})
        return
    if reply.text:
        yield _event(_chunk({"content": reply.text}))
    for number, (name, arguments) in enumerate(reply.calls):
        call = {
            "index": number,
            "id": f"call-{number}",
            "type": "function",
            "function": {"name": name, "arguments": json.dumps(arguments)},
        }
        yield _event(_chunk({"tool_calls": [call]}))
    yield _event(_chunk({}, _OPENAI_STOP[reply.stop]))
    sent, received = reply.tokens
    usage = {"prompt_tokens": sent, "completion_tokens": received, "total_tokens": sent + received}
    yield _event({**_chunk({}), "choices": [], "usage": usage})
    yield b"data: [DONE]\n\n"


def _lines(reply: Reply) -> Iterator[bytes]:
    """Lines of Ollama's chat."""
    calls = [{"function": {"name": name, "arguments": arguments}} for name, arguments in reply.calls]
    message = {"role": "assistant", "content": reply.text, "tool_calls": calls}
    yield json.dumps({"model": "m", "message": message, "done": False}).encode() + b"\n"
    sent, received = reply.tokens
    last = {"done": True, "done_reason": "stop", "prompt_eval_count": sent, "eval_count": received}
    figures = {"total_duration": 1, "eval_duration": 1, "load_duration": 1, "prompt_eval_duration": 1}
    end = {"model": "m", "message": {"role": "assistant", "content": ""}, **last, **figures}
    yield json.dumps(end).encode() + b"\n"


def _chunk(delta: Mapping[str, Any], finish: str | None = None) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return {"id": "c", "object": "chat.completion.chunk", "created": 0, "model": "m", "choices": [choice]}


def _event(data: Mapping[str, Any]) -> bytes:
    return f"data: {json.dumps(data)}\n\n".encode()
